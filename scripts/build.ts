/** Builds the library into its dist folder, from nothing, so that no file of a deleted source is ever published. */
import { copyFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { compilers, libraryFolder, root } from "./repository.ts";
import { command } from "./steps.ts";

rmSync(join(libraryFolder, "dist"), { recursive: true, force: true });

// npm packs only what lies in the package's folder; the one original of each of these is the repository's.
for (const name of ["README.md", "LICENSE"]) {
  if (existsSync(join(root, name))) copyFileSync(join(root, name), join(libraryFolder, name));
}

// A build with errors leaves nothing behind that could be taken for one without.
const args = [compilers.typescript7, "-p", "tsconfig.build.json", "--noEmitOnError"];
const outcome = await command(process.execPath, args, { cwd: libraryFolder, live: true });
process.exitCode = outcome.status === "passed" ? 0 : 1;
