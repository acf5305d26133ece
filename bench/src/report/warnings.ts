/** What makes a run's figures less than they seem. Said in the report, never left to the reader to find out. */
import { generatorShare, othersShare, type Results, runsOf } from "../runner/results.ts";
import { serverEntry } from "../servers/catalogue.ts";
import { medianOf } from "./figures.ts";

const saturatedShare = 0.95;
const disturbedShare = 0.05;

export function warningsOf(results: Results): readonly string[] {
  return [...provisional(results), ...saturated(results), ...unsound(results)];
}

/** Something else used the machine while it was measured. */
export function isProvisional(results: Results): boolean {
  return (medianOf(results.runs, othersShare) ?? 0) > disturbedShare;
}

function provisional(results: Results): readonly string[] {
  const warnings: string[] = [];
  if (isProvisional(results)) {
    const share = Math.round((medianOf(results.runs, othersShare) ?? 0) * 100);
    warnings.push(
      `**Provisional**: other processes used ${share} % of a core during the median run. Ratios within a row still say something, absolute figures little.`,
    );
  }
  if (!results.pinned) {
    warnings.push("Server and generator were not pinned to cores of their own, so the scheduler moved them about.");
  }
  for (const reason of results.skipped) {
    warnings.push(`Not measured: ${reason}.`);
  }
  if (results.scale !== "full") {
    warnings.push(`A ${results.scale} run: fewer repeats and shorter windows than the full one.`);
  }
  return warnings;
}

function saturated(results: Results): readonly string[] {
  return results.workloads.flatMap(({ name, title }) => {
    const against = results.servers.flatMap((server) => {
      const share = medianOf(runsOf(results, name, server), generatorShare) ?? 0;
      return share > saturatedShare ? [`${serverEntry(server).title} (${Math.round(share * 100)} % of its core)`] : [];
    });
    return against.length === 0
      ? []
      : [
          `The generator was saturated in "${title}" against ${against.join(" and ")}: rate and latency there are the generator's, the server's CPU per operation stands.`,
        ];
  });
}

function unsound(results: Results): readonly string[] {
  // To lose what is offered beyond one's strength is a result, and in the tables: `wrong` is not.
  const offered = results.workloads.filter((named) => named.workload.kind === "offered").map(({ name }) => name);
  return results.runs.flatMap(({ workload, server, repeat, lost, wrong, lastWords }) =>
    (lost > 0 && !offered.includes(workload)) || wrong > 0 || lastWords !== ""
      ? [
          `Run ${repeat} of "${workload}" against ${serverEntry(server).title}: ${lost} lost, ${wrong} wrong${lastWords === "" ? "" : ` (${lastWords})`}.`,
        ]
      : [],
  );
}
