// npm run replay --workspace portcullis-conformance -- --url http://127.0.0.1:4100 [--strict] [names…]
import { parseArgs } from "node:util";
import type { Mismatch } from "./expectation.ts";
import { httpCases, playCase } from "./http-cases.ts";
import { type Outcome, play } from "./player.ts";
import { readScenario, recordingNames, type Scenario } from "./recording.ts";
import { footprintOf, needsQuiet, opensSessions, runApart } from "./schedule.ts";
import { toScript } from "./script.ts";

const drainRecording = "drain-sigterm";

const usage = `Replays recordings of a real Phoenix server against the server at a URL.

  --url URL          the server, for example http://127.0.0.1:4100
  --strict           expect what Phoenix does, also where Portcullis differs on purpose
  --list             name the recordings and end
  --drain            play ${drainRecording} too, last: it ends the server
  names              recordings to play, * matches any letters (default: all)

It ends with 0 when all are the same, 1 when one differs, 2 when one could not be played.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: "string" },
    strict: { type: "boolean", default: false },
    drain: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.list) {
  for (const name of recordingNames()) console.log(name);
} else if (values.help || values.url === undefined || !values.url.startsWith("http://")) {
  console.log(usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  process.exitCode = await replay(new URL(values.url), choose(positionals));
}

function choose(patterns: readonly string[]): string[] {
  const names = recordingNames().filter((name) => name !== drainRecording || values.drain);
  if (patterns.length === 0) return names;
  const expressions = patterns.map((pattern) => new RegExp(`^${pattern.replaceAll("*", ".*")}$`));
  return names.filter((name) => expressions.some((expression) => expression.test(name)));
}

async function replay(base: URL, names: readonly string[]): Promise<number> {
  if (names.length === 0) {
    console.error("No recording has such a name; --list shows them all.");
    return 2;
  }
  const startedMs = performance.now();
  const scenarios = names.map((name) => readScenario(name)).sort((a, b) => durationMs(b) - durationMs(a));
  const last = scenarios.filter(({ name }) => name === drainRecording);
  // Sessions outlive the recording they are of, and their channels say farewell when nobody listens any more.
  const sessions = scenarios.filter(({ main }) => opensSessions(toScript(main)));
  const quiet = scenarios.filter(
    ({ main }) => needsQuiet(main.name, toScript(main)) && !sessions.some((one) => one.main === main),
  );
  const others = scenarios.filter((scenario) => ![...sessions, ...quiet, ...last].includes(scenario));
  const outcomes: Outcome[] = positionals.length === 0 ? [await playHttp(base)] : [];
  for (const together of [quiet, others, sessions, last]) outcomes.push(...(await playTogether(base, together)));
  const count = (verdict: Outcome["verdict"]) => outcomes.filter((outcome) => outcome.verdict === verdict).length;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(
    `${outcomes.length} recordings in ${seconds} s: ${count("same")} same, ${count("different")} different, ${count("failed")} not played`,
  );
  return count("failed") > 0 ? 2 : count("different") > 0 ? 1 : 0;
}

function playTogether(base: URL, scenarios: readonly Scenario[]): Promise<Outcome[]> {
  return runApart(
    scenarios.map((scenario) => ({
      footprint: footprintOf(toScript(scenario.main)),
      run: async () => {
        const outcome = await play(scenario, { base, strict: values.strict });
        report(outcome);
        return outcome;
      },
    })),
  );
}

/** The single requests, as one outcome. */
async function playHttp(base: URL): Promise<Outcome> {
  const startedMs = performance.now();
  const mismatches: Mismatch[] = [];
  let failure: string | undefined;
  for (const recorded of httpCases()) {
    try {
      const why = await playCase(base, recorded, values.strict);
      const { id, desc } = recorded;
      if (why !== undefined) mismatches.push({ conn: id, event: 0, expected: desc, got: why, why });
    } catch (error) {
      failure ??= `${recorded.id}: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  const verdict = failure !== undefined ? "failed" : mismatches.length > 0 ? "different" : "same";
  const outcome: Outcome = { name: "http", verdict, mismatches, failure, tookMs: performance.now() - startedMs };
  report(outcome);
  return outcome;
}

function durationMs(scenario: Scenario): number {
  return Math.max(...toScript(scenario.main).map(({ event }) => event.at_ms));
}

function report({ name, verdict, mismatches, failure, tookMs }: Outcome): void {
  console.log(`${verdict.padEnd(9)} ${name} (${(tookMs / 1000).toFixed(1)} s)`);
  if (failure !== undefined) console.log(`  the replay failed: ${failure}`);
  for (const { conn, event, expected, got, why } of mismatches) {
    console.log(`  connection ${conn}, event ${event ?? "after the last"}: ${why}`);
    console.log(`    expected ${expected}\n    got      ${got}`);
  }
}
