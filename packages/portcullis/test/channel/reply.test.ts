/** What a handler returns, and what its client gets: the table of the protocol, row by row. */

import { describe, expect, test } from "vitest";
import { accept, reject, reply, stop } from "../../src/outcome.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import { type Frame, readV1, replyFrame } from "../support/wire.ts";
import { World } from "../support/world.ts";

const socket = defineSocket();
const bytes = Uint8Array.of(0, 255);
const close: Frame = ["1", "1", "room", "phx_close", {}];
const error: Frame = ["1", "1", "room", "phx_error", { reason: "channel_crash" }];
const answer = (status: string, response: unknown): Frame => replyFrame("1", "9", "room", status, response);
const boom = (): never => {
  throw new Error("boom");
};

const table: readonly [written: string, result: () => unknown, frames: readonly Frame[]][] = [
  ["return value", () => ({ a: 1 }), [answer("ok", { a: 1 })]],
  ["return null", () => null, [answer("ok", null)]],
  ["return false", () => false, [answer("ok", false)]],
  ["return 0", () => 0, [answer("ok", 0)]],
  ["return ''", () => "", [answer("ok", "")]],
  ["return a list", () => [1, "two"], [answer("ok", [1, "two"])]],
  ["return bytes", () => bytes, [answer("ok", bytes)]],
  ["return a Date", () => new Date(0), [answer("ok", "1970-01-01T00:00:00.000Z")]],
  ["return nothing", () => undefined, []],
  ["reject(reason)", () => reject("no"), [answer("error", { reason: "no" })]],
  ["reject(reason, details)", () => reject("no", { tries: 2 }), [answer("error", { tries: 2, reason: "no" })]],
  [
    "reject(reason, details that hold a reason)",
    () => reject("no", { reason: "yes" }),
    [answer("error", { reason: "no" })],
  ],
  ["reject(bytes)", () => reject(bytes), [answer("error", bytes)]],
  ["reply(status)", () => reply("queued"), [answer("queued", {})]],
  ["reply(status, payload)", () => reply("queued", { position: 4 }), [answer("queued", { position: 4 })]],
  ["reply(status, list)", () => reply("ok", [1]), [answer("ok", [1])]],
  ["reply(status, bytes)", () => reply("queued", bytes), [answer("queued", bytes)]],
  ["stop()", () => stop(), [close]],
  ["stop({ reply })", () => stop({ reply: { bye: true } }), [answer("ok", { bye: true }), close]],
  ["stop({ reply: null })", () => stop({ reply: null }), [answer("ok", null), close]],
  ["stop({ reply: reply(…) })", () => stop({ reply: reply("late", { a: 1 }) }), [answer("late", { a: 1 }), close]],
  ["stop({ reply: reject(…) })", () => stop({ reply: reject("no") }), [answer("error", { reason: "no" }), close]],
  ["stop({ error })", () => stop({ error: new Error("boom") }), [error]],
  ["stop({ error: null })", () => stop({ error: null }), [error]],
  ["stop({ reply, error })", () => stop({ reply: { a: 1 }, error: "boom" }), [answer("ok", { a: 1 }), error]],
  ["throw", boom, [error]],
  ["return accept(…), which is for joins", () => accept({ reply: {} }), [error]],
  ["stop({ reply: stop() }), which is nonsense", () => stop({ reply: stop() }), [error]],
];

describe.each(table)("%s", (_written, result, frames) => {
  const ended = frames.some(([, , , event]) => event !== "phx_reply");

  test.each([
    ["at once", result],
    ["later", async () => result()],
    [
      "much later",
      async () => {
        await settled();
        return result();
      },
    ],
  ])("%s", async (_when, handler) => {
    const world = new World([socket.channel("room").on({ event: handler as () => object })]);
    const client = world.connect().joined("room", "1");
    client.push("room", "event", {});
    await settled();
    await settled();
    expect(client.take()).toEqual(frames);
    expect(client.connection.channelCount).toBe(ended ? 0 : 1);
    expect(world.pubsub.count()).toBe(ended ? 0 : 1);
    expect(client.sink.closes).toEqual([]);
    client.push("room", "event", {}, "10");
    await settled();
    await settled();
    const unmatched = replyFrame(null, "10", "room", "error", { reason: "unmatched topic" });
    if (ended) expect(client.take()).toEqual([unmatched]);
    else expect(client.take()).toHaveLength(frames.length);
  });
});

test.each([[null], [1], [0], [false], [["a"]], [{ a: 1 }], ["é😀"]])("the ref %j is echoed as it came", (ref) => {
  const client = new World([socket.channel("room").on({ event: () => ({}) })]).connect().joined("room", "1");
  client.push("room", "event", {}, ref);
  expect(client.take()).toEqual([replyFrame("1", ref, "room", "ok", {})]);
});

test("a client of the first version gets the same without join_ref", () => {
  const world = new World([
    socket.channel("room").on({ event: (payload) => payload, end: () => stop({ reply: { bye: true } }), fail: boom }),
  ]);
  const client = world.connect({ serializer: "v1" });
  const send = (event: string, payload: object, ref: string): void =>
    client.connection.receive(JSON.stringify({ topic: "room", event, payload, ref }));
  send("phx_join", {}, "1");
  send("event", { a: 1 }, "2");
  send("end", {}, "3");
  send("phx_join", {}, "4");
  send("fail", {}, "5");
  const reply = (ref: string, response: object): object => ({
    ref,
    topic: "room",
    event: "phx_reply",
    payload: { status: "ok", response },
  });
  expect(client.sink.frames.map(readV1)).toEqual([
    reply("1", {}),
    reply("2", { a: 1 }),
    reply("3", { bye: true }),
    { ref: null, topic: "room", event: "phx_close", payload: {} },
    reply("4", {}),
    { ref: null, topic: "room", event: "phx_error", payload: { reason: "channel_crash" } },
  ]);
});

test("a binary push is bytes for the handler, and its reply may be binary too", () => {
  const client = new World([
    socket.channel("room").on({ reverse: (payload) => Uint8Array.from(payload as Uint8Array).reverse() }),
  ]).connect();
  client.joined("room", "1");
  client.connection.receive(Uint8Array.from([0, 1, 1, 4, 7, ...Buffer.from("19roomreverse"), 1, 2, 3]));
  expect(client.take()).toEqual([answer("ok", Uint8Array.of(3, 2, 1))]);
});

test("a promise that is none of ours counts as one, however it is made", async () => {
  const thenables: object[] = [
    // biome-ignore lint/suspicious/noThenProperty: what query builders look like.
    { then: (resolve: (value: unknown) => void) => resolve({ a: 1 }) },
    // biome-ignore lint/suspicious/noThenProperty: one that calls back twice.
    { then: (resolve: (value: unknown) => void) => [resolve({ a: 1 }), resolve({ a: 2 })] },
    // biome-ignore lint/suspicious/noThenProperty: one that breaks its promise at once.
    { then: boom },
  ];
  const world = new World([socket.channel("room").on({ event: () => thenables.shift() as object })]);
  const client = world.connect().joined("room", "1");
  client.push("room", "event", {}, "9");
  client.push("room", "event", {}, "9");
  client.push("room", "event", {}, "9");
  await settled();
  expect(client.take()).toEqual([answer("ok", { a: 1 }), answer("ok", { a: 1 }), error]);
});
