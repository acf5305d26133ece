/** Time that passes when the test says so. */
import type { Cancel, Clock } from "../../../src/clock.ts";

export class FakeClock implements Clock {
  #now: number;
  #tasks = new Map<number, { readonly at: number; readonly task: () => void }>();
  #count = 0;

  constructor(now: number = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, task: () => void): Cancel {
    this.#count += 1;
    const id = this.#count;
    this.#tasks.set(id, { at: this.#now + delayMs, task });
    return () => void this.#tasks.delete(id);
  }

  /** How many tasks wait. */
  get pending(): number {
    return this.#tasks.size;
  }

  /** Lets `ms` pass, running what becomes due in its order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#tasks].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#tasks.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].at);
      due[1].task();
    }
    this.#now = end;
  }
}
