import { HttpProblem } from "./respond.ts";

/** A bounded number of attempts per key and minute. */
export interface Rate {
  /** True if `key` may go on; a refused attempt costs nothing. */
  take(key: string): boolean;
}

/** How many keys are remembered. Past it full buckets are forgotten: they hold nobody back. */
const keysMax = 10_000;

/** A token bucket per key: `perMinute` at once, then one every 60/`perMinute` seconds. */
export function createRate(perMinute: number, now: () => number): Rate {
  const buckets = new Map<string, { tokens: number; at: number }>();
  let sweptAt = Number.NEGATIVE_INFINITY;
  const refilled = (bucket: { tokens: number; at: number }, at: number) =>
    Math.min(perMinute, bucket.tokens + ((at - bucket.at) * perMinute) / 60_000);

  return {
    take(key) {
      const at = now();
      const bucket = buckets.get(key);
      const tokens = bucket ? refilled(bucket, at) : perMinute;
      if (tokens < 1) return false;
      if (!bucket && buckets.size >= keysMax) forgetFull(at);
      // Many keys that are all in use: better to refuse a newcomer than to forget who is being held back.
      if (!bucket && buckets.size >= keysMax) return false;
      buckets.set(key, { tokens: tokens - 1, at });
      return true;
    },
  };

  function forgetFull(at: number): void {
    // Once a second at most: else every newcomer would cost a walk through all of them.
    if (at - sweptAt < 1_000) return;
    sweptAt = at;
    for (const [key, bucket] of buckets) if (refilled(bucket, at) >= perMinute) buckets.delete(key);
  }
}

/** Every attempt costs us something (a password hash, a connection), so nobody has as many as they like. */
export function assertRate(rate: Rate, key: string): void {
  if (!rate.take(key)) throw new HttpProblem(429, "Too many attempts. Wait a minute and try again.");
}
