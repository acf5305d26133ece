/** The table printed at the end of a run. */
import { generatorShare, type Results, runsOf, serverShare } from "../runner/results.ts";
import { serverEntry } from "../servers/catalogue.ts";
import { figuresOf, mainText, medianOf, ours, ratioText, ratioTo, significant } from "./figures.ts";
import { align } from "./table.ts";
import { warningsOf } from "./warnings.ts";

export function toTerminal(results: Results): string {
  const rows: string[][] = [
    ["", "per operation", "rate/s", "p99 ms", "lost", "server", "generator", "Portcullis / this"],
  ];
  for (const named of results.workloads) {
    rows.push([named.title]);
    for (const server of results.servers) {
      const runs = runsOf(results, named.name, server);
      const figures = figuresOf(runs);
      if (figures !== undefined) {
        rows.push([
          `  ${serverEntry(server).title.replaceAll("`", "")}`,
          mainText(named, figures.main),
          significant(figures.ratePerSecond),
          figures.p99Us === null ? "–" : significant(figures.p99Us / 1000),
          String(figures.lost + figures.wrong),
          `${Math.round((medianOf(runs, serverShare) ?? 0) * 100)} %`,
          `${Math.round((medianOf(runs, generatorShare) ?? 0) * 100)} %`,
          server === ours ? "" : ratioText(ratioTo(results, named.name, server)),
        ]);
      }
    }
  }
  const warnings = warningsOf(results).map((warning) => `! ${warning.replaceAll("**", "")}`);
  return [align(rows), "", ...warnings].join("\n");
}
