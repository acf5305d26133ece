/** Runs a deploy: a supervisor with its server, several generators, and what it all came to. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { totalUs } from "../generator/window.ts";
import { Child, processFile } from "../runner/child.ts";
import { type LaunchOptions, startGenerator } from "../runner/launch.ts";
import { machineBusyUs, othersUs } from "../runner/machine.ts";
import { sum } from "../runner/statistics.ts";
import type { ClientsJob, ClientsOutcome } from "./clients.ts";
import { type Audit, audit } from "./ledger.ts";
import type { Deploy } from "./plan.ts";
import type { Generations, Succeeded, SupervisorJob } from "./supervisor.ts";

/** What one deploy came to. Times are from the moment SIGTERM was sent. */
export interface DeployRun {
  readonly deploy: Deploy;
  readonly back: number;
  readonly gaveUp: number;
  readonly pushes: Audit;
  /** Until so many percent of the clients had joined again. */
  readonly backMs: {
    readonly p10: number;
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly all: number;
  };
  /** From losing a connection to having joined over the next, of each client. */
  readonly awayMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly oldGoneMs: number;
  readonly newListeningMs: number;
  /** Attempts to connect, the successful ones included. */
  readonly attempts: number;
  /** Of these, answered 503 by the old process. */
  readonly refused: number;
  /** Connections the new process let in, by tenths of a second. */
  readonly acceptsPerTenth: readonly number[];
  readonly peakTenth: number;
  /** The most within any second. */
  readonly peakSecond: number;
  /** Connections the kernel dropped because too many waited to be accepted; null where it doesn't tell. */
  readonly queueDrops: number | null;
  readonly oldCpuUs: number;
  readonly newCpuUs: number;
  readonly generatorCpuUs: number;
  /** From the order to deploy until everybody was back and had been heard. */
  readonly wallMs: number;
  /** Processor time of everything else on the machine meanwhile; null where the system does not tell. */
  readonly othersCpuUs: number | null;
}

export async function measureDeploy(
  deploy: Deploy,
  generators: number,
  options: LaunchOptions = {},
): Promise<DeployRun> {
  const { nodeArguments = [], pin = false } = options;
  const folder = mkdtempSync(join(tmpdir(), "portcullis-avalanche-"));
  const ledgerFile = join(folder, "ledger");
  const job: SupervisorJob = { deploy, ledgerFile };
  const supervisor = new Child({
    name: "supervisor",
    file: processFile("avalanche/supervisor"),
    args: [JSON.stringify(job)],
    nodeArguments,
    core: pin ? 0 : undefined,
  });
  const crowds: Child[] = [];
  try {
    const { port } = await supervisor.next<{ port: number }>();
    for (let index = 0; index < generators; index++) {
      const share: ClientsJob = { deploy, port, share: { index, of: generators } };
      crowds.push(startGenerator("avalanche/clients-process", share, options));
    }
    await Promise.all(crowds.map((crowd) => crowd.next()));
    const dropsBefore = listenDrops();
    const machineUs = machineBusyUs();
    const begin = performance.now();
    for (const crowd of crowds) crowd.tell({ watch: true });
    supervisor.tell({ do: "deploy" });
    const succeeded = await supervisor.next<Succeeded>();
    const outcomes = await Promise.all(crowds.map((crowd) => crowd.next<ClientsOutcome>()));
    const wallMs = performance.now() - begin;
    const dropsAfter = listenDrops();
    supervisor.tell({ do: "report" });
    const generations = await supervisor.next<Generations>();
    const oursUs =
      totalUs(generations.old.cpu) +
      totalUs(generations.new.cpuFromStart) +
      sum(outcomes.map(({ cpu }) => totalUs(cpu)));
    const othersCpuUs = othersUs(machineUs, oursUs);
    const pushes = audit(ledgerFile, new Map(outcomes.flatMap(({ acknowledged }) => acknowledged)));
    const queueDrops = dropsBefore === null || dropsAfter === null ? null : dropsAfter - dropsBefore;
    return { ...summary(deploy, succeeded, outcomes, generations), pushes, queueDrops, wallMs, othersCpuUs };
  } finally {
    await Promise.all([supervisor, ...crowds].map((child) => child.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

function summary(
  deploy: Deploy,
  { termAtUs, oldGoneAtUs, newListeningAtUs }: Succeeded,
  outcomes: readonly ClientsOutcome[],
  generations: Generations,
): Omit<DeployRun, "pushes" | "queueDrops" | "wallMs" | "othersCpuUs"> {
  const returns = outcomes.flatMap((outcome) => outcome.returns);
  const sinceTerm = (us: number): number => Math.round((us - termAtUs) / 1000);
  const back = sorted(returns.map(([, joinedAtUs]) => sinceTerm(joinedAtUs)));
  const away = sorted(returns.map(([lostAtUs, joinedAtUs]) => Math.round((joinedAtUs - lostAtUs) / 1000)));
  const accepted = sorted(generations.new.acceptedAtUs.map(sinceTerm));
  return {
    deploy,
    back: returns.length,
    gaveUp: sum(outcomes.map(({ gaveUp }) => gaveUp)),
    backMs: { p10: at(back, 0.1), p50: at(back, 0.5), p90: at(back, 0.9), p99: at(back, 0.99), all: at(back, 1) },
    awayMs: { p50: at(away, 0.5), p99: at(away, 0.99), max: at(away, 1) },
    oldGoneMs: sinceTerm(oldGoneAtUs),
    newListeningMs: sinceTerm(newListeningAtUs),
    attempts: sum(outcomes.map(({ attempts }) => attempts)),
    refused: generations.old.refused,
    acceptsPerTenth: tenths(accepted),
    peakTenth: Math.max(0, ...tenths(accepted)),
    peakSecond: mostWithin(accepted, 1_000),
    oldCpuUs: totalUs(generations.old.cpu),
    newCpuUs: totalUs(generations.new.cpu),
    generatorCpuUs: sum(outcomes.map(({ cpu }) => totalUs(cpu))),
  };
}

function sorted(values: readonly number[]): readonly number[] {
  return [...values].sort((left, right) => left - right);
}

/** The value that a share of all are not above. */
function at(values: readonly number[], share: number): number {
  return values[Math.max(0, Math.ceil(values.length * share) - 1)] ?? 0;
}

function tenths(times: readonly number[]): readonly number[] {
  const counts = Array.from({ length: Math.floor((times.at(-1) ?? 0) / 100) + 1 }, () => 0);
  for (const time of times) {
    const tenth = Math.max(0, Math.floor(time / 100));
    counts[tenth] = (counts[tenth] ?? 0) + 1;
  }
  return counts;
}

/** The most of the sorted `times` that lie within `spanMs`. */
export function mostWithin(times: readonly number[], spanMs: number): number {
  let most = 0;
  let first = 0;
  for (const [index, time] of times.entries()) {
    while (time - (times[first] ?? time) >= spanMs) first++;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

/** TCP connections dropped at a full accept queue since the machine started (Linux: /proc/net/netstat). */
function listenDrops(): number | null {
  try {
    const [names, values] = readFileSync("/proc/net/netstat", "latin1").split("\n");
    const index = names?.split(" ").indexOf("ListenDrops") ?? -1;
    return index < 0 ? null : Number(values?.split(" ")[index]);
  } catch {
    return null; // Not a Linux.
  }
}
