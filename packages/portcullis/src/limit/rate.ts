/**
 * Rates: so much a second, and so much at once. A bucket holds what may be used now and is filled as time passes; it is
 * told the time and holds no timer.
 *
 * @module
 */

/** How fast a bucket is filled, and how much it holds: what may come at once after a silence. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** What adding fractions loses: a client that comes back when it was told to is not to be told so again. */
const dust = 1e-6;

/** One bucket. Its rate is handed in with every call: thousands of buckets have the same one. */
export class Bucket {
  #tokens: number;
  #at: number;
  #low = false;

  /** Full. */
  constructor({ burst }: Rate, now: number) {
    this.#tokens = burst;
    this.#at = now;
  }

  /**
   * Takes `cost` and returns 0; or takes nothing and returns after how many milliseconds there will be enough. What costs
   * more than the bucket holds takes all of a full one, so that nothing waits for ever.
   */
  take(rate: Rate, cost: number, now: number): number {
    this.#fill(rate, now);
    const due = Math.min(cost, rate.burst);
    if (this.#tokens >= due - dust) {
      this.#tokens -= due;
      return 0;
    }
    return Math.max(1, Math.ceil(((due - dust - this.#tokens) / rate.perSecond) * 1_000));
  }

  /** What is in it. */
  level(rate: Rate, now: number): number {
    this.#fill(rate, now);
    return this.#tokens;
  }

  /** True once when `share` of it is used up, and again only after half of it had been filled. */
  warns({ burst }: Rate, share: number): boolean {
    if (this.#low) {
      if (this.#tokens >= burst / 2) this.#low = false;
      return false;
    }
    // As a count: 1 - 0.8 is a little less than 0.2 to a computer.
    this.#low = burst - this.#tokens >= burst * share;
    return this.#low;
  }

  #fill({ perSecond, burst }: Rate, now: number): void {
    // A clock that was set back fills nothing, and counts from where it now is.
    const elapsedMs = now - this.#at;
    this.#at = now;
    if (elapsedMs > 0) this.#tokens = Math.min(burst, this.#tokens + (elapsedMs * perSecond) / 1_000);
  }
}
