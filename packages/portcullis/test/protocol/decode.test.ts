/** Whatever comes: a message or a FrameError, nothing else. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameError, isDeeperThan } from "../../src/protocol/frame.ts";
import { serializers } from "../../src/protocol/serializer.ts";

const jsonish = fc.oneof(
  fc.json(),
  fc.array(fc.jsonValue(), { maxLength: 8 }).map((value) => JSON.stringify(value)),
  fc
    .record(
      { topic: fc.jsonValue(), event: fc.jsonValue(), payload: fc.jsonValue(), ref: fc.jsonValue() },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
);
const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), jsonish);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  fc.uint8Array({ maxLength: 30 }).map((rest) => Uint8Array.from([0, ...rest])),
  text.map((value) => new TextEncoder().encode(value)),
);

describe.each([serializers.v1, serializers.v2])("$name", (serializer) => {
  test("any frame is a message of five fields or refused", () => {
    fc.assert(
      fc.property(fc.oneof(text, bytes), (data) => {
        try {
          const message = serializer.decode(data);
          expect(Object.keys(message).sort()).toEqual(["event", "joinRef", "payload", "ref", "topic"]);
          expect(Object.values(message)).not.toContain(undefined);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("a frame that nests a million levels is read or refused, and the process lives", () => {
    const deep = "[".repeat(500_000) + "]".repeat(500_000);
    const frame =
      serializer.name === "v2" ? `["1","1","t","e",${deep}]` : `{"topic":"t","event":"e","ref":"1","payload":${deep}}`;
    const { payload } = serializer.decode(frame);
    expect(isDeeperThan(payload, 100)).toBe(true);
  });
});

describe("depth", () => {
  test.each([
    [1, 0, false],
    ["text", 0, false],
    [null, 0, false],
    [new Uint8Array(3), 0, false],
    [{}, 0, true],
    [{}, 1, false],
    [[{}], 1, true],
    [[{}], 2, false],
    [{ a: 1, b: [[]] }, 2, true],
    [{ a: 1, b: [[]] }, 3, false],
  ])("%j is deeper than %i: %s", (value, depthMax, deeper) => {
    expect(isDeeperThan(value, depthMax)).toBe(deeper);
  });
});
