import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { play } from "./player.ts";
import type { RecordedEvent, Scenario } from "./recording.ts";

// A miniature of the protocol: joins, heartbeats, an echo, and nothing else.
type Message = [unknown, unknown, string, string, Record<string, unknown>];
type Behaviour = (socket: WebSocket, message: Message, reply: (response: unknown) => void) => void;

const behave: Behaviour = (socket, [, , , event, payload], reply) => {
  if (event === "bye") socket.close(4001);
  else if (event === "late") setTimeout(() => reply({}), 300);
  else if (event !== "quiet") reply(event === "echo" ? payload : {});
};

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function serve(behaviour: Behaviour = behave): Promise<URL> {
  const http = createServer((request, response) => {
    response.writeHead(request.url === "/ok" ? 200 : 404, { "content-type": "application/json" }).end('{"ok":true}');
  });
  const sockets = new WebSocketServer({
    server: http,
    verifyClient: ({ req }: { req: IncomingMessage }) => !req.url?.includes("reject"),
  });
  sockets.on("connection", (socket) => {
    socket.on("message", (data) => {
      const message = JSON.parse(String(data)) as Message;
      const [joinRef, ref, topic] = message;
      const reply = (response: unknown) =>
        socket.send(JSON.stringify([joinRef, ref, topic, "phx_reply", { response, status: "ok" }]));
      behaviour(socket, message, reply);
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  closers.push(() => {
    for (const socket of sockets.clients) socket.terminate();
    http.close();
    http.closeAllConnections();
  });
  return new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}`);
}

const websocket = { upgrade: "websocket", connection: "Upgrade" };
const url = "/socket/websocket?vsn=2.0.0";
const connect = { dir: "connect", conn: "a", url, headers: {}, protocols: null, at_ms: 0 } as const;
const upgrade = { dir: "upgrade", conn: "a", status: 101, headers: websocket, at_ms: 1 } as const;
const frame = (dir: "send" | "recv", message: Message, at_ms: number): RecordedEvent => ({
  dir,
  conn: "a",
  kind: "text",
  data: JSON.stringify(message),
  at_ms,
});
const reply = (ref: string, response: unknown, at_ms: number) =>
  frame("recv", ["1", ref, "t", "phx_reply", { status: "ok", response }], at_ms);

const session: readonly RecordedEvent[] = [
  connect,
  upgrade,
  frame("send", ["1", "1", "t", "phx_join", {}], 2),
  reply("1", {}, 3),
  { dir: "note", text: "an answer, then none" },
  frame("send", ["1", "2", "t", "echo", { a: 1 }], 10),
  reply("2", { a: 1 }, 11),
  frame("send", ["1", "3", "t", "quiet", {}], 20),
  { dir: "send", conn: "a", kind: "ping", data: "aGk=", at_ms: 25 },
  { dir: "recv", conn: "a", kind: "pong", data: "aGk=", at_ms: 26 },
  { dir: "http_req", method: "GET", url: "/ok", headers: {}, at_ms: 30 },
  {
    dir: "http_res",
    status: 200,
    headers: { "content-type": "application/json; charset=utf-8" },
    body: '{"ok":true}',
    at_ms: 31,
  },
];

const scenario = (events: readonly RecordedEvent[], other?: readonly RecordedEvent[]): Scenario => ({
  name: "mini",
  main: { name: "mini", description: "", events },
  other: other && { name: "mini", description: "", events: other },
});

const sound = session.map(
  (event): RecordedEvent =>
    event.dir === "http_res" ? { ...event, headers: { "content-type": "application/json" } } : event,
);

const verdict = async (
  base: URL,
  events: readonly RecordedEvent[],
  { other, patienceMs = 5000 }: { other?: readonly RecordedEvent[]; patienceMs?: number } = {},
) => {
  const outcome = await play(scenario(events, other), { base, patienceMs });
  const [mismatch] = outcome.mismatches;
  return mismatch === undefined ? (outcome.failure ?? outcome.verdict) : `${mismatch.event}: ${mismatch.why}`;
};

test("a server that does what was recorded passes", async () => {
  expect(await verdict(await serve(), sound)).toBe("same");
});

test("an event that differs is reported with its index", async () => {
  const base = await serve();
  expect(await verdict(base, session)).toContain("11: header content-type");
  expect(await verdict(base, sound.with(6, reply("2", { a: 2 }, 11)))).toBe("6: /4/response/a differs");
  expect(await verdict(base, sound.with(9, { dir: "close", conn: "a", code: 1000, reason: "", at_ms: 9 }))).toBe(
    "9: not closed",
  );
});

test("a refused upgrade is seen with status and body", async () => {
  const base = await serve();
  const refusal = { dir: "http_response", conn: "a", headers: {}, body: "Unauthorized", at_ms: 1 } as const;
  const attempt = { ...connect, url: `${url}&reject=1` };
  const html = { "content-type": "text/html" };
  expect(await verdict(base, [attempt, { ...refusal, headers: html, status: 401 }])).toBe("same");
  expect(await verdict(base, [attempt, { ...refusal, headers: html, status: 403 }])).toContain("status 401");
  expect(await verdict(base, [attempt, { ...refusal, headers: html, status: 401, body: "" }])).toContain(
    "text differs",
  );
  expect(await verdict(base, [attempt, upgrade])).toBe("1: not upgraded");
});

test("close codes are exact", async () => {
  const base = await serve();
  const bye = [...sound.slice(0, 4), frame("send", ["1", "9", "t", "bye", {}], 5)];
  const close = { dir: "close", conn: "a", reason: "", at_ms: 6 } as const;
  expect(await verdict(base, [...bye, { ...close, code: 4001 }])).toBe("same");
  expect(await verdict(base, [...bye, { ...close, code: 1000 }])).toContain("close code 4001 instead of 1000");
  expect(await verdict(base, [...bye, { ...close, code: 1000 }], { other: [...bye, { ...close, code: 4001 }] })).toBe(
    "same",
  );
});

test("a frame the recording does not have is reported, in the middle and at the end", async () => {
  const chatty = await serve((socket, message, reply) => {
    behave(socket, message, reply);
    if (message[3] === "quiet") socket.send('["1",null,"t","extra",{}]');
  });
  expect(await verdict(chatty, sound)).toBe("9: not a pong frame");
  expect(await verdict(chatty, sound.slice(0, 8))).toContain("the recording has nothing here");
});

test("an event that never comes is reported", async () => {
  const base = await serve();
  const waiting = [...sound.slice(0, 8), reply("3", {}, 21)];
  expect(await verdict(base, waiting, { patienceMs: 200 })).toContain("8: nothing came for 2");
});

test("an event that comes long before its recorded time is reported", async () => {
  const base = await serve();
  const slow = [...sound.slice(0, 4), frame("send", ["1", "9", "t", "late", {}], 5)];
  expect(await verdict(base, [...slow, reply("9", {}, 305)])).toBe("same");
  expect(await verdict(base, [...slow, reply("9", {}, 1005)])).toContain("too early");
});

test("bytes written by hand are one connection of their own", async () => {
  const base = await serve();
  const sent = JSON.stringify(["1", "2", "t", "echo", { a: 1 }]);
  const data = JSON.stringify(["1", "2", "t", "phx_reply", { status: "ok", response: { a: 1 } }]);
  const raw = {
    dir: "raw",
    note: `${url} an echo with an empty mask`,
    sent_hex: Buffer.concat([Buffer.from([0x81, 0x80 | sent.length, 0, 0, 0, 0]), Buffer.from(sent)]).toString("hex"),
    result: { head: "HTTP/1.1 101 Switching Protocols", frames: [{ opcode: 1, data }], tcp_closed_by_server: false },
    at_ms: 400,
  } as const;
  expect(await verdict(base, [raw])).toBe("same");
  const closed = { ...raw, result: { ...raw.result, frames: [{ opcode: 8, close_code: 1011, reason: "" }] } };
  expect(await verdict(base, [closed])).toBe("0.3: not closed");
});

test("no server is a failure of the replay, not of the server", async () => {
  const base = await serve();
  for (const close of closers.splice(0)) close();
  const outcome = await play(scenario(sound), { base });
  expect(outcome.verdict).toBe("failed");
  expect(outcome.failure).toContain("cannot connect to 127.0.0.1");
});
