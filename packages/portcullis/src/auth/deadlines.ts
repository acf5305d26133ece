/**
 * Moments at which something is due: one timer for all of them, however many and however far away.
 *
 * @module
 */

import type { Cancel, Clock } from "../clock.ts";

/**
 * Something that is due at a moment. Extended by whatever waits: it is its own place in the heap, and costs no object or
 * function beside itself.
 */
export abstract class Deadline {
  /** Epoch milliseconds. */
  dueAt: number = Number.POSITIVE_INFINITY;
  /** Its place in the heap; -1 when it is not there. */
  place = -1;

  /** Its moment has come. It may be set again. */
  abstract due(): void;
}

/**
 * Timers know nothing of a clock that is set, stand still while the machine sleeps, and take what doesn't fit into 31 bits
 * for no delay at all: who waits for longer looks at the clock in between.
 */
const sleepMsMax = 60_000;

/** A binary heap: of a hundred thousand deadlines each is set, moved and cleared in a step or two. */
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

  /** Has it due at `at` (epoch milliseconds), and not when it was before: soon for what has passed, never for `Infinity`. */
  set(deadline: Deadline, at: number): void {
    this.clear(deadline);
    if (at === Number.POSITIVE_INFINITY) return;
    deadline.dueAt = at;
    deadline.place = this.#heap.length;
    this.#heap.push(deadline);
    this.#rise(deadline);
    this.#sleep();
  }

  /** Has it due no more. Harmless for one that isn't set. */
  clear(deadline: Deadline): void {
    const { place } = deadline;
    if (place === -1) return;
    deadline.place = -1;
    const last = this.#heap.pop() as Deadline;
    if (last === deadline) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  #sleep(): void {
    const first = this.#heap[0];
    const at = first === undefined ? Number.POSITIVE_INFINITY : first.dueAt;
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
    for (let first = this.#heap[0]; first !== undefined && first.dueAt <= now; first = this.#heap[0]) {
      this.clear(first);
      first.due();
    }
    this.#sleep();
  }

  #put(deadline: Deadline, place: number): void {
    this.#heap[place] = deadline;
    deadline.place = place;
  }

  #rise(deadline: Deadline): void {
    while (deadline.place > 0) {
      const parent = this.#heap[(deadline.place - 1) >> 1] as Deadline;
      if (parent.dueAt <= deadline.dueAt) return;
      this.#swap(parent, deadline);
    }
  }

  #sink(deadline: Deadline): void {
    for (;;) {
      const left = this.#heap[deadline.place * 2 + 1];
      const right = this.#heap[deadline.place * 2 + 2];
      const child = right !== undefined && left !== undefined && right.dueAt < left.dueAt ? right : left;
      if (child === undefined || child.dueAt >= deadline.dueAt) return;
      this.#swap(deadline, child);
    }
  }

  #swap(one: Deadline, other: Deadline): void {
    const { place } = one;
    this.#put(one, other.place);
    this.#put(other, place);
  }
}
