/** One timer for any number of deadlines, however far away. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { Deadline, Deadlines } from "../../src/auth/deadlines.ts";
import { type Cancel, type Clock, systemClock } from "../../src/clock.ts";
import { FakeClock } from "../support/clock.ts";

const epoch = Date.UTC(2026, 0, 1);

class Task extends Deadline {
  readonly #task: () => void;
  constructor(task: () => void) {
    super();
    this.#task = task;
  }
  override due(): void {
    this.#task();
  }
}

/** Sets a deadline for `task`; the returned function clears it. */
function set(deadlines: Deadlines, at: number, task: () => void): Cancel {
  const deadline = new Task(task);
  deadlines.set(deadline, at);
  return () => deadlines.clear(deadline);
}

function fresh() {
  const clock = new FakeClock(epoch);
  return { clock, deadlines: new Deadlines(clock), rung: [] as unknown[] };
}

test("a deadline is due at its millisecond: not one before, and once", () => {
  const { clock, deadlines, rung } = fresh();
  set(deadlines, epoch + 1_000, () => rung.push(clock.now() - epoch));
  clock.advance(999);
  expect(rung).toEqual([]);
  clock.advance(1);
  expect(rung).toEqual([1_000]);
  clock.advance(10_000);
  expect(rung).toEqual([1_000]);
  expect(deadlines.size).toBe(0);
});

test("they are due in their order, whatever the order they were set in", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5, max: 50 }), { maxLength: 60 }), (delays) => {
      const { clock, deadlines, rung } = fresh();
      for (const delay of delays) set(deadlines, epoch + delay, () => rung.push(delay));
      clock.advance(50);
      expect(rung).toEqual([...delays].sort((one, other) => one - other));
    }),
  );
});

/** The same in a few lines that nobody can get wrong. */
class SortedList {
  #entries: { readonly at: number; readonly id: number }[] = [];

  at(at: number, id: number): void {
    this.#entries.push({ at, id });
  }

  cancel(id: number): void {
    this.#entries = this.#entries.filter((entry) => entry.id !== id);
  }

  due(now: number): readonly number[] {
    const due = this.#entries.filter(({ at }) => at <= now);
    this.#entries = this.#entries.filter(({ at }) => at > now);
    return due.map(({ at }) => at).sort((one, other) => one - other);
  }

  get size(): number {
    return this.#entries.length;
  }
}

test("set, cancelled and waited for in any order they are what a sorted list is", () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("set" as const),
      in: fc.oneof(fc.integer({ min: -10, max: 200 }), fc.integer({ max: 10_000_000 })),
    }),
    fc.record({ kind: fc.constant("cancel" as const), which: fc.nat() }),
    fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 150 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const { clock, deadlines } = fresh();
      const list = new SortedList();
      const cancels: Cancel[] = [];
      let rung: number[] = [];
      for (const each of steps) {
        if (each.kind === "set") {
          const at = clock.now() + each.in;
          list.at(at, cancels.length);
          cancels.push(set(deadlines, at, () => rung.push(at)));
        } else if (each.kind === "cancel") {
          if (cancels.length === 0) continue;
          const which = each.which % cancels.length;
          list.cancel(which);
          cancels[which]?.();
        } else {
          rung = [];
          clock.advance(each.ms);
          expect(rung).toEqual(list.due(clock.now()));
        }
        expect(deadlines.size).toBe(list.size);
      }
    }),
    { numRuns: 300 },
  );
});

test("one that is set again is due at its new moment alone, from within as well", () => {
  const { clock, deadlines, rung } = fresh();
  const deadline: Task = new Task(() => {
    rung.push(clock.now() - epoch);
    if (rung.length < 3) deadlines.set(deadline, clock.now() + 100);
  });
  deadlines.set(deadline, epoch + 10);
  deadlines.set(deadline, epoch + 500);
  deadlines.set(deadline, epoch + 50);
  expect(deadlines.size).toBe(1);
  clock.advance(1_000);
  expect(rung).toEqual([50, 150, 250]);
  deadlines.set(deadline, clock.now() + 5);
  deadlines.set(deadline, Number.POSITIVE_INFINITY);
  expect(deadlines.size).toBe(0);
});

