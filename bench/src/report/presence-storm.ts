/** The page's part on the presence storm: the tables, and what in them is a straight line and what is not. */
import type { StormRun } from "../presence-storm/measure.ts";
import type { StormMode } from "../presence-storm/plan.ts";
import { fit, largest, listedPresences, runsOfMode, type StormResults } from "../presence-storm/results.ts";
import { disturbance, measuredOn } from "./circumstances.ts";
import { significant } from "./figures.ts";
import { align, type Row, table } from "./table.ts";
import { bytesText, milliseconds, secondsText, whole } from "./units.ts";

const titles: Record<StormMode, (windowMs: number) => string> = {
  window: (windowMs) => `Diffs gathered for ${windowMs} ms (\`batchWindowMs: ${windowMs}\`)`,
  each: () => "A diff for each change (the default, as Phoenix)",
  counts: () => "Numbers only (`countsOnly: true`)",
};

const modes = ["window", "each", "counts"] as const;

export function presenceStormPart(results: StormResults): string {
  return [
    "## Presence storm",
    introduction(results),
    ...modes.flatMap((mode) => {
      const runs = runsOfMode(results, mode);
      const [first] = runs;
      return first === undefined
        ? []
        : [`### ${titles[mode](first.storm.windowMs)}`, table(headings[mode], runs.map(rowOf))];
    }),
    "### Window by window",
    windows(results),
    "### What is linear, and what is not",
    findings(results),
    [measuredOn(results, results.generators), ...disturbance(results.runs), ...unsound(results)].join("\n"),
  ].join("\n\n");
}

/** The tables for a terminal. */
export function presenceStormText(results: StormResults): string {
  return modes
    .map((mode) => `${mode}\n${align([headings[mode], ...runsOfMode(results, mode).map(rowOf)])}`)
    .join("\n\n");
}

function introduction({ runs }: StormResults): string {
  const withinMs = runs[0]?.storm.withinMs ?? 0;
  return `A room is full already: every member is a presence over a connection of its own. Within ${secondsText(withinMs)}, at an even pace, more join over connections that are open already; each is tracked and then given the \`presence_state\` (in counts-only mode the \`presence_counts\`). Counted is every frame about presence that any client got, with its WebSocket header. A presence is a key of 10 characters and the meta \`{phx_ref, online_at}\`. "Took" is from the first join to the last frame, "in" from sending a join to having the state.`;
}

const common = ["server CPU", "took", "in, p50", "in, p99", "lost"];
const who = ["members", "joins", "state bytes", "diffs", "diff frames", "diff bytes", ...common];
const headings: Record<StormMode, Row> = {
  window: who,
  each: who,
  counts: ["members", "joins", "counts frames", "counts bytes", ...common],
};

function rowOf({ storm, state, diff, counts, diffsMade, ...run }: StormRun): Row {
  const told =
    storm.mode === "counts"
      ? [whole(counts.frames), bytesText(counts.bytes)]
      : [bytesText(state.bytes), whole(diffsMade), whole(diff.frames), bytesText(diff.bytes)];
  return [
    whole(storm.members),
    whole(storm.joins),
    ...told,
    secondsText(run.serverCpuUs / 1_000),
    secondsText(run.tookMs),
    milliseconds(run.latency?.p50Us ?? null),
    milliseconds(run.latency?.p99Us ?? null),
    whole(run.lost + run.wrong),
  ];
}

/** The windows of the fullest room. */
function windows(results: StormResults): string {
  const runs = runsOfMode(results, "window");
  const line = fit(runs);
  const members = Math.max(...runs.map(({ storm }) => storm.members));
  const rows = runs
    .filter(({ storm }) => storm.members === members)
    .flatMap(({ storm, diffs }) =>
      diffs.map(({ joins, bytes, deliveries }) => {
        const expected = line === undefined ? bytes : line.bytesAtNone + line.bytesPerJoin * joins;
        return [
          `${whole(storm.joins)} into ${whole(storm.members)}`,
          whole(joins),
          `${whole(bytes)} B`,
          `${Math.abs(bytes - expected).toFixed(1)} B`,
          whole(deliveries),
          bytesText(bytes * deliveries),
        ];
      }),
    );
  return table(["storm", "joins in the window", "bytes of its diff", "off the line", "delivered to", "in all"], rows);
}

function findings(results: StormResults): string {
  const runs = runsOfMode(results, "window");
  const most = largest(runs);
  return [
    ...lineOf(runs),
    ...savingOf(results),
    ...(most === undefined ? [] : [stateOf(runs, most)]),
    ...(most === undefined ? [] : [lateness(most)]),
    ...countsOf(results, most),
  ].join("\n");
}

