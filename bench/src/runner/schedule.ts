/** Runs everything, interleaved: per workload A B C, A B C, …, so that what drifts on the machine drifts for all alike. */
import { type ServerName, serverEntry } from "../servers/catalogue.ts";
import type { NamedWorkload } from "../workloads.ts";
import { type LaunchOptions, launch } from "./launch.ts";
import type { Run } from "./results.ts";

export interface Planned {
  readonly named: NamedWorkload;
  readonly server: ServerName;
  /** From 1. */
  readonly repeat: number;
}

export function plan(workloads: readonly NamedWorkload[], servers: readonly ServerName[]): readonly Planned[] {
  return workloads.flatMap((named) => {
    const measured = servers.filter((server) => serverEntry(server).kinds?.includes(named.workload.kind) ?? true);
    return Array.from({ length: named.repeats }, (_, index) =>
      measured.map((server) => ({ named, server, repeat: index + 1 })),
    ).flat();
  });
}

export async function runAll(
  planned: readonly Planned[],
  options: LaunchOptions,
  before: (next: Planned, index: number) => void,
): Promise<readonly Run[]> {
  const runs: Run[] = [];
  for (const [index, next] of planned.entries()) {
    before(next, index);
    const outcome = await launch(next.server, next.named.workload, options);
    runs.push({ workload: next.named.name, server: next.server, repeat: next.repeat, ...outcome });
  }
  return runs;
}
