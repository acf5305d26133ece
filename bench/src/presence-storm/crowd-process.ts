/** A generator's process: a job as JSON on the command line; prints when all are in place, waits to be told when to begin, prints the outcome. */
import { createInterface } from "node:readline";
import { type CrowdJob, StormCrowd } from "./crowd.ts";

const crowd = new StormCrowd(JSON.parse(process.argv[2] ?? "null") as CrowdJob);
await crowd.gather();
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  const { startAtUs } = JSON.parse(line) as { readonly startAtUs: number };
  process.stdout.write(`${JSON.stringify(await crowd.storm(startAtUs))}\n`);
}
// The runner has heard all it wanted to, or is gone.
process.exit(0);
