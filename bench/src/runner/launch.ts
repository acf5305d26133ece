/** Starts one server and one generator, each in its own process and, where possible, on its own core. */
import type { Job } from "../generator/generate.ts";
import type { Outcome } from "../generator/outcome.ts";
import { type ServerName, serverEntry } from "../servers/catalogue.ts";
import type { Workload } from "../workloads.ts";
import { Child, processFile } from "./child.ts";

export interface LaunchOptions {
  /** Arguments for `node` in every process. */
  readonly nodeArguments?: readonly string[];
  /** Where the server writes a profile of the measured window; left out, it makes none. */
  readonly profileFile?: string;
  /** Server on core 0, generator on core 1; `canPin` tells whether the machine can. */
  readonly pin?: boolean;
}

/** One more process that plays clients, on core 1 where processes are pinned. */
export function startGenerator(file: string, job: object, { nodeArguments = [], pin = false }: LaunchOptions): Child {
  return new Child({
    name: "generator",
    file: processFile(file),
    args: [JSON.stringify(job)],
    nodeArguments,
    core: pin ? 1 : undefined,
  });
}

/** One run. Throws when a process fails; a run that lost messages is an outcome, not a failure. */
export async function launch(server: ServerName, workload: Workload, options: LaunchOptions = {}): Promise<Outcome> {
  const { nodeArguments = [], pin = false } = options;
  const serverProcess = new Child({
    name: server,
    file: processFile("servers/process"),
    args: [server],
    nodeArguments,
    core: pin ? 0 : undefined,
  });
  try {
    const { port, controlPort } = await serverProcess.next<{ port: number; controlPort: number }>();
    const job: Job = {
      workload,
      dialect: serverEntry(server).dialect,
      port,
      controlPort,
      profileFile: options.profileFile,
    };
    const generator = startGenerator("generator/process", job, options);
    try {
      return await generator.next<Outcome>();
    } finally {
      await generator.stop();
    }
  } finally {
    await serverProcess.stop();
  }
}
