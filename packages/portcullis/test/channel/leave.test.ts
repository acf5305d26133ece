/** How a channel ends, and what its leave hook may still do. */

import { describe, expect, test } from "vitest";
import type { LeaveReason } from "../../src/channel/contract.ts";
import { stop } from "../../src/outcome.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import { type Frame, replyFrame } from "../support/wire.ts";
import { type Client, deferred, World } from "../support/world.ts";

const socket = defineSocket();
const bye: Frame = ["1", null, "room", "bye", {}];
const close: Frame = ["1", "1", "room", "phx_close", {}];
const error: Frame = ["1", "1", "room", "phx_error", { reason: "channel_crash" }];
const left: Frame = replyFrame("1", "8", "room", "ok", {});
const boom = new Error("boom");

function room(leave: (reason: LeaveReason, channel: { push(event: string, payload: object): void }) => unknown) {
  return socket
    .channel("room")
    .on({
      fail() {
        throw boom;
      },
      stop: () => stop(),
      stopWithError: () => stop({ error: boom }),
    })
    .leave(leave as () => void);
}

const ends: readonly [string, (client: Client) => void, LeaveReason, readonly Frame[]][] = [
  ["phx_leave", (client) => client.leave("room"), { kind: "left" }, [left, close, bye]],
  ["stop()", (client) => client.push("room", "stop", {}), { kind: "stopped" }, [close, bye]],
  [
    "stop({ error })",
    (client) => client.push("room", "stopWithError", {}),
    { kind: "error", error: boom },
    [bye, error],
  ],
  ["a throw", (client) => client.push("room", "fail", {}), { kind: "error", error: boom }, [bye, error]],
  ["the transport's end", (client) => client.connection.closed({ kind: "closed" }), { kind: "closed" }, []],
  [
    "a disconnect",
    (client) => client.connection.end("disconnected", { kind: "disconnected" }),
    { kind: "disconnected" },
    [],
  ],
  [
    "the endpoint's end",
    (client) => client.connection.end("endpoint_closed", { kind: "shutdown" }),
    { kind: "shutdown" },
    [],
  ],
];

describe.each(ends)("by %s", (_what, end, reason, frames) => {
  test("the hook hears why, once, and may push: after phx_close, before phx_error", () => {
    const reasons: LeaveReason[] = [];
    const world = new World([
      room((why, channel) => {
        reasons.push(why);
        channel.push("bye", {});
      }),
    ]);
    const client = world.connect().joined("room");
    end(client);
    expect(reasons).toEqual([reason]);
    expect(client.take()).toEqual(frames);
    end(client);
    client.connection.closed({ kind: "closed" });
    expect(reasons).toHaveLength(1);
    expect(world.pubsub.count()).toBe(0);
    expect(world.reported("channel.left")).toEqual([{ mount: "/socket", pattern: "room", reason: reason.kind }]);
  });

  test("the same when the hook takes its time", async () => {
    const world = new World([
      room(async (_why, channel) => {
        await settled();
        channel.push("bye", {});
      }),
    ]);
    const client = world.connect().joined("room");
    end(client);
    expect(world.pubsub.count()).toBe(0);
    await settled();
    await settled();
    expect(client.take()).toEqual(frames);
    // The second in which the log counts failures; nothing waits for the hook any more.
    world.clock.advance(1_000);
    expect(world.clock.pending).toBe(0);
  });

  test("a hook that throws is warned of, and changes nothing", async () => {
    const fail = (): never => {
      throw new Error("leave");
    };
    for (const hook of [fail, async () => fail()]) {
      const world = new World([room(hook)]);
      const client = world.connect().joined("room");
      end(client);
      await settled();
      expect(client.take()).toEqual(frames.filter((frame) => frame !== bye));
      expect(world.logger.at("warn")).toEqual([expect.stringMatching(/leave hook of the channel "room" failed/)]);
    }
  });
});

test("a hook of a crash that never ends keeps phx_error back for five seconds", async () => {
  let late = (): void => {};
  const world = new World([
    room((_reason, channel) => {
      late = () => channel.push("late", {});
      return new Promise(() => {});
    }),
  ]);
  const client = world.connect().joined("room");
  client.push("room", "fail", {});
  world.clock.advance(4_999);
  await settled();
  expect(client.take()).toEqual([]);
  world.clock.advance(1);
  expect(client.take()).toEqual([error]);
  late();
  expect(client.take()).toEqual([]);
  client.join("room", "2");
  expect(client.take()).toEqual([replyFrame("2", "2", "room", "ok", {})]);
});

