/**
 * Compiles type assertions against the library's built declarations, as a user's compiler meets them.
 *
 * A file under `packages/portcullis/test-types` passes if it compiles: `@ts-expect-error` above a line that is
 * correct is an error of its own, so each refusal the types promise is held too.
 */
import { join } from "node:path";
import { libraryFolder, root } from "./repository.ts";
import { command, type Outcome } from "./steps.ts";

/** The project with the assertions. */
export const typeTestsProject: string = join(libraryFolder, "test-types", "tsconfig.json");

/** What a compiler made of a project: its errors, and every file it read. */
export interface TypeCheck {
  errors: string[];
  files: string[];
}

/** Compiles a project without writing anything. `compiler` is the path of a `tsc`. */
export async function checkTypes(compiler: string, project: string): Promise<TypeCheck> {
  const args = [compiler, "-p", project, "--noEmit", "--pretty", "false", "--listFiles"];
  const outcome = await command(process.execPath, args, { cwd: root, live: false });
  const lines = ("output" in outcome ? (outcome.output ?? "") : "").split(/\r?\n/).filter((line) => line !== "");
  const isFile = (line: string) =>
    /^(\/|[A-Za-z]:[\\/])\S.*\.(d\.)?[cm]?tsx?$|\.json$/.test(line) && !line.includes("): ");
  const files = lines.filter(isFile).map((line) => line.replaceAll("\\", "/"));
  const errors = outcome.status === "passed" ? [] : lines.filter((line) => !isFile(line));
  return { errors, files };
}

/** Compiles the library's type assertions, and sees that they met the built declarations and not the sources. */
export async function typeTests(compiler: string): Promise<Outcome> {
  const { errors, files } = await checkTypes(compiler, typeTestsProject);
  const within = (folder: string) => files.filter((file) => file.includes(`/packages/portcullis/${folder}/`));
  const problems = [...errors];
  if (errors.length === 0) {
    if (within("test-types").length === 0) problems.push("No type assertions found in packages/portcullis/test-types.");
    if (within("dist").length === 0) problems.push("The assertions didn't meet the built declarations in dist.");
    for (const file of within("src")) problems.push(`The assertions met a source in place of its declaration: ${file}`);
  }
  return problems.length === 0
    ? { status: "passed", output: `${within("test-types").length} files of assertions hold` }
    : { status: "failed", output: problems.join("\n") };
}
