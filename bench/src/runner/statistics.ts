/** Medians and spreads; means hide the one run in which something else used the machine. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Ratios run by run: the n-th of ours against the n-th of theirs, which ran right after it on the same machine. */
export function ratios(ours: readonly number[], theirs: readonly number[]): Spread {
  return spread(ours.slice(0, theirs.length).map((value, index) => value / (theirs[index] ?? Number.NaN)));
}
