/** The term codec: what goes in comes out, whatever comes in does no harm. */

import { deepStrictEqual } from "node:assert/strict";
import { inspect } from "node:util";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { decodeTerm } from "../../src/token/etf-decode.ts";
import { encodeTerm } from "../../src/token/etf-encode.ts";
import { Atom, atom, Bitstring, Float, float, ImproperList, Opaque, Tuple, tuple } from "../../src/token/term.ts";
import { afterReading, terms } from "./arbitrary-terms.ts";

// Thousands of random terms take a while on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const BOUNDS = { termBytesMax: 256 * 1024, depthMax: 64, elementsMax: 16_384 };

function decode(bytes: readonly number[] | Uint8Array): unknown {
  return decodeTerm(Uint8Array.from(bytes), BOUNDS);
}

function roundTrip(value: unknown): unknown {
  return decodeTerm(encodeTerm(value, BOUNDS), BOUNDS);
}

function uint32(value: number): readonly number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

function compressed(term: Uint8Array, declaredBytes: number = term.length - 1): Uint8Array {
  return Uint8Array.from([131, 80, ...uint32(declaredBytes), ...deflateSync(term.subarray(1))]);
}

describe("round trips", () => {
  test("any data comes back as documented, and its bytes are stable", () => {
    fc.assert(
      fc.property(terms, (value) => {
        const bytes = encodeTerm(value, BOUNDS);
        deepStrictEqual(encodeTerm(value, BOUNDS), bytes);
        deepStrictEqual(decodeTerm(bytes, BOUNDS), afterReading(value));
      }),
      { numRuns: 1000 },
    );
  });

  test("compressed too", () => {
    fc.assert(
      fc.property(terms, (value) => {
        deepStrictEqual(decodeTerm(compressed(encodeTerm(value, BOUNDS)), BOUNDS), afterReading(value));
      }),
    );
  });

  test("an object's keys are written in Erlang's order, that of their UTF-8 bytes, however they were added", () => {
    const inOrder = encodeTerm(new Map(Object.entries({ a: 2, b: 1, "\uFFFD": 4, "\u{1F600}": 3 })), BOUNDS);
    expect(encodeTerm({ b: 1, a: 2, "\u{1F600}": 3, "\uFFFD": 4 }, BOUNDS)).toEqual(inOrder);
    expect(encodeTerm({ "\uFFFD": 4, "\u{1F600}": 3, a: 2, b: 1 }, BOUNDS)).toEqual(inOrder);
  });

  test("keys named like parts of Object.prototype are plain data", () => {
    const read = roundTrip(JSON.parse('{"__proto__":{"admin":true},"constructor":1,"hasOwnProperty":2}')) as Record<
      string,
      unknown
    >;
    expect(Object.getPrototypeOf(read)).toBe(null);
    expect(Object.keys(read).sort()).toEqual(["__proto__", "constructor", "hasOwnProperty"]);
    expect(read["admin"]).toBe(undefined);
    expect(({} as Record<string, unknown>)["admin"]).toBe(undefined);
  });

  test("a property without a value is left out", () => {
    expect(roundTrip({ id: 1, tenant: undefined })).toEqual({ id: 1 });
  });

  test("what was read isn't a view into the token", () => {
    const bytes = Uint8Array.from([131, 109, ...uint32(2), 0xff, 0xfe]);
    const read = decodeTerm(bytes, BOUNDS) as Uint8Array;
    bytes.fill(0);
    expect(read).toEqual(Uint8Array.of(0xff, 0xfe));
    expect(read.buffer.byteLength).toBe(2);
  });
});

