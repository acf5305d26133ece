/** Frames that are no messages, and messages nobody should send (security rows 1.9, 3.7 to 3.9, 3.14). */
import { expect, test, vi } from "vitest";
import { Connection } from "../../src/socket/connection.ts";
import { afterwards, arena } from "./support/arena.ts";
import { type FrameOptions, frame, type RawClient } from "./support/raw.ts";

type Version = "1.0.0" | "2.0.0";
const at = (vsn: Version) => ({ path: `/socket/websocket?vsn=${vsn}` });

/** Sends `bytes` beside a bystander, and gives the close code. */
async function closeCodeOf(bytes: Uint8Array, vsn: Version = "2.0.0"): Promise<number | null> {
  const { enter, bystander, said } = await arena();
  const other = await bystander();
  const client = await enter(at(vsn));
  client.send(bytes);
  const code = await client.closed();
  expect(client.closeReason ?? "").toBe("");
  // Refused on purpose, not caught by the net below.
  expect(said.filter(({ level }) => level === "error")).toEqual([]);
  await other.noticedNothing();
  return code;
}

const deep = (levels: number, inner = ""): string => `${"[".repeat(levels)}${inner}${"]".repeat(levels)}`;

test.each([
  ["empty", ""],
  ["no JSON", "hello"],
  ["half of some JSON", '["1","1","ping:a"'],
  ["two JSON values", "[][]"],
  ["a NUL", "\0"],
  ["a byte order mark", '\ufeff["1","1","ping:a","ping",{}]'],
  ["a number", "42"],
  ["null", "null"],
  ["a string", '"phx_join"'],
  ["an object", '{"topic":"ping:a","event":"ping","payload":{},"ref":"1"}'],
  ["an empty array", "[]"],
  ["four elements", '["1","1","ping:a","ping"]'],
  ["a join_ref of a million brackets", `[${deep(500_000)},"1","ping:a","ping",{}]`],
  ["a ref of a million brackets", `["1",${deep(500_000)},"ping:a","ping",{}]`],
  ["a topic of a million brackets", `["1","1",${deep(500_000)},"phx_join",{}]`],
  ["an event of a million brackets", `["1","1","ping:a",${deep(500_000)},{}]`],
  ["objects in objects", `["1",${'{"a":'.repeat(200)}1${"}".repeat(200)},"ping:a","ping",{}]`],
  ["a join_ref of a megabyte", `["${"x".repeat(1_000_000)}","1","ping:a","phx_join",{}]`],
  ["a ref of a megabyte", `["1","${"x".repeat(1_000_000)}","phoenix","heartbeat",{}]`],
  ["a ref that is a long list", `["1",[${"1e20,".repeat(50_000)}0],"phoenix","heartbeat",{}]`],
  ["an event of a megabyte", `["1","1","ping:a","${"x".repeat(1_000_000)}",{}]`],
])("a V2 text frame that is %s ends its connection with 1011", async (_name, text) => {
  expect(await closeCodeOf(frame(text))).toBe(1011);
});

test.each([
  ["an array", '["1","1","ping:a","ping",{}]'],
  ["without a topic", '{"event":"ping","payload":{},"ref":"1"}'],
  ["without a ref", '{"topic":"ping:a","event":"ping","payload":{}}'],
  ["with inherited fields only", '{"__proto__":{"topic":"ping:a","event":"ping","payload":{},"ref":"1"}}'],
  ["null", "null"],
  ["with a deep ref", `{"topic":"x","event":"y","payload":{},"ref":${deep(400_000)}}`],
])("a V1 frame that is %s ends its connection with 1011, as text and as binary", async (_name, text) => {
  expect(await closeCodeOf(frame(text), "1.0.0")).toBe(1011);
  expect(await closeCodeOf(frame(Buffer.from(text)), "1.0.0")).toBe(1011);
});

