import type { Workload } from "../workloads.ts";
import { runBroadcast } from "./broadcast.ts";
import { runConnect } from "./connect.ts";
import { ControlClient } from "./control-client.ts";
import { type DialectName, dialects } from "./dialect.ts";
import { runEcho } from "./echo.ts";
import { runMemory } from "./memory.ts";
import type { Outcome } from "./outcome.ts";

/** One run of one workload against one started server. */
export interface Job {
  readonly workload: Workload;
  readonly dialect: DialectName;
  readonly port: number;
  readonly controlPort: number;
  /** Where the server writes a profile of the measured window. */
  readonly profileFile?: string | undefined;
}

export async function generate(job: Job): Promise<Outcome> {
  const { workload, port, controlPort } = job;
  const target = { port, controlPort, dialect: dialects[job.dialect] };
  const control = await ControlClient.open(controlPort, job.profileFile);
  try {
    switch (workload.kind) {
      case "connect":
        return await runConnect(workload, target, control);
      case "echo":
        return await runEcho(workload, target, control);
      case "broadcast":
        return await runBroadcast(workload, target, control);
      case "memory":
        return await runMemory(workload, target, control);
    }
  } finally {
    control.close();
  }
}
