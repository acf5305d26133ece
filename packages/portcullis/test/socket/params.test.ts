/** A query string, read as Plug reads it. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseQuery } from "../../src/socket/params.ts";
import { inheritsNothing } from "../support/bare.ts";

const limits = { paramsMax: 250, depthMax: 10 };
/** Without the null prototypes, for comparison. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const read = (query: string): unknown => plain(parseQuery(query, limits));

test.each<[query: string, params: unknown]>([
  ["", {}],
  ["a=1", { a: "1" }],
  ["a=1&b=2", { a: "1", b: "2" }],
  ["a", { a: "" }],
  ["a=", { a: "" }],
  ["=1", { "": "1" }],
  ["a=b=c", { a: "b=c" }],
  ["&&a=1&&", { a: "1" }],
  ["a=1&a=2", { a: "2" }],
  ["a=1+2%203%2B4", { a: "1 2 3+4" }],
  ["%61%5Bb%5D=%C3%A9", { a: { b: "é" } }],
  ["a=100%", { a: "100%" }],
  ["a=%zz", { a: "%zz" }],
  ["a=%ff", { a: "%ff" }],
  ["a[]=1&a[]=2", { a: ["1", "2"] }],
  ["a[b]=1&a[c]=2", { a: { b: "1", c: "2" } }],
  ["a[b][c]=1", { a: { b: { c: "1" } } }],
  ["a[b][]=1&a[b][]=2", { a: { b: ["1", "2"] } }],
  ["a=1&a[b]=2", { a: { b: "2" } }],
  ["a[b]=2&a=1", { a: "1" }],
  ["a[]=1&a[b]=2", { a: { b: "2" } }],
  ["a[b]=1&a[]=2", { a: ["2"] }],
  ["[a]=1", { "[a]": "1" }],
  ["a[b=1", { "a[b": "1" }],
  ["a]=1", { "a]": "1" }],
  ["a[[b]]=1", { "a[[b]]": "1" }],
])("%j", (query, params) => {
  expect(read(query)).toEqual(params);
});

describe("keys that mean something to objects are keys", () => {
  test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("%s", (name) => {
    const params = parseQuery(`${name}=1&b[${name}][admin]=2&${name}[x]=3`, limits);
    expect(Object.keys(params ?? {})).toEqual([name, "b"]);
    expect(inheritsNothing(params)).toBe(true);
    expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });
});

describe("limits", () => {
  test("so many params and no more", () => {
    const query = (count: number): string => Array.from({ length: count }, (_, n) => `p${n}=1`).join("&");
    expect(Object.keys(parseQuery(query(250), limits) ?? {})).toHaveLength(250);
    expect(parseQuery(query(251), limits)).toBeNull();
    expect(parseQuery("&".repeat(100_000), limits)).toBeNull();
  });

  test("so many levels and no more", () => {
    expect(parseQuery(`a${"[b]".repeat(9)}=1`, limits)).not.toBeNull();
    expect(parseQuery(`a${"[b]".repeat(10)}=1`, limits)).toBeNull();
    expect(parseQuery(`a${"[b]".repeat(100_000)}=1`, limits)).toBeNull();
  });
});

test("any text is params or too much, and nothing is thrown", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom("a", "[", "]", "[]", "=", "&", "%", "%4", "%41", "+", "__proto__"),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const params = parseQuery(pieces.join(""), limits);
      expect(params === null || inheritsNothing(params)).toBe(true);
      expect(({} as Record<string, unknown>)["a"]).toBeUndefined();
    }),
    { numRuns: 1_000 },
  );
});

test("pairs come back as they went in", () => {
  const pairs = fc.dictionary(
    fc.string({ unit: "grapheme" }).filter((key) => !/[[\]]/.test(key)),
    fc.string({ unit: "grapheme" }),
  );
  fc.assert(
    fc.property(pairs, (given) => {
      const query = Object.entries(given).map(
        ([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`,
      );
      expect(Object.entries(parseQuery(query.join("&"), limits) ?? {})).toEqual(Object.entries(given));
    }),
  );
});
