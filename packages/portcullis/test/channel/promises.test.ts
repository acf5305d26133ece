/** A synchronous handler costs no promise. */

import { promiseHooks } from "node:v8";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { accept, reject, reply } from "../../src/outcome.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { World } from "../support/world.ts";

/** How many promises come to be while `work` runs, which has to be synchronous. */
function promisesMadeBy(work: () => void): number {
  let made = 0;
  const stop = promiseHooks.onInit(() => {
    made += 1;
  });
  try {
    work();
  } finally {
    stop();
  }
  return made;
}

const pushes = 1_000;
const socket = defineSocket();

test("the counter counts", () => {
  expect(promisesMadeBy(() => void Promise.resolve())).toBe(1);
  expect(promisesMadeBy(() => void (async () => {})())).toBeGreaterThanOrEqual(1);
});

describe(`no promise for ${pushes} pushes`, () => {
  const plain = socket.channel("room", { authorize: () => true, join: () => accept({ reply: {} }) });

  test.each([
    ["replying", plain.on({ event: (payload) => payload })],
    ["replying nothing", plain.on({ event: () => undefined })],
    ["rejecting", plain.on({ event: () => reject("no") })],
    ["replying with a status", plain.on({ event: () => reply("queued", {}) })],
    [
      "deferring",
      plain.on({
        event(_payload, channel) {
          channel.deferReply()({ a: 1 });
        },
      }),
    ],
    [
      "pushing and broadcasting",
      plain.on({
        event(_payload, channel) {
          channel.push("a", {});
          channel.broadcast("b", {});
          channel.broadcastFrom("c", {});
        },
      }),
    ],
    [
      "sending to itself",
      plain.on({ event: (_payload, channel) => channel.send("tick") }).info({ tick: () => undefined }),
    ],
    [
      "intercepting",
      plain.on({ event: (_payload, channel) => channel.broadcast("b", {}) }).intercept({ b: () => undefined }),
    ],
    [
      "checked by a schema",
      socket.channel("room", { in: { event: z.object({ n: z.number() }) } }).on({ event: (payload) => payload }),
    ],
  ])("%s", (_what, channel) => {
    const world = new World([channel as never]);
    const client = world.connect();
    expect(promisesMadeBy(() => client.join("room"))).toBe(0);
    const frame = JSON.stringify(["1", "2", "room", "event", { n: 1 }]);
    const made = promisesMadeBy(() => {
      for (let n = 0; n < pushes; n += 1) client.connection.receive(frame);
    });
    expect(client.connection.channelCount).toBe(1);
    expect(made).toBe(0);
  });
});

test("an asynchronous one costs the program's own, and a fixed few", () => {
  const world = new World([socket.channel("room").on({ event: async (payload) => payload })]);
  const client = world.connect().joined("room");
  const made = promisesMadeBy(() => client.push("room", "event", {}));
  expect(made).toBeGreaterThanOrEqual(1);
  expect(made).toBeLessThanOrEqual(3);
});
