/** Which folder may import which: the arrows of ARCHITECTURE.md, pointing down only. */
import { imports, isPackageSource, type Rule, type Source } from "../source.ts";

const base = ["errors", "clock", "outcome", "record"];
const leaves = [...base, "protocol", "token", "limit", "telemetry"];
const pubsub = [...leaves, "pubsub"];
const belowSocket = [...pubsub, "presence", "history"];
const belowTransport = [...belowSocket, "channel", "auth", "socket"];
const belowEndpoint = [...belowTransport, "transport"];
const server = [...belowEndpoint, "listen", "endpoint", "index"];

/**
 * For each folder of src, and each file directly in it: what it may import. A set in the design's line of arrows is
 * one level: its members don't import each other.
 */
const mayImport = new Map<string, readonly string[]>([
  ["errors", []],
  ["clock", ["errors"]],
  ["outcome", ["errors"]],
  ["record", []],
  ["protocol", base],
  ["token", base],
  ["limit", base],
  ["telemetry", base],
  ["pubsub", leaves],
  ["presence", pubsub],
  ["history", pubsub],
  ["auth", belowSocket],
  ["channel", belowSocket],
  ["socket", [...belowSocket, "channel", "auth"]],
  ["transport", belowTransport],
  ["listen", belowEndpoint],
  ["endpoint", [...belowEndpoint, "listen"]],
  ["index", server],
  ["testing", [...server, "client"]],
  ["cli", server],
  ["dashboard", server],
  ["client", ["errors", "protocol"]],
  ["react", ["errors", "protocol", "client"]],
]);

/** These run in a browser. Types of anything may reach them, since types are gone at run time; code may not. */
const inBrowser = new Set(["client", "react"]);

/** Imports point down only, in every package named `portcullis`. */
export const importsPointDown: Rule = (files) =>
  files.filter(isLibrarySource).flatMap((file) => {
    const from = unitOf(file.path);
    const allowed = mayImport.get(from);
    if (!allowed)
      return [`${file.path}: "${from}" has no place in the layers yet; give it one in tidy/rules/layers.ts.`];
    return imports(file)
      .filter(({ target }) => target !== null)
      .flatMap(({ target, typeOnly, line }) => {
        const to = unitOf(target ?? "");
        if (to === from || allowed.includes(to) || (typeOnly && inBrowser.has(from))) return [];
        return [
          `${file.path}:${line}: "${from}" may not import "${to}"; it may import ${allowed.join(", ") || "nothing"}.`,
        ];
      });
  });

/** What runs in a browser imports nothing of Node's. */
export const browserCodeKnowsNoNode: Rule = (files) =>
  files
    .filter((file) => isLibrarySource(file) && inBrowser.has(unitOf(file.path)))
    .flatMap((file) =>
      imports(file)
        .filter(({ specifier, typeOnly }) => specifier.startsWith("node:") && !typeOnly)
        .map(({ specifier, line }) => `${file.path}:${line}: runs in browsers, so it can't import ${specifier}.`),
    );

/** No two folders import each other, directly or around a corner, not even types. */
export const noFolderCycles: Rule = (files) => {
  const graph = new Map<string, Set<string>>();
  for (const file of files.filter(isLibrarySource)) {
    const from = unitOf(file.path);
    const targets = graph.get(from) ?? new Set();
    graph.set(from, targets);
    for (const { target } of imports(file)) if (target && unitOf(target) !== from) targets.add(unitOf(target));
  }
  return cycles(graph).map((cycle) => `Folders import each other: ${cycle.join(" -> ")}.`);
};

/** No file imports itself around a corner at run time. Types may: they are gone by then. */
export const noRunTimeCycles: Rule = (files) => {
  const graph = new Map<string, Set<string>>();
  for (const file of files.filter(isPackageSource)) {
    const targets = imports(file).flatMap(({ target, typeOnly }) => (target && !typeOnly ? [target] : []));
    graph.set(file.path, new Set(targets));
  }
  return cycles(graph).map((cycle) => `Files import each other at run time: ${cycle.join(" -> ")}.`);
};

/** Each knot once, as a path that ends where it starts. */
function cycles(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (node: string) => {
    const start = path.indexOf(node);
    if (start >= 0) found.push([...path.slice(start), node]);
    if (start >= 0 || done.has(node)) return;
    path.push(node);
    for (const next of graph.get(node) ?? []) visit(next);
    path.pop();
    done.add(node);
  };
  for (const node of graph.keys()) visit(node);
  return found;
}

function isLibrarySource(file: Source): boolean {
  return isPackageSource(file) && file.path.startsWith("packages/portcullis/");
}

/** The folder directly under src, or the file itself where it lies in src. Outside of src: the whole path. */
function unitOf(path: string): string {
  const inside = /^packages\/portcullis\/src\/(.+)$/.exec(path)?.[1];
  return inside ? (inside.split("/")[0] ?? "").replace(/\.tsx?$/, "") : path;
}
