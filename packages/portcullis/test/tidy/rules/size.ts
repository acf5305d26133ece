/** File lengths: a file one can read at a sitting. */
import { isPackageSource, type Rule } from "../source.ts";

const limits = { median: 150, p90: 350, longest: 700 };

/** Over all packages' sources: the median, the 90th percentile and the longest file stay under their limits. */
export const fileLengths: Rule = (files) => {
  const measured = files
    .filter(isPackageSource)
    .map((file) => ({ path: file.path, lines: file.text.replace(/\n$/, "").split("\n").length }))
    .sort((a, b) => a.lines - b.lines);
  const problems = measured
    .filter(({ lines }) => lines > limits.longest)
    .map(({ path, lines }) => `${path} has ${lines} lines; none may have more than ${limits.longest}. Split it.`);
  const rank = (share: number) => measured[Math.max(0, Math.ceil(measured.length * share) - 1)]?.lines ?? 0;
  if (rank(0.5) > limits.median) problems.push(`The median source has ${rank(0.5)} lines, more than ${limits.median}.`);
  if (rank(0.9) > limits.p90) {
    const long = measured.filter(({ lines }) => lines > limits.p90).map(({ path, lines }) => `${path} (${lines})`);
    problems.push(`More than a tenth of the sources have over ${limits.p90} lines: ${long.join(", ")}.`);
  }
  return problems;
};
