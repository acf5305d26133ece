/** The end of long-poll: draining, closing, and servers that others have a say in. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { defineEndpoint, defineSocket, type Endpoint, type MountOptions } from "../../src/index.ts";
import { afterwards, arena, listener, openSocket, type Said, secretKeyBase } from "../security/support/arena.ts";
import { ask, keptConnection, ndjson, Poller } from "../support/poller.ts";
import { WatchedClock } from "../support/watched-clock.ts";
import { replyFrame } from "../support/wire.ts";

const windowMs = 8_000;
const heartbeat = '[null,"1","phoenix","heartbeat",{}]';

function room(mount: Partial<MountOptions> = {}): Readonly<Record<string, MountOptions>> {
  const socket = openSocket();
  const channel = socket.channel("room:{name}").on({ wait: () => new Promise<object>(() => {}) });
  return { "/socket": { socket, channels: [channel], longpoll: { windowMs }, ...mount } };
}

interface Foreign {
  readonly endpoint: Endpoint;
  readonly server: Server;
  readonly port: number;
  readonly said: Said[];
  readonly clock: WatchedClock;
}

/** Serves what `serve` makes of an endpoint, on a server that is not the endpoint's. */
async function foreign(serve: (endpoint: Endpoint) => RequestListener | null): Promise<Foreign> {
  const { said, logger } = listener();
  const clock = new WatchedClock();
  const endpoint = defineEndpoint({ secretKeyBase, sockets: room(), logger, clock }) as Endpoint;
  const server = createServer();
  const onRequest = serve(endpoint);
  if (onRequest !== null) server.on("request", onRequest);
  else endpoint.attach(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterwards(async () => {
    await endpoint.close();
    server.closeAllConnections();
    server.close();
  });
  return { endpoint, server, port: (server.address() as AddressInfo).port, said, clock };
}

test("closing answers polls and posts that wait, lets their connections go, and does not wait for anything else", async () => {
  const clock = new WatchedClock();
  const { endpoint, port, events } = await arena({ sockets: room({ limits: { pendingFramesMax: 2 } }), clock });
  const agents = [keptConnection(), keptConnection(), keptConnection()];
  afterwards(() => {
    for (const agent of agents) agent.destroy();
  });
  const clients = await Promise.all(agents.map((agent) => Poller.open(port, { agent })));
  const [polling, posting, idle] = clients as [Poller, Poller, Poller];
  await posting.join("room:a");
  const body = ["wait", "wait", "wait", "wait"].map((event, n) => JSON.stringify(["1", `${n}`, "room:a", event, {}]));
  const poll = polling.poll();
  await clock.waits(windowMs);
  const post = posting.send(body.join("\n"), { "content-type": ndjson });
  await clock.waits(windowMs, 2);
  expect(endpoint.connectionCount).toBe(3);
  // The clock stands still: were anything waited for but the clients, this would never end.
  await endpoint.close();
  expect(await poll.answer).toMatchObject({ status: 204, headers: { connection: "close" } });
  expect(await post.answer).toMatchObject({ httpStatus: 200, status: 408, headers: { connection: "close" } });
  expect(endpoint.connectionCount).toBe(0);
  expect(events.filter(({ name }) => name === "socket.closed")).toHaveLength(3);
  await expect(idle.poll().answer).rejects.toThrow();
});

test("draining ends sessions with 1012, in batches, and what they are owed goes with the answer", async () => {
  const clock = new WatchedClock();
  const sockets = room({ drain: { batchSize: 1, intervalMs: 700 } });
  const { endpoint, port, events } = await arena({ sockets, clock });
  const clients = [await Poller.open(port), await Poller.open(port)];
  const polls = clients.map((client) => client.poll());
  await clock.waits(windowMs, 2);
  const drained = endpoint.drain();
  await clock.waits(700);
  expect(endpoint.connectionCount).toBe(1);
  // Nobody new is let in, and who is there goes on.
  expect(await ask(port).answer).toMatchObject({ httpStatus: 503, headers: { connection: "close" } });
  clock.advance(700);
  await drained;
  for (const { answer } of polls) expect(await answer).toMatchObject({ status: 204, headers: { connection: "close" } });
  const codes = events.filter(({ name }) => name === "socket.closed").map(({ metadata }) => metadata["closeCode"]);
  expect(codes).toEqual([1012, 1012]);
});

test("a session that is left while the endpoint drains goes on until its turn", async () => {
  const clock = new WatchedClock();
  const { endpoint, port } = await arena({ sockets: room({ drain: { batchSize: 1, intervalMs: 700 } }), clock });
  const clients = [await Poller.open(port), await Poller.open(port)];
  const drained = endpoint.drain();
  await clock.waits(700);
  const statuses = await Promise.all(clients.map(async (client) => (await client.send(heartbeat).answer).status));
  expect(statuses.sort()).toEqual([200, 410]);
  const left = clients[statuses[0] === 200 ? 0 : 1];
  expect(left).toBeDefined();
  clock.advance(700);
  await drained;
});

test("a connect that is under way when the endpoint closes is answered 503", async () => {
  const clock = new WatchedClock();
  let go = (): void => {};
  const socket = defineSocket({ connect: () => new Promise<object>((resolve) => (go = () => resolve({}))) });
  const { endpoint, port } = await arena({ sockets: room({ socket, channels: [] }), clock });
  const { answer } = ask(port);
  await clock.waits(5_000);
  const closed = endpoint.close();
  go();
  expect(await answer).toMatchObject({ httpStatus: 503, headers: { connection: "close" } });
  await closed;
  expect(endpoint.connectionCount).toBe(0);
});

test("a server of one's own that an endpoint is attached to serves the rest, and can be closed when that is", async () => {
  const { endpoint, server, port, clock } = await foreign(() => null);
  server.on("request", (request: IncomingMessage, response) => {
    if (request.url === "/other") response.end("other");
  });
  const agent = keptConnection();
  afterwards(() => agent.destroy());
  const client = await Poller.open(port, { agent });
  expect(await client.send(heartbeat).answer).toMatchObject({ status: 200 });
  expect(await client.fetch()).toEqual([replyFrame(null, "1", "phoenix", "ok", {})]);
  expect((await ask(port, { path: "/other" }).answer).text).toBe("other");
  const { answer } = client.poll();
  await clock.waits(windowMs);
  await endpoint.close();
  expect(await answer).toMatchObject({ status: 204 });
  expect(await ask(port).answer).toMatchObject({ httpStatus: 503 });
  expect((await ask(port, { path: "/other" }).answer).text).toBe("other");
  const closed = once(server, "close");
  server.close();
  await closed;
});

test("as middleware it takes its own paths, and hands on the others", async () => {
  const { port } = await foreign((endpoint) => (request, response) => {
    endpoint.handler(request, response, () => response.end("next"));
  });
  const client = await Poller.open(port);
  expect(await client.send(heartbeat).answer).toMatchObject({ status: 200 });
  expect((await ask(port, { path: "/socket/other" }).answer).text).toBe("next");
});

test.each<[how: string, parse: (request: IncomingMessage) => Promise<unknown>]>([
  ["read", (request) => once(request.resume(), "end")],
  ["begun to be read", (request) => once(request, "data")],
])("behind a body parser, where the body has been %s, it answers 500 and says what to do", async (_how, parse) => {
  const { port, said } = await foreign((endpoint) => (request, response) => {
    const go = (): void => endpoint.handler(request, response);
    if (request.method === "POST") void parse(request).then(go);
    else go();
  });
  const client = await Poller.open(port);
  expect(await client.send(heartbeat).answer).toMatchObject({ httpStatus: 500 });
  const errors = said.filter(({ level }) => level === "error").map(({ message }) => message);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain("Put endpoint.handler before any body parser");
});

test("behind middleware that only waits, posts are read as ever", async () => {
  const { port } = await foreign((endpoint) => (request, response) => {
    setImmediate(() => setImmediate(() => endpoint.handler(request, response)));
  });
  const client = await Poller.open(port);
  expect(await client.send(heartbeat).answer).toMatchObject({ status: 200 });
  const many = Array(60).fill(JSON.stringify([null, "1", "phoenix", "heartbeat", { text: "x".repeat(9_000) }]));
  expect(await client.send(many.join("\n"), { "content-type": ndjson }).answer).toMatchObject({ status: 200 });
  expect(await client.take(61)).toHaveLength(61);
});

test("a connection serves on after refusals, and after bodies nobody read", async () => {
  const { port } = await arena({ sockets: room() });
  const agent = keptConnection();
  afterwards(() => agent.destroy());
  const client = await Poller.open(port, { agent });
  const body = "x".repeat(500_000);
  const strangers: Parameters<typeof ask>[1][] = [
    { method: "POST", body },
    { method: "PUT", body },
    { method: "OPTIONS", body },
    { method: "POST", body, headers: { origin: "https://evil.example" } },
    { method: "GET", body, headers: { "x-phoenix-longpoll-token": "nonsense" } },
  ];
  const ports = new Set<unknown>();
  for (const asking of strangers) {
    const answer = await ask(port, { ...asking, agent }).answer;
    expect(answer.headers.connection, asking?.method).not.toBe("close");
    for (const socket of Object.values(agent.freeSockets).flat()) ports.add(socket?.localPort);
    expect(await client.send(heartbeat).answer).toMatchObject({ status: 200 });
    expect(await client.fetch()).toHaveLength(1);
  }
  expect(ports.size).toBe(1);
});
