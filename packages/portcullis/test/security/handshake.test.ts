/** Handshakes that are none, or too much of one (security rows 3.1 to 3.3, and oddities of HTTP). */
import { once } from "node:events";
import { expect, test } from "vitest";
import { type Arena, arena } from "./support/arena.ts";
import { frame, type HandshakeOptions, handshakeText, readAnswer, tcp } from "./support/raw.ts";

/** Sends `handshake` beside a bystander and gives the status. */
async function statusOf(world: Arena, handshake: HandshakeOptions): Promise<number> {
  const other = await world.bystander();
  const { status } = await world.knock(handshake);
  await other.noticedNothing();
  return status;
}

test.each([201, 1_000, 2_500, 20_000])("%i headers are refused with 431, the hook not called", async (count) => {
  const world = await arena();
  const headers = Array.from({ length: count }, () => "a:b");
  expect(await statusOf(world, { headers })).toBe(431);
  expect(world.connects.count).toBe(1);
});

test.each([
  ["200 headers", Array.from({ length: 190 }, (_, index) => `x-${index}: 1`)],
  ["a cookie of 8 KB", [`Cookie: ${"c".repeat(8_000)}`]],
])("%s are no attack", async (_name, headers) => {
  const world = await arena();
  expect(await statusOf(world, { headers })).toBe(101);
});

test.each([
  ["spaces", " ".repeat(15_000)],
  ["commas", ",".repeat(15_000)],
  ["spaces and commas", " ,".repeat(7_500)],
  ["a name, then spaces", `a${" ".repeat(15_000)}b`],
  ["tabs", `a\t${"\t".repeat(15_000)},b`],
  ["one name", "a".repeat(15_000)],
  ["token prefixes", "base64url.bearer.phx.,".repeat(650)],
])("a subprotocol header of 15 KB of %s takes no time (CVE-2021-32640)", async (_name, value) => {
  const world = await arena({ mount: { subprotocols: ["chat"] } });
  const before = performance.now();
  await world.knock({ headers: [`Sec-WebSocket-Protocol: ${value}`] });
  // Linear parsing takes well under a millisecond; the rest is the network and a busy machine.
  expect(performance.now() - before).toBeLessThan(500);
});

const extensions = [
  "constructor",
  "__proto__",
  "permessage-deflate; constructor",
  "permessage-deflate; __proto__=1",
  "permessage-deflate; server_max_window_bits=7",
  "permessage-deflate; client_max_window_bits=99",
  "permessage-deflate; server_no_context_takeover=1",
  "permessage-deflate; toString",
  "permessage-deflate;;;,,,",
  'permessage-deflate; a="',
];

test.each(extensions)("with deflate off an extension header has no effect: %s", async (value) => {
  const world = await arena();
  const client = await world.enter({ headers: [`Sec-WebSocket-Extensions: ${value}`] });
  expect(client.response.headers.has("sec-websocket-extensions")).toBe(false);
});

test.each(extensions.slice(2))(
  "with deflate on a bad offer is refused with 400 (GHSA-5v72-xg48-5rpm): %s",
  async (value) => {
    const world = await arena({ mount: { websocket: { deflate: true } } });
    expect(await statusOf(world, { headers: [`Sec-WebSocket-Extensions: ${value}`] })).toBe(400);
  },
);

test.each(["constructor", "__proto__", "toString; valueOf"])(
  "with deflate on an unknown extension is declined: %s",
  async (value) => {
    const world = await arena({ mount: { websocket: { deflate: true } } });
    const client = await world.enter({ headers: [`Sec-WebSocket-Extensions: ${value}`] });
    expect(client.response.headers.has("sec-websocket-extensions")).toBe(false);
  },
);

