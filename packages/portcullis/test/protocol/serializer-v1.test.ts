/** `vsn=1.0.x`: objects, and nothing binary. */

import { describe, expect, test } from "vitest";
import { FrameError } from "../../src/protocol/frame.ts";
import { serializers } from "../../src/protocol/serializer.ts";
import { readV1 } from "../support/wire.ts";

const { v1 } = serializers;
const utf8 = new TextEncoder();

describe("a client's frame", () => {
  test("has topic, event, payload and ref", () => {
    const message = v1.decode('{"topic":"t","event":"e","payload":{"a":1},"ref":"7","join_ref":"3","other":1}');
    expect(message).toEqual({ joinRef: "3", ref: "7", topic: "t", event: "e", payload: { a: 1 } });
  });

  test("without a join_ref has none", () => {
    expect(v1.decode('{"topic":"t","event":"e","payload":{},"ref":null}')).toMatchObject({ joinRef: null, ref: null });
  });

  test("may hold any JSON value anywhere", () => {
    const message = v1.decode('{"topic":1,"event":[2],"payload":null,"ref":{"a":3},"join_ref":false}');
    expect(message).toEqual({ joinRef: false, ref: { a: 3 }, topic: 1, event: [2], payload: null });
  });

  test.each(["topic", "event", "payload", "ref"])("without %s is refused, and says so", (key) => {
    const fields: Record<string, unknown> = { topic: "t", event: "e", payload: {}, ref: "1" };
    delete fields[key];
    expect(() => v1.decode(JSON.stringify(fields))).toThrow(new FrameError(`Expected a V1 message to have "${key}".`));
  });

  test("doesn't inherit its fields", () => {
    expect(() => v1.decode('{"__proto__":{"topic":"t","event":"e","payload":{},"ref":"1"}}')).toThrow(FrameError);
    const message = v1.decode('{"topic":"t","event":"e","payload":{},"ref":"1","__proto__":{"join_ref":"9"}}');
    expect(message.joinRef).toBeNull();
  });

  test.each(["", "{", "nonsense", "[]", '["1","1","t","e",{}]', "null", "1", '"x"', "{}"])("%j is none", (text) => {
    expect(() => v1.decode(text)).toThrow(FrameError);
  });

  test("that is binary is read as text", () => {
    const text = '{"topic":"é","event":"e","payload":{},"ref":"1"}';
    expect(v1.decode(utf8.encode(text))).toEqual(v1.decode(text));
    expect(() => v1.decode(Uint8Array.of(0, 1, 1, 1, 1))).toThrow(FrameError);
    expect(() => v1.decode(Uint8Array.of(0xff, 0xfe))).toThrow(FrameError);
  });
});

describe("a server's frame", () => {
  test("a reply carries status and response, no join_ref", () => {
    expect(readV1(v1.encodeReply("3", "7", "t", "ok", { a: 1 }))).toEqual({
      ref: "7",
      topic: "t",
      event: "phx_reply",
      payload: { status: "ok", response: { a: 1 } },
    });
  });

  test.each([[null], [[1]], ["text"], [0], [false], [{}]])("a reply may hold %j", (response) => {
    expect(readV1(v1.encodeReply(null, null, "t", "any status", response))).toMatchObject({
      ref: null,
      payload: { status: "any status", response },
    });
  });

  test("a push has ref null and no join_ref key", () => {
    expect(readV1(v1.encodePush("3", null, "t", "e", { a: 1 }))).toEqual({
      ref: null,
      topic: "t",
      event: "e",
      payload: { a: 1 },
    });
  });

  test("a broadcast is the same", () => {
    expect(readV1(v1.encodeBroadcast("t", "e", { a: 1 }) as string)).toEqual({
      ref: null,
      topic: "t",
      event: "e",
      payload: { a: 1 },
    });
  });

  test("refs and topics are echoed as they are", () => {
    expect(readV1(v1.encodeReply(null, { a: [1] }, 5, "error", {}))).toMatchObject({ ref: { a: [1] }, topic: 5 });
    expect(readV1(v1.encodePush(null, 1, "t", "phx_close", {}))).toMatchObject({ ref: 1 });
  });

  test("a binary broadcast has no form; a binary push or reply is a mistake that is explained", () => {
    const bytes = Uint8Array.of(1);
    expect(v1.encodeBroadcast("t", "e", bytes)).toBeNull();
    expect(() => v1.encodePush(null, null, "t", "e", bytes)).toThrow(/binary/);
    expect(() => v1.encodeReply(null, null, "t", "ok", bytes)).toThrow(/binary/);
  });

  test.each([[undefined], [() => 1], [Symbol("s")], [1n]])("a reply of %s can't be encoded", (response) => {
    expect(() => v1.encodeReply(null, "1", "t", "ok", response)).toThrow(TypeError);
  });

  test.each([[[1]], [null], ["text"], [1]])("a push or broadcast may hold %j, as recorded of Phoenix", (payload) => {
    expect(readV1(v1.encodePush(null, null, "t", "e", payload))).toEqual({
      ref: null,
      topic: "t",
      event: "e",
      payload,
    });
    expect(v1.encodeBroadcast("t", "e", payload)).toBe(v1.encodePush(null, null, "t", "e", payload));
  });

  test.each([[undefined], [() => 1], [Symbol("s")], [1n]])("a push or broadcast of %s can't be encoded", (payload) => {
    expect(() => v1.encodePush(null, null, "t", "e", payload)).toThrow(TypeError);
    expect(() => v1.encodeBroadcast("t", "e", payload)).toThrow(TypeError);
  });
});
