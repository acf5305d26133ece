// What no WebSocket recording asks of the reference server.

import { silentLogger } from "portcullis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client, type Observation } from "../replay/client.ts";
import { opcodes } from "../replay/frames.ts";
import { type ReferenceServer, startReferenceServer } from "./server.ts";

let server: ReferenceServer;
beforeAll(async () => {
  server = await startReferenceServer({ port: 0, logger: silentLogger });
});
afterAll(() => server.close());

interface Opened {
  readonly first: Observation;
  /** Sends a message and resolves with the next frame. */
  ask(message: readonly unknown[]): Promise<unknown>;
  next(): Promise<unknown>;
  kill(): void;
}

async function open(path: string, protocols: readonly string[] = []): Promise<Opened> {
  const seen: Observation[] = [];
  let wake = (): void => {};
  const next = async (): Promise<Observation> => {
    while (seen.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return seen.shift() as Observation;
  };
  const client = new Client({
    base: new URL(server.url),
    path,
    headers: {},
    protocols,
    deflate: false,
    observe(observation) {
      seen.push(observation);
      wake();
    },
  });
  const nextMessage = async (): Promise<unknown> => {
    const observation = await next();
    return observation.type === "text" ? JSON.parse(observation.text) : observation;
  };
  return {
    first: await next(),
    next: nextMessage,
    ask(message) {
      client.send(opcodes.text, Buffer.from(JSON.stringify(message)));
      return nextMessage();
    },
    kill: () => client.kill(),
  };
}

const get = async (path: string) => (await (await fetch(server.url + path)).json()) as Readonly<Record<string, string>>;
const ok = (topic: string, ref: string, response: unknown) => [
  "1",
  ref,
  topic,
  "phx_reply",
  { status: "ok", response },
];
const join = (topic: string) => ["1", "1", topic, "phx_join", {}];

test("ping replies pong, or what it was given", async () => {
  const socket = await open("/socket/websocket?vsn=2.0.0");
  expect(await socket.ask(join("ping"))).toEqual(ok("ping", "1", {}));
  expect(await socket.ask(["1", "2", "ping", "ping", {}])).toEqual(ok("ping", "2", { ping: "pong" }));
  expect(await socket.ask(["1", "3", "ping", "ping", { a: 1 }])).toEqual(ok("ping", "3", { a: 1 }));
  socket.kill();
});

test("the token sockets take the token beside the params, or anon", async () => {
  const path = "/token_socket/websocket?vsn=2.0.0";
  const { token } = await get("/token?user=7&salt=salt+identifier");
  const bearer = (text = "") => `base64url.bearer.phx.${Buffer.from(text).toString("base64").replaceAll("=", "")}`;
  const user = await open(path, ["phoenix", bearer(token)]);
  expect(user.first).toMatchObject({ type: "upgraded", headers: { "sec-websocket-protocol": "phoenix" } });
  expect(await user.ask(join("info:1"))).toMatchObject({ 4: { status: "ok", response: { user_id: '"7"' } } });
  user.kill();
  const anonymous = await open(`${path}&anon=1`);
  expect(await anonymous.ask(join("info:1"))).toMatchObject({ 4: { response: { user_id: "nil" } } });
  anonymous.kill();
  expect((await open(path)).first).toMatchObject({ type: "refused", status: 403 });
  expect((await open(path, ["phoenix", bearer("garbage")])).first).toMatchObject({ type: "refused", status: 403 });
});

test("sub-protocols are chosen in the server's order", async () => {
  const path = "/subproto/websocket?vsn=2.0.0";
  const chosen = await open(path, ["chat", "sip"]);
  expect(chosen.first).toMatchObject({ type: "upgraded", headers: { "sec-websocket-protocol": "sip" } });
  chosen.kill();
  expect((await open(path, ["zzz"])).first).toMatchObject({ type: "refused", status: 403 });
});

test("each mount of one socket has its own origins, transports and serializers", async () => {
  expect((await open("/v2only/websocket?vsn=1.0.0")).first).toMatchObject({ type: "refused", status: 403 });
  const status = async (path: string, origin: string) =>
    (await fetch(server.url + path, { headers: { origin } })).status;
  const refusedByHeaders = 400;
  for (const [mount, origin, expected] of [
    ["/m_a", "https://a.example", refusedByHeaders],
    ["/m_a", "https://b.example", 403],
    ["/m_b", "https://b.example", refusedByHeaders],
    ["/m_open", "https://c.example", refusedByHeaders],
    ["/m_default", "https://a.example", 403],
    ["/m_default", "http://localhost", refusedByHeaders],
  ] as const) {
    expect([mount, origin, await status(`${mount}/websocket?vsn=2.0.0`, origin)]).toEqual([mount, origin, expected]);
  }
});

test("the bench route broadcasts as often and as much as asked", async () => {
  const socket = await open("/socket/websocket?vsn=2.0.0");
  await socket.ask(join("bench:1"));
  const answer = await fetch(`${server.url}/bench/broadcast?topic=bench:1&n=2&size=3&event=tick`, { method: "POST" });
  expect(await answer.json()).toEqual({ n: 2, us: expect.any(Number) });
  expect(await socket.next()).toEqual([null, null, "bench:1", "tick", { i: 0, t: expect.any(Number), data: "xxx" }]);
  expect(await socket.next()).toMatchObject({ 4: { i: 1 } });
  socket.kill();
});

test("tokens are made and judged over HTTP", async () => {
  const { token } = await get("/encrypt?user=1&salt=s");
  expect(await get(`/decrypt?token=${token}&salt=s`)).toEqual({ result: '{:ok, "1"}' });
  expect(await get(`/decrypt?token=${token}&salt=other`)).toEqual({ result: "{:error, :invalid}" });
  expect(await get("/verify?salt=s")).toEqual({ result: "{:error, :missing}" });
});