test.each<[string, HandshakeOptions]>([
  ["no key", { without: ["Sec-WebSocket-Key"] }],
  ["a short key", { without: ["Sec-WebSocket-Key"], headers: ["Sec-WebSocket-Key: short"] }],
  ["an unknown version", { without: ["Sec-WebSocket-Version"], headers: ["Sec-WebSocket-Version: 99"] }],
  ["no version", { without: ["Sec-WebSocket-Version"] }],
  [
    "another protocol to upgrade to",
    { without: ["Upgrade"], headers: ["Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"] },
  ],
  ["no upgrade", { without: ["Upgrade"] }],
  ["no connection header", { without: ["Connection"] }],
  ["HTTP/1.0", { version: "1.0" }],
  ["POST", { method: "POST" }],
  ["HEAD", { method: "HEAD", without: ["Connection", "Upgrade"] }],
  ["DELETE without an upgrade", { method: "DELETE", without: ["Connection", "Upgrade"] }],
])("a handshake with %s is refused with 400, and counted", async (_name, handshake) => {
  const world = await arena();
  expect(await statusOf(world, handshake)).toBe(400);
  const refusals = world.events.filter(({ name }) => name === "socket.refused");
  expect(refusals).toHaveLength(1);
  expect(refusals[0]?.metadata).toMatchObject({ mount: "/socket", transport: "websocket", status: 400 });
});

test.each<[string, HandshakeOptions, number]>([
  ["an absolute URL", { path: "http://localhost/socket/websocket?vsn=2.0.0" }, 404],
  ["an authority", { path: "//evil.io/socket/websocket?vsn=2.0.0" }, 404],
  ["dots", { path: "/socket/../socket/websocket?vsn=2.0.0" }, 404],
  ["an encoded segment", { path: "/socket/%77ebsocket?vsn=2.0.0" }, 404],
  ["another path", { path: "/nowhere" }, 404],
  ["doubled slashes, which don't count", { path: "//socket///websocket/?vsn=2.0.0" }, 101],
])("a target with %s is answered %i", async (_name, handshake, status) => {
  const world = await arena();
  expect((await world.knock(handshake)).status).toBe(status);
});

test.each<[string, string]>([
  ["a body of known length", "Content-Length: 5\r\n\r\nhello"],
  ["a chunked body", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
  ["both, which disagree", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
])("a handshake with %s smuggles nothing past the gate", async (_name, rest) => {
  const world = await arena();
  const other = await world.bystander();
  const socket = await tcp(world.port);
  const smuggled = handshakeText(world.port, { path: "/socket/websocket?vsn=2.0.0&smuggled=1" });
  socket.write(`${handshakeText(world.port).replace(/\r\n$/, "")}${rest}${smuggled}`);
  let received = "";
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
  });
  // Whatever follows an upgrade are frames, and these are none: the server hangs up.
  await once(socket, "close");
  expect(received.match(/HTTP\/1\.1 101/g)?.length ?? 0).toBeLessThan(2);
  expect(world.connects.count).toBeLessThanOrEqual(2);
  await other.noticedNothing();
});

test("frames sent in one packet with the handshake are read after it, in order", async () => {
  const world = await arena();
  const messages = [
    ["1", "1", "ping:a", "phx_join", {}],
    ["1", "2", "ping:a", "ping", { n: 1 }],
    [null, "3", "phoenix", "heartbeat", {}],
  ];
  const client = await world.enter({
    trailing: Buffer.concat(messages.map((message) => frame(JSON.stringify(message)))),
  });
  await client.reply("3");
  expect(client.messages.map((message) => (message as unknown[])[1])).toEqual(["1", "2", "3"]);
});

test("a request that isn't HTTP is answered 400 by node:http", async () => {
  const world = await arena();
  const other = await world.bystander();
  const socket = await tcp(world.port);
  socket.write("\u0016\u0003\u0001\u0002\u0000 this is not HTTP\r\n\r\n");
  expect((await readAnswer(socket)).status).toBe(400);
  await other.noticedNothing();
});

test("what a refusal says of the request is quoted and short", async () => {
  const world = await arena();
  const { response } = await world.knock({ without: ["Upgrade"], headers: [`Upgrade: <script>${"x".repeat(5_000)}`] });
  expect(response.status).toBe(400);
  expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(response.body.length).toBeLessThan(500);
});
