/** What is known of a replica's history, against a plain set of numbers. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { DotSet } from "../../src/presence/clock.ts";

const stretch = fc.record({ after: fc.nat(30), length: fc.integer({ min: -1, max: 6 }) });

test("knows the dots of every stretch it was given, in whatever order, and no other", () => {
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 20 }), (stretches) => {
      const dots = new DotSet();
      const plain = new Set<number>();
      for (const { after, length } of stretches) {
        dots.add(after, after + length);
        for (let dot = after + 1; dot <= after + length; dot += 1) plain.add(dot);
      }
      for (let dot = 0; dot <= 40; dot += 1) expect(dots.has(dot), `dot ${dot}`).toBe(plain.has(dot));
      let contiguous = 0;
      while (plain.has(contiguous + 1)) contiguous += 1;
      expect(dots.contiguous).toBe(contiguous);
    }),
  );
});

test("is as small as its holes are few", () => {
  const dots = new DotSet();
  for (const dot of [1, 3, 5, 7, 9]) dots.add(dot - 1, dot);
  expect(dots.rangeCount).toBe(5);
  dots.add(2, 8);
  expect(dots.rangeCount).toBe(2);
  dots.add(0, 2);
  expect(dots.rangeCount).toBe(1);
  expect(dots.contiguous).toBe(9);
});
