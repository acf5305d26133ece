/** An empty project outside of the repository with the packed library installed, as a user's first minute. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environmentWithoutNpm, libraryFolder, root } from "../../../../scripts/repository.ts";
import { command } from "../../../../scripts/steps.ts";

/** The project: its folder, where the library landed in it, and a way to be rid of it. */
export interface Project {
  readonly folder: string;
  readonly installed: string;
  write(name: string, text: string): string;
  remove(): void;
}

/** Packs the library as built, builds it first if a source is newer, and installs the tarball. */
export async function createProject(): Promise<Project> {
  if (isStale()) {
    await run(process.execPath, [join(root, "node_modules/tsx/dist/cli.mjs"), join(root, "scripts/build.ts")], root);
  }
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "portcullis-project-")));
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  write("package.json", JSON.stringify({ name: "first-minute", private: true, type: "module" }));
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], libraryFolder);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  if (!tarball) throw new Error("npm pack made no tarball");
  const flags = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"];
  await run("npm", ["install", ...flags, `./${tarball}`], folder);

  // Node's types are the one thing a user's compiler brings along.
  mkdirSync(join(folder, "node_modules", "@types"), { recursive: true });
  symlinkSync(join(root, "node_modules/@types/node"), join(folder, "node_modules/@types/node"), "junction");
  // The optional peer that portcullis/auth/jwt imports, and nothing else does.
  symlinkSync(join(root, "node_modules/jose"), join(folder, "node_modules/jose"), "junction");
  return {
    folder,
    installed: join(folder, "node_modules", "portcullis"),
    write,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Runs a command to its end and returns what it printed; throws with that if it fails. */
export async function run(file: string, args: readonly string[], cwd: string): Promise<string> {
  const outcome = await command(file, args, { cwd, live: false, env: environmentWithoutNpm() });
  const output = "output" in outcome ? (outcome.output ?? "") : "";
  if (outcome.status !== "passed") throw new Error(`${file} ${args.join(" ")} failed:\n${output}`);
  return output;
}

/** Every file below a folder, with forward slashes. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll("\\", "/"),
    )
    .sort();
}

function isStale(): boolean {
  const newest = (folder: string) => {
    const times = filesBelow(folder).map((file) => statSync(join(folder, file)).mtimeMs);
    return { newest: Math.max(...times), oldest: Math.min(...times) };
  };
  try {
    return newest(join(libraryFolder, "src")).newest > newest(join(libraryFolder, "dist")).oldest;
  } catch {
    return true; // Never built.
  }
}
