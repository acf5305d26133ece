/** Exports and files: a subpath is named like its file, and no file lies about unused. */
import { imports, isPackageSource, type Rule, type Source } from "../source.ts";

const manifestPath = "packages/portcullis/package.json";
const sourceFolder = "packages/portcullis/src";

/** The parts of the library's manifest the rules read. */
interface Manifest {
  exports: Record<string, string | Record<string, string>>;
  bin?: Record<string, string>;
}

/**
 * `portcullis/a/b` is `src/a/b.ts`, or `src/a/b/b.ts` where b is a folder with a main file; the built file lies at the
 * same place under dist.
 */
export const exportsFollowPaths: Rule = (files) => {
  const paths = new Set(files.map(({ path }) => path));
  return Object.entries(manifestOf(files).exports).flatMap(([subpath, conditions]) => {
    if (subpath === "./package.json") return [];
    if (typeof conditions === "string") return [`"${subpath}": names no types; give it conditions.`];
    const name = subpath === "." ? "index" : subpath.slice(2);
    const candidates = [name, `${name}/${name.split("/").at(-1)}`];
    const expected = candidates.map((candidate) => ({
      "portcullis-source": `./src/${candidate}.ts`,
      types: `./dist/${candidate}.d.ts`,
      default: `./dist/${candidate}.js`,
    }));
    const found: string[] = [];
    // The order counts: a resolver takes the first condition that holds.
    if (!expected.some((wanted) => JSON.stringify(wanted) === JSON.stringify(conditions))) {
      found.push(`"${subpath}": expected ${expected.map((wanted) => JSON.stringify(wanted)).join(" or ")}.`);
    }
    const source = conditions["portcullis-source"];
    if (source && !paths.has(toRepository(source))) found.push(`"${subpath}": ${source} doesn't exist.`);
    return found;
  });
};

/** Every source is part of the public library: an export leads to it, or a command does. */
export const noDeadFiles: Rule = (files) => {
  const { exports, bin } = manifestOf(files);
  const sources = new Map(files.filter(isLibrarySource).map((file) => [file.path, file]));
  const starts = [
    ...Object.values(exports).flatMap((conditions) =>
      typeof conditions === "string" ? [] : Object.values(conditions),
    ),
    ...Object.values(bin ?? {}).map((path) => path.replace(/^(\.\/)?dist\//, "./src/").replace(/\.js$/, ".ts")),
  ].map(toRepository);

  const reached = new Set<string>();
  for (let path = starts.pop(); path !== undefined; path = starts.pop()) {
    const file = sources.get(path);
    if (!file || reached.has(path)) continue;
    reached.add(path);
    for (const { target } of imports(file)) if (target) starts.push(target);
  }
  return [...sources.keys()]
    .filter((path) => !reached.has(path))
    .map((path) => `${path}: no export leads to it; export it, import it or delete it.`);
};

/** Every relative import names a file that is there, with its extension. */
export const importsExist: Rule = (files) => {
  const paths = new Set(files.map(({ path }) => path));
  return files.filter(isLibrarySource).flatMap((file) =>
    imports(file)
      .filter(({ target }) => target !== null && !paths.has(target))
      .map(({ specifier, line }) => `${file.path}:${line}: imports ${specifier}, which doesn't exist.`),
  );
};

function manifestOf(files: readonly Source[]): Manifest {
  const manifest = files.find(({ path }) => path === manifestPath);
  return manifest ? (JSON.parse(manifest.text) as Manifest) : { exports: {} };
}

function toRepository(path: string): string {
  return `packages/portcullis/${path.replace(/^\.\//, "")}`;
}

function isLibrarySource(file: Source): boolean {
  return isPackageSource(file) && file.path.startsWith(`${sourceFolder}/`);
}
