/**
 * Time that passes only when it is told to, and what waits for it.
 *
 * @module
 */

import type { Cancel, Clock } from "../clock.ts";

interface Timer {
  readonly at: number;
  readonly task: () => void;
}

/** What clocks for tests have in common. How tasks are run, at once or with turns in between, is theirs to say. */
export class StandingClock implements Clock {
  #now: number;
  readonly #timers = new Set<Timer>();

  constructor(now: number) {
    this.#now = now;
  }

  /** How many tasks wait for their time: what is cancelled or done doesn't. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, task: () => void): Cancel {
    const timer: Timer = { at: this.#now + Math.max(0, delayMs), task };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets `ms` milliseconds pass, and gives what falls due in order, each task at its own time. */
  protected *passing(ms: number): Generator<() => void, void> {
    const end = this.#now + ms;
    for (let due = this.#next(end); due !== undefined; due = this.#next(end)) {
      this.#timers.delete(due);
      this.#now = due.at;
      yield due.task;
    }
    this.#now = end;
  }

  #next(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer;
    }
    return next;
  }
}
