/**
 * `npm test`: every check there is, with the set-up it needs.
 *
 * Keeps going after a failure, so that one run reports everything, and exits with 1 if anything failed.
 * `REQUIRE_ALL=1` makes a skipped group a failure; that is how CI calls it.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installNodeLines, nodeLines, wireTestsUnder } from "./node-lts.ts";
import { compilers, environmentWithoutNpm, libraryFolder, root, trackedFiles } from "./repository.ts";
import { command, type Outcome, runGroups, type Step, summary } from "./steps.ts";
import { systemPackages } from "./system-packages.ts";
import { typeTests } from "./type-tests.ts";

const build = "Build and pack the library";
const packFolder = mkdtempSync(join(tmpdir(), "portcullis-pack-"));

const setUp: Step[] = [
  { title: build, run: buildAndPack },
  {
    title: "Format and lint (Biome)",
    run: (live) => npmBin("@biomejs/biome/bin/biome", ["check", "--error-on-warnings"], live),
  },
  { title: "System packages (Chromium, Redis, libatomic)", run: (live) => systemPackages(root, live) },
  { title: `Node ${nodeLines.join(" and ")}`, run: installNodeLines },
];

const packageChecks: Step[] = [
  ...projects().map((config) => ({
    title: `Types of ${config.replace(/\/?tsconfig\.json$/, "") || "the scripts"} (TypeScript 7)`,
    run: (live: boolean) => typecheck(config, live),
  })),
  { title: "Type assertions (TypeScript 7)", needs: [build], run: () => typeTests(compilers.typescript7) },
  { title: "Type assertions (TypeScript 5.9)", needs: [build], run: () => typeTests(compilers.typescript59) },
  { title: "Package manifest (publint)", needs: [build], run: publint },
  { title: "Package types (attw)", needs: [build], run: attw },
];

const tests: Step = {
  title: `Tests under Node ${process.versions.node}`,
  run: (live) => npmBin("vitest/vitest.mjs", ["run"], live),
};

const wire: Step[][] = nodeLines.map((line) => [
  { title: `Wire tests under Node ${line}`, run: (live) => wireTestsUnder(line, live) },
]);

const finished = await runGroups([setUp, packageChecks, [tests], ...wire], 2, (text) => process.stdout.write(text));
rmSync(packFolder, { recursive: true, force: true });
const { text, passed } = summary(finished, process.env["REQUIRE_ALL"] === "1");
process.stdout.write(text);
process.exitCode = passed ? 0 : 1;

/** Runs a package's JavaScript with this Node, which spares a second npm and works the same on Windows. */
function npmBin(script: string, args: readonly string[], live: boolean): Promise<Outcome> {
  return command(process.execPath, [join(root, "node_modules", script), ...args], { cwd: root, live });
}

async function buildAndPack(live: boolean): Promise<Outcome> {
  const built = await npmBin("tsx/dist/cli.mjs", [join(root, "scripts", "build.ts")], live);
  if (built.status !== "passed") return built;
  const args = ["pack", "--ignore-scripts", "--pack-destination", packFolder];
  return command("npm", args, { cwd: libraryFolder, live, env: environmentWithoutNpm() });
}

/** The packed library. Both package checks read this one, so that neither packs, and builds, once more. */
function tarball(): string {
  const name = readdirSync(packFolder).find((file) => file.endsWith(".tgz"));
  if (!name) throw new Error("npm pack made no tarball");
  return join(packFolder, name);
}

function publint(live: boolean): Promise<Outcome> {
  return npmBin("publint/src/cli.js", ["run", tarball(), "--strict"], live);
}

function attw(live: boolean): Promise<Outcome> {
  // The package is ESM only: that `require` of old Node and "node10" resolution fail is a decision, not a find.
  const args = [tarball(), "--profile", "esm-only", "--format", "ascii", "--no-emoji"];
  return npmBin("@arethetypeswrong/cli/dist/index.js", args, live);
}

/** Every TypeScript project: the root's with the scripts, and at least one in each workspace with TypeScript. */
function projects(): string[] {
  const files = trackedFiles();
  const configs = files.filter((file) => /(^|\/)tsconfig\.json$/.test(file) && !file.includes("/test-types/"));
  const forgotten = workspaces().filter(
    (folder) =>
      files.some((file) => file.startsWith(`${folder}/`) && /\.[cm]?tsx?$/.test(file)) &&
      !configs.some((config) => config.startsWith(`${folder}/`)),
  );
  return [...configs, ...forgotten.map((folder) => `${folder}/tsconfig.json`)];
}

function workspaces(): string[] {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { workspaces: string[] };
  return manifest.workspaces.flatMap((pattern) => {
    if (!pattern.endsWith("/*")) return [pattern];
    const parent = pattern.slice(0, -2);
    return readdirSync(join(root, parent)).map((name) => `${parent}/${name}`);
  });
}

function typecheck(config: string, live: boolean): Promise<Outcome> {
  return npmBin("typescript/bin/tsc", ["-p", join(root, config), "--noEmit"], live);
}