test("the topic is free for the next join while the hook still runs", async () => {
  const gate = deferred();
  const client = new World([room(() => gate.promise)]).connect().joined("room");
  client.leave("room");
  client.join("room", "2");
  expect(client.take()).toEqual([left, close, replyFrame("2", "2", "room", "ok", {})]);
  gate.resolve();
  await settled();
  expect(client.connection.channelCount).toBe(1);
});

test("the hook runs after the handler that was running, not inside of it", async () => {
  const gate = deferred();
  const order: string[] = [];
  const channel = socket
    .channel("room")
    .on({
      async work(_payload, channel) {
        await gate.promise;
        order.push(`worked, joined: ${channel.joined}`);
        channel.push("worked", {});
      },
    })
    .leave((reason) => void order.push(reason.kind));
  const client = new World([channel]).connect().joined("room");
  client.push("room", "work", {});
  client.connection.closed({ kind: "closed" });
  expect(order).toEqual([]);
  gate.resolve();
  await settled();
  expect(order).toEqual(["worked, joined: false", "closed"]);
  expect(client.take()).toEqual([]);
});

test("a handler that fails after the end is warned of, and the hook still runs", async () => {
  const gate = deferred();
  const reasons: string[] = [];
  const channel = socket
    .channel("room")
    .on({ work: () => gate.promise })
    .leave((reason) => void reasons.push(reason.kind));
  const world = new World([channel]);
  const client = world.connect().joined("room");
  client.push("room", "work", {});
  client.connection.closed({ kind: "closed" });
  gate.reject(boom);
  await settled();
  expect(reasons).toEqual(["closed"]);
  expect(world.logger.at("warn")).toEqual([expect.stringMatching(/failed after the channel had ended/)]);
});

describe("phx_leave", () => {
  test("waits its turn behind what was pushed before it", async () => {
    const channel = socket.channel("room").on({
      async slow() {
        await settled();
        return { slow: true };
      },
      fast: () => ({ fast: true }),
    });
    const client = new World([channel]).connect().joined("room");
    client.push("room", "slow", {}, "2");
    client.push("room", "fast", {}, "3");
    client.leave("room");
    client.push("room", "fast", {}, "9");
    await settled();
    await settled();
    expect(client.take()).toEqual([
      replyFrame("1", "2", "room", "ok", { slow: true }),
      replyFrame("1", "3", "room", "ok", { fast: true }),
      left,
      close,
    ]);
  });

  test("of a topic that isn't joined is answered ok, its join_ref echoed", () => {
    const client = new World([room(() => {})]).connect();
    client.leave("room", "5", "4");
    client.send(null, "6", "never", "phx_leave", {});
    expect(client.take()).toEqual([replyFrame("4", "5", "room", "ok", {}), replyFrame(null, "6", "never", "ok", {})]);
  });

  test("of an earlier instance is dropped", () => {
    const client = new World([room(() => {})]).connect().joined("room", "2");
    client.leave("room", "3", "1");
    expect(client.take()).toEqual([]);
    expect(client.connection.channelCount).toBe(1);
  });
});

describe("signal", () => {
  test.each(ends)("is aborted by %s", (_what, end) => {
    let signal: AbortSignal | null = null;
    const channel = socket
      .channel("room", {
        join(_params, channel) {
          signal = channel.signal;
        },
      })
      .on({
        fail() {
          throw boom;
        },
        stop: () => stop(),
        stopWithError: () => stop({ error: boom }),
      });
    const client = new World([channel]).connect().joined("room");
    const { aborted } = signal as unknown as AbortSignal;
    expect(aborted).toBe(false);
    end(client);
    expect((signal as unknown as AbortSignal).aborted).toBe(true);
  });

  test("is one object, and aborted already for who asks after the end", () => {
    const seen: AbortSignal[] = [];
    const channel = socket
      .channel("room")
      .on({ look: (_payload, channel) => void seen.push(channel.signal, channel.signal) })
      .leave((_reason, channel) => void seen.push(channel.signal));
    const looked = new World([channel]).connect().joined("room");
    looked.push("room", "look", {});
    looked.leave("room");
    expect(new Set(seen).size).toBe(1);
    const asked = new World([channel]).connect().joined("room");
    asked.leave("room");
    expect(seen.at(-1)).not.toBe(seen[0]);
    expect(seen.at(-1)?.aborted).toBe(true);
  });
});