test("a task may cancel others, and set new ones, that are due at once", () => {
  const { clock, deadlines, rung } = fresh();
  const cancels: Cancel[] = [];
  set(deadlines, epoch + 10, () => {
    rung.push("first");
    for (const cancel of cancels) cancel();
    set(deadlines, epoch, () => rung.push("late"));
    set(deadlines, epoch + 20, () => rung.push("next"));
  });
  for (let n = 0; n < 5; n += 1) cancels.push(set(deadlines, epoch + 10 + n, () => rung.push("cancelled")));
  clock.advance(10);
  expect(rung).toEqual(["first", "late"]);
  clock.advance(10);
  expect(rung).toEqual(["first", "late", "next"]);
});

test("what has passed is due soon, but never within the call", () => {
  const { clock, deadlines, rung } = fresh();
  for (const at of [epoch - 1_000, 0, Number.NEGATIVE_INFINITY]) set(deadlines, at, () => rung.push(at));
  expect(rung).toEqual([]);
  clock.advance(0);
  expect(rung).toEqual([Number.NEGATIVE_INFINITY, 0, epoch - 1_000]);
});

test("never is never, and costs nothing", () => {
  const { clock, deadlines } = fresh();
  const cancel = set(deadlines, Number.POSITIVE_INFINITY, () => expect.unreachable());
  cancel();
  expect([deadlines.size, clock.pending]).toEqual([0, 0]);
});

test("what is further away than a timer reaches is waited for all the same", () => {
  const delays: number[] = [];
  class Bounded extends FakeClock {
    override after(delayMs: number, task: () => void): Cancel {
      delays.push(delayMs);
      // As setTimeout does.
      return super.after(delayMs > 2 ** 31 - 1 ? 1 : delayMs, task);
    }
  }
  const clock = new Bounded(epoch);
  const deadlines = new Deadlines(clock);
  const rung: number[] = [];
  const far = 2 ** 31 + 500_000;
  set(deadlines, epoch + far, () => rung.push(clock.now() - epoch));
  clock.advance(far - 1);
  expect(rung).toEqual([]);
  clock.advance(1);
  expect(rung).toEqual([far]);
  expect(Math.max(...delays)).toBeLessThan(2 ** 31);
});

/** A clock whose timers count by themselves, as those of a machine do whose time is set. */
class SettableClock extends FakeClock {
  #offset = 0;
  override now(): number {
    return super.now() + this.#offset;
  }
  set(byMs: number): void {
    this.#offset += byMs;
  }
}

test("a clock that is set back puts off what was due, and one that is set forward is noticed within a minute", () => {
  const clock = new SettableClock(epoch);
  const deadlines = new Deadlines(clock);
  const rung: string[] = [];
  set(deadlines, epoch + 10_000, () => rung.push("soon"));
  set(deadlines, epoch + 7_200_000, () => rung.push("later"));
  clock.set(-5_000);
  clock.advance(14_999);
  expect(rung).toEqual([]);
  clock.advance(1);
  expect(rung).toEqual(["soon"]);
  clock.set(7_200_000);
  clock.advance(60_000);
  expect(rung).toEqual(["soon", "later"]);
});

test("a hundred thousand of them have one timer, and are set, put off and cancelled in a moment", () => {
  let timers = 0;
  const clock: Clock = {
    now: () => systemClock.now(),
    after(delayMs, task) {
      timers += 1;
      const cancel = systemClock.after(delayMs, task);
      let over = false;
      return () => {
        if (!over) timers -= 1;
        over = true;
        cancel();
      };
    },
  };
  const deadlines = new Deadlines(clock);
  const now = clock.now();
  const count = 100_000;
  const at = (n: number): number => now + 600_000 + ((n * 7_919) % count);
  const cancels = Array.from({ length: count }, (_, n) => set(deadlines, at(n), () => {}));
  expect([deadlines.size, timers]).toEqual([count, 1]);
  const before = performance.now();
  for (let n = 0; n < count; n += 1) {
    cancels[n]?.();
    cancels[n] = set(deadlines, at(n) + 60_000, () => {});
  }
  for (const cancel of cancels) cancel();
  // A list that is searched from its beginning takes minutes.
  expect(performance.now() - before).toBeLessThan(5_000);
  expect([deadlines.size, timers]).toEqual([0, 1]);
});
