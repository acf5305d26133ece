// Every recording of a real Phoenix server, replayed against the reference server in real time. Each has a
// server of its own: they share topics, and all of them run at once.
import { silentLogger } from "portcullis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startReferenceServer } from "./reference-server/server.ts";
import { type Outcome, play } from "./replay/player.ts";
import { readScenario, recordingNames } from "./replay/recording.ts";
import { needsQuiet } from "./replay/schedule.ts";
import { toScript } from "./replay/script.ts";
import { Stillness } from "./stillness.ts";

const names = recordingNames();
const outcomes = new Map<string, Promise<Outcome>>();

const playsMax = 4;

async function replay(name: string): Promise<Outcome> {
  for (let plays = 1; ; plays += 1) {
    const stillness = new Stillness();
    const outcome = await playOnce(name);
    const stoodStill = stillness.stoodStill();
    stillness.end();
    if (outcome.verdict === "same" || plays === playsMax || !stoodStill) return outcome;
  }
}

async function playOnce(name: string): Promise<Outcome> {
  const server = await startReferenceServer({ port: 0, logger: silentLogger });
  try {
    return await play(readScenario(name), { base: new URL(server.url), patienceMs: 15_000 });
  } finally {
    await server.close();
  }
}

const touchy = names.filter((name) => needsQuiet(name, toScript(readScenario(name).main)));
const calm = names.filter((name) => !touchy.includes(name));

// Begun here and awaited by name, because Vitest would run only a few of them at a time.
beforeAll(() => {
  for (const name of calm) outcomes.set(name, replay(name));
  const quiet = Promise.all(calm.filter((name) => !isLong(name)).map((name) => outcomes.get(name)));
  // A few at a time, those that wait for seconds first: the others count in tenths of one.
  const lanes = Array.from({ length: touchyLanes }, () => quiet.then(() => {}));
  const inOrder = [...touchy].sort((one, other) => durationMs(other) - durationMs(one));
  for (const [index, name] of inOrder.entries()) {
    const lane = index % touchyLanes;
    const outcome = (lanes[lane] as Promise<void>).then(() => replay(name));
    lanes[lane] = outcome.then(() => {});
    outcomes.set(name, outcome);
  }
});

const touchyLanes = 4;

function durationMs(name: string): number {
  return Math.max(...toScript(readScenario(name).main).map(({ event }) => event.at_ms));
}

// Waits most of its time.
function isLong(name: string): boolean {
  return name.endsWith("-terminate-reasons");
}

afterAll(() => Promise.allSettled(outcomes.values()));

test.each(names)("%s", { timeout: 60_000 }, async (name) => {
  const outcome = await outcomes.get(name);
  expect(outcome).toMatchObject({ verdict: "same", mismatches: [] });
});
