/** The table printed at the end of a run. */
import { deliveredShare, generatorShare, type Results, runsOf, serverShare } from "../runner/results.ts";
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
          percent(medianOf(runs, serverShare)),
          percent(medianOf(runs, generatorShare)),
          server === ours ? "" : ratioText(ratioTo(results, named.name, server)),
        ]);
      }
    }
  }
  rows.push(...openLoopRows(results));
  const warnings = warningsOf(results).map((warning) => `! ${warning.replaceAll("**", "")}`);
  return [align(rows), "", ...warnings].join("\n");
}

function openLoopRows(results: Results): readonly string[][] {
  return results.workloads
    .filter(({ workload }) => workload.kind === "offered" || workload.kind === "chat")
    .flatMap(({ name, title }) => {
      const shares = results.servers.flatMap((server) => {
        const share = medianOf(runsOf(results, name, server), deliveredShare);
        return share === null ? [] : `${serverEntry(server).title.replaceAll("`", "")} ${percent(share)}`;
      });
      return [[`${title}, delivered in time: ${shares.join(", ")}`]];
    });
}

function percent(share: number | null): string {
  return share === null ? "–" : `${Math.round(share * 100)} %`;
}
