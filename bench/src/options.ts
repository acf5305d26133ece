import { parseArgs } from "node:util";
import { isServerName, type ServerName, serverNames } from "./servers/catalogue.ts";
import { type NamedWorkload, type Scale, workloadsOf } from "./workloads.ts";

export const usage = `Usage: npm run bench -- [options]

  --quick                 fewer repeats, shorter windows, smaller crowds; about five minutes
  --only a,b              of comparison, presence-storm and avalanche; default all
  --workloads a,b         of the comparison only these
  --servers a,b           of the comparison only these
  --repeats n             of each workload of the comparison
  --dry-run               print, write nothing
  --profile               one short run of each under the sampling profiler, and where the time went; not of the avalanche
  --report-only           write the page again from results/
`;

/** What can be measured, each with a file of results and a part of the page of its own. */
export const measurements = ["comparison", "presence-storm", "avalanche"] as const;

export type Measurement = (typeof measurements)[number];

export interface Options {
  readonly scale: Scale;
  readonly only: readonly Measurement[];
  readonly workloads: readonly NamedWorkload[];
  readonly servers: readonly ServerName[];
  readonly dryRun: boolean;
  readonly profile: boolean;
  readonly reportOnly: boolean;
  readonly help: boolean;
}

/** Throws a `TypeError` that says what is allowed. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      workloads: { type: "string" },
      servers: { type: "string" },
      repeats: { type: "string" },
      "dry-run": { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      "report-only": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const scale: Scale = values.quick || values.profile ? "quick" : "full";
  const all = workloadsOf(scale);
  const wanted = names(
    "workloads",
    values.workloads,
    all.map(({ name }) => name),
  );
  const repeats = values.profile ? 1 : values.repeats === undefined ? undefined : Number(values.repeats);
  if (repeats !== undefined && !(Number.isInteger(repeats) && repeats > 0)) {
    throw new TypeError(`Expected \`--repeats\` to be a whole number above 0, got "${values.repeats}".`);
  }
  // Whoever picks from the comparison wants the comparison.
  const picks = values.workloads ?? values.servers ?? values.repeats;
  const only = names("only", values.only, picks === undefined ? measurements : ["comparison"], measurements);
  return {
    scale,
    only: measurements.filter((measurement) => only.includes(measurement)),
    workloads: all
      .filter(({ name }) => wanted.includes(name))
      .map((named) => (repeats === undefined ? named : { ...named, repeats })),
    servers: names("servers", values.servers, serverNames).filter(isServerName),
    dryRun: values["dry-run"],
    profile: values.profile,
    reportOnly: values["report-only"],
    help: values.help,
  };
}

function names(
  option: string,
  given: string | undefined,
  otherwise: readonly string[],
  allowed = otherwise,
): readonly string[] {
  if (given === undefined) {
    return otherwise;
  }
  const list = given.split(",");
  const unknown = list.find((name) => !allowed.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`Expected \`--${option}\` to list some of ${allowed.join(", ")}; got "${unknown}".`);
  }
  return list;
}
