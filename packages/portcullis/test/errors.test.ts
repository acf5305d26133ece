/** The table of errors, the page about it and the code that uses it say the same. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { definitionError, errorTable, isPortcullisError, PortcullisError } from "../src/errors.ts";
import { reasons } from "../src/protocol/events.ts";

interface Row {
  readonly ends: string;
  readonly code: string;
  readonly value: string;
  readonly means: string;
  readonly advice: string;
}

const sections: Readonly<Record<string, string>> = {
  "Refused connections": "connection",
  "Closed connections": "close",
  "Refused messages": "message",
  "Crashed channels": "channel",
  "Failed starts": "start",
};

function readPage(): readonly Row[] {
  const text = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
  return text.split(/^## /m).flatMap((section) => {
    const ends = sections[section.split("\n", 1)[0] ?? ""];
    return section.split("\n").flatMap((line) => {
      const row = /^\| `(\w+)` \| ?(.*?) ?\| (.+?) \| (.+?) \|$/.exec(line);
      if (row === null) return [];
      const [, code = "", value = "", means = "", advice = ""] = row;
      return [{ ends: ends ?? "", code, value: value.replaceAll("`", ""), means, advice }];
    });
  });
}

function readSources(folder: URL): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && path !== "errors.ts")
    .map((path) => readFileSync(new URL(path, folder), "utf8"));
}

const page = readPage();
const source = readSources(new URL("../src/", import.meta.url)).join("\n");
const codes = Object.keys(errorTable);

test("every code is on the page, in the table's order within its section, and none else is", () => {
  expect(page.map(({ code }) => code)).toEqual(codes);
});

test.each(page)("$code: the page says what the table says", ({ code, ends, value, means, advice }) => {
  const entry: { ends: string; status?: number; closeCode?: number; reason?: string; means: string } =
    errorTable[code as keyof typeof errorTable];
  expect({ ends, value, means }).toEqual({
    ends: entry.ends,
    value: String(entry.status ?? entry.closeCode ?? entry.reason ?? ""),
    means: entry.means,
  });
  expect(advice).toMatch(/^.{8,}\.$/);
});

test.each(codes)("%s is used", (code) => {
  expect(source).toMatch(new RegExp(`["'.]${code}\\b`));
});

test("each entry has what its kind of end needs, and no more", () => {
  for (const [code, entry] of Object.entries(errorTable)) {
    const keys = Object.keys(entry).filter((key) => key !== "ends" && key !== "means" && key !== "retry");
    expect("retry" in entry, code).toBe(entry.ends === "connection" || entry.ends === "close");
    const allowed = {
      connection: ["status"],
      close: ["closeCode"],
      message: ["reason"],
      channel: ["reason"],
      start: [],
    };
    expect(allowed[entry.ends], code).toEqual(expect.arrayContaining(keys));
    if (entry.ends !== "message") expect(keys, code).toHaveLength(allowed[entry.ends].length);
  }
});

test("reasons are those of the protocol, all of them", () => {
  const used = Object.values(errorTable).flatMap((entry) => ("reason" in entry ? [entry.reason] : []));
  expect(new Set(used)).toEqual(new Set(Object.values(reasons)));
});

test("close codes are ones an endpoint may send (RFC 6455, 7.4), and say how to come back", () => {
  for (const [code, entry] of Object.entries(errorTable)) {
    if (!("closeCode" in entry)) continue;
    const { closeCode, retry } = entry;
    if (closeCode >= 4_100) expect(Math.trunc(closeCode / 100), code).toBe(retry === "reauth" ? 41 : 42);
    else expect([1001, 1002, 1007, 1008, 1009, 1011, 1012, 1013], code).toContain(closeCode);
  }
});

describe("PortcullisError", () => {
  test("has a code, a name and a cause", () => {
    const cause = new Error("why");
    const error = new PortcullisError("mailbox_full", "full", { cause });
    expect(error).toMatchObject({ code: "mailbox_full", name: "PortcullisError", message: "full", cause });
    expect(error).toBeInstanceOf(Error);
    expect(definitionError("wrong").code).toBe("definition_invalid");
  });

  test("is known across copies of the package, by its brand and not by its looks", () => {
    expect(isPortcullisError(new PortcullisError("idle", "x"))).toBe(true);
    const copy = { code: "idle", [Symbol.for("portcullis.error")]: true };
    expect(isPortcullisError(copy)).toBe(true);
    for (const other of [new Error("x"), { code: "idle" }, null, undefined, "idle", { name: "PortcullisError" }]) {
      expect(isPortcullisError(other)).toBe(false);
    }
  });
});
