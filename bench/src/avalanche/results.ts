/** The shape of results/avalanche.json. */
import type { Circumstances } from "../runner/circumstances.ts";
import { median } from "../runner/statistics.ts";
import type { DeployRun } from "./measure.ts";
import type { Deploy } from "./plan.ts";

export interface AvalancheResults extends Circumstances {
  readonly generators: number;
  readonly deploys: readonly Deploy[];
  readonly runs: readonly DeployRun[];
}

/** The runs of one deploy. */
export function runsOfDeploy({ runs }: AvalancheResults, wanted: Deploy): readonly DeployRun[] {
  return runs.filter(({ deploy }) => JSON.stringify(deploy) === JSON.stringify(wanted));
}

/** The median of something over the runs of one deploy. */
export function typical(runs: readonly DeployRun[], pick: (run: DeployRun) => number): number {
  return median(runs.map(pick));
}
