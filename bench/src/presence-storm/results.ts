/** The shape of results/presence-storm.json. */
import type { Circumstances } from "../runner/circumstances.ts";
import type { StormRun } from "./measure.ts";
import type { Storm, StormMode } from "./plan.ts";

export interface StormResults extends Circumstances {
  readonly generators: number;
  readonly runs: readonly StormRun[];
}

export function runsOfMode({ runs }: StormResults, mode: StormMode): readonly StormRun[] {
  return runs.filter(({ storm }) => storm.mode === mode);
}

/** The storm of the most joins into the fullest room. */
export function largest(runs: readonly StormRun[]): StormRun | undefined {
  return [...runs].sort(({ storm: left }, { storm: right }) => sizeOf(right) - sizeOf(left))[0];
}

/** How many presences all the states of a run had to list: each joiner gets who was there and who came before it. */
export function listedPresences({ members, joins }: Pick<Storm, "members" | "joins">): number {
  return members * joins + (joins * (joins + 1)) / 2;
}

/** What a straight line through all windows is, and how far the worst of them is from it. */
export interface Line {
  readonly windows: number;
  readonly bytesAtNone: number;
  readonly bytesPerJoin: number;
  readonly worstResidual: number;
}

/** Least squares of a diff's bytes over its joins. `undefined` where all diffs have the same number of joins. */
export function fit(runs: readonly Pick<StormRun, "diffs">[]): Line | undefined {
  const points = runs.flatMap(({ diffs }) => diffs);
  const meanJoins = mean(points.map(({ joins }) => joins));
  const meanBytes = mean(points.map(({ bytes }) => bytes));
  const spread = points.reduce((sum, { joins }) => sum + (joins - meanJoins) ** 2, 0);
  if (!(spread > 0)) {
    return undefined;
  }
  const together = points.reduce((sum, { joins, bytes }) => sum + (joins - meanJoins) * (bytes - meanBytes), 0);
  const bytesPerJoin = together / spread;
  const bytesAtNone = meanBytes - bytesPerJoin * meanJoins;
  const residuals = points.map(({ joins, bytes }) => Math.abs(bytes - bytesAtNone - bytesPerJoin * joins));
  return { windows: points.length, bytesAtNone, bytesPerJoin, worstResidual: Math.max(...residuals) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function sizeOf({ members, joins }: Storm): number {
  return members * 1_000_000 + joins;
}
