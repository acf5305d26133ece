// The table as text.
import type { Cell } from "./case.ts";
import { versionOf } from "./message.ts";
import type { Result, Verdict } from "./run.ts";

/** A column's name. */
export const nameOf = ({ transport, vsn }: Omit<Cell, "world">): string => `${transport} ${versionOf(vsn)}`;

const marks: Readonly<Record<Verdict, string>> = {
  ok: "ok",
  failed: "FAILED",
  "left out": "-",
  unreachable: "no server",
};

/** A line for each case, a column for each cell; then what failed and what was left out, with reasons. */
export function tableOf(results: readonly Result[], cells: readonly Cell[]): string {
  const byCase = groupBy(results, ({ testCase }) => testCase.id);
  const idWidth = Math.max(...[...byCase.keys()].map((id) => id.length), 4);
  const columns = cells.map((cell) => ({ cell, width: Math.max(nameOf(cell).length, 9) }));
  const lines = [
    `${"case".padEnd(idWidth)}  ${columns.map(({ cell, width }) => nameOf(cell).padEnd(width)).join("  ")}`,
  ];
  for (const [id, row] of byCase) {
    const marked = columns.map(({ cell, width }) => {
      const result = row.find((each) => each.cell === cell);
      return (result === undefined ? "" : marks[result.verdict]).padEnd(width);
    });
    lines.push(`${id.padEnd(idWidth)}  ${marked.join("  ")}`.trimEnd());
  }
  return [...lines, ...leftOutIn(results), ...failuresIn(results)].join("\n");
}

function failuresIn(results: readonly Result[]): string[] {
  const failures = results.filter(({ verdict }) => verdict === "failed" || verdict === "unreachable");
  return failures.flatMap(({ testCase, cell, why }) => [
    "",
    `${testCase.id}, ${nameOf(cell)}: ${testCase.says}`,
    ...why.split("\n").map((line) => `  ${line}`),
  ]);
}

function leftOutIn(results: readonly Result[]): string[] {
  const leftOut = results.filter(({ verdict }) => verdict === "left out");
  const reasons = groupBy(leftOut, ({ why }) => why);
  return [...reasons].flatMap(([why, each]) => {
    const ids = [...new Set(each.map(({ testCase }) => testCase.id))];
    return ["", `left out, because ${why}:`, `  ${ids.join(", ")}`];
  });
}

function groupBy(results: readonly Result[], keyOf: (result: Result) => string): Map<string, Result[]> {
  const groups = new Map<string, Result[]>();
  for (const result of results) groups.set(keyOf(result), [...(groups.get(keyOf(result)) ?? []), result]);
  return groups;
}

/** One line of figures. */
export function summaryOf(results: readonly Result[], seconds: number): string {
  const count = (verdict: Verdict) => results.filter((result) => result.verdict === verdict).length;
  const cases = new Set(results.map(({ testCase }) => testCase.id)).size;
  const parts = [`${count("ok")} ok`, `${count("failed")} failed`, `${count("left out")} left out`];
  if (count("unreachable") > 0) parts.push(`${count("unreachable")} without a server`);
  return `${cases} cases in ${seconds.toFixed(1)} s: ${parts.join(", ")}`;
}
