/** A clock that stands still, and tells who waits for it: a test moves it once the server has begun to wait. */

import type { Cancel } from "../../src/clock.ts";
import { FakeClock } from "./clock.ts";

interface Watch {
  readonly delayMs: number;
  readonly count: number;
  readonly resolve: () => void;
}

export class WatchedClock extends FakeClock {
  readonly #waiting = new Map<number, number>();
  #watches: Watch[] = [];

  override after(delayMs: number, task: () => void): Cancel {
    let over = false;
    const end = (): void => {
      if (!over) this.#count(delayMs, -1);
      over = true;
    };
    const cancel = super.after(delayMs, () => {
      end();
      task();
    });
    this.#count(delayMs, 1);
    return () => {
      end();
      cancel();
    };
  }

  /** How many tasks were asked for with this delay, and wait. */
  waiting(delayMs: number): number {
    return this.#waiting.get(delayMs) ?? 0;
  }

  /** Resolves as soon as exactly so many tasks wait for this delay. */
  async waits(delayMs: number, count = 1): Promise<void> {
    if (this.waiting(delayMs) === count) return;
    await new Promise<void>((resolve) => this.#watches.push({ delayMs, count, resolve }));
  }

  #count(delayMs: number, by: number): void {
    this.#waiting.set(delayMs, this.waiting(delayMs) + by);
    this.#watches = this.#watches.filter((watch) => {
      const met = this.waiting(watch.delayMs) === watch.count;
      if (met) watch.resolve();
      return !met;
    });
  }
}
