/** Whether the project's bars are met, by the medians of the ratios; and how late Portcullis is beside the others at the same offered rate. */
import { bars } from "../bars.ts";
import { deliveredShare, type Results, runsOf } from "../runner/results.ts";
import { type ServerName, serverEntry } from "../servers/catalogue.ts";
import { figuresOf, medianOf, ours, ratioText, ratioTo } from "./figures.ts";
import { table } from "./table.ts";
import { milliseconds } from "./units.ts";

/** A row for each workload with bars, a column for each server they are against. */
export function barTable(results: Results): string {
  const against = results.servers.filter((server) => bars.some((bar) => bar.server === server));
  const rows = results.workloads
    .filter(({ name }) => bars.some(({ workload }) => workload === name))
    .map(({ name, title }) => [title, ...against.map((server) => barCell(results, name, server))]);
  return table(["", ...against.map((server) => `over ${serverEntry(server).title}`)], rows);
}

function barCell(results: Results, workload: string, server: ServerName): string {
  const bar = bars.find((candidate) => candidate.workload === workload && candidate.server === server);
  const ratio = bar === undefined ? undefined : ratioTo(results, workload, server);
  if (bar === undefined || bar.ratioMax === null || ratio === undefined) {
    return ratioText(ratio);
  }
  const verdict = ratio.median <= bar.ratioMax ? "met" : "**not met**";
  return `${ratioText(ratio)}, at most ${bar.ratioMax.toFixed(2)}: ${verdict}`;
}

/** Undefined where no open loop was measured. */
export function latenessTable(results: Results): string | undefined {
  const rows = results.workloads
    .filter(({ workload }) => workload.kind === "offered")
    .flatMap(({ name, title }) => {
      const oursUs = figuresOf(runsOf(results, name, ours))?.p99Us;
      return results.servers.flatMap((server) => {
        const runs = runsOf(results, name, server);
        const figures = figuresOf(runs);
        if (figures === undefined) return [];
        const { p99Us, lost } = figures;
        const noWorse = server === ours || p99Us === null || oursUs == null ? "" : oursUs <= p99Us ? "yes" : "**no**";
        const share = medianOf(runs, deliveredShare) ?? 0;
        return [
          [
            title,
            serverEntry(server).title,
            `${(share * 100).toFixed(share > 0.995 ? 0 : 1)} %`,
            milliseconds(figures.p50Us),
            milliseconds(p99Us),
            String(lost),
            noWorse,
          ],
        ];
      });
    });
  const headings = ["", "server", "delivered in time", "p50", "p99", "lost", "Portcullis no later"];
  return rows.length === 0 ? undefined : table(headings, rows);
}
