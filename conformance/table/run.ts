// Runs cases in cells: many at once, because most of what they do is wait.
import type { Case, Cell } from "./case.ts";
import { Unreachable } from "./client.ts";
import { withStage } from "./stage.ts";

export type Verdict = "ok" | "failed" | "left out" | "unreachable";

export interface Result {
  readonly testCase: Case;
  readonly cell: Cell;
  readonly verdict: Verdict;
  /** What was wrong, or why it was left out. */
  readonly why: string;
  readonly tookMs: number;
}

export interface RunOptions {
  /** How long the server may take for what it has to do at once. Default 5 s. */
  readonly patienceMs?: number;
  /** How many at a time. Default 12. */
  readonly atOnce?: number;
  /** Whether this process stood still since it was last asked: what failed meanwhile says nothing, and is held again. */
  readonly stoodStill?: () => boolean;
  /** Told of each result as it comes. */
  readonly report?: (result: Result) => void;
}

const againMax = 3;

/** Every case in every cell; the results in that order. */
export async function runTable(
  cases: readonly Case[],
  cells: readonly Cell[],
  options: RunOptions = {},
): Promise<Result[]> {
  const jobs = cases.flatMap((testCase) => cells.map((cell) => ({ testCase, cell })));
  const results: Result[] = new Array(jobs.length);
  let next = 0;
  async function work(): Promise<void> {
    for (let index = next++; index < jobs.length; index = next++) {
      const { testCase, cell } = jobs[index] as (typeof jobs)[number];
      let result = await runCase(testCase, cell, options.patienceMs);
      for (
        let again = 0;
        again < againMax && result.verdict === "failed" && options.stoodStill?.() === true;
        again += 1
      ) {
        result = await runCase(testCase, cell, options.patienceMs);
      }
      results[index] = result;
      options.report?.(result);
    }
  }
  await Promise.all(Array.from({ length: options.atOnce ?? 12 }, work));
  return results;
}

/** One case in one cell. Never rejects. */
export async function runCase(testCase: Case, cell: Cell, patienceMs = 5_000): Promise<Result> {
  const leftOut = testCase.leftOut?.(cell) || undefined;
  if (leftOut !== undefined) return { testCase, cell, verdict: "left out", why: leftOut, tookMs: 0 };
  const startedMs = performance.now();
  const ended = (verdict: Verdict, why: string): Result => {
    return { testCase, cell, verdict, why, tookMs: performance.now() - startedMs };
  };
  try {
    await withStage(cell, patienceMs, (stage) => testCase.run(stage));
    return ended("ok", "");
  } catch (error) {
    return ended(error instanceof Unreachable ? "unreachable" : "failed", (error as Error).message);
  }
}
