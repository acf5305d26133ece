/**
 * How long to wait before trying again: full jitter, so that clients who lost their server together don't come back together.
 *
 * @module
 */

/** Options of {@link Backoff}. */
export interface BackoffOptions {
  /** The longest first delay, in milliseconds. It doubles with each failure. */
  readonly baseMs: number;
  /** No delay is longer, in milliseconds, but for what the server asks on top. */
  readonly capMs: number;
  readonly random: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** The next delay: anything from `floorMs` on, up to twice as far above it as the last time. */
  next(floorMs = 0): number {
    const { baseMs, capMs, random } = this.#options;
    const widthMs = Math.min(capMs, baseMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return floorMs + random() * widthMs;
  }

  /** Only for what has proved itself: a connection that merely opened may be closed at once, again and again. */
  reset(): void {
    this.#failures = 0;
  }
}
