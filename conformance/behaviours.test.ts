// The page of behaviours, checked mechanically: nothing it names may be missing, and none of its lines.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { recordingNames } from "./replay/recording.ts";
import { type transports, vsns } from "./table/case.ts";
import { cases } from "./table/cases.ts";

/** How many there are of each kind: WS-001 to WS-049, and so on. */
const counts = {
  WS: 49,
  LP: 29,
  SK: 10,
  MS: 3,
  OR: 22,
  S1: 5,
  S2: 13,
  CS: 29,
  CH: 6,
  EP: 4,
  PR: 22,
  TK: 10,
  PC: 9,
  PB: 9,
  TR: 13,
  JS: 76,
} as const;
const ids = Object.entries(counts).flatMap(([kind, count]) =>
  Array.from({ length: count }, (_, i) => `${kind}-${String(i + 1).padStart(3, "0")}`),
);

interface Row {
  readonly id: string;
  readonly behaviour: string;
  readonly held: readonly string[];
}

const page = readFileSync(new URL("behaviours.md", import.meta.url), "utf8");
const rows: readonly Row[] = [...page.matchAll(/^\| ([A-Z][A-Z\d]-\d{3}) \| (.+) \| (.+) \|$/gm)].map(
  ([, id = "", behaviour = "", held = ""]) => ({ id, behaviour, held: held.split("<br>") }),
);

const repository = new URL("../", import.meta.url);

/** What is wrong with an entry of the last column, or `null`. */
function problemOf(entry: string): string | null {
  const [, kind, rest = ""] = /^(case|recording|test|left out:?) (.+)$/.exec(entry) ?? [];
  switch (kind) {
    case "case":
      return cases.some(({ id }) => id === rest) ? null : "there is no such case";
    case "recording":
      return recordingNames().includes(rest) ? null : "no such recording is replayed";
    case "test":
      return problemOfTest(rest);
    case "left out:":
      return rest.length >= 20 ? null : "that is no reason";
    default:
      return "neither a case, a recording, a test, nor a reason";
  }
}

function problemOfTest(text: string): string | null {
  const [, path = "", title = ""] = /^(\S+\.test\.ts): (.+)$/.exec(text) ?? [];
  if (title === "") return "names no file and title";
  const file = new URL(path.startsWith("conformance/") ? path : `packages/portcullis/test/${path}`, repository);
  if (!existsSync(file)) return "there is no such file";
  const calls = readFileSync(file, "utf8").replaceAll(/\(\s+/g, "(");
  // Each is the first argument of a call: `test("…",`, `test.each(table)("…",`, `describe("…",`.
  const isThere = (part: string): boolean => ['"', "`"].some((quote) => calls.includes(`(${quote}${part}${quote},`));
  return title.split(" > ").every(isThere) ? null : "no test there has this title";
}

test("every behaviour has one line, in its place", () => {
  expect(ids).toHaveLength(309);
  expect(rows.map(({ id }) => id)).toEqual(ids);
});

test("every line says in words what it is about, and where it is held", () => {
  expect(rows.filter(({ behaviour, held }) => behaviour.length < 4 || held.length === 0)).toEqual([]);
});

test("what a line names exists, and what is left out has a reason", () => {
  const problems = rows.flatMap(({ id, held }) =>
    held.flatMap((entry) => {
      const problem = problemOf(entry);
      return problem === null ? [] : [`${id}: ${entry}: ${problem}`];
    }),
  );
  expect(problems).toEqual([]);
});

test("what is held is not left out besides", () => {
  const both = rows.filter(({ held }) => held.length > 1 && held.some((entry) => entry.startsWith("left out")));
  expect(both).toEqual([]);
});

test("what is said of a transport or version is held there", () => {
  const isHeldOver = (id: string, transport: (typeof transports)[number]): boolean => {
    const testCase = cases.find((each) => each.id === id);
    const world = { name: "any", url: "" };
    return vsns.some((vsn) => !testCase?.leftOut?.({ world, transport, vsn }));
  };
  for (const [kind, transport] of [["WS", "websocket"] as const, ["LP", "longpoll"] as const]) {
    const named = rows
      .filter(({ id }) => id.startsWith(kind))
      .flatMap(({ id, held }) => held.map((entry) => [id, entry]));
    const elsewhere = named.filter(
      ([, entry = ""]) => entry.startsWith("case ") && !isHeldOver(entry.slice(5), transport),
    );
    expect(elsewhere).toEqual([]);
  }
});

describe("the check itself", () => {
  test.each([
    "case no-such-case",
    "recording no-such-recording",
    "test token/token.test.ts: no such title",
    "test token/none.test.ts: data comes back with its times",
    "test token/token.test.ts",
    "left out: no",
    "left out",
    "somewhere",
  ])("finds fault with %j", (entry) => {
    expect(problemOf(entry)).not.toBeNull();
  });

  test.each(["case join", "recording v2-leave", "test token/token.test.ts: data comes back with its times"])(
    "is content with %j",
    (entry) => {
      expect(problemOf(entry)).toBeNull();
    },
  );
});
