/**
 * Moments at which something is due: one timer for all of them, however many and however far away.
 *
 * @module
 */

import type { Cancel, Clock } from "../clock.ts";

interface Deadline {
  readonly at: number;
  readonly task: () => void;
  /** Its place in the heap; -1 when it is not there any more. */
  index: number;
}

/**
 * Timers know nothing of a clock that is set, stand still while the machine sleeps, and take what doesn't fit into 31 bits
 * for no delay at all: who waits for longer looks at the clock in between.
 */
const sleepMsMax = 60_000;

/** A binary heap: a hundred thousand deadlines cost a hundred thousand small objects, and a step or two each. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #heap: Deadline[] = [];
  #wakeAt = Number.POSITIVE_INFINITY;
  #cancelTimer: Cancel = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many are pending. */
  get size(): number {
    return this.#heap.length;
  }

  /** Calls `task` once `at` (epoch milliseconds) is reached: soon for what has passed, never for `Infinity`. */
  at(at: number, task: () => void): Cancel {
    if (at === Number.POSITIVE_INFINITY) return () => {};
    const deadline: Deadline = { at, task, index: this.#heap.length };
    this.#heap.push(deadline);
    this.#rise(deadline);
    this.#sleep();
    return () => this.#remove(deadline);
  }

  #sleep(): void {
    const first = this.#heap[0];
    const at = first === undefined ? Number.POSITIVE_INFINITY : first.at;
    // A timer that rings too early looks and goes to sleep again: cheaper than one for every cancelled deadline.
    if (at >= this.#wakeAt) return;
    this.#cancelTimer();
    this.#wakeAt = at;
    const delayMs = Math.min(sleepMsMax, Math.max(0, at - this.#clock.now()));
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#ring());
  }

  #ring(): void {
    this.#wakeAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      this.#remove(first);
      first.task();
    }
    this.#sleep();
  }

  #remove(deadline: Deadline): void {
    const { index } = deadline;
    if (index === -1) return;
    deadline.index = -1;
    const last = this.#heap.pop() as Deadline;
    if (last === deadline) return;
    this.#place(last, index);
    this.#rise(last);
    this.#sink(last);
  }

  #place(deadline: Deadline, index: number): void {
    this.#heap[index] = deadline;
    deadline.index = index;
  }

  #rise(deadline: Deadline): void {
    while (deadline.index > 0) {
      const parent = this.#heap[(deadline.index - 1) >> 1] as Deadline;
      if (parent.at <= deadline.at) return;
      this.#swap(parent, deadline);
    }
  }

  #sink(deadline: Deadline): void {
    for (;;) {
      const left = this.#heap[deadline.index * 2 + 1];
      const right = this.#heap[deadline.index * 2 + 2];
      const child = right !== undefined && left !== undefined && right.at < left.at ? right : left;
      if (child === undefined || child.at >= deadline.at) return;
      this.#swap(deadline, child);
    }
  }

  #swap(one: Deadline, other: Deadline): void {
    const { index } = one;
    this.#place(one, other.index);
    this.#place(other, index);
  }
}
