// Whether this process stood still. Recordings and tables are real time, and what comes of them on a machine that gives the
// process no time says nothing of the server.
import { monitorEventLoopDelay } from "node:perf_hooks";

/** A good part of the shortest time that anything here is waited for. */
const stoodStillMs = 100;

export class Stillness {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });

  constructor() {
    this.#delay.enable();
  }

  /** Whether it did since this was last asked. */
  stoodStill(): boolean {
    const still = this.#delay.max / 1e6 >= stoodStillMs;
    this.#delay.reset();
    return still;
  }

  end(): void {
    this.#delay.disable();
  }
}
