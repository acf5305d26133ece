/** The mesh between processes keeps the contract of every bus, with its members in one process. */
import { describe, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { makeMeshPlace, meshAdapter, removeMeshPlace } from "../../src/pubsub/mesh.ts";
import { pubsubAdapterSuite } from "../../src/testing/adapter-suite.ts";

describe("the mesh passes", () => {
  const suite = pubsubAdapterSuite({
    create() {
      const place = makeMeshPlace();
      const nothing = (): void => {};
      return {
        adapter: () => meshAdapter({ place, clock: systemClock, onOverflow: nothing, onFault: nothing }),
        close: () => removeMeshPlace(place),
      };
    },
  });
  for (const { name, run } of suite) test(name, run);
});
