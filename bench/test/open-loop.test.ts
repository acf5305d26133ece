/** What the figures of an open loop and of a spinning generator rest on. */
import { expect, test } from "vitest";
import { Pace } from "../src/generator/pace.ts";
import { cpuOf } from "../src/generator/process-cpu.ts";
import { busyUs, Spin } from "../src/generator/spin.ts";

test("a pace sends what is due, stamped with when it was due, however late", () => {
  let nowUs = 5_000;
  const sent: number[] = [];
  const pace = new Pace(
    1_000,
    (atUs) => sent.push(atUs),
    () => nowUs,
  );
  pace.turn();
  expect(sent).toEqual([]);
  pace.begin();
  pace.turn();
  expect(sent).toEqual([5_000]);
  nowUs = 5_999;
  pace.turn();
  expect(sent).toHaveLength(1);
  // Held up for three of them.
  nowUs = 8_500;
  pace.turn();
  expect(sent).toEqual([5_000, 6_000, 7_000, 8_000]);
  pace.end();
  nowUs = 20_000;
  pace.turn();
  expect(pace.sent).toBe(4);
});

test("the generator was busy for what empty turns do not account for", () => {
  expect(busyUs(1_000, 0, 2)).toBe(1_000);
  expect(busyUs(1_000, 300, 2)).toBe(400);
  expect(busyUs(1_000, 501, 2)).toBe(0);
});

test("a spin counts its turns, calls along, and ends", async () => {
  let calls = 0;
  const spin = await Spin.calibrate(() => calls++);
  const callsBefore = calls;
  expect(spin.emptyTurnUs).toBeGreaterThan(0);
  const turnsBefore = spin.turns;
  expect(callsBefore).toBe(turnsBefore);
  spin.start();
  await turns(10);
  spin.stop();
  await turns(2);
  const { turns: counted } = spin;
  expect(counted - turnsBefore).toBeGreaterThan(5);
  expect(calls).toBe(counted);
  await turns(5);
  expect(spin.turns).toBe(counted);
});

test("a process's CPU is read past its name, whatever that is", () => {
  const fields = "S 1 1 1 0 -1 0 100 0 0 0 250 33 0 0 20 0 11 0";
  expect(cpuOf(`42 (beam (x) .smp) ${fields}`)).toEqual({ userUs: 2_500_000, systemUs: 330_000 });
});

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