describe("maps", () => {
  const one = [97, 1];
  const atomA = [119, 1, 97];
  const stringA = [109, ...uint32(1), 97];
  const floatOne = [70, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0];

  test("atom keys and string keys both become names", () => {
    expect(decode([131, 116, ...uint32(1), ...atomA, ...one])).toStrictEqual(
      Object.assign(Object.create(null), { a: 1 }),
    );
    expect(decode([131, 116, ...uint32(1), ...stringA, ...one])).toStrictEqual(
      Object.assign(Object.create(null), { a: 1 }),
    );
  });

  test("a map with both an atom and a string of one name stays a Map", () => {
    expect(decode([131, 116, ...uint32(2), ...atomA, ...one, ...stringA, ...one])).toStrictEqual(
      new Map<unknown, unknown>([
        [new Atom("a"), 1],
        ["a", 1],
      ]),
    );
  });

  test("1 and 1.0 stay two keys", () => {
    expect(decode([131, 116, ...uint32(2), ...one, ...one, ...floatOne, ...one])).toStrictEqual(
      new Map<unknown, unknown>([
        [1, 1],
        [new Float(1), 1],
      ]),
    );
  });

  test("nil, true and false are keys of a Map, not names", () => {
    expect(decode([131, 116, ...uint32(1), 119, 3, 110, 105, 108, ...one])).toStrictEqual(new Map([[null, 1]]));
  });

  test.each([
    ["atoms", atomA],
    ["strings", stringA],
    ["integers", one],
  ])("a key that occurs twice is refused, as Erlang does: %s", (_, key) => {
    expect(decode([131, 116, ...uint32(1), ...key, ...one])).toBeDefined();
    expect(decode([131, 116, ...uint32(2), ...key, ...one, ...key, ...one])).toBeUndefined();
  });

  test.each([
    ["an atom", atomA, [115, 1, 97]],
    ["an integer", one, [110, 1, 0, 1]],
    ["a string", stringA, [77, ...uint32(1), 8, 97]],
  ])("nor may it be spelt two ways: %s", (_, key, spelling) => {
    expect(decode([131, 116, ...uint32(1), ...spelling, ...one])).toEqual(
      decode([131, 116, ...uint32(1), ...key, ...one]),
    );
    expect(decode([131, 116, ...uint32(2), ...key, ...one, ...spelling, ...one])).toBeUndefined();
  });

  test("two keys of a Map that are one term aren't signed", () => {
    const map = new Map([
      [atom("a"), 1],
      [atom("a"), 2],
    ]);
    expect(() => encodeTerm(map, BOUNDS)).toThrow(TypeError);
  });
});

describe("other shapes on the wire", () => {
  test("a list whose tail is a list is one list", () => {
    expect(decode([131, 108, ...uint32(1), 97, 1, 108, ...uint32(1), 97, 2, 106])).toEqual([1, 2]);
    expect(decode([131, 108, ...uint32(1), 97, 1, 107, 0, 1, 2])).toEqual([1, 2]);
    expect(decode([131, 108, ...uint32(1), 97, 1, 108, ...uint32(1), 97, 2, 97, 3])).toStrictEqual(
      new ImproperList([1, 2], 3),
    );
  });

  test("big integers spelt with zeros, or of no bytes, are numbers", () => {
    expect(decode([131, 110, 3, 0, 5, 0, 0])).toBe(5);
    expect(decode([131, 110, 8, 1, 5, 0, 0, 0, 0, 0, 0, 0])).toBe(-5);
    expect(decode([131, 110, 0, 1])).toBe(0);
    expect(decode([131, 111, ...uint32(8), 0, 0, 0, 0, 0, 0, 0, 32, 0])).toBe(2n ** 53n);
  });

  test("a full last byte makes a bitstring a binary", () => {
    expect(decode([131, 77, ...uint32(1), 8, 97])).toBe("a");
    expect(decode([131, 77, ...uint32(1), 8, 0xff])).toStrictEqual(Uint8Array.of(0xff));
  });

  test.each([
    ["PID_EXT", "pid", [103, 119, 1, 110, ...uint32(1), ...uint32(2), 3]],
    ["PORT_EXT", "port", [102, 100, 0, 1, 110, ...uint32(1), 3]],
    ["NEW_PORT_EXT", "port", [89, 115, 1, 110, ...uint32(1), ...uint32(3)]],
    ["V4_PORT_EXT", "port", [120, 118, 0, 1, 110, ...uint32(1), ...uint32(3), ...uint32(3)]],
    ["REFERENCE_EXT", "reference", [101, 119, 1, 110, ...uint32(1), 3]],
    ["NEW_REFERENCE_EXT", "reference", [114, 0, 1, 119, 1, 110, 3, ...uint32(1)]],
  ] as const)("%s is opaque and can't be signed again", (_, kind, bytes) => {
    const read = decode([131, 104, 2, ...bytes, 97, 7]);
    expect(read).toStrictEqual(new Tuple([new Opaque(kind), 7]));
    expect(() => encodeTerm(read, BOUNDS)).toThrow(TypeError);
  });

  test("a string of 65535 bytes or more is written as a list, as OTP does", () => {
    const bounds = { ...BOUNDS, elementsMax: 100_000 };
    expect(encodeTerm(new Array(65_534).fill(1), bounds)[1]).toBe(107);
    expect(encodeTerm(new Array(65_535).fill(1), bounds)[1]).toBe(108);
  });
});

