/** What a channel says to all while it handles a message of the program's own. */
import { expect, test } from "vitest";
import { defineSocket } from "../../src/index.ts";
import { World } from "../support/world.ts";

const broadcastFrame = (payload: object): readonly unknown[] => [null, null, "room", "tick", payload];

test("an info handler may broadcast, to itself and to others", () => {
  const channel = defineSocket()
    .channel("room")
    .on({ start: (_payload, channel) => void channel.send("tick", { n: 1 }) })
    .info({
      tick(message: { readonly n: number }, channel) {
        channel.broadcast("tick", message);
        channel.broadcastFrom("tick", { n: message.n + 1 });
      },
    });
  const world = new World([channel]);
  const [one, two] = [world.connect().joined("room"), world.connect().joined("room")];
  one.push("room", "start", {}, "2");
  expect(one.take()).toEqual([broadcastFrame({ n: 1 })]);
  expect(two.take()).toEqual([broadcastFrame({ n: 1 }), broadcastFrame({ n: 2 })]);
});