test.each([
  ["nothing", []],
  ["kind alone", [0]],
  ["an unknown kind", [9, 0, 0, 0, 0]],
  ["a kind only servers send", [2, 1, 1, 97, 97]],
  ["sizes without fields", [0, 255, 255, 255, 255]],
  ["a join_ref past the end", [0, 9, 0, 0, 0, 97]],
  ["an event past the end", [0, 1, 1, 1, 200, 97, 97, 97, 97]],
  ["fields that are no UTF-8", [0, 1, 1, 1, 1, 0xff, 0xff, 0xff, 0xff]],
])("a binary V2 frame with %s ends its connection with 1011", async (_name, bytes) => {
  expect(await closeCodeOf(frame(Uint8Array.from(bytes)))).toBe(1011);
});

test("a binary V1 frame that is no UTF-8 ends its connection with 1011", async () => {
  expect(await closeCodeOf(frame(Uint8Array.from([0xff, 0xfe])), "1.0.0")).toBe(1011);
});

const message = '[null,"1","phoenix","heartbeat",{}]';
test.each<[string, Uint8Array, number]>([
  ["text that is no UTF-8", frame(Uint8Array.from([0xff, 0xfe, 0xfd]), { opcode: 1 }), 1007],
  ["text that ends within a character", frame(Uint8Array.from([0xe2, 0x82]), { opcode: 1 }), 1007],
  ["an encoded surrogate", frame(Uint8Array.from([0xed, 0xa0, 0x80]), { opcode: 1 }), 1007],
  ["no mask", frame(message, { masked: false }), 1002],
  ["a first reserved bit", frame(message, { rsv: 4 }), 1002],
  ["a second reserved bit", frame(message, { rsv: 2 }), 1002],
  ["a third reserved bit", frame(message, { rsv: 1 }), 1002],
  ["a reserved opcode", frame(message, { opcode: 3 }), 1002],
  ["a reserved control opcode", frame(message, { opcode: 11 }), 1002],
  ["a continuation of nothing", frame(message, { opcode: 0 }), 1002],
  ["a fragmented ping", frame("ping", { opcode: 9, fin: false }), 1002],
  ["a ping of 126 bytes", frame("x".repeat(126), { opcode: 9 }), 1002],
  ["a close with one byte", frame("x", { opcode: 8 }), 1002],
  ["a close with a code nobody may send", frame(Uint8Array.from([0x03, 0xed]), { opcode: 8 }), 1002],
  ["a close with a reason that is no UTF-8", frame(Uint8Array.from([0x03, 0xe8, 0xff]), { opcode: 8 }), 1007],
  ["a length of 2^63", frame("", { claimedLength: 2 ** 63 }), 1009],
  ["a length of 2^53 - 1", frame("", { claimedLength: Number.MAX_SAFE_INTEGER }), 1009],
  ["a length of a gigabyte", frame("", { claimedLength: 2 ** 30 }), 1009],
])("a frame with %s closes as RFC 6455 says", async (_name, bytes, code) => {
  expect(await closeCodeOf(bytes)).toBe(code);
});

test("a message in the middle of another's fragments closes with 1002", async () => {
  expect(await closeCodeOf(Buffer.concat([frame("[", { fin: false }), frame(message)]))).toBe(1002);
});

test("a message of exactly frameBytesMax passes, one byte more closes with 1009, fragments counted together", async () => {
  const { enter } = await arena({ mount: { websocket: { frameBytesMax: 1_000 } } });
  const heartbeat = (bytes: number): string => {
    const empty = '[null,"1","phoenix","heartbeat",{"x":""}]';
    return `[null,"1","phoenix","heartbeat",{"x":"${"x".repeat(bytes - empty.length)}"}]`;
  };
  const fits = await enter();
  fits.send(heartbeat(1_000));
  expect(await fits.reply("1")).toMatchObject({ status: "ok" });
  const over = await enter();
  over.send(heartbeat(1_001));
  expect(await over.closed()).toBe(1009);
  const pieces = await enter();
  const text = heartbeat(1_001);
  pieces.send(frame(text.slice(0, 600), { fin: false }), frame(text.slice(600), { opcode: 0 }));
  expect(await pieces.closed()).toBe(1009);
});

