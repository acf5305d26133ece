/** What many are told is made once, whatever else some of them are told. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Batch } from "../../src/transport/batch.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (batch: Batch): string => Buffer.from(batch.joined()).toString();

test("who is told the same shares one buffer, and a single frame is not copied", () => {
  const nothing = Batch.empty();
  const [one, two] = [bytes("one"), bytes("two")];
  const [ada, ben] = [nothing.withShared(one), nothing.withShared(one)];
  expect(ada).toBe(ben);
  expect(ada.joined()).toBe(one);
  const both = [ada.withShared(two), ben.withShared(two)].map((batch) => batch.joined());
  expect(both[0]).toBe(both[1]);
  expect(Buffer.from(both[0] as Uint8Array).toString()).toBe("onetwo");
});

test("who is told something else has a buffer of their own, and the others still share theirs", () => {
  const nothing = Batch.empty();
  const [one, two] = [bytes("one"), bytes("two")];
  const apart = nothing.withShared(one).with(bytes("!")).withShared(two);
  const [ada, ben] = [nothing.withShared(one).withShared(two), nothing.withShared(one).withShared(two)];
  expect([text(apart), text(ada)]).toEqual(["one!two", "onetwo"]);
  expect(ada.joined()).toBe(ben.joined());
});

test("equal bytes are not the same frame", () => {
  const nothing = Batch.empty();
  expect(nothing.withShared(bytes("a"))).not.toBe(nothing.withShared(bytes("a")));
});

test("whatever is told to whom, each has its own frames in their order, and their length", () => {
  const step = fc.record({ to: fc.integer({ min: 1, max: 7 }), shared: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const nothing = Batch.empty();
      const told = [nothing, nothing, nothing];
      const expected = ["", "", ""];
      for (const [index, { to, shared }] of steps.entries()) {
        const frame = bytes(`<${index}>`);
        for (const [who, batch] of told.entries()) {
          // A bit for each.
          if ((to & (1 << who)) === 0) continue;
          told[who] = shared ? batch.withShared(frame) : batch.with(frame);
          expected[who] += `<${index}>`;
        }
      }
      expect(told.map(text)).toEqual(expected);
      expect(told.map((batch) => batch.bytes)).toEqual(expected.map((all) => all.length));
    }),
  );
});
