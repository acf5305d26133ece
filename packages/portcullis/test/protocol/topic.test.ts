/** Which topics a pattern matches, and what it makes of them. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compilePattern, isUsableTopic } from "../../src/protocol/topic.ts";
import { inheritsNothing } from "../support/bare.ts";

/** As a plain object, for comparison: params have no prototype. */
function match(pattern: string, topic: string): Record<string, string> | null {
  const params = compilePattern(pattern)(topic);
  return params === null ? null : { ...params };
}

describe("patterns", () => {
  test.each([
    ["exact", "lobby", "lobby", {}],
    ["exact with colons", "a:b", "a:b", {}],
    ["one segment", "room:{id}", "room:42", { id: "42" }],
    ["a segment alone", "{name}", "lobby", { name: "lobby" }],
    ["several segments", "org:{org}:doc:{doc}", "org:1:doc:2", { org: "1", doc: "2" }],
    ["side by side", "{a}:{b}", "x:y", { a: "x", b: "y" }],
    ["a segment in front", "{id}:log", "7:log", { id: "7" }],
    ["a final star", "room:*", "room:a:b", { rest: "a:b" }],
    ["an empty rest", "room:*", "room:", { rest: "" }],
    ["an empty rest without a colon, as in Phoenix", "ping*", "ping", { rest: "" }],
    ["a star after letters", "ping*", "pingpong", { rest: "pong" }],
    ["everything", "*", "any:thing", { rest: "any:thing" }],
    ["nothing at all", "*", "", { rest: "" }],
    ["a segment and a star", "user:{id}:*", "user:7:a:b", { id: "7", rest: "a:b" }],
    ["a name with more than letters", "x:{_a1}", "x:y", { _a1: "y" }],
    ["a segment with any other character", "x:{id}", "x:*{}/ é😀", { id: "*{}/ é😀" }],
  ])("%s: %s takes %s", (_what, pattern, topic, params) => {
    expect(match(pattern, topic)).toEqual(params);
  });

  test.each([
    ["lobby", "lobby2"],
    ["lobby", "lobb"],
    ["lobby", "Lobby"],
    ["lobby", ""],
    ["room:{id}", "room:"],
    ["room:{id}", "room"],
    ["room:{id}", "room:1:2"],
    ["room:{id}", "rooms:1"],
    ["room:{id}", "xroom:1"],
    ["room:{id}:log", "room::log"],
    ["room:{id}:log", "room:1:logs"],
    ["room:{id}:log", "room:1:lo"],
    ["{a}:{b}", "x:"],
    ["{a}:{b}", ":y"],
    ["{a}:{b}", "x"],
    ["room:*", "room"],
    ["ping*", "pin"],
    ["user:{id}:*", "user:7"],
    ["user:{id}:*", "user::x"],
  ])("%s does not take %j", (pattern, topic) => {
    expect(match(pattern, topic)).toBeNull();
  });

  test("names that mean something to objects are names", () => {
    const params = compilePattern("a:{__proto__}:{constructor}")("a:x:y");
    expect(inheritsNothing(params)).toBe(true);
    expect(Object.entries(params ?? {})).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
    expect(compilePattern("a:{id}")("a:__proto__")?.["id"]).toBe("__proto__");
  });

  test("params of a pattern without any can't be written to by one channel for another", () => {
    const params = compilePattern("lobby")("lobby") as Record<string, string>;
    expect(() => {
      params["x"] = "y";
    }).toThrow(TypeError);
  });

  test("segments come back as they went in", () => {
    const segment = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) => !text.includes(":"));
    fc.assert(
      fc.property(segment, segment, fc.string(), (first, second, rest) => {
        expect(match("a:{first}:{second}:*", `a:${first}:${second}:${rest}`)).toEqual({ first, second, rest });
      }),
    );
  });

  test("the time to match grows with the topic, and not faster", () => {
    const matcher = compilePattern("{a}:{b}:{c}:{d}:{e}:x:{f}:*");
    const millisecondsFor = (length: number): number => {
      const topics = [
        ":".repeat(length),
        "a:".repeat(length / 2),
        "a".repeat(length),
        `${"a:".repeat(5)}x:${":".repeat(length)}`,
      ];
      const start = performance.now();
      for (const topic of topics) for (let round = 0; round < 20; round += 1) matcher(topic);
      return performance.now() - start;
    };
    millisecondsFor(10_000);
    // Quadratic matching of a million characters would take minutes.
    expect(millisecondsFor(1_000_000)).toBeLessThan(2_000);
  });
});

describe("definition", () => {
  test.each([
    ["empty", ""],
    ["a star in the middle", "room:*:log"],
    ["two stars", "room:**"],
    ["half a segment", "room:x{id}"],
    ["a segment with a tail", "room:{id}x"],
    ["a star on a segment", "room:{id}*"],
    ["an unclosed brace", "room:{id"],
    ["an empty name", "room:{}"],
    ["a name that is none", "room:{1a}"],
    ["a template left unfilled", "room:$\u007bid}"],
    ["a repeated name", "a:{id}:{id}"],
    ["a segment that takes the star's name", "a:{rest}:*"],
    ["the connection's own topic", "phoenix"],
  ])("refuses %s: %j", (_what, pattern) => {
    expect(() => compilePattern(pattern)).toThrow(TypeError);
  });

  test("says which pattern is wrong", () => {
    expect(() => compilePattern("room:x{id}")).toThrow(/"room:x\{id\}".*whole segment/);
  });
});

describe("usable topics", () => {
  test.each([["lobby"], ["__proto__"], ["é😀"], ["a b"], [""]])("%j is one", (topic) => {
    expect(isUsableTopic(topic, 1024)).toBe(true);
  });

  test.each([["a\u0000b"], ["a\nb"], ["\u001f"], ["a\u007f"]])("%j is none", (topic) => {
    expect(isUsableTopic(topic, 1024)).toBe(false);
  });

  test("the bound counts bytes of UTF-8", () => {
    expect(isUsableTopic("a".repeat(1024), 1024)).toBe(true);
    expect(isUsableTopic("a".repeat(1025), 1024)).toBe(false);
    expect(isUsableTopic("é".repeat(512), 1024)).toBe(true);
    expect(isUsableTopic("é".repeat(513), 1024)).toBe(false);
    expect(isUsableTopic("€".repeat(341), 1024)).toBe(true);
    expect(isUsableTopic("€".repeat(342), 1024)).toBe(false);
    expect(isUsableTopic("😀".repeat(256), 1024)).toBe(true);
    expect(isUsableTopic("😀".repeat(257), 1024)).toBe(false);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.integer({ min: 0, max: 100 }), (text, max) => {
        fc.pre(!/\p{Cc}/u.test(text));
        expect(isUsableTopic(text, max)).toBe(Buffer.byteLength(text) <= max);
      }),
    );
  });
});
