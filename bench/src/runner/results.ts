/** The shape of results/latest.json: raw runs and what is needed to read them. Everything printed is worked out from it. */
import type { Outcome } from "../generator/outcome.ts";
import { totalUs } from "../generator/window.ts";
import type { ServerName } from "../servers/catalogue.ts";
import type { NamedWorkload } from "../workloads.ts";
import type { Circumstances } from "./circumstances.ts";

export interface Run extends Outcome {
  readonly workload: string;
  readonly server: ServerName;
  readonly repeat: number;
}

export interface Results extends Circumstances {
  readonly workloads: readonly NamedWorkload[];
  readonly servers: readonly ServerName[];
  /** Those that were not measured, with the reason. */
  readonly skipped: readonly string[];
  readonly runs: readonly Run[];
}

export function runsOf(results: Results, workload: string, server: ServerName): readonly Run[] {
  return results.runs.filter((run) => run.workload === workload && run.server === server);
}

/** The main figure of a run: microseconds of server CPU per operation, or resident bytes per connection. NaN where nobody could tell. */
export function mainFigure(run: Run): number {
  if (run.memory !== null) {
    const { empty, full, connections } = run.memory;
    return (full.rssBytes - empty.rssBytes) / connections;
  }
  return cpuEach(run);
}

/** Microseconds of server CPU per operation. */
export function cpuEach({ serverCpu, operations }: Pick<Run, "serverCpu" | "operations">): number {
  return serverCpu === null ? Number.NaN : totalUs(serverCpu) / operations;
}

export function ratePerSecond(run: Run): number {
  return (run.operations / run.wallMs) * 1000;
}

/** Share of one core, 0 to 1. */
export function generatorShare(run: Run): number {
  return run.generatorBusyUs / (run.wallMs * 1000);
}

export function serverShare(run: Run): number | null {
  return run.serverCpu === null ? null : totalUs(run.serverCpu) / (run.wallMs * 1000);
}

export function othersShare(run: Run): number | null {
  return run.othersCpuUs === null ? null : run.othersCpuUs / (run.wallMs * 1000);
}

/** Open loop: share of what was due that came inside the window. Steady lateness costs nothing here, falling behind does. */
export function deliveredShare({ offered, operations }: Run): number | null {
  return offered === null || offered === 0 ? null : Math.min(1, operations / offered);
}
