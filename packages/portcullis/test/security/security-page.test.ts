/** SECURITY.md names tests as evidence: each of them exists, under that title. */

import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const page = readFileSync(new URL("../../../../SECURITY.md", import.meta.url), "utf8");
const attacks = readFileSync(new URL("../../../../docs/attacks.md", import.meta.url), "utf8");
const fileOf = (name: string): URL => new URL(`../${name}.test.ts`, import.meta.url);

/** `` `file`: "title", "title" `` and `` `file` ``, in the order in which they stand there. */
const evidence = [...`${page}\n${attacks}`.matchAll(/`([a-z]+\/[a-z-]+)`((?:[:,]\s"[^"]*")*)/g)]
  .filter(([, file = ""]) =>
    /^(?:auth|client|fuzz|lifetime|limit|presence|pubsub|security|telemetry|token|transport)\//.test(file),
  )
  .flatMap(([, file = "", titles = ""]) => {
    const named = [...titles.matchAll(/"([^"]*)"/g)].map(([, title = ""]) => [file, title] as const);
    return named.length > 0 ? named : [[file, ""] as const];
  });

/** What stands between quotation marks where a test is given its name. */
const titlesIn = (source: string): readonly string[] =>
  [...source.matchAll(/(["`])((?:\\.|(?!\1)[^\\\n])+)\1/g)].map(([, , title = ""]) => title.replaceAll("\\", ""));

function matches(title: string, wanted: string): boolean {
  const parts = wanted.split("…").map((part) => part.trim().replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(title);
}

test.each(evidence)('`%s`: "%s"', (file, title) => {
  expect(existsSync(fileOf(file))).toBe(true);
  const titles = titlesIn(readFileSync(fileOf(file), "utf8"));
  if (title !== "") expect(titles.filter((found) => matches(found, title))).not.toEqual([]);
});

test("there is plenty of it", () => {
  expect(evidence.length).toBeGreaterThan(150);
});
