/** The kit belongs to no runner: the same tests pass under Vitest, under Node's own, and with nothing of a runner about. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { cases } from "./cases.ts";

const sources = new URL("../../../src/testing/", import.meta.url);

describe("under Vitest", () => {
  for (const { name, run } of cases) test(name, run);
});

test("under Node's own runner", { timeout: 60_000 }, async () => {
  const file = fileURLToPath(new URL("node-runner.ts", import.meta.url));
  const args = ["--conditions=portcullis-source", "--import", "tsx", "--test-reporter=tap", "--test", file];
  // Node notices that a runner has started it, and then speaks to that one only.
  const { NODE_TEST_CONTEXT: _context, VITEST: _vitest, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  expect(stdout).toMatch(new RegExp(`^# pass ${cases.length}$`, "m"));
  expect(stdout).toMatch(/^# fail 0$/m);
});

test("imports nothing but Node's own modules and types", () => {
  const foreign = readdirSync(sources).flatMap((file) =>
    [
      ...readFileSync(new URL(file, sources), "utf8").matchAll(
        /^(import|export)(?<type> type)?\b[^;]*? from "(?<from>[^"]+)"/gm,
      ),
    ]
      .filter(({ groups }) => groups?.["type"] === undefined && !/^(node:|\.)/.test(groups?.["from"] ?? ""))
      .map(({ groups }) => `${file}: ${groups?.["from"]}`),
  );
  expect(foreign).toEqual([]);
});
