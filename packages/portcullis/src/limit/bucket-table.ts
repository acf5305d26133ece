/**
 * A bucket for each of any number of keys, in bounded memory.
 *
 * @module
 */

import { Bucket, type Rate } from "./rate.ts";

/** Buckets that are looked at for each key that is new: more than one, or the table could never shrink. */
const lookedAt = 4;

/**
 * A full bucket says no more than none at all, so only full ones are ever forgotten: whoever has used theirs up can't have it
 * made anew by filling the table with other keys. Where a new key finds no room it shares one bucket with all the others
 * that found none.
 */
export class BucketTable {
  readonly #rate: Rate;
  readonly #max: number;
  readonly #buckets = new Map<string, Bucket>();
  #round = this.#buckets.entries();
  /** Of those there is no room for. */
  readonly #shared: Bucket;

  constructor(rate: Rate, max: number, now: number) {
    this.#rate = rate;
    this.#max = max;
    this.#shared = new Bucket(rate, now);
  }

  /** How many keys have a bucket. */
  get size(): number {
    return this.#buckets.size;
  }

  /** The bucket of `key`, or the shared one. Its cost doesn't grow with the table. */
  of(key: string, now: number): Bucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    this.#forget(now);
    if (this.#buckets.size >= this.#max) return this.#shared;
    const bucket = new Bucket(this.#rate, now);
    this.#buckets.set(key, bucket);
    return bucket;
  }

  /**
   * Goes round, so that one bucket that is slow to fill keeps no others from being found. The place is remembered: looking
   * for it would mean to go over everything that was forgotten since.
   */
  #forget(now: number): void {
    for (let left = lookedAt; left > 0; left -= 1) {
      const next = this.#round.next();
      if (next.done === true) {
        this.#round = this.#buckets.entries();
        continue;
      }
      const [key, bucket] = next.value;
      if (bucket.level(this.#rate, now) >= this.#rate.burst) this.#buckets.delete(key);
    }
  }
}
