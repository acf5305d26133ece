/** Storms, tiny: that all of it arrives and is counted once, and that a room which leaves something out is found out. */
import { defineEndpoint, defineSocket, silentLogger } from "portcullis";
import { afterEach, describe, expect, test } from "vitest";
import { StormCrowd } from "../src/presence-storm/crowd.ts";
import { measureStorm, type StormRun } from "../src/presence-storm/measure.ts";
import { type Storm, stormPlan } from "../src/presence-storm/plan.ts";
import { fit, listedPresences } from "../src/presence-storm/results.ts";
import { startPresenceServer } from "../src/presence-storm/server.ts";
import { mergeDiffs, Tally } from "../src/presence-storm/tally.ts";
import { benchSecretKeyBase, monotonicUs } from "../src/scenario.ts";

const fromSource = { nodeArguments: ["--import", "tsx", "--conditions=portcullis-source"] };
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

describe("a storm", () => {
  const { generators, storms } = stormPlan("smoke");
  const run = (mode: Storm["mode"]): Promise<StormRun> => {
    const storm = storms.find((candidate) => candidate.mode === mode);
    if (storm === undefined) throw new Error("The mode has another name now.");
    return measureStorm(storm, generators, fromSource);
  };

  test("with windows: each joiner gets one state, each window one diff, and nothing is told twice", async () => {
    const { storm, state, diffs, ...outcome } = await run("window");
    expect(outcome).toMatchObject({ lost: 0, wrong: 0, counts: { frames: 0 } });
    expect(outcome.checked).toBeGreaterThan(0);
    expect(state.frames).toBe(storm.joins);
    expect(diffs.reduce((sum, { joins }) => sum + joins, 0)).toBe(storm.joins);
    expect(diffs.every(({ deliveries }) => deliveries > storm.members)).toBe(true);
  }, 30_000);

  test("without windows: as many diffs as joins", async () => {
    const { storm, diffsMade, ...outcome } = await run("each");
    expect(outcome).toMatchObject({ lost: 0, wrong: 0 });
    expect(diffsMade).toBe(storm.joins);
  }, 30_000);

  test("in counts-only mode: nobody is told who is there", async () => {
    const { counts, ...outcome } = await run("counts");
    expect(outcome).toMatchObject({ lost: 0, wrong: 0, state: { bytes: 0 }, diff: { bytes: 0 } });
    expect(counts.frames).toBeGreaterThan(0);
  }, 30_000);
});

describe("a room that", () => {
  const storm: Storm = { mode: "window", members: 3, joins: 2, withinMs: 10, windowMs: 5, lostAfterMs: 100 };

  test("tells joiners numbers in place of names is found out", async () => {
    const server = await startPresenceServer({ ...storm, mode: "counts" });
    closing.push(() => server.close());
    const outcome = await stormAt(server.port);
    expect(outcome.wrong).toBe(outcome.checked);
    expect(outcome.checked).toBeGreaterThan(0);
  });

  test("tells nobody of anybody is found out", async () => {
    const socket = defineSocket();
    const channels = [socket.channel("room:{name}", { authorize: "everyone" })];
    const endpoint = defineEndpoint({
      secretKeyBase: benchSecretKeyBase,
      logger: silentLogger,
      sockets: { "/socket": { socket, channels } },
    });
    const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
    closing.push(() => endpoint.close());
    expect((await stormAt(port)).lost).toBe(storm.members + storm.joins);
  });

  async function stormAt(port: number) {
    const crowd = new StormCrowd({ storm, port, share: { index: 0, of: 1 } });
    closing.unshift(() => crowd.close());
    await crowd.gather();
    return crowd.storm(monotonicUs());
  }
});

describe("the tally", () => {
  const diff = (joins: object) => JSON.stringify([null, null, "room:lobby", "presence_diff", { joins, leaves: {} }]);

  test("knows a diff again, counts its header, and notices other content", () => {
    const tally = new Tally();
    const text = diff({ a: { metas: [] }, b: { metas: [] } });
    expect(tally.hear(text)).toEqual({ kind: "diff", joins: 2 });
    tally.hear(text);
    expect(tally.diffs).toEqual([{ firstKey: "a", joins: 2, bytes: text.length + 2, deliveries: 2 }]);
    expect(tally.diff).toEqual({ frames: 2, bytes: 2 * (text.length + 2) });
    expect(tally.wrong).toBe(0);
    tally.hear(diff({ a: { metas: [] } }));
    expect(tally.wrong).toBe(1);
    expect(tally.hear(JSON.stringify(["1", "1", "room:lobby", "phx_reply", {}]))).toEqual({ kind: "other" });
  });

  test("puts together what several generators saw of one diff", () => {
    const seen = { firstKey: "a", joins: 2, bytes: 100, deliveries: 3 };
    const other = { firstKey: "b", joins: 5, bytes: 200, deliveries: 1 };
    expect(mergeDiffs([[seen], [other, { ...seen, deliveries: 4 }]])).toEqual([other, { ...seen, deliveries: 7 }]);
  });
});

test("the line through the windows is the line they are on, and tells how far one is off", () => {
  const on = { diffs: [1, 4, 9].map((joins) => ({ joins, bytes: 70 + 80 * joins, deliveries: 1 })) };
  expect(fit([on])).toEqual({
    windows: 3,
    bytesAtNone: expect.closeTo(70),
    bytesPerJoin: expect.closeTo(80),
    worstResidual: expect.closeTo(0),
  });
  const off = { diffs: [{ joins: 5, bytes: 999, deliveries: 1 }] };
  expect(fit([on, off])?.worstResidual).toBeGreaterThan(100);
  expect(fit([off])).toBeUndefined();
});

test("states list who was there and who came before, the joiner included", () => {
  expect(listedPresences({ members: 10, joins: 3 })).toBe(11 + 12 + 13);
});
