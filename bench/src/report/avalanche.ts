/** The page's part on the deploy avalanche: who came back when, and what it cost. */
import type { DeployRun } from "../avalanche/measure.ts";
import type { Deploy } from "../avalanche/plan.ts";
import { type AvalancheResults, runsOfDeploy, typical } from "../avalanche/results.ts";
import { spread } from "../runner/statistics.ts";
import { disturbance, measuredOn } from "./circumstances.ts";
import { align, type Row, table } from "./table.ts";
import { secondsText, whole } from "./units.ts";

export function avalanchePart(results: AvalancheResults): string {
  return [
    "## Deploy avalanche",
    introduction(results),
    "### Who is back when",
    table(
      returnHeadings,
      results.deploys.map((deploy) => returnRow(deploy, runsOfDeploy(results, deploy))),
    ),
    "### What comes at the new process",
    table(
      loadHeadings,
      results.deploys.map((deploy) => loadRow(deploy, runsOfDeploy(results, deploy))),
    ),
    findings(results),
    [measuredOn(results, results.generators), ...disturbance(results.runs)].join("\n"),
  ].join("\n\n");
}

/** The tables for a terminal. */
export function avalancheText(results: AvalancheResults): string {
  const rows = (row: typeof returnRow): readonly Row[] =>
    results.deploys.map((deploy) => row(deploy, runsOfDeploy(results, deploy)));
  return [align([returnHeadings, ...rows(returnRow)]), align([loadHeadings, ...rows(loadRow)])].join("\n\n");
}

function introduction({ deploys, runs }: AvalancheResults): string {
  const [deploy] = deploys;
  const repeats = deploy === undefined ? 0 : runs.length / deploys.length;
  return `${whole(deploy?.clients ?? 0)} clients are connected, joined, and each has a push acknowledged about every ${secondsText(deploy?.pushEveryMs ?? 0)}. Then the server gets SIGTERM (\`endpoint.drainOnSignal()\`) and another process takes over its port. Clients do what phoenix.js does: wait 10, 50, 100, 150, 200, 250, 500, 1,000, 2,000, then 5,000 ms between attempts, all alike, start over when a connection opens, join again, and repeat what was not acknowledged. Every push is in a file before it is acknowledged; afterwards the file is compared with what the clients were told. Medians of ${repeats} runs.

- **Restart**: the supervisor starts the new process when the old one has ended. Meanwhile nobody serves.
- **Overlap**: the new process listens on the same socket first (\`node:cluster\`, each accepting for itself); the old one stops listening and then drains.`;
}

const returnHeadings = [
  "succession",
  "drain",
  "back",
  "gave up",
  "acknowledged pushes",
  "of these lost",
  "half are back",
  "99 % are back",
  "all are back",
  "away, p50",
  "away, longest",
];

function returnRow(deploy: Deploy, runs: readonly DeployRun[]): Row {
  return [
    deploy.succession,
    drainText(deploy),
    `${whole(Math.min(...runs.map(({ back }) => back)))} of ${whole(deploy.clients)}`,
    whole(sum(runs, ({ gaveUp }) => gaveUp)),
    whole(sum(runs, ({ pushes }) => pushes.acknowledged)),
    whole(sum(runs, ({ pushes }) => pushes.lost)),
    secondsText(typical(runs, ({ backMs }) => backMs.p50)),
    secondsText(typical(runs, ({ backMs }) => backMs.p99)),
    spreadText(runs.map(({ backMs }) => backMs.all)),
    secondsText(typical(runs, ({ awayMs }) => awayMs.p50)),
    secondsText(typical(runs, ({ awayMs }) => awayMs.max)),
  ];
}

const loadHeadings = [
  "succession",
  "drain",
  "old one gone",
  "new one listens",
  "peak accepts / 100 ms",
  "peak accepts / s",
  "attempts",
  "answered 503",
  "dropped by the kernel",
  "CPU old",
  "CPU new",
];

function loadRow(deploy: Deploy, runs: readonly DeployRun[]): Row {
  return [
    deploy.succession,
    drainText(deploy),
    secondsText(typical(runs, ({ oldGoneMs }) => oldGoneMs)),
    deploy.succession === "overlap" ? "before" : secondsText(typical(runs, ({ newListeningMs }) => newListeningMs)),
    whole(typical(runs, ({ peakTenth }) => peakTenth)),
    whole(typical(runs, ({ peakSecond }) => peakSecond)),
    whole(typical(runs, ({ attempts }) => attempts)),
    whole(typical(runs, ({ refused }) => refused)),
    runs.some(({ queueDrops }) => queueDrops === null)
      ? "–"
      : whole(typical(runs, ({ queueDrops }) => queueDrops ?? 0)),
    secondsText(typical(runs, ({ oldCpuUs }) => oldCpuUs / 1_000)),
    secondsText(typical(runs, ({ newCpuUs }) => newCpuUs / 1_000)),
  ];
}

