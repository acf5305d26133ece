/** One bucket: what passes, when the next may come, and what a clock that jumps makes of it. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { Bucket, type Rate } from "../../src/limit/rate.ts";

const rate: Rate = { perSecond: 4, burst: 10 };

function bucketAt(now: number): Bucket {
  return new Bucket(rate, now);
}

test("a burst passes at once, the next says how long to wait, and passes then and not before", () => {
  const bucket = bucketAt(0);
  for (let index = 0; index < 10; index += 1) expect(bucket.take(rate, 1, 0)).toBe(0);
  expect(bucket.take(rate, 1, 0)).toBe(250);
  expect(bucket.take(rate, 1, 249)).toBe(1);
  expect(bucket.take(rate, 1, 250)).toBe(0);
  expect(bucket.take(rate, 3, 250)).toBe(750);
});

test("a refusal takes nothing", () => {
  const bucket = bucketAt(0);
  bucket.take(rate, 8, 0);
  for (let index = 0; index < 100; index += 1) expect(bucket.take(rate, 3, 0)).toBe(250);
  expect(bucket.take(rate, 2, 0)).toBe(0);
});

test("what costs more than there ever is waits for a full bucket, and takes all of it", () => {
  const bucket = bucketAt(0);
  expect(bucket.take(rate, 1_000, 0)).toBe(0);
  expect(bucket.level(rate, 0)).toBe(0);
  expect(bucket.take(rate, 1_000, 0)).toBe(2_500);
  expect(bucket.take(rate, 1_000, 2_500)).toBe(0);
});

test("a clock that is set back by a year neither fills it nor keeps it empty", () => {
  const year = 365 * 86_400_000;
  const bucket = bucketAt(year);
  bucket.take(rate, 10, year);
  expect(bucket.take(rate, 1, 0)).toBe(250);
  expect(bucket.take(rate, 1, 250)).toBe(0);
});

test("a clock that jumps ahead fills it and no more", () => {
  const bucket = bucketAt(0);
  bucket.take(rate, 10, 0);
  expect(bucket.level(rate, 1e15)).toBe(10);
});

test("at four fifths it warns once, and again only after half of it was filled", () => {
  const bucket = bucketAt(0);
  const takes = (count: number, now: number): boolean[] =>
    Array.from({ length: count }, () => {
      bucket.take(rate, 1, now);
      return bucket.warns(rate, 0.8);
    });
  expect(takes(10, 0)).toEqual([false, false, false, false, false, false, false, true, false, false]);
  expect(takes(2, 750)).toEqual([false, false]);
  // Five and more are in it now.
  expect(takes(9, 2_250)).toEqual([false, false, false, false, true, false, false, false, false]);
});

test("whatever comes when: it passes when it was told to and not before, and never more than burst and rate allow", () => {
  const rates = fc.record({
    perSecond: fc.double({ min: 0.1, max: 1_000, noNaN: true }),
    burst: fc.integer({ min: 1, max: 50 }),
  });
  const arrivals = fc.array(fc.record({ afterMs: fc.nat(500), cost: fc.integer({ min: 1, max: 60 }) }));
  fc.assert(
    fc.property(rates, arrivals, (some, list) => {
      const bucket = new Bucket(some, 0);
      let now = 0;
      let passed = 0;
      for (const { afterMs, cost } of list) {
        now += afterMs;
        const wait = bucket.take(some, cost, now);
        if (wait > 1) expect(bucket.take(some, cost, now + wait - 1)).toBeGreaterThan(0);
        now += wait;
        if (wait > 0) expect(bucket.take(some, cost, now)).toBe(0);
        passed += Math.min(cost, some.burst);
        expect(passed).toBeLessThanOrEqual(some.burst + (now * some.perSecond) / 1_000 + 0.001);
      }
    }),
  );
});
