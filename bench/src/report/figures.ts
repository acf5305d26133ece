/** Works the printed figures out of the raw runs. */
import { mainFigure, type Results, type Run, ratePerSecond, runsOf } from "../runner/results.ts";
import { median, ratios, type Spread, spread } from "../runner/statistics.ts";
import type { ServerName } from "../servers/catalogue.ts";
import type { NamedWorkload } from "../workloads.ts";

export const ours: ServerName = "portcullis";

export function isMemory({ workload }: NamedWorkload): boolean {
  return workload.kind === "memory";
}

/** Our figure over theirs, repeat by repeat; undefined where one of the two was not measured, or took too little for the system to notice. */
export function ratioTo(results: Results, workload: string, server: ServerName): Spread | undefined {
  const mine = runsOf(results, workload, ours).map(mainFigure);
  const theirs = runsOf(results, workload, server).map(mainFigure);
  const known = mine.length > 0 && theirs.length > 0 && [...mine, ...theirs].every((value) => value > 0);
  return known ? ratios(mine, theirs) : undefined;
}

export interface Figures {
  readonly main: Spread;
  readonly ratePerSecond: number;
  readonly perCpuSecond: number;
  readonly p50Us: number | null;
  readonly p99Us: number | null;
  readonly lost: number;
  readonly wrong: number;
}

export function figuresOf(runs: readonly Run[]): Figures | undefined {
  if (runs.length === 0) {
    return undefined;
  }
  const main = spread(runs.map(mainFigure));
  return {
    main,
    ratePerSecond: median(runs.map(ratePerSecond)),
    perCpuSecond: 1_000_000 / main.median,
    p50Us: medianOf(runs, (run) => run.latency?.p50Us),
    p99Us: medianOf(runs, (run) => run.latency?.p99Us),
    lost: runs.reduce((sum, run) => sum + run.lost, 0),
    wrong: runs.reduce((sum, run) => sum + run.wrong, 0),
  };
}

export function medianOf(runs: readonly Run[], pick: (run: Run) => number | null | undefined): number | null {
  const values = runs.map(pick).filter((value) => typeof value === "number");
  return values.length === 0 ? null : median(values);
}

/** Three significant digits, as the spread of such runs deserves; a dash for what nobody could tell. */
export function significant(value: number): string {
  if (Number.isNaN(value)) {
    return "–";
  }
  if (value >= 1000) {
    return Math.round(value).toLocaleString("en-US");
  }
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(value >= 1 ? 2 : 3);
}

export function ratioText(ratio: Spread | undefined): string {
  return ratio === undefined ? "–" : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`;
}

export function mainText(named: NamedWorkload, value: Spread): string {
  if (Number.isNaN(value.median)) {
    return significant(value.median);
  }
  const unit = isMemory(named) ? "B" : "µs";
  return `${significant(value.median)} ${unit} (${significant(value.min)}–${significant(value.max)})`;
}
