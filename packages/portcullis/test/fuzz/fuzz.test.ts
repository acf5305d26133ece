/** A hundred thousand inputs into each reader of what strangers send: none throws past its boundary. */

import { expect, test } from "vitest";
import { fuzz } from "./fuzz.ts";
import { targets } from "./targets.ts";

/** Seeds that are run every time. One that ever found something stays; the first is today's. */
const seeds = [Math.trunc(Date.now() / 86_400_000), 1, 20_261_126];
const inputs = 100_000;

test.each(targets)("$name", { timeout: 120_000 }, (target) => {
  for (const seed of seeds) {
    const { failure } = fuzz(target, seed, Math.ceil(inputs / seeds.length));
    expect(failure, `seed ${seed}`).toBeNull();
  }
});

test("a reader that throws is found out", () => {
  const careless = {
    name: "careless",
    sources: [Buffer.from("{}")],
    read: (input: Buffer): void => void JSON.parse(input.toString()),
  };
  expect(fuzz(careless, 1, 100).failure).toMatchObject({ error: expect.any(SyntaxError) });
});
