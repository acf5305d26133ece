/** The house rules, held over the repository as it is. What each rule refuses is shown in rules.test.ts. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root, trackedFiles } from "../../../../scripts/repository.ts";
import * as code from "./rules/code.ts";
import * as layers from "./rules/layers.ts";
import * as lock from "./rules/lock.ts";
import * as reach from "./rules/reach.ts";
import * as size from "./rules/size.ts";
import * as tests from "./rules/tests.ts";
import * as text from "./rules/text.ts";
import { isPackageSource, type Rule, type Source } from "./source.ts";

const files: Source[] = trackedFiles()
  .filter((path) => statSync(join(root, path)).isFile())
  .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));

test("there is something to hold the rules over", () => {
  expect(files.filter(isPackageSource).length).toBeGreaterThan(10);
  expect(files.filter(({ path }) => path.endsWith("package-lock.json")).length).toBe(3);
});

const rules: Record<string, Rule> = { ...size, ...layers, ...code, ...reach, ...text, ...lock, ...tests };

test.each(Object.entries(rules))("%s", (_name, rule) => {
  expect(rule(files)).toEqual([]);
});
