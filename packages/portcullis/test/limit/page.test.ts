/** The page of limits and the table of defaults say the same. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { errorTable } from "../../src/errors.ts";
import { bounds } from "../../src/limit/bounds.ts";

const text = readFileSync(new URL("../../../../docs/limits.md", import.meta.url), "utf8");

/** Options of these are named without what they are of. */
const prefixes: Readonly<Record<string, string>> = { "Long-poll": "longpoll", Presence: "presence" };

interface Row {
  readonly name: string;
  readonly value: string;
  readonly rest: string;
}

const rows: readonly Row[] = text.split(/^## /m).flatMap((section) => {
  const prefix = prefixes[section.split("\n", 1)[0] ?? ""] ?? "";
  return section.split("\n").flatMap((line) => {
    const [, option = "", value = "", rest = ""] = /^\| `(\w+)` \| ([\d,.]+|Infinity) \| (.*)\|$/.exec(line) ?? [];
    const name = prefix === "" ? option : `${prefix}${option.charAt(0).toUpperCase()}${option.slice(1)}`;
    return option === "" ? [] : [{ name, value, rest }];
  });
});

/** In prose, and no limit. */
const elsewhere = new Set(["warnAt", "addressBucketsMax"]);

test("every limit is on the page once with its default, and none that isn't one", () => {
  const defaults = Object.entries(bounds).filter(([name]) => !elsewhere.has(name));
  const written = (value: number): string => (Number.isFinite(value) ? value.toLocaleString("en-US") : String(value));
  expect(rows.map(({ name, value }) => [name, value]).sort()).toEqual(
    defaults.map(([name, value]) => [name, written(value)]).sort(),
  );
  for (const name of elsewhere) expect(bounds).toHaveProperty(name);
  expect(text).toContain(`${bounds.addressBucketsMax.toLocaleString("en-US")} are counted one by one`);
});

test("every code in a row is one of the table", () => {
  const codes = rows.flatMap(({ rest }) =>
    [...(rest.split(" | ").at(-1) ?? "").matchAll(/`([a-z]+_[a-z_]+)`/g)].map(([, code]) => code),
  );
  expect(codes.length).toBeGreaterThan(20);
  for (const code of codes) expect(errorTable).toHaveProperty(code as string);
});
