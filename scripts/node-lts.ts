/** The two newest Node LTS lines, from npm packages, for running the wire tests under each of them. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { environmentWithoutNpm, root } from "./repository.ts";
import { command, type Outcome } from "./steps.ts";

const folder = join(root, "scripts", "node-lts");

/** The lines the library is tested under, oldest first. */
export const nodeLines: readonly ["24", "26"] = ["24", "26"];

/** Which tests run under each line: what meets the network or the runtime. Style, packing and types don't change. */
const wireTests = {
  filters: ["packages/portcullis/test/", ...["replay", "table", "http"].map((name) => `conformance/${name}.test.ts`)],
  exclude: [
    "packages/portcullis/test/{tidy,package,types,fuzz,testing}/**",
    "packages/portcullis/test/client/{browser,bundle}.test.ts",
  ],
};

/**
 * Installs the binaries. Where npm can't have them (no network, a platform without one) the groups are skipped.
 * Their folder is no workspace: the packages' bin would take the place of `node` in every npm script.
 */
export async function installNodeLines(live: boolean): Promise<Outcome> {
  if (nodeLines.every(isInstalled)) return { status: "passed" };
  const env = environmentWithoutNpm();
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const outcome = await command("npm", args, { cwd: folder, live, env });
  const missing = nodeLines.filter((line) => !isInstalled(line));
  if (missing.length === 0) return { status: "passed" };
  const enable = `npm ci in scripts/node-lts (no Node ${missing.join(", ")} for ${process.platform}-${process.arch})`;
  return outcome.status === "failed" ? outcome : { status: "skipped", enable };
}

/** Runs the wire tests under one line. */
export function wireTestsUnder(line: (typeof nodeLines)[number], live: boolean): Promise<Outcome> {
  const node = binary(line);
  const version = existsSync(node) ? spawnSync(node, ["--version"], { encoding: "utf8" }) : null;
  if (version?.status !== 0) {
    const reason = version?.stderr.trim() || `npm ci in scripts/node-lts installs Node ${line}`;
    return Promise.resolve({ status: "skipped", enable: reason });
  }
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const args = [vitest, "run", ...wireTests.filters, ...wireTests.exclude.flatMap((pattern) => ["--exclude", pattern])];
  // First on PATH too, so that a test that starts `node` by name starts the same one.
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env["PATH"] ?? ""}` };
  return command(node, args, { cwd: root, live, env });
}

/** Where `npm ci` unpacks a line's binary; the folder is the dependency's alias in scripts/node-lts/package.json. */
function binary(line: string): string {
  const name = `node-${line}-${process.platform}-${process.arch}`;
  return join(folder, "node_modules", name, "bin", process.platform === "win32" ? "node.exe" : "node");
}

function isInstalled(line: string): boolean {
  return existsSync(binary(line));
}
