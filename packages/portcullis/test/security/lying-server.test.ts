/** A server that lies to its clients: whatever it says, it costs the client its connection at most, and never the program. */

import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { server } from "../client/support/each-server.ts";
import { testedClient } from "../client/support/tested-client.ts";

const stubborn = { toString: 1, valueOf: 1 };
const deep = JSON.parse(`${"[".repeat(500)}${"]".repeat(500)}`) as unknown;
const nonsense: readonly unknown[] = [
  null,
  7,
  "x",
  [],
  {},
  stubborn,
  { __proto__: stubborn },
  { status: stubborn },
  { reason: stubborn },
  deep,
];

test("replies of any shape end nothing but what they answer", async () => {
  const { client, next, clock } = testedClient(server.url, { token: () => "a token of the tests" });
  client.connect();
  const peer = await server.peers.next();
  await next("open");
  peer.answers = false;
  for (const [index, payload] of [
    ...nonsense,
    ...nonsense.map((status) => ({ status, response: {} })),
    ...nonsense.map((response) => ({ status: "error", response })),
    ...nonsense.map((reason) => ({ status: "error", response: { reason } })),
  ].entries()) {
    const channel = client.channel(`room:${index}`);
    const outcome = channel.join().then(
      () => "joined",
      (error: Error) => error.name,
    );
    const join = await peer.next("phx_join");
    peer.send(join[0], join[1], join[2], "phx_reply", payload);
    // What is no answer at all runs into its time.
    const early = await Promise.race([outcome, new Promise((resolve) => setTimeout(resolve, 15, null))]);
    if (early === null) clock.advance(10_000);
    expect(["joined", "ChannelError"]).toContain(await outcome);
    channel.leave();
  }
  expect(client.status.state).toBe("open");
});

test("messages of any shape on the connection's topic are borne", async () => {
  const { client, next } = testedClient(server.url, { token: () => "a token of the tests" });
  client.connect();
  const peer = await server.peers.next();
  await next("open");
  const room = client.channel("room:1");
  await room.join();
  for (const payload of nonsense) {
    peer.send(null, null, "phoenix", "phx_expiring", payload);
    peer.send(null, null, "phoenix", "phx_expiring", { inMs: payload });
    peer.send(null, null, "phoenix", "phx_closing", payload);
    peer.send(null, null, "phoenix", "phx_closing", { reason: payload, retry: payload });
    peer.send(null, null, "phoenix", "phx_reply", payload);
    peer.send(null, null, "room:1", "phx_reply", payload);
    peer.send(null, null, "nowhere", "phx_close", payload);
  }
  peer.send(null, null, "phoenix", "phx_expiring", { inMs: 1e308 });
  peer.send(null, null, "phoenix", "phx_expiring", { inMs: -1e308 });
  const heard = new Promise((resolve) => room.on("last", resolve));
  peer.send(null, null, "room:1", "last", { n: 1 });
  expect(await heard).toEqual({ n: 1 });
  expect(client.status.state).toBe("open");
});

test("advice to come back in ages is advice for a day", async () => {
  server.refusal = { reason: "busy", retry: { afterMs: 1e308 } };
  const { client, next, clock } = testedClient(server.url);
  client.connect();
  await next("waiting");
  clock.advance(86_400_000 - 1);
  expect(client.status.state).toBe("waiting");
  clock.advance(1);
  expect(client.status.state).toBe("connecting");
});

test("a redirect of the question why one was refused takes the token nowhere", async () => {
  const elsewhere: IncomingMessage[] = [];
  const thief = createServer((request, response) => {
    elsewhere.push(request);
    response.writeHead(200, { "access-control-allow-origin": "*" }).end('{"reason":"x","retry":"never"}');
  });
  const redirecting = createServer((_request, response) => {
    response.writeHead(307, { location: `http://localhost:${portOf(thief)}/` }).end();
  });
  redirecting.on("upgrade", (_request, socket) => socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
  for (const each of [thief, redirecting]) await new Promise<void>((resolve) => each.listen(0, resolve));
  const { client, next, sent } = testedClient(`ws://localhost:${portOf(redirecting)}/socket`, {
    token: () => "a token of the tests",
  });
  client.connect();
  expect((await next("waiting")).reason).toBe("network");
  expect(sent.all.some((text) => text.includes("x-phoenix-authtoken"))).toBe(true);
  expect(elsewhere).toEqual([]);
  for (const each of [thief, redirecting]) each.close();
});

const portOf = (of: Server): number => (of.address() as AddressInfo).port;
