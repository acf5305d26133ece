/** Tests that don't run are said aloud. */
import ts from "typescript-5.9";
import { at, isTypeScript, type Rule, type Source, tree, walk } from "../source.ts";

const runners = new Set(["test", "it", "describe", "suite", "bench"]);

/** No test shuts out the others. */
export const noFocusedTests: Rule = (files) =>
  files.filter(isTestFile).flatMap((file) =>
    modifiers(file)
      .filter(({ name }) => name === "only")
      .map(({ node }) => `${at(file, node)}: runs this test alone; every other one is silently off.`),
  );

const skips = new Set(["skip", "todo", "skipIf", "runIf", "fails"]);

/** A test that may be skipped has a comment directly above it that starts with "Skipped" and says when and why. */
export const skippedTestsSayWhy: Rule = (files) =>
  files.filter(isTestFile).flatMap((file) => {
    const lines = file.text.split("\n");
    return modifiers(file)
      .filter(({ name }) => skips.has(name))
      .filter(({ node }) => !hasReason(lines, tree(file).getLineAndCharacterOfPosition(node.getStart()).line))
      .map(({ name, node }) => `${at(file, node)}: .${name} needs a comment above it: "// Skipped …" with the reason.`);
  });

function hasReason(lines: readonly string[], line: number): boolean {
  let above = line - 1;
  while (above > 0 && /^\s*\/\//.test(lines[above - 1] ?? "") && /^\s*\/\//.test(lines[above] ?? "")) above -= 1;
  return /^\s*\/\/ Skipped \S/.test(lines[above] ?? "");
}

/** Every `test.only`, `describe.skipIf(…)`, `it.concurrent.skip` and so on. */
function modifiers(file: Source): { name: string; node: ts.Node }[] {
  const found: { name: string; node: ts.Node }[] = [];
  walk(file, (node) => {
    if (!ts.isPropertyAccessExpression(node)) return;
    let start: ts.Expression = node.expression;
    while (ts.isPropertyAccessExpression(start)) start = start.expression;
    if (ts.isIdentifier(start) && runners.has(start.text)) found.push({ name: node.name.text, node });
  });
  return found;
}

function isTestFile(file: Source): boolean {
  return isTypeScript(file) && /\.(test|long)\.[cm]?tsx?$/.test(file.path);
}
