/** Which serializer the `vsn` parameter chooses. */

import { expect, test } from "vitest";
import { type SerializerName, serializerFor } from "../../src/protocol/serializer.ts";

const both: readonly SerializerName[] = ["v1", "v2"];

test.each([
  [undefined, "v1"],
  ["1.0.0", "v1"],
  ["1.0.7", "v1"],
  ["2.0.0", "v2"],
  ["2.0.10", "v2"],
])("%j chooses %s", (vsn, name) => {
  expect(serializerFor(vsn, both)?.name).toBe(name);
});

test.each([
  ["2"],
  ["2.0"],
  ["2.1.0"],
  ["1.1.0"],
  ["3.0.0"],
  ["0.0.0"],
  ["02.0.0"],
  ["2.0.01"],
  ["2.0.0 "],
  ["2.0.0\n"],
  [" 2.0.0"],
  ["v2.0.0"],
  ["2.0.0.0"],
  ["2x0x0"],
  ["-2.0.0"],
  [""],
  ["__proto__"],
  [null],
  [2],
  [["2.0.0"]],
  [{ a: "2.0.0" }],
  [`2.0.${"9".repeat(100_000)}`],
])("%j is refused", (vsn) => {
  expect(serializerFor(vsn, both)).toBeNull();
});

test("a mount that doesn't speak the version refuses it", () => {
  expect(serializerFor("1.0.0", ["v2"])).toBeNull();
  expect(serializerFor(undefined, ["v2"])).toBeNull();
  expect(serializerFor("2.0.0", ["v2"])?.name).toBe("v2");
  expect(serializerFor("2.0.0", ["v1"])).toBeNull();
  expect(serializerFor("2.0.0", [])).toBeNull();
});
