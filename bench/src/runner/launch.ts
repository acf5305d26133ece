/** Starts one server and one generator, each in its own process and, where possible, on its own core. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Job } from "../generator/generate.ts";
import type { Outcome } from "../generator/outcome.ts";
import { type ServerName, serverEntry } from "../servers/catalogue.ts";
import type { Workload } from "../workloads.ts";

export interface LaunchOptions {
  /** Arguments for `node` in both processes. */
  readonly nodeArguments?: readonly string[];
  /** Where the server writes a profile of the measured window; left out, it makes none. */
  readonly profileFile?: string;
  /** Server on core 0, generator on core 1; {@link canPin} tells whether the machine can. */
  readonly pin?: boolean;
}

// `.js` beside the compiled file, `.ts` when a test runs the sources.
const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
const serverFile = fileURLToPath(new URL(`../servers/process.${extension}`, import.meta.url));
const generatorFile = fileURLToPath(new URL(`../generator/process.${extension}`, import.meta.url));

export function canPin(): boolean {
  return availableParallelism() >= 2 && spawnSync("taskset", ["-c", "0", "true"]).status === 0;
}

/** One run. Throws when a process fails; a run that lost messages is an outcome, not a failure. */
export async function launch(server: ServerName, workload: Workload, options: LaunchOptions = {}): Promise<Outcome> {
  const { nodeArguments = [], pin = false } = options;
  const serverProcess = start(pin ? 0 : undefined, [...nodeArguments, serverFile, server]);
  try {
    const { port, controlPort } = (await firstLine(serverProcess, server)) as { port: number; controlPort: number };
    const job: Job = {
      workload,
      dialect: serverEntry(server).dialect,
      port,
      controlPort,
      profileFile: options.profileFile,
    };
    const generator = start(pin ? 1 : undefined, [...nodeArguments, generatorFile, JSON.stringify(job)]);
    try {
      return (await firstLine(generator, "generator")) as Outcome;
    } finally {
      await stop(generator);
    }
  } finally {
    await stop(serverProcess);
  }
}

function start(core: number | undefined, args: readonly string[]): ChildProcess {
  const [command, all] =
    core === undefined ? [process.execPath, args] : ["taskset", ["-c", String(core), process.execPath, ...args]];
  return spawn(command, all, {
    stdio: ["pipe", "pipe", "inherit"],
    // What people deploy with: no NODE_OPTIONS of the caller's, and no development checks in the libraries.
    env: { ...process.env, NODE_OPTIONS: "", NODE_ENV: "production" },
  });
}

async function firstLine(child: ChildProcess, name: string): Promise<unknown> {
  if (child.stdout === null) {
    throw new Error(`The ${name} process has no output to read.`);
  }
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([
    once(lines, "line").then(([text]) => String(text)),
    once(child, "exit").then(([code, signal]) => {
      throw new Error(
        `The ${name} process ended (${signal ?? `code ${code}`}) before it answered; see its output above.`,
      );
    }),
  ]);
  return JSON.parse(line);
}

/** Ends its standard input, on which it leaves by itself; by force if it does not. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const exited = once(child, "exit");
  child.stdin?.end();
  const force = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await exited;
  clearTimeout(force);
}
