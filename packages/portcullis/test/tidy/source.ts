/**
 * What the tidy rules look at: a file's path and text, and what a real parser reads in it.
 *
 * Parsed with TypeScript 5.9's own parser, so that no string or comment is taken for code.
 */
import { posix } from "node:path";
import ts from "typescript-5.9";

/** One file of the repository. The path has forward slashes and starts at the repository's root. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** A house rule: reads files, names what breaks it. Nothing named means it holds. */
export type Rule = (files: readonly Source[]) => string[];

/** One import, re-export, `import()`, type import or `new URL("…", import.meta.url)`. */
export interface Import {
  readonly specifier: string;
  /** Gone at run time. `import { type A }` stays, as an empty import, so only `import type` counts. */
  readonly typeOnly: boolean;
  /** The repository path a relative specifier means, or null for a package. */
  readonly target: string | null;
  readonly line: number;
}

const trees = new Map<string, ts.SourceFile>();

/** The syntax tree of a file, parsed once however many rules ask. */
export function tree(file: Source): ts.SourceFile {
  const key = `${file.path}\0${file.text}`;
  const known = trees.get(key);
  if (known) return known;
  const parsed = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
  trees.set(key, parsed);
  return parsed;
}

/** Calls `visit` with every node of a file, parents first. */
export function walk(file: Source, visit: (node: ts.Node) => void): void {
  const step = (node: ts.Node) => {
    visit(node);
    ts.forEachChild(node, step);
  };
  step(tree(file));
}

/** Where a node stands, as every message starts: `path:line`. */
export function at(file: Source, node: ts.Node): string {
  return `${file.path}:${lineOf(file, node)}`;
}

/** All imports of a file, of every kind. */
export function imports(file: Source): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (!specifier || !ts.isStringLiteralLike(specifier)) return;
    const target = /^\.\.?(\/|$)/.test(specifier.text)
      ? posix.join(posix.dirname(file.path), specifier.text.replace(/\.js$/, ".ts"))
      : null;
    found.push({ specifier: specifier.text, typeOnly, target, line: lineOf(file, node) });
  };
  walk(file, (node) => {
    if (ts.isImportDeclaration(node)) {
      add(node, node.moduleSpecifier, node.importClause?.isTypeOnly ?? false);
    } else if (ts.isExportDeclaration(node)) {
      add(node, node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node, node.argument.literal, true);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], false);
    } else if (ts.isNewExpression(node) && node.expression.getText() === "URL") {
      if (node.arguments?.[1]?.getText() === "import.meta.url") add(node, node.arguments[0], false);
    }
  });
  return found;
}

/** Whether a file belongs to the sources of a published package. */
export function isPackageSource(file: Source): boolean {
  return /^packages\/[^/]+\/src\/.+\.tsx?$/.test(file.path);
}

/** Whether a file is one a parser of TypeScript can read. */
export function isTypeScript(file: Source): boolean {
  return /\.[cm]?tsx?$/.test(file.path);
}

function lineOf(file: Source, node: ts.Node): number {
  const parsed = tree(file);
  return parsed.getLineAndCharacterOfPosition(node.getStart(parsed)).line + 1;
}
