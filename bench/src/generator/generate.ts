import { benchSecretKeyBase, tokenSalt } from "../scenario.ts";
import type { Workload } from "../workloads.ts";
import { AppControl } from "./app-control.ts";
import { runBroadcast } from "./broadcast.ts";
import { runConnect } from "./connect.ts";
import type { Control } from "./control.ts";
import { ControlClient } from "./control-client.ts";
import type { Credential, Target } from "./crowd.ts";
import { type DialectName, dialects } from "./dialect.ts";
import { runEcho } from "./echo.ts";
import { runMemory } from "./memory.ts";
import { runChat, runOffered } from "./open-loop.ts";
import type { Outcome } from "./outcome.ts";
import { runSlowReader } from "./slow-reader.ts";

/** One run of one workload against one started server. */
export interface Job {
  readonly workload: Workload;
  readonly dialect: DialectName;
  readonly host?: string | undefined;
  readonly port: number;
  /** Where the server has its socket, if not at its dialect's usual place. */
  readonly mount?: string | undefined;
  readonly credential?: Credential | undefined;
  /** Of the door servers under test have; one without is told what to publish by a client. */
  readonly controlPort?: number | undefined;
  /** The server's process, if it is on this machine. */
  readonly pid?: number | undefined;
  /** Where the server writes a profile of the measured window. */
  readonly profileFile?: string | undefined;
}

export async function generate(job: Job): Promise<Outcome> {
  const { host, port, mount, credential = { secretKeyBase: benchSecretKeyBase, salt: tokenSalt } } = job;
  const target: Target = { host, port, mount, credential, dialect: dialects[job.dialect] };
  const control = await openControl(job, target);
  try {
    return await run(job.workload, target, control);
  } finally {
    control.close();
  }
}

function openControl({ controlPort, profileFile, pid }: Job, target: Target): Promise<Control> {
  return controlPort === undefined
    ? AppControl.open(target, pid)
    : ControlClient.open({ port: controlPort, profileFile, pid });
}

function run(workload: Workload, target: Target, control: Control): Promise<Outcome> {
  switch (workload.kind) {
    case "connect":
      return runConnect(workload, target, control);
    case "echo":
      return runEcho(workload, target, control);
    case "broadcast":
      return runBroadcast(workload, target, control);
    case "offered":
      return runOffered(workload, target, control);
    case "chat":
      return runChat(workload, target, control);
    case "slow-reader":
      return runSlowReader(workload, target, control);
    case "memory":
      return runMemory(workload, target, control);
  }
}
