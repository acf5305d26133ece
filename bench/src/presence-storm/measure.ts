/** Runs storms: one server, several generators, and what it all came to. */
import { ControlClient } from "../generator/control-client.ts";
import { Latencies, type LatencySummary } from "../generator/latencies.ts";
import { difference, totalUs } from "../generator/window.ts";
import { Child, processFile } from "../runner/child.ts";
import { type LaunchOptions, startGenerator } from "../runner/launch.ts";
import { machineBusyUs, othersUs } from "../runner/machine.ts";
import { sum } from "../runner/statistics.ts";
import { monotonicUs } from "../scenario.ts";
import type { CrowdJob, CrowdOutcome } from "./crowd.ts";
import type { Storm } from "./plan.ts";
import { type Amount, type DiffSeen, mergeDiffs } from "./tally.ts";

/** What one storm came to, over all clients. */
export interface StormRun {
  readonly storm: Storm;
  readonly state: Amount;
  readonly diff: Amount;
  readonly counts: Amount;
  /** How many diffs were made; `diff` has them once for everybody they came to. */
  readonly diffsMade: number;
  /** One for each window; of the mode without one, those that differ from the others. */
  readonly diffs: readonly Omit<DiffSeen, "firstKey">[];
  /** From the first join to the last frame about it. */
  readonly tookMs: number;
  /** From sending a join to having the state, or the counts. */
  readonly latency: LatencySummary | null;
  readonly serverCpuUs: number;
  readonly generatorCpuUs: number;
  /** From just before the first join until the generators had waited for stragglers. */
  readonly wallMs: number;
  /** Processor time of everything else on the machine meanwhile; null where the system does not tell. */
  readonly othersCpuUs: number | null;
  readonly lost: number;
  readonly wrong: number;
  readonly checked: number;
  readonly lastWords: string;
}

/** Time for every generator to have read the line that says when it begins. */
const leadMs = 50;

export async function measureStorm(storm: Storm, generators: number, options: LaunchOptions = {}): Promise<StormRun> {
  const { nodeArguments = [], pin = false } = options;
  const server = new Child({
    name: "presence server",
    file: processFile("presence-storm/server-process"),
    args: [JSON.stringify(storm)],
    nodeArguments,
    core: pin ? 0 : undefined,
  });
  const crowds: Child[] = [];
  try {
    const { port, controlPort } = await server.next<{ port: number; controlPort: number }>();
    for (let index = 0; index < generators; index++) {
      const job: CrowdJob = { storm, port, share: { index, of: generators } };
      crowds.push(startGenerator("presence-storm/crowd-process", job, options));
    }
    await Promise.all(crowds.map((crowd) => crowd.next()));
    const control = await ControlClient.open({ port: controlPort, profileFile: options.profileFile });
    try {
      return await unleash(storm, crowds, control);
    } finally {
      control.close();
    }
  } finally {
    await Promise.all([server, ...crowds].map((child) => child.stop()));
  }
}

async function unleash(storm: Storm, crowds: readonly Child[], control: ControlClient): Promise<StormRun> {
  if (control.profileFile !== undefined) await control.startProfile();
  const machineUs = machineBusyUs();
  const begin = performance.now();
  const before = await control.cpu();
  const startAtUs = monotonicUs() + leadMs * 1000;
  for (const crowd of crowds) crowd.tell({ startAtUs });
  const outcomes = await Promise.all(crowds.map((crowd) => crowd.next<CrowdOutcome>()));
  const serverCpu = difference(await control.cpu(), before);
  const wallMs = performance.now() - begin;
  const generatorCpuUs = sum(outcomes.map(({ cpu }) => totalUs(cpu)));
  const othersCpuUs = othersUs(machineUs, totalUs(serverCpu) + generatorCpuUs);
  if (control.profileFile !== undefined) await control.stopProfile(control.profileFile);
  return {
    ...summary(storm, outcomes, startAtUs),
    serverCpuUs: totalUs(serverCpu),
    generatorCpuUs,
    wallMs,
    othersCpuUs,
  };
}

function summary(
  storm: Storm,
  outcomes: readonly CrowdOutcome[],
  startAtUs: number,
): Omit<StormRun, "serverCpuUs" | "generatorCpuUs" | "wallMs" | "othersCpuUs"> {
  const diffs = mergeDiffs(outcomes.map((outcome) => outcome.diffs));
  const latencies = new Latencies();
  for (const us of outcomes.flatMap(({ greetedUs }) => greetedUs)) latencies.add(us);
  return {
    storm,
    state: amount(outcomes, "state"),
    diff: amount(outcomes, "diff"),
    counts: amount(outcomes, "counts"),
    diffsMade: diffs.length,
    diffs: (storm.mode === "each" ? distinct(diffs) : diffs).map(({ firstKey: _, ...seen }) => seen),
    tookMs: Math.round((Math.max(...outcomes.map(({ lastAtUs }) => lastAtUs)) - startAtUs) / 1000),
    latency: latencies.summary(),
    lost: sum(outcomes.map(({ lost }) => lost)),
    wrong: sum(outcomes.map(({ wrong }) => wrong)),
    checked: sum(outcomes.map(({ checked }) => checked)),
    lastWords: outcomes.find(({ lastWords }) => lastWords !== "")?.lastWords ?? "",
  };
}

function amount(outcomes: readonly CrowdOutcome[], kind: "state" | "diff" | "counts"): Amount {
  return {
    frames: sum(outcomes.map((outcome) => outcome[kind].frames)),
    bytes: sum(outcomes.map((outcome) => outcome[kind].bytes)),
  };
}

/** Of diffs of the same size the one that came to most. */
function distinct(diffs: readonly DiffSeen[]): readonly DiffSeen[] {
  const bySize = new Map<string, DiffSeen>();
  for (const seen of [...diffs].sort((left, right) => left.deliveries - right.deliveries)) {
    bySize.set(`${seen.joins} ${seen.bytes}`, seen);
  }
  return [...bySize.values()];
}
