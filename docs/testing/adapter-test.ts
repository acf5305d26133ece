import { test } from "node:test";
import { memoryBus, pubsubAdapterSuite } from "portcullis/testing";

const suite = pubsubAdapterSuite({
  // A bus for each case: with Redis and its like, a prefix that nobody else has.
  create() {
    const bus = memoryBus();
    return { adapter: () => bus, cut: () => bus.cut(), heal: () => bus.heal() };
  },
  cuts: true,
});

for (const { name, run } of suite) test(name, run);
