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
  readonly runs: readonly Run[];
}

export function runsOf(results: Results, workload: string, server: ServerName): readonly Run[] {
  return results.runs.filter((run) => run.workload === workload && run.server === server);
}

/** The main figure of a run: microseconds of server CPU per operation, or resident bytes per connection. */
export function mainFigure(run: Run): number {
  if (run.memory !== null) {
    const { empty, full, connections } = run.memory;
    return (full.rssBytes - empty.rssBytes) / connections;
  }
  return totalUs(run.serverCpu) / run.operations;
}

export function ratePerSecond(run: Run): number {
  return (run.operations / run.wallMs) * 1000;
}

/** Share of one core, 0 to 1. */
export function generatorShare(run: Run): number {
  return totalUs(run.generatorCpu) / (run.wallMs * 1000);
}

export function serverShare(run: Run): number {
  return totalUs(run.serverCpu) / (run.wallMs * 1000);
}

export function othersShare(run: Run): number | null {
  return run.othersCpuUs === null ? null : run.othersCpuUs / (run.wallMs * 1000);
}