describe("refused", () => {
  test.each([
    ["nothing", []],
    ["no term", [131]],
    ["another version", [130, 97, 1]],
    ["an unknown tag", [131, 1]],
    ["an old function", [131, 117, 0, 0, 0, 0]],
    ["a local term", [131, 121, 0, 0, 0, 0, 97, 1]],
    ["a distribution header", [131, 68, 0]],
    ["an atom cache reference", [131, 82, 0]],
    ["a truncated integer", [131, 98, 0]],
    ["a binary longer than the token", [131, 109, ...uint32(0xffff_ffff), 1]],
    ["a list longer than the token", [131, 108, ...uint32(0xffff_ffff), 106]],
    ["a tuple longer than the token", [131, 105, ...uint32(0xffff_ffff)]],
    ["a map longer than the token", [131, 116, ...uint32(0x8000_0000), 97, 1, 97, 2]],
    ["an integer longer than the token", [131, 111, ...uint32(0xffff_ffff), 0]],
    ["a list without tail", [131, 108, ...uint32(1), 97, 1]],
    ["an empty improper list", [131, 108, ...uint32(0), 97, 1]],
    ["a bitstring of nine bits a byte", [131, 77, ...uint32(1), 9, 1]],
    ["a bitstring of no bytes", [131, 77, ...uint32(0), 3]],
    ["NaN", [131, 70, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]],
    ["infinity", [131, 70, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0]],
    ["a float of words", [131, 99, ...Buffer.from("1.5 or so".padEnd(31, "\0"))]],
    ["an atom that isn't UTF-8", [131, 119, 1, 0xff]],
    ["an atom of 256 characters", [131, 118, 1, 0, ...Buffer.alloc(256, "a")]],
    ["a pid whose node isn't an atom", [131, 88, 97, 1, ...Buffer.alloc(12)]],
  ])("%s", (_, bytes) => {
    expect(decode(bytes as number[])).toBeUndefined();
  });

  test("anything deeper than allowed, both ways", () => {
    const nested = (levels: number): unknown => (levels === 0 ? [] : [nested(levels - 1)]);
    expect(roundTrip(nested(64))).toEqual(nested(64));
    expect(() => encodeTerm(nested(65), BOUNDS)).toThrow(/64 levels/);
    const wide = encodeTerm(nested(65), { ...BOUNDS, depthMax: 100 });
    expect(decodeTerm(wide, BOUNDS)).toBeUndefined();
  });

  test("depth that no stack could hold", () => {
    expect(decode([131, ...new Array(100_000).fill([104, 1]).flat(), 106])).toBeUndefined();
    expect(decode([131, ...new Array(20_000).fill([108, 0, 0, 0, 1, 106]).flat(), 106])).toBeUndefined();
    const loop: unknown[] = [];
    loop.push(loop);
    expect(() => encodeTerm(loop, BOUNDS)).toThrow(TypeError);
  });

  test("more elements than allowed, both ways", () => {
    const fits = new Array(16_383).fill(null);
    expect(roundTrip(fits)).toEqual(fits);
    expect(() => encodeTerm([...fits, null], BOUNDS)).toThrow(/16384 elements/);
    expect(decodeTerm(encodeTerm([...fits, null], { ...BOUNDS, elementsMax: 20_000 }), BOUNDS)).toBeUndefined();
    expect(
      decodeTerm(encodeTerm(new Array(16_384).fill(1), { ...BOUNDS, elementsMax: 20_000 }), BOUNDS),
    ).toBeUndefined();
  });

  test("more bytes than allowed, both ways", () => {
    const fits = "x".repeat(256 * 1024 - 6);
    expect(roundTrip(fits)).toBe(fits);
    expect(() => encodeTerm(`${fits}x`, BOUNDS)).toThrow(/262144 bytes/);
    expect(decodeTerm(encodeTerm(`${fits}x`, { ...BOUNDS, termBytesMax: 300_000 }), BOUNDS)).toBeUndefined();
  });

  test("a compressed term that is larger than allowed, or not of the size it says", () => {
    const fits = encodeTerm("x".repeat(256 * 1024 - 6), BOUNDS);
    expect(decodeTerm(compressed(fits), BOUNDS)).toBeDefined();
    expect(decodeTerm(compressed(fits, fits.length - 2), BOUNDS)).toBeUndefined();
    expect(decodeTerm(compressed(fits, fits.length), BOUNDS)).toBeUndefined();
    const bomb = encodeTerm("x".repeat(5_000_000), { ...BOUNDS, termBytesMax: 6_000_000 });
    expect(compressed(bomb).length).toBeLessThan(BOUNDS.termBytesMax);
    expect(decodeTerm(compressed(bomb), BOUNDS)).toBeUndefined();
    expect(decodeTerm(compressed(bomb, 1000), BOUNDS)).toBeUndefined();
    expect(decode([131, 80, ...uint32(0), ...deflateSync(Buffer.alloc(0))])).toBeUndefined();
    expect(decode([131, 80, 0, 0])).toBeUndefined();
    expect(decode([131, 80, ...uint32(10), 1, 2, 3])).toBeUndefined();
  });
});

