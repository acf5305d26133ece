/** What the program sends to one connection arrives in the order the program sent it. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import type { Frame } from "../support/wire.ts";
import { World } from "../support/world.ts";

const socket = defineSocket();
type Way = "push" | "broadcast" | "local" | "other topic" | "deferred" | "reply" | "binary";

/** The number a frame carries, whatever way it came. */
function numberOf([, , , event, payload]: Frame): unknown {
  if (payload instanceof Uint8Array) return payload[0];
  const body = event === "phx_reply" ? (payload as { response: unknown }).response : payload;
  return (body as { n: unknown }).n;
}

test("broadcasts, pushes and replies, on one topic and several, by sync and async handlers", async () => {
  const step = fc.record({
    topic: fc.constantFrom("1", "2", "3"),
    ways: fc.array(fc.constantFrom<Way>("push", "broadcast", "local", "other topic", "deferred", "binary"), {
      maxLength: 6,
    }),
    waits: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 15 }), fc.constantFrom("inside", "outside"), async (steps, where) => {
      const sent: number[] = [];
      const returned = new Set<unknown>();
      let n = 0;
      const world = new World([
        socket.channel("{id}").on({
          async go(payload, channel) {
            const { ways, waits } = payload as { ways: Way[]; waits: boolean };
            if (waits) await settled();
            const give = channel.deferReply();
            for (const way of ways) {
              n = (n + 1) % 256;
              sent.push(n);
              if (way === "push") channel.push("p", { n });
              else if (way === "binary") channel.push("b", Uint8Array.of(n));
              else if (way === "broadcast") channel.broadcast("b", { n });
              else if (way === "local") channel.endpoint.localBroadcast(channel.topic, "l", { n });
              else if (way === "other topic") channel.endpoint.broadcast("3", "o", { n });
              else give({ n });
              if (waits && n % 3 === 0) await settled();
            }
            n = (n + 1) % 256;
            sent.push(n);
            returned.add(n);
            return { n };
          },
        }),
      ]);
      const client = world.connect();
      for (const id of ["1", "2", "3"]) client.joined(id, id);
      for (const { topic, ways, waits } of steps) {
        client.push(topic, "go", { ways, waits: waits && where === "inside" }, "9", topic);
        if (where === "outside") await settled();
      }
      for (let turn = 0; turn < steps.length * 8 + 2; turn += 1) await settled();
      const arrived = client.take().map(numberOf);
      expect(arrived).toHaveLength(sent.length);
      // What an async handler returns is said a promise's turn later: beside others that run meanwhile, no order is promised.
      const compared = (numbers: readonly unknown[]): readonly unknown[] =>
        where === "outside" ? numbers : numbers.filter((number) => !returned.has(number));
      expect(compared(arrived)).toEqual(compared(sent));
    }),
    { numRuns: 60 },
  );
});

test("two connections hear one program in the same order, each its own", () => {
  const world = new World([
    socket.channel("room").on({
      go(_payload, channel) {
        channel.broadcast("a", { n: 1 });
        channel.push("b", { n: 2 });
        channel.broadcastFrom("c", { n: 3 });
        channel.broadcast("d", { n: 4 });
        return { n: 5 };
      },
    }),
  ]);
  const [sender, hearer] = [world.connect().joined("room"), world.connect().joined("room")];
  sender.push("room", "go", {});
  expect(sender.take().map(numberOf)).toEqual([1, 2, 4, 5]);
  expect(hearer.take().map(numberOf)).toEqual([1, 3, 4]);
});

test("what an interceptor pushes keeps its place among the other broadcasts of its topic", () => {
  const world = new World([
    socket
      .channel("room")
      .on({
        go(_payload, channel) {
          channel.endpoint.broadcast("other", "x", { n: 1 });
          channel.endpoint.broadcast("room", "look", { n: 2 });
          return { n: 3 };
        },
      })
      .intercept({ look: (payload, channel) => channel.push("look", payload) }),
    socket.channel("other").intercept({ x: (payload, channel) => channel.push("x", payload) }),
  ]);
  const client = world.connect().joined("room", "1").joined("other", "2");
  client.push("room", "go", {});
  // The room's own interceptor waits for the room's handler: its mailbox comes after what is running.
  expect(client.take().map(numberOf)).toEqual([1, 3, 2]);
});
