/** The page bench/README.md, written from the files in results/ and nothing else. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AvalancheResults } from "../avalanche/results.ts";
import type { StormResults } from "../presence-storm/results.ts";
import type { Results } from "../runner/results.ts";
import { avalanchePart } from "./avalanche.ts";
import { toMarkdown } from "./markdown.ts";
import { plots } from "./plots.ts";
import { presenceStormPart } from "./presence-storm.ts";

/** Where each measurement's results are, under results/. */
export const resultFiles = {
  comparison: "latest.json",
  "presence-storm": "presence-storm.json",
  avalanche: "avalanche.json",
} as const;

/** The page as the results in `folder` have it; what was never measured has no part. */
export function pageOf(folder: string): string {
  const storm = read<StormResults>(folder, "presence-storm");
  const avalanche = read<AvalancheResults>(folder, "avalanche");
  const comparison = read<Results>(folder, "comparison");
  if (comparison === undefined) {
    throw new Error(`Expected ${resultFiles.comparison} in ${folder}: the page begins with the comparison.`);
  }
  return toMarkdown(comparison, [
    ...(storm === undefined ? [] : [presenceStormPart(storm)]),
    ...(avalanche === undefined ? [] : [avalanchePart(avalanche)]),
  ]);
}

/** The plots as the results in `folder` have them, by the name of their file there. */
export function plotsOf(folder: string): readonly (readonly [string, string])[] {
  const comparison = read<Results>(folder, "comparison");
  return comparison === undefined ? [] : plots(comparison);
}

export function writeResults(folder: string, name: keyof typeof resultFiles, results: object): void {
  writeFileSync(join(folder, resultFiles[name]), `${JSON.stringify(results, undefined, 1)}\n`);
}

function read<Of>(folder: string, name: keyof typeof resultFiles): Of | undefined {
  const file = join(folder, resultFiles[name]);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Of) : undefined;
}
