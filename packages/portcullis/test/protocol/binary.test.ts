/** `vsn=2.0.x`, binary frames: sizes of one byte that count bytes. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameError } from "../../src/protocol/frame.ts";
import { serializers } from "../../src/protocol/serializer.ts";
import { binaryPush, readV2 } from "../support/wire.ts";

const { v2 } = serializers;
const data = Uint8Array.of(1, 0, 255);
const bytes = (frame: unknown): number[] => [...(frame as Uint8Array)];

/** `é` and `😀` are 2 and 4 bytes of UTF-8, and 1 and 2 units of a JavaScript string. */
const é = [0xc3, 0xa9];

describe("a server's binary frame", () => {
  test("a push: kind 0, three sizes, no ref", () => {
    expect(bytes(v2.encodePush("3", null, "é", "ev", data))).toEqual([
      ...[0, 1, 2, 2],
      ...[0x33, ...é, 0x65, 0x76],
      ...data,
    ]);
  });

  test("a reply: kind 1, four sizes, the status last", () => {
    expect(bytes(v2.encodeReply("3", "45", "é", "ok", data))).toEqual([
      ...[1, 1, 2, 2, 2],
      ...[0x33, 0x34, 0x35, ...é, 0x6f, 0x6b],
      ...data,
    ]);
  });

  test("a broadcast: kind 2, two sizes", () => {
    expect(bytes(v2.encodeBroadcast("é", "ev", data))).toEqual([...[2, 2, 2], ...[...é, 0x65, 0x76], ...data]);
  });

  test("may be empty, and so may its fields", () => {
    expect(bytes(v2.encodePush(null, null, "", "", new Uint8Array()))).toEqual([0, 0, 0, 0]);
    expect(bytes(v2.encodeReply(null, null, "", "", new Uint8Array()))).toEqual([1, 0, 0, 0, 0]);
    expect(bytes(v2.encodeBroadcast("", "", new Uint8Array()))).toEqual([2, 0, 0]);
  });

  test("takes a view of a larger buffer, and a Buffer", () => {
    const whole = Uint8Array.of(9, 9, 7, 8, 9);
    expect(bytes(v2.encodeBroadcast("t", "e", whole.subarray(2, 4))).slice(-2)).toEqual([7, 8]);
    expect(bytes(v2.encodeBroadcast("t", "e", Buffer.from([7, 8]))).slice(-2)).toEqual([7, 8]);
  });

  const longest = { ascii: "x".repeat(255), wide: `${"é".repeat(127)}x`, pairs: `${"😀".repeat(63)}xxx` };
  const tooLong = { ascii: "x".repeat(256), wide: "é".repeat(128), pairs: "😀".repeat(64) };

  const frames: readonly [what: string, field: string, encode: (text: string) => unknown][] = [
    ["push", "join_ref", (text) => v2.encodePush(text, null, "t", "e", data)],
    ["push", "topic", (text) => v2.encodePush("1", null, text, "e", data)],
    ["push", "event", (text) => v2.encodePush("1", null, "t", text, data)],
    ["reply", "join_ref", (text) => v2.encodeReply(text, "1", "t", "ok", data)],
    ["reply", "ref", (text) => v2.encodeReply("1", text, "t", "ok", data)],
    ["reply", "topic", (text) => v2.encodeReply("1", "1", text, "ok", data)],
    ["reply", "status", (text) => v2.encodeReply("1", "1", "t", text, data)],
    ["broadcast", "topic", (text) => v2.encodeBroadcast(text, "e", data)],
    ["broadcast", "event", (text) => v2.encodeBroadcast("t", text, data)],
  ];

  test.each(frames)("a %s takes 255 bytes of %s, and names it when there are more", (_what, field, encode) => {
    for (const text of Object.values(longest)) {
      expect(JSON.stringify(readV2(encode(text) as Uint8Array))).toContain(text);
    }
    for (const text of Object.values(tooLong)) {
      expect(() => encode(text)).toThrow(
        new RangeError(`Expected ${field} of a binary message to be at most 255 bytes long, got 256.`),
      );
    }
  });

  test("of any kind says what went into it", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 40 });
    const payload = fc.uint8Array({ maxLength: 50 });
    fc.assert(
      fc.property(text, text, text, text, payload, (joinRef, ref, topic, name, value) => {
        expect(readV2(v2.encodePush(joinRef, null, topic, name, value))).toEqual([joinRef, null, topic, name, value]);
        const response = { status: name, response: value };
        const reply = v2.encodeReply(joinRef, ref, topic, name, value);
        expect(readV2(reply)).toEqual([joinRef, ref, topic, "phx_reply", response]);
        const broadcast = v2.encodeBroadcast(topic, name, value) as Uint8Array;
        expect(readV2(broadcast)).toEqual([null, null, topic, name, value]);
      }),
    );
  });
});

describe("a client's binary frame", () => {
  test("is kind 0, four sizes, four strings and the data", () => {
    const message = v2.decode(Uint8Array.from([0, 1, 2, 2, 1, 0x33, 0x34, 0x35, ...é, 0x65, ...data]));
    expect(message).toEqual({ joinRef: "3", ref: "45", topic: "é", event: "e", payload: data });
  });

  test("may hold nothing", () => {
    const message = v2.decode(Uint8Array.of(0, 0, 0, 0, 0));
    expect(message).toEqual({ joinRef: "", ref: "", topic: "", event: "", payload: new Uint8Array() });
  });

  test.each([
    ["nothing", []],
    ["less than a header", [0, 0, 0, 0]],
    ["a reply's kind", [1, 0, 0, 0, 0]],
    ["a broadcast's kind", [2, 0, 0, 0, 0]],
    ["an unknown kind", [3, 0, 0, 0, 0]],
    ["the highest kind", [255, 0, 0, 0, 0]],
    ["a size past the end", [0, 1, 0, 0, 0]],
    ["sizes that only together are past the end", [0, 1, 1, 1, 1, 65, 65, 65]],
    ["the largest sizes", [0, 255, 255, 255, 255, 65]],
    ["a topic that is no UTF-8", [0, 0, 0, 1, 0, 0xff]],
    ["a size that cuts a character", [0, 0, 0, 1, 1, ...é]],
  ])("with %s is refused", (_what, frame) => {
    expect(() => v2.decode(Uint8Array.from(frame))).toThrow(FrameError);
  });

  test("comes back as the client encoded it", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 50 }).filter((value) => Buffer.byteLength(value) <= 255);
    fc.assert(
      fc.property(text, text, text, text, fc.uint8Array({ maxLength: 100 }), (joinRef, ref, topic, event, payload) => {
        const message = v2.decode(binaryPush(joinRef, ref, topic, event, payload));
        expect(message).toEqual({ joinRef, ref, topic, event, payload });
      }),
    );
  });
});
