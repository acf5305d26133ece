/** A generator's process: a job as JSON on the command line; prints when all have joined, waits for a line, prints who came back. */
import { createInterface } from "node:readline";
import { Clients, type ClientsJob } from "./clients.ts";

const clients = new Clients(JSON.parse(process.argv[2] ?? "null") as ClientsJob);
await clients.gather();
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
for await (const _ of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await clients.allBack())}\n`);
}
// The runner has heard all it wanted to, or is gone.
process.exit(0);
