/** The generator's process: takes one job as JSON on the command line, prints the outcome as JSON, ends. */
import { generate, type Job } from "./generate.ts";

const job = JSON.parse(process.argv[2] ?? "null") as Job | null;
if (job === null) {
  throw new Error("Expected a job as JSON in the first argument; the runner passes one.");
}
const outcome = await generate(job);
process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(0));
