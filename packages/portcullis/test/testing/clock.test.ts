/** A clock that stands still until it is moved. */
import { fakeClock } from "portcullis/testing";
import { expect, test } from "vitest";

test("stands still until it is moved", async () => {
  const clock = fakeClock({ now: 1_000 });
  const ran: string[] = [];
  clock.after(10, () => ran.push("ten"));
  clock.after(5, () => ran.push("five"));
  const cancel = clock.after(7, () => ran.push("never"));
  cancel();
  expect([clock.now(), clock.pending]).toEqual([1_000, 2]);
  await clock.advance(9);
  expect([ran, clock.now(), clock.pending]).toEqual([["five"], 1_009, 1]);
  await clock.advance(1);
  expect([ran, clock.pending]).toEqual([["five", "ten"], 0]);
});

test("runs each task at its own time, those of one moment in the order they were set", async () => {
  const clock = fakeClock({ now: 0 });
  const ran: [string, number][] = [];
  const note = (name: string) => () => ran.push([name, clock.now()]);
  clock.after(20, note("last"));
  clock.after(5, note("first"));
  clock.after(5, note("second"));
  await clock.advance(100);
  expect(ran).toEqual([
    ["first", 5],
    ["second", 5],
    ["last", 20],
  ]);
});

test("lets what a task set off happen before the next one, however often it waits", async () => {
  const clock = fakeClock({ now: 0 });
  const wait = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
  const times: number[] = [];
  const done = (async () => {
    for (let round = 0; round < 3; round += 1) {
      await wait(10);
      await Promise.resolve();
      times.push(clock.now());
    }
  })();
  clock.after(25, () => times.push(-clock.now()));
  await clock.advance(30);
  await done;
  expect(times).toEqual([10, 20, -25, 30]);
});

test("moves as often as it is told, one move after the other", async () => {
  const clock = fakeClock({ now: 0 });
  const seen: number[] = [];
  clock.after(15, () => seen.push(clock.now()));
  await Promise.all([clock.advance(10), clock.advance(10)]);
  expect([seen, clock.now()]).toEqual([[15], 20]);
});

test("says what a task threw, and goes on afterwards", async () => {
  const clock = fakeClock();
  clock.after(1, () => {
    throw new Error("on purpose");
  });
  await expect(clock.advance(1)).rejects.toThrow("on purpose");
  await clock.advance(1);
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("doesn't move by %d", (ms) => {
  expect(() => fakeClock().advance(ms)).toThrow(RangeError);
});
