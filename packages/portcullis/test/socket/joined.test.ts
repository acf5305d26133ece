/** The channels of a connection are what a map of them would be, however few there are. */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { ChannelProcess } from "../../src/channel/process.ts";
import { Joined } from "../../src/socket/joined.ts";

const topics = ["room:1", "room:2", "room:3", "__proto__", "constructor"];

test("whoever comes, comes again in another's place, leaves late or twice, or all at once", () => {
  const step = fc.record({
    do: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom("add" as const, "remove" as const) },
      { weight: 1, arbitrary: fc.constant("clear" as const) },
    ),
    which: fc.nat({ max: topics.length * 2 - 1 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      // Two instances of each topic: one that was replaced may leave after the other has come.
      const processes = [...topics, ...topics].map((topic) => ({ topic }) as ChannelProcess);
      const joined = new Joined();
      const expected = new Map<string, ChannelProcess>();
      for (const { do: what, which } of steps) {
        const process = processes[which] as ChannelProcess;
        if (what === "add") {
          joined.add(process);
          expected.set(process.topic, process);
        } else if (what === "remove") {
          joined.remove(process);
          if (expected.get(process.topic) === process) expected.delete(process.topic);
        } else {
          joined.clear();
          expected.clear();
        }
        expect(joined.size).toBe(expected.size);
        expect(joined.list()).toEqual([...expected.values()]);
        for (const topic of topics) expect(joined.get(topic)).toBe(expected.get(topic));
      }
    }),
  );
});