function findings(results: AvalancheResults): string {
  return [
    '- Times are from SIGTERM, except "away": from losing a connection to having joined over the next. "Accepts" are connections let in (TCP, upgrade, token, all of it), "attempts" every time a client knocked, "CPU old" from SIGTERM until its last connection was gone, "CPU new" from listening until all were back.',
    ...restarts(results),
    ...overlaps(results),
    "- **Dropped by the kernel** counts SYNs and finished handshakes for which the accept queue (Node's default: 511) had no room. Their clients don't hear of it and are a second late, or three, or seven, when TCP tries again.",
    ...repeated(results),
    ...unsound(results),
  ].join("\n");
}

function restarts(results: AvalancheResults): readonly string[] {
  const { atOnce, gentlest } = extremes(results, "restart");
  if (atOnce === undefined || gentlest === undefined) return [];
  return [
    `- **A restart makes whoever goes first wait longest.** The old process takes nobody back (503), until the new one listens nobody else does, and clients wait longer with each try. Batches prolong that: all are back after ${secondsText(typical(gentlest.runs, allBack))} in place of ${secondsText(typical(atOnce.runs, allBack))}. Where there is only one process at a time let all go at once, as the defaults do with up to 10,000 connections.`,
  ];
}

function overlaps(results: AvalancheResults): readonly string[] {
  const { atOnce, gentlest } = extremes(results, "overlap");
  if (atOnce === undefined || gentlest === undefined) return [];
  const away = (runs: readonly DeployRun[]): string =>
    `${secondsText(typical(runs, ({ awayMs }) => awayMs.p50))} (longest ${secondsText(typical(runs, ({ awayMs }) => awayMs.max))})`;
  const most = Math.max(...results.runs.map(({ peakSecond }) => peakSecond));
  return [
    `- **Batches pay when somebody else is there already, and they come more slowly than that one lets in.** Here that is at most ${whole(most)} connections a second. At ${whole(perSecond(gentlest.deploy))} a second half of the clients were away for no more than ${away(gentlest.runs)}, all at once ${away(atOnce.runs)}; the peak is ${whole(typical(gentlest.runs, ({ peakSecond }) => peakSecond))} a second in place of ${whole(typical(atOnce.runs, ({ peakSecond }) => peakSecond))}. The whole takes as long as the batches do.`,
  ];
}

interface Measured {
  readonly deploy: Deploy;
  readonly runs: readonly DeployRun[];
}

/** Of one succession: the deploy that lets all go at once, and the one that does so most slowly. */
function extremes(
  results: AvalancheResults,
  succession: Deploy["succession"],
): { readonly atOnce: Measured | undefined; readonly gentlest: Measured | undefined } {
  const [gentlest, ...others] = results.deploys
    .filter((deploy) => deploy.succession === succession)
    .map((deploy) => ({ deploy, runs: runsOfDeploy(results, deploy) }))
    .sort((left, right) => perSecond(left.deploy) - perSecond(right.deploy));
  return { atOnce: others.at(-1), gentlest };
}

/** How many connections a second a drain lets go. */
function perSecond({ drain }: Deploy): number {
  return drain === null ? Number.POSITIVE_INFINITY : (drain.batchSize * 1_000) / drain.intervalMs;
}

function allBack({ backMs }: DeployRun): number {
  return backMs.all;
}

function repeated({ runs }: AvalancheResults): readonly string[] {
  const total = sum(runs, ({ pushes }) => pushes.acknowledged);
  const twice = sum(runs, ({ pushes }) => pushes.repeated);
  return [
    `- A push whose reply is lost with the connection is pushed again and handled twice: ${whole(twice)} of ${whole(total)} here, because what was handled is answered before the connection ends. Nothing promises that it is handled only once.`,
  ];
}

function unsound({ runs }: AvalancheResults): readonly string[] {
  return runs
    .filter(({ gaveUp, pushes }) => gaveUp > 0 || pushes.lost > 0)
    .map(
      ({ deploy, gaveUp, pushes }) =>
        `- **Unsound**: ${deploy.succession}, ${drainText(deploy)}: ${gaveUp} gave up, ${pushes.lost} acknowledged pushes lost.`,
    );
}

function drainText({ drain }: Deploy): string {
  return drain === null ? "defaults" : `${whole(drain.batchSize)} every ${whole(drain.intervalMs)} ms`;
}

function spreadText(ms: readonly number[]): string {
  const { median, min, max } = spread(ms);
  return ms.length === 1 ? secondsText(median) : `${secondsText(median)} (${secondsText(min)}–${secondsText(max)})`;
}

function sum(runs: readonly DeployRun[], pick: (run: DeployRun) => number): number {
  return runs.reduce((total, run) => total + pick(run), 0);
}
