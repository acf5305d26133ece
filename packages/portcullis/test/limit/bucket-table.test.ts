/** A bucket for each key, however many an attacker has. */

import { describe, expect, test } from "vitest";
import { BucketTable } from "../../src/limit/bucket-table.ts";
import type { Rate } from "../../src/limit/rate.ts";

const rate: Rate = { perSecond: 1, burst: 2 };

/** Takes one of `key`'s, and gives how long to wait. */
function take(table: BucketTable, key: string, now = 0): number {
  return table.of(key, now).take(rate, 1, now);
}

test("every key has a bucket of its own", () => {
  const table = new BucketTable(rate, 100, 0);
  expect([take(table, "a"), take(table, "a"), take(table, "a")]).toEqual([0, 0, 1_000]);
  expect(take(table, "b")).toBe(0);
});

test("a million keys at one moment take no more room than was given to them, and little time each", () => {
  const table = new BucketTable(rate, 1_000, 0);
  let passed = 0;
  for (let index = 0; index < 1_000_000; index += 1) if (take(table, `key ${index}`) === 0) passed += 1;
  expect(table.size).toBe(1_000);
  // Those with a bucket, and the two the others have together.
  expect(passed).toBe(1_002);
}, 20_000);

test("a million keys over time leave no more behind than are in use", () => {
  const table = new BucketTable(rate, 100_000, 0);
  for (let index = 0; index < 1_000_000; index += 1) take(table, `key ${index}`, index);
  // Each is full again after a second, in which a thousand come.
  expect(table.size).toBeLessThan(2_000);
}, 20_000);

describe("an attacker with any number of keys", () => {
  test("doesn't get its own bucket made anew", () => {
    const table = new BucketTable(rate, 100, 0);
    take(table, "attacker");
    take(table, "attacker");
    for (let index = 0; index < 10_000; index += 1) take(table, `other ${index}`);
    expect(take(table, "attacker")).toBe(1_000);
  });

  test("doesn't take an honest client's", () => {
    const table = new BucketTable(rate, 100, 0);
    expect(take(table, "honest")).toBe(0);
    for (let index = 0; index < 10_000; index += 1) take(table, `other ${index}`);
    expect(take(table, "honest")).toBe(0);
    expect(take(table, "honest")).toBe(1_000);
  });

  test("gets no more than one more client would, once the table is full", () => {
    const table = new BucketTable(rate, 100, 0);
    for (let index = 0; index < 100; index += 1) take(table, `other ${index}`);
    let passed = 0;
    for (let index = 0; index < 10_000; index += 1) if (take(table, `late ${index}`) === 0) passed += 1;
    expect(passed).toBe(rate.burst);
  });

  test("holds up no newcomer with a bucket that is slow to fill", () => {
    const table = new BucketTable({ perSecond: 1, burst: 1_000 }, 100, 0);
    // The oldest of all, and empty for a quarter of an hour.
    const slow = { perSecond: 1, burst: 1_000 };
    table.of("attacker", 0).take(slow, 1_000, 0);
    for (let index = 1; index < 100; index += 1) table.of(`other ${index}`, 0).take(slow, 1, 0);
    expect(table.size).toBe(100);
    // The others are full again after a second: there is room.
    const newcomer = table.of("newcomer", 1_000);
    newcomer.take(slow, 1_000, 1_000);
    expect(table.of("newcomer", 1_000)).toBe(newcomer);
    expect(table.of("another", 1_000)).not.toBe(newcomer);
    expect(table.of("another", 1_000).take(slow, 1, 1_000)).toBe(0);
  });
});