function lineOf(runs: readonly StormRun[]): readonly string[] {
  const line = fit(runs);
  const long = runs.some(({ diffs }) => diffs.some(({ bytes }) => bytes > 65_536));
  return line === undefined
    ? []
    : [
        `- **Linear: the diff of a window.** Over all ${whole(line.windows)} windows it has ${significant(line.bytesAtNone)} + ${line.bytesPerJoin.toFixed(2)} × (joins in the window) bytes; the worst of them is ${line.worstResidual.toFixed(2)} bytes off${long ? " (a frame of 65,536 bytes or more has a header six bytes longer)" : ""}. Each member gets one diff a window, so a window costs (members) × (that), and no window's bytes depend on another's.`,
      ];
}

/** What windows save, and what they can't. */
function savingOf(results: StormResults): readonly string[] {
  const each = largest(runsOfMode(results, "each"));
  const window = runsOfMode(results, "window").find(
    ({ storm }) => storm.members === each?.storm.members && storm.joins === each.storm.joins,
  );
  if (each === undefined || window === undefined) return [];
  const { members, joins } = each.storm;
  return [
    `- **What windows save is frames, not entries.** With or without them every member is told of every join once: (joins) × (members) entries. For ${whole(joins)} into ${whole(members)}, ${whole(each.diff.frames)} frames of ${bytesText(each.diff.bytes)} become ${whole(window.diff.frames)} of ${bytesText(window.diff.bytes)} (${perJoin(each)} and ${perJoin(window)} bytes for each join somebody is told of: the envelope of a frame is nearly as long as an entry), and ${secondsText(each.serverCpuUs / 1_000)} of server CPU become ${secondsText(window.serverCpuUs / 1_000)}, states included.`,
  ];
}

/** Bytes of diffs for each join that one recipient is told of. */
function perJoin({ diff, diffs }: StormRun): string {
  // Without windows only diffs that differ are listed: there every frame is of one join.
  const told =
    diffs.length === 1 ? diff.frames : diffs.reduce((sum, { joins, deliveries }) => sum + joins * deliveries, 0);
  return (diff.bytes / told).toFixed(0);
}

function stateOf(runs: readonly StormRun[], { storm, state, diff }: StormRun): string {
  const each = runs.map((run) => run.state.bytes / listedPresences(run.storm));
  const total = (100 * state.bytes) / (state.bytes + diff.bytes);
  return `- **Not linear: the state.** Who joins gets everybody who is there: ${bytesText(state.bytes / state.frames)} for one joiner of the largest room, ${rangeText(each)} bytes for each presence in it. A storm of n into a room of m costs n × (m + n/2) entries of state, ${bytesText(state.bytes)} for ${whole(storm.joins)} into ${whole(storm.members)} (${total.toFixed(0)} % of all its presence bytes), whatever the window: that is what \`presence_state\` of Phoenix's protocol is. The server works as much: it lists and writes out everybody, again for each joiner.`;
}

function rangeText(values: readonly number[]): string {
  const [least, most] = [Math.min(...values).toFixed(1), Math.max(...values).toFixed(1)];
  return least === most ? least : `${least} to ${most}`;
}

function lateness({ storm, diffsMade, tookMs }: StormRun): string {
  return `- **A window is at least so long.** ${whole(storm.joins)} states of ${whole(storm.members)} keep one process busy for ${secondsText(tookMs)}, longer than the storm; the timer waits like everything else, and ${diffsMade} diffs were made where an idle process would make ${Math.ceil(storm.withinMs / storm.windowMs)}. Fewer and larger, on the same line.`;
}

function countsOf(results: StormResults, most: StormRun | undefined): readonly string[] {
  const counts = largest(runsOfMode(results, "counts"));
  if (counts === undefined || most === undefined) return [];
  return [
    `- **Counts-only mode has neither.** ${whole(counts.storm.joins)} into ${whole(counts.storm.members)}: ${bytesText(counts.counts.bytes)} in all and ${secondsText(counts.serverCpuUs / 1_000)} of server CPU, in place of ${bytesText(most.state.bytes + most.diff.bytes)} and ${secondsText(most.serverCpuUs / 1_000)}.`,
  ];
}

/** Default of a mount. */
const idleTimeoutMs = 60_000;

function unsound({ runs }: StormResults): readonly string[] {
  const bad = runs.filter(({ lost, wrong }) => lost + wrong > 0);
  const checked = runs.reduce((sum, run) => sum + run.checked, 0);
  return bad.length === 0
    ? [
        `- Every member heard of every join exactly once, in all ${runs.length} storms; ${whole(checked)} joiners read their states and diffs in full and ended up knowing everybody.`,
      ]
    : bad.map(
        ({ storm, lost, wrong, lastWords, tookMs }) =>
          `- **Unsound**: ${storm.mode}, ${whole(storm.joins)} into ${whole(storm.members)}: ${whole(lost)} lost, ${whole(wrong)} wrong${lastWords === "" ? "" : ` (${lastWords})`}.${tookMs > idleTimeoutMs ? ` Busy for ${secondsText(tookMs)}, the server read no heartbeats for longer than its idle timeout and took clients for gone.` : ""}`,
      );
}
