/** What runs a server's processes one after the other: takes a job on the command line, a line for each thing to do, answers with a line. */
import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { createInterface } from "node:readline";
import { processFile } from "../runner/child.ts";
import { monotonicUs } from "../scenario.ts";
import type { Deploy } from "./plan.ts";
import type { WorkerJob, WorkerMessage, WorkerReport } from "./worker.ts";

export interface SupervisorJob {
  readonly deploy: Deploy;
  readonly ledgerFile: string;
}

export type SupervisorRequest = { readonly do: "deploy" } | { readonly do: "report" };

export interface Succeeded {
  readonly termAtUs: number;
  readonly oldGoneAtUs: number;
  /** In an overlap before `termAtUs`. */
  readonly newListeningAtUs: number;
}

export interface Generations {
  readonly old: WorkerReport;
  readonly new: WorkerReport;
}

const { deploy, ledgerFile } = JSON.parse(process.argv[2] ?? "null") as SupervisorJob;
// Workers accept by themselves from a socket they share, in place of being handed what the supervisor accepts.
cluster.schedulingPolicy = cluster.SCHED_NONE;
const port = await freePort();
let current = await startWorker();
let emptied: WorkerReport | undefined;
say({ port });

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as SupervisorRequest;
  say(request.do === "deploy" ? await succeed() : await reports());
}
for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGKILL");
process.exit(0);

async function succeed(): Promise<Succeeded> {
  const old = current;
  old.on("message", (message: WorkerMessage) => {
    if (message.kind === "emptied") emptied = message.report;
  });
  const gone = Promise.all([once(old, "exit"), once(old, "disconnect")]).then(monotonicUs);
  if (deploy.succession === "overlap") {
    current = await startWorker();
    const newListeningAtUs = monotonicUs();
    const termAtUs = monotonicUs();
    old.process.kill("SIGTERM");
    return { termAtUs, newListeningAtUs, oldGoneAtUs: await gone };
  }
  const termAtUs = monotonicUs();
  old.process.kill("SIGTERM");
  const oldGoneAtUs = await gone;
  current = await startWorker();
  return { termAtUs, oldGoneAtUs, newListeningAtUs: monotonicUs() };
}

async function reports(): Promise<Generations> {
  const answer = nextOf(current, "report");
  current.send({ do: "report" });
  const message = await answer;
  if (emptied === undefined || message.kind !== "report") {
    throw new Error("The old process ended before its last connection was gone; it was killed, or it crashed.");
  }
  return { old: emptied, new: message.report };
}

async function startWorker(): Promise<Worker> {
  const job: WorkerJob = { deploy, port, ledgerFile };
  cluster.setupPrimary({ exec: processFile("avalanche/worker"), args: [JSON.stringify(job)] });
  const worker = cluster.fork();
  await nextOf(worker, "listening");
  return worker;
}

function nextOf(worker: Worker, kind: WorkerMessage["kind"]): Promise<WorkerMessage> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error("A server process ended at once; see its output above."));
    const onMessage = (message: WorkerMessage): void => {
      if (message.kind !== kind) return;
      worker.off("message", onMessage).off("exit", onExit);
      resolve(message);
    };
    worker.on("message", onMessage).on("exit", onExit);
  });
}

/** All generations listen on the same port, so it has to be known before the first. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port: free } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return free;
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