describe("not signed", () => {
  test.each([
    ["a function", () => 1],
    ["a symbol", Symbol("x")],
    ["undefined", undefined],
    ["a list with a hole", new Array(1)],
    ["NaN", Number.NaN],
    ["infinity", Number.POSITIVE_INFINITY],
    ["a Date", new Date(0)],
    ["an instance of a class", new (class Account {})()],
    ["a Set", new Set([1])],
    ["a lone surrogate", "\ud800"],
    ["a lone surrogate as key", { "\udfff": 1 }],
    ["an improper list of nothing", new ImproperList([], 1)],
    ["an improper list with a list for tail", new ImproperList([1], [])],
    ["something deep inside", { list: [tuple(new Map([[1, () => 1]]))] }],
  ])("%s", (_, value) => {
    expect(() => encodeTerm(value, BOUNDS)).toThrow(TypeError);
  });

  test("names and numbers that Erlang couldn't hold", () => {
    expect(() => atom("a".repeat(256))).toThrow(TypeError);
    expect(() => atom("\ud800")).toThrow(TypeError);
    expect(atom("\u{1F600}".repeat(255)).name).toHaveLength(510);
    expect(() => float(Number.NaN)).toThrow(TypeError);
    expect(() => new Bitstring(Uint8Array.of(1), 8)).toThrow(TypeError);
  });

  test("the message doesn't repeat the data", () => {
    for (const value of [{ "secret-key": () => "secret-value" }, "secret-\ud800", new Array(20_000).fill("secret")]) {
      expect(() => encodeTerm(value, BOUNDS)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining("secret") }),
      );
    }
  });
});

describe("whatever the bytes are", () => {
  test("random bytes never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decode(bytes);
        decode([131, ...bytes]);
        decode([131, 80, ...bytes]);
      }),
      { numRuns: 2000 },
    );
  });

  test("a changed byte in a valid term never throws, and what it gives can be signed and read again", () => {
    fc.assert(
      fc.property(terms, fc.nat(), fc.integer({ min: 0, max: 255 }), (value, position, byte) => {
        const bytes = Uint8Array.from(encodeTerm(value, BOUNDS));
        bytes[position % bytes.length] = byte;
        const read = decodeTerm(bytes, BOUNDS);
        if (read !== undefined && !inspect(read, { depth: null }).includes("Opaque"))
          deepStrictEqual(roundTrip(read), afterReading(read));
      }),
      { numRuns: 2000 },
    );
  });

  test("a term cut short is refused", () => {
    fc.assert(
      fc.property(terms, fc.nat(), (value, length) => {
        const bytes = encodeTerm(value, BOUNDS);
        expect(decodeTerm(bytes.subarray(0, length % bytes.length), BOUNDS)).toBeUndefined();
      }),
    );
  });

  // Each of these is as large as the bounds allow; work that grew with the square of it would take minutes.
  test.each([
    ["empty tuples", new Array(16_000).fill([104, 0]).flat(), 16_000],
    ["map keys", Array.from({ length: 8_000 }, (_, index) => [98, ...uint32(index), 106]).flat(), -8_000],
    [
      "long map keys",
      Array.from({ length: 60 }, (_, index) => [109, ...uint32(4000), ...Buffer.alloc(4000, index), 106]).flat(),
      -60,
    ],
    ["integers of 250 bytes", new Array(1_000).fill([110, 250, 0, ...Buffer.alloc(250, 255)]).flat(), 1_000],
    ["one integer", [111, ...uint32(250_000), 0, ...Buffer.alloc(250_000, 255)], 1],
    ["strings of one character", new Array(16_000).fill([109, 0, 0, 0, 1, 97]).flat(), 16_000],
    ["lists of lists", new Array(60).fill([107, 1, 0, ...Buffer.alloc(256, 1)]).flat(), 60],
  ])("the largest that is allowed, and one that lies about it: %s", { timeout: 5_000 }, (_, items, count) => {
    const tag = count < 0 ? 116 : 105;
    expect(decode([131, tag, ...uint32(Math.abs(count)), ...items])).toBeDefined();
    expect(decode([131, tag, ...uint32(Math.abs(count) + 1), ...items])).toBeUndefined();
  });
});
