/** What one that stops reading costs the others. */
import { cpuEach, type Results, runsOf } from "../runner/results.ts";
import { serverEntry } from "../servers/catalogue.ts";
import { medianOf, significant } from "./figures.ts";
import { table } from "./table.ts";
import { milliseconds } from "./units.ts";

/** Both windows side by side; undefined where it was not measured. */
export function slowReaderTable(results: Results): string | undefined {
  const named = results.workloads.find(({ workload }) => workload.kind === "slow-reader");
  const rows = results.servers.flatMap((server) => {
    const runs = named === undefined ? [] : runsOf(results, named.name, server);
    if (runs.length === 0) return [];
    const dropped = runs.filter(({ stalled }) => stalled === "dropped").length;
    return [
      [
        serverEntry(server).title,
        microseconds(medianOf(runs, ({ undisturbed }) => (undisturbed === null ? null : cpuEach(undisturbed)))),
        microseconds(medianOf(runs, cpuEach)),
        milliseconds(medianOf(runs, ({ undisturbed }) => undisturbed?.latency?.p99Us)),
        milliseconds(medianOf(runs, ({ latency }) => latency?.p99Us)),
        `dropped in ${dropped} of ${runs.length}`,
      ],
    ];
  });
  const headings = ["server", "CPU, all reading", "CPU, one not", "p99, all reading", "p99 of the others", "that one"];
  return rows.length === 0 ? undefined : table(headings, rows);
}

function microseconds(us: number | null): string {
  return us === null || Number.isNaN(us) ? "–" : `${significant(us)} µs`;
}
