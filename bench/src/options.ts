import { parseArgs } from "node:util";
import type { ExternalServer } from "./runner/launch.ts";
import { isServerName, type ServerName, serverEntry, serverNames } from "./servers/catalogue.ts";
import { installCommand, isInstalled } from "./servers/peers.ts";
import { everyWorkloadOf, type NamedWorkload, type Scale, workloadsOf } from "./workloads.ts";

export const usage = `Usage: npm run bench -- [options]

  --quick                 one repeat, shorter windows, smaller crowds, only what the project promises something about;
                          under five minutes
  --scale full            the default: everything, for an hour or two
  --only a,b              of comparison, presence-storm and avalanche; default all
  --workloads a,b         of the comparison only these
  --servers a,b           of the comparison only these; default all that are installed
  --repeats n             of each workload of the comparison
  --install-peers         install what is no dependency of the workspace (uWebSockets.js, Bun, newer Nodes); measures nothing
  --phoenix-url url       compare with a Phoenix that runs already, at ws://host:port/socket: the reference application
                          that conformance/README.md describes. SECRET_KEY_BASE is its secret where it checks tokens
  --phoenix-pid pid       its process on this machine, to read its CPU; left out, it has none in the tables
  --dry-run               print, write nothing
  --profile               one short run of each under the sampling profiler, and where the time went; not of the avalanche
  --report-only           write the page and the plots again from results/
`;

/** What can be measured, each with a file of results and a part of the page of its own. */
export const measurements = ["comparison", "presence-storm", "avalanche"] as const;

export type Measurement = (typeof measurements)[number];

export interface Options {
  readonly scale: Scale;
  readonly only: readonly Measurement[];
  readonly workloads: readonly NamedWorkload[];
  readonly servers: readonly ServerName[];
  /** Those that were not asked for by name and can't be measured here, with what to do about it. */
  readonly skipped: readonly string[];
  readonly external: ExternalServer | undefined;
  readonly installPeers: boolean;
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
      scale: { type: "string" },
      only: { type: "string" },
      workloads: { type: "string" },
      servers: { type: "string" },
      repeats: { type: "string" },
      "install-peers": { type: "boolean", default: false },
      "phoenix-url": { type: "string" },
      "phoenix-pid": { type: "string" },
      "dry-run": { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      "report-only": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const scale = scaleOf(values.scale, values.quick || values.profile);
  const external = externalServer(values["phoenix-url"], values["phoenix-pid"]);
  // Named ones may be of the long run only: then they are made in short.
  const all = values.workloads === undefined ? workloadsOf(scale) : everyWorkloadOf(scale);
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
  const picks = values.workloads ?? values.servers ?? values.repeats ?? values["phoenix-url"];
  const only = names("only", values.only, picks === undefined ? measurements : ["comparison"], measurements);
  return {
    scale,
    only: measurements.filter((measurement) => only.includes(measurement)),
    workloads: all
      .filter(({ name }) => wanted.includes(name))
      .map((named) => (repeats === undefined ? named : { ...named, repeats })),
    ...serversOf(values.servers, external),
    external,
    installPeers: values["install-peers"],
    dryRun: values["dry-run"],
    profile: values.profile,
    reportOnly: values["report-only"],
    help: values.help,
  };
}

function scaleOf(given: string | undefined, quick: boolean): Scale {
  const scale = given ?? (quick ? "quick" : "full");
  if (scale !== "full" && scale !== "quick" && scale !== "smoke") {
    throw new TypeError(`Expected \`--scale\` to be full, quick or smoke, got "${given}".`);
  }
  return scale;
}

function externalServer(url: string | undefined, pid: string | undefined): ExternalServer | undefined {
  if (url === undefined) {
    return undefined;
  }
  if (!URL.canParse(url) || new URL(url).protocol !== "ws:") {
    throw new TypeError(`Expected \`--phoenix-url\` to be like ws://127.0.0.1:4000/socket, got "${url}".`);
  }
  if (pid !== undefined && !/^[1-9]\d*$/.test(pid)) {
    throw new TypeError(`Expected \`--phoenix-pid\` to be a process's number, got "${pid}".`);
  }
  return { url, pid: pid === undefined ? undefined : Number(pid) };
}

/** Whoever names one that can't be measured is told so; of all, those are left out that can't. */
function serversOf(
  given: string | undefined,
  external: ExternalServer | undefined,
): Pick<Options, "servers" | "skipped"> {
  const wanted = names("servers", given, serverNames).filter(isServerName);
  const lacks = (name: ServerName): string | undefined => {
    const { title, peer, external: elsewhere } = serverEntry(name);
    if (elsewhere) {
      return external === undefined ? `${title}: \`--phoenix-url\` says where one is` : undefined;
    }
    return peer === undefined || isInstalled(peer) ? undefined : `${title}: \`${installCommand}\` installs it`;
  };
  const skipped = wanted.flatMap((name) => lacks(name) ?? []);
  if (given !== undefined && skipped.length > 0) {
    throw new TypeError(`Expected \`--servers\` to list what is here, got "${given}". ${skipped.join("; ")}.`);
  }
  return { servers: wanted.filter((name) => lacks(name) === undefined), skipped };
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
