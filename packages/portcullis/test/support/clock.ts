/** A clock that stands still until a test moves it. */

import { StandingClock } from "../../src/testing/standing-clock.ts";

export class FakeClock extends StandingClock {
  constructor(now = Date.UTC(2026, 0, 1)) {
    super(now);
  }

  /** Lets `ms` milliseconds pass and runs what falls due, each task at its own time. */
  advance(ms: number): void {
    for (const task of this.passing(ms)) task();
  }
}

/** Resolves when everything that only waited for promises has run. No time passes on a {@link FakeClock}. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
