/** `vsn=2.0.x`, text frames: arrays of five. */

import { describe, expect, test } from "vitest";
import { FrameError } from "../../src/protocol/frame.ts";
import { serializers } from "../../src/protocol/serializer.ts";

const { v2 } = serializers;
const parse = (frame: unknown): unknown => JSON.parse(frame as string);

describe("a client's text frame", () => {
  test("is [join_ref, ref, topic, event, payload]", () => {
    const message = v2.decode('["3","7","t","e",{"a":1}]');
    expect(message).toEqual({ joinRef: "3", ref: "7", topic: "t", event: "e", payload: { a: 1 } });
  });

  test("may hold any JSON value anywhere; a sixth is ignored", () => {
    const message = v2.decode('[null,{"a":3},1,[2],"text",{"ignored":true}]');
    expect(message).toEqual({ joinRef: null, ref: { a: 3 }, topic: 1, event: [2], payload: "text" });
  });

  test.each([
    "",
    "[",
    "nonsense",
    "{}",
    "null",
    "1",
    '"x"',
    "[]",
    '["1","1","t","e"]',
    '{"topic":"t","event":"e","payload":{},"ref":"1"}',
    '{"0":1,"1":1,"2":1,"3":1,"4":1,"length":5}',
  ])("%j is none", (text) => {
    expect(() => v2.decode(text)).toThrow(FrameError);
  });

  test("keeps `__proto__` as data", () => {
    const { payload } = v2.decode('["1","1","t","e",{"__proto__":{"polluted":true}}]');
    expect(Object.keys(payload as object)).toEqual(["__proto__"]);
    expect((payload as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("a refusal doesn't quote what was sent", () => {
    for (const text of ['["secret"', '"secret"', '["secret"]']) {
      expect(() => v2.decode(text)).toThrow(
        expect.not.objectContaining({ message: expect.stringContaining("secret") }),
      );
    }
  });
});

describe("a server's text frame", () => {
  test("a reply", () => {
    expect(parse(v2.encodeReply("3", "7", "t", "ok", { a: 1 }))).toEqual([
      "3",
      "7",
      "t",
      "phx_reply",
      { status: "ok", response: { a: 1 } },
    ]);
  });

  test.each([[null], [[1]], ["text"], [0], [false], [{}]])("a reply may hold %j", (response) => {
    expect(parse(v2.encodeReply(null, null, "t", 'a "status"', response))).toEqual([
      null,
      null,
      "t",
      "phx_reply",
      { status: 'a "status"', response },
    ]);
  });

  test("a push has the channel's join_ref and ref null", () => {
    expect(parse(v2.encodePush("3", null, "t", "e", { a: 1 }))).toEqual(["3", null, "t", "e", { a: 1 }]);
  });

  test("a broadcast has neither", () => {
    expect(parse(v2.encodeBroadcast('a "topic"', 'an "event"', { a: 1 }))).toEqual([
      null,
      null,
      'a "topic"',
      'an "event"',
      { a: 1 },
    ]);
  });

  test("refs and topics are echoed as they are, whatever their type", () => {
    expect(parse(v2.encodeReply({ j: [1] }, 7, { t: 1 }, "error", {}))).toEqual([
      { j: [1] },
      7,
      { t: 1 },
      "phx_reply",
      { status: "error", response: {} },
    ]);
    expect(parse(v2.encodeReply(undefined, undefined, undefined, "ok", {}))).toEqual([
      null,
      null,
      null,
      "phx_reply",
      { status: "ok", response: {} },
    ]);
    expect(parse(v2.encodeReply("", 0, false, "ok", {}))).toEqual([
      "",
      0,
      false,
      "phx_reply",
      { status: "ok", response: {} },
    ]);
  });

  test("half a surrogate pair is still a frame that is UTF-8", () => {
    const frame = v2.encodeReply(null, "1", "t", "ok", { text: "\ud800" }) as string;
    expect(new TextDecoder("utf-8", { fatal: true }).decode(new TextEncoder().encode(frame))).toBe(frame);
    expect(frame).toContain("\\ud800");
  });

  test.each([[undefined], [() => 1], [Symbol("s")], [1n]])("a reply of %s can't be encoded", (response) => {
    expect(() => v2.encodeReply("1", "1", "t", "ok", response)).toThrow(TypeError);
  });

  test("a reply that refers to itself can't be encoded", () => {
    const circle: { self?: object } = {};
    circle.self = circle;
    expect(() => v2.encodeReply("1", "1", "t", "ok", circle)).toThrow(TypeError);
  });

  test.each([[[1]], [null], ["text"], [1], [undefined]])("a push or broadcast of %j is refused", (payload) => {
    expect(() => v2.encodePush("1", null, "t", "e", payload)).toThrow(/to be an object/);
    expect(() => v2.encodeBroadcast("t", "e", payload)).toThrow(/to be an object/);
  });
});
