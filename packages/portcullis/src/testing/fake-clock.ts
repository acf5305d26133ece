/**
 * A clock that stands still until a test moves it.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { turn } from "./settle.ts";
import { StandingClock } from "./standing-clock.ts";

/** Options of {@link fakeClock}. */
export interface FakeClockOptions {
  /** What time it is at first. Default: the beginning of 2026, UTC. */
  readonly now?: number | Date;
}

/** For `defineEndpoint({ clock })`. */
export interface FakeClock extends Clock {
  /** How many tasks wait for their time: what is cancelled or done doesn't. */
  readonly pending: number;
  /**
   * Lets `ms` milliseconds pass. What falls due runs at its own time and in order, and what it sets off by promises runs
   * before the next, so that a handler that waits twice waits twice. One call after another: a second one begins when the
   * first is over.
   *
   * @throws RangeError for anything but a number from 0 on, and what a task throws.
   */
  advance(ms: number): Promise<void>;
}

/**
 * Makes a clock for tests: timeouts, token lifetimes and heartbeats of an endpoint that has it pass when you say so.
 *
 * @example
 * ```ts
 * const clock = fakeClock();
 * const endpoint = defineEndpoint({ clock, secretKeyBase, sockets });
 * const token = endpoint.tokens.sign("user socket", "42");
 * await clock.advance(86_401_000);
 * await refused(endpoint, "/socket", { token }); // expired
 * ```
 */
export function fakeClock(options: FakeClockOptions = {}): FakeClock {
  return new PatientClock(Number(options.now ?? Date.UTC(2026, 0, 1)));
}

class PatientClock extends StandingClock implements FakeClock {
  #moving: Promise<void> = Promise.resolve();

  advance(ms: number): Promise<void> {
    if (!(ms >= 0 && Number.isFinite(ms)))
      throw new RangeError(`Expected to advance by milliseconds from 0 on, got ${String(ms)}.`);
    const moved = this.#moving.then(() => this.#advance(ms));
    this.#moving = moved.catch(() => {});
    return moved;
  }

  async #advance(ms: number): Promise<void> {
    // What was called just before may be about to set a timer.
    await turn();
    for (const task of this.passing(ms)) {
      task();
      await turn();
    }
  }
}
