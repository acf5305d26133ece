/** The page shows its files as they are, and the files pass. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const page = readFileSync(new URL("../testing.md", import.meta.url), "utf8");
const blocks = [...page.matchAll(/^```(?:ts|js) (\S+)\n(.*?)^```$/gms)].map(([, file = "", code = ""]) => ({
  file,
  parts: code.split("// …\n"),
}));
const tests = readdirSync(new URL(".", import.meta.url)).filter((file) => /-test\.m?[jt]s$/.test(file));

describe("the page", () => {
  test.each(blocks)("shows $file as it is", ({ file, parts }) => {
    const text = readFileSync(new URL(file, import.meta.url), "utf8");
    let position = 0;
    for (const part of parts) {
      const found = text.indexOf(part, position);
      expect(found, `Not in ${file}, or not in this order:\n${part}`).not.toBe(-1);
      position = found + part.length;
    }
  });

  test("shows every file there is", () => {
    expect([...new Set(blocks.map(({ file }) => file))].sort()).toEqual(["chat.ts", ...tests].sort());
  });
});

test.each(tests)("%s passes under Node's own runner", { timeout: 60_000 }, async (file) => {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const args = ["--conditions=portcullis-source", "--import", "tsx", "--test-reporter=tap", "--test", path];
  // Node notices that a runner has started it, and then speaks to that one only.
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  expect(stdout).toMatch(/^# pass [1-9]/m);
  expect(stdout).toMatch(/^# fail 0$/m);
});
