/** What no source of a package may contain. */
import ts from "typescript-5.9";
import { at, imports, isPackageSource, isTypeScript, type Rule, type Source, walk } from "../source.ts";

/** Every export of a module is a decision, so none is made by a star. */
export const noExportStar: Rule = (files) =>
  files.filter(isPackageSource).flatMap((file) => {
    const stars: string[] = [];
    walk(file, (node) => {
      const star = ts.isExportDeclaration(node) && (!node.exportClause || ts.isNamespaceExport(node.exportClause));
      if (star) stars.push(`${at(file, node)}: exports everything with a star; name what it exports.`);
    });
    return stars;
  });

/** One file knows the WebSocket library, so that one file has to change with it. */
export const onlyOneFileImportsWs: Rule = (files) =>
  files
    .filter((file) => isPackageSource(file) && !file.path.endsWith("/src/transport/websocket.ts"))
    .flatMap((file) =>
      imports(file)
        .filter(({ specifier }) => /^ws(\/|$)/.test(specifier))
        .map(({ line }) => `${file.path}:${line}: imports ws; only transport/websocket.ts may.`),
    );

const sansIo = /\/src\/(socket\/connection|channel\/process)\.ts$/;
const ioModules = /^(ws|node:(timers(\/promises)?|perf_hooks|net|tls|https?|http2|dgram|fs(\/promises)?))$/;
const timers = new Set(["setTimeout", "setInterval", "setImmediate"]);
const clocks = new Set(["Date.now", "performance.now", "process.hrtime"]);

/** The core of a connection and of a channel holds no timer, clock or socket: all are handed in. */
export const coreIsSansIo: Rule = (files) =>
  files
    .filter((file) => sansIo.test(file.path))
    .flatMap((file) => {
      const found: string[] = [];
      const report = (where: string, what: string) =>
        found.push(`${where}: uses ${what}; the sans-IO core gets time and sockets handed in.`);
      for (const { specifier, line } of imports(file)) {
        if (ioModules.test(specifier)) report(`${file.path}:${line}`, specifier);
      }
      walk(file, (node) => {
        if (ts.isIdentifier(node) && timers.has(node.text) && isFree(node)) report(at(file, node), node.text);
        if (ts.isPropertyAccessExpression(node)) {
          const name = node.getText().replace(/^globalThis\./, "");
          if (clocks.has(name)) report(at(file, node), name);
          if (name !== node.getText() && timers.has(name)) report(at(file, node), name);
        }
        if (ts.isNewExpression(node) && node.expression.getText() === "Date" && !node.arguments?.length) {
          report(at(file, node), "new Date()");
        }
      });
      return found;
    });

const bannedWords = new Set(["manager", "managers", "service", "services", "helper", "helpers", "util", "utils"]);

/** Things are named for what they are. A name that fits everything says nothing. */
export const noEmptyNames: Rule = (files) => {
  const banned = (name: string) => wordsOf(name).find((word) => bannedWords.has(word));
  return files.filter(isTypeScript).flatMap((file) => {
    const found: string[] = [];
    const inName = file.path.split("/").find((segment) => banned(segment.replace(/\.[a-z]+$/i, "")));
    if (inName) found.push(`${file.path}: "${inName}" says nothing; name the file for the concept in it.`);
    if (!isPackageSource(file)) return found;
    for (const { name, node } of exportedNames(file)) {
      if (banned(name)) found.push(`${at(file, node)}: "${name}" says nothing; name it for what it is.`);
    }
    return found;
  });
};

/** The compiler is not talked out of an error: no cast to `any`, no directive that hides what it says. */
export const noSilencedCompiler: Rule = (files) =>
  files.filter(isPackageSource).flatMap((file) => {
    const found: string[] = [];
    walk(file, (node) => {
      if (!ts.isAsExpression(node) && !ts.isTypeAssertionExpression(node)) return;
      const hasAny = (type: ts.Node): boolean =>
        type.kind === ts.SyntaxKind.AnyKeyword ||
        (ts.forEachChild(type, (child) => hasAny(child) || undefined) ?? false);
      if (hasAny(node.type)) found.push(`${at(file, node)}: casts to any; say what it is, or take unknown apart.`);
    });
    for (const [index, line] of file.text.split("\n").entries()) {
      const directive = /^\s*(?:\/\/|\/?\*+)\s*@ts-(ignore|nocheck|expect-error)\b/.exec(line)?.[1];
      if (directive) found.push(`${file.path}:${index + 1}: @ts-${directive} hides an error in a source.`);
    }
    return found;
  });

function wordsOf(name: string): string[] {
  return name.split(/[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/).map((word) => word.toLowerCase());
}

function exportedNames(file: Source): { name: string; node: ts.Node }[] {
  const names: { name: string; node: ts.Node }[] = [];
  walk(file, (node) => {
    if (ts.isExportSpecifier(node)) names.push({ name: node.name.text, node });
    if (!ts.canHaveModifiers(node)) return;
    if (!ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return;
    if (ts.isVariableStatement(node)) {
      for (const { name } of node.declarationList.declarations) names.push({ name: name.getText(), node });
    } else if ("name" in node && node.name) {
      names.push({ name: (node.name as ts.Node).getText(), node });
    }
  });
  return names;
}

/** Whether an identifier means the global of its name, as far as syntax tells: it isn't a property's or another name. */
function isFree(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent)) return false;
  return !("name" in parent && parent.name === node);
}