test("a limit too large for 31 bits is still a limit", async () => {
  for (const frameBytesMax of [2 ** 32, Number.POSITIVE_INFINITY, 0.5]) {
    const { enter } = await arena({ mount: { websocket: { frameBytesMax } } });
    const client = await enter();
    client.send(frame("", { claimedLength: 2 ** 31 }));
    expect(await client.closed()).toBe(1009);
  }
});

/** What is odd, but a message. */
async function joined(): Promise<RawClient> {
  const { enter } = await arena();
  const client = await enter();
  await client.join("ping:a");
  return client;
}

test.each([
  ["99 levels", deep(98, "1"), "ok"],
  ["100 levels", deep(99, "1"), "ok"],
  ["101 levels", deep(101, "1"), "error"],
  ["half a million levels", deep(500_000), "error"],
])("a payload of %s", async (_name, payload, status) => {
  const client = await joined();
  client.send(`[null,"1","ping:a","ping",${payload}]`);
  const reply = await client.reply("1");
  expect(reply.status).toBe(status);
  if (status === "error") expect(reply.response).toEqual({ reason: "payload too deep" });
  expect((await client.push("ping:a", "ping", { still: "here" }, "2")).status).toBe("ok");
});

test("prototype names everywhere are plain data", async () => {
  const { enter } = await arena();
  const client = await enter();
  for (const name of ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf"]) {
    const payload = `{"${name}":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}`;
    // As a topic no channel has, as a topic's param, as an event, as refs, as keys.
    expect(await client.join(name)).toMatchObject({ status: "error", response: { reason: "unmatched topic" } });
    expect(await client.join(`ping:${name}`)).toMatchObject({ status: "ok" });
    client.send(`[null,"${name}","ping:${name}","ping",${payload}]`);
    expect(JSON.stringify((await client.reply(name)).response)).toBe(
      name === "constructor" ? '{"constructor":{"prototype":{"polluted":true}}}' : payload,
    );
    client.message("j", `event ${name}`, `ping:${name}`, name, {});
    client.message(`join ping:${name}`, `event ${name}`, `ping:${name}`, name, {});
    // An event nobody declared: a name everything inherits is none.
    await client.until(() =>
      client.messages.some((m) => (m as unknown[])[3] === "phx_error" && (m as unknown[])[2] === `ping:${name}`),
    );
  }
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test("refs of any kind are echoed, and never coerced", async () => {
  const client = await joined();
  for (const ref of [0, 1, "1", true, false, {}, [], { a: { b: [] } }, -0.5, ""]) {
    client.message(null, ref, "phoenix", "heartbeat", {});
    expect(await client.reply(ref)).toMatchObject({ status: "ok" });
  }
  // A join_ref that looks like the join's without being it is stale.
  client.message(["join ping:a"], "stale", "ping:a", "ping", {});
  await client.push("ping:a", "ping", {}, "after");
  expect(client.messages.some((found) => (found as unknown[])[1] === "stale")).toBe(false);
});

test("huge numbers, lone surrogates and duplicate keys are what JSON makes of them", async () => {
  const client = await joined();
  client.send(
    '[null,"1","ping:a","ping",{"n":1e999,"m":-1e999,"i":123456789012345678901234567890,"s":"\\ud800","a":1,"a":2}]',
  );
  expect(JSON.stringify((await client.reply("1")).response)).toBe(
    '{"n":null,"m":null,"i":1.2345678901234568e+29,"s":"\\ud800","a":2}',
  );
  expect(await client.join("ping:\ud800")).toMatchObject({ status: "ok", topic: "ping:\ud800" });
});

test("of duplicate keys in a V1 message the last counts", async () => {
  const { enter } = await arena();
  const client = await enter(at("1.0.0"));
  client.send('{"topic":"x","topic":"phoenix","event":"heartbeat","payload":{},"ref":"1","ref":"2"}');
  const reply = await client.until(() => client.messages[0]);
  expect(reply).toMatchObject({ topic: "phoenix", ref: "2", payload: { status: "ok" } });
});

test.each<[string, unknown]>([
  ["null", null],
  ["a list", []],
  ["an object", { toString: "x", valueOf: "y" }],
  ["a number", 7],
  ["true", true],
])("a topic that is %s is unmatched, and echoed", async (_name, topic) => {
  const { enter } = await arena();
  const client = await enter();
  for (const event of ["phx_join", "ping"]) {
    client.message(null, event, topic, event, {});
    expect(await client.reply(event)).toMatchObject({
      status: "error",
      response: { reason: "unmatched topic" },
      topic,
    });
  }
});

test.each([
  ["longer than 1,024 bytes", `ping:${"é".repeat(510)}`],
  ["with a NUL", "ping:\0"],
  ["with a line break", "ping:a\nb"],
  ["of a megabyte", `ping:${"x".repeat(1_000_000)}`],
])("a topic %s is unmatched", async (_name, topic) => {
  const { enter } = await arena();
  const client = await enter();
  expect(await client.join(topic, {}, "1")).toMatchObject({ status: "error", response: { reason: "unmatched topic" } });
});

test("events only servers send are ordinary, undeclared events", async () => {
  for (const event of ["phx_reply", "phx_close", "phx_error", "disconnect", "presence_diff", ""]) {
    const client = await joined();
    client.message(null, "1", "ping:a", event, {});
    await client.until(() => client.messages.some((found) => (found as unknown[])[3] === "phx_error"));
    expect((await client.push("phoenix", "heartbeat", {}, "2")).status).toBe("ok");
  }
});

test("a mistake of ours in handling a frame would cost its sender alone", async () => {
  const { enter, bystander, said } = await arena();
  const other = await bystander();
  const client = await enter();
  const receive = Connection.prototype.receive;
  const spy = vi.spyOn(Connection.prototype, "receive").mockImplementation(function (this: Connection, data) {
    if (data === "[]") throw new Error("a mistake of ours");
    receive.call(this, data);
  });
  afterwards(() => spy.mockRestore());
  client.send("[]");
  expect(await client.closed()).toBe(1011);
  expect(said).toEqual([
    { level: "error", message: expect.any(String), details: { error: new Error("a mistake of ours") } },
  ]);
  await other.noticedNothing();
});

test("two hundred connections that send nonsense cost one line a second", async () => {
  const { knock, said, bystander } = await arena();
  const other = await bystander();
  const before = Date.now();
  for (let index = 0; index < 200; index += 1) {
    const client = await knock();
    client.send("nonsense");
    await client.closed();
  }
  const seconds = Math.ceil((Date.now() - before) / 1_000) + 1;
  expect(said.length).toBeGreaterThan(0);
  expect(said.length).toBeLessThanOrEqual(2 * seconds);
  expect(JSON.stringify(said)).not.toContain("nonsense");
  await other.noticedNothing();
});

const options: FrameOptions[] = [0, 1, 2, 8, 9, 10].flatMap((opcode) => [{ opcode }, { opcode, fin: false }]);

test("random bytes as frames, and as anything at all, end nobody else's connection", async () => {
  const { enter, bystander } = await arena();
  const other = await bystander();
  let seed = 42;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  for (let round = 0; round < 300; round += 1) {
    const client = await enter(at(round % 2 === 0 ? "2.0.0" : "1.0.0"));
    const bytes = Uint8Array.from({ length: random(200) }, () => random(256));
    client.send(round % 3 === 0 ? bytes : frame(bytes, options[random(options.length)]));
    client.socket.end();
    await client.ended;
  }
  await other.noticedNothing();
}, 30_000);
