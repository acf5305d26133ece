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

/**
 * A test that may be skipped says why: in its title, in parentheses, where the report shows it, or in a comment directly
 * above it that starts with "Skipped".
 */
export const skippedTestsSayWhy: Rule = (files) =>
  files.filter(isTestFile).flatMap((file) => {
    const lines = file.text.split("\n");
    return modifiers(file)
      .filter(({ name, node }) => skips.has(name) && !titleSaysWhy(node))
      .filter(({ node }) => !hasReason(lines, tree(file).getLineAndCharacterOfPosition(node.getStart()).line))
      .map(
        ({ name, node }) =>
          `${at(file, node)}: .${name} needs its reason in the title's parentheses, or above it: "// Skipped …".`,
      );
  });

/** `describe.skipIf(…)("title (reason)", …)` and `test.skip("title (reason)", …)`. */
function titleSaysWhy(node: ts.Node): boolean {
  let call = node.parent;
  while (ts.isCallExpression(call.parent) && call.parent.expression === call) call = call.parent;
  const title = ts.isCallExpression(call) ? call.arguments[0] : undefined;
  return title !== undefined && /^["`'].*\(.+\)["`']$/s.test(title.getText());
}

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
