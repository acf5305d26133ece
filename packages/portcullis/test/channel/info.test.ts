/** What a channel sends itself, and what it hears of other topics. */

import { describe, expect, test } from "vitest";
import { reject, stop } from "../../src/outcome.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import { type Frame, replyFrame } from "../support/wire.ts";
import { World } from "../support/world.ts";

const socket = defineSocket();
const pushed = (event: string, payload: unknown): Frame => ["1", null, "room", event, payload];

describe("send", () => {
  test("in join: after the join reply, in order, before what the client sends next", async () => {
    for (const join of [undefined, async () => {}]) {
      const channel = socket
        .channel("room", {
          join(_params, channel) {
            channel.send("first", 1);
            channel.send("second", { n: 2 });
            return join?.();
          },
        })
        .on({ echo: (payload) => payload })
        .info({
          first: (message, channel) => channel.push("first", { message, joined: channel.joined }),
          second: (message, channel) => channel.push("second", { message, joined: channel.joined }),
        });
      const client = new World([channel]).connect();
      client.join("room");
      client.push("room", "echo", {}, "2");
      await settled();
      expect(client.take()).toEqual([
        replyFrame("1", "1", "room", "ok", {}),
        pushed("first", { message: 1, joined: true }),
        pushed("second", { message: { n: 2 }, joined: true }),
        replyFrame("1", "2", "room", "ok", {}),
      ]);
    }
  });

  test("in a handler: after the handler and its reply", () => {
    const channel = socket
      .channel("room")
      .on({
        start(_payload, channel) {
          channel.send("tick", 3);
          return { started: true };
        },
      })
      .info({
        tick(left: number, channel) {
          channel.push("tick", { left });
          if (left > 1) channel.send("tick", left - 1);
        },
      });
    const client = new World([channel]).connect().joined("room");
    client.push("room", "start", {}, "2");
    expect(client.take()).toEqual([
      replyFrame("1", "2", "room", "ok", { started: true }),
      pushed("tick", { left: 3 }),
      pushed("tick", { left: 2 }),
      pushed("tick", { left: 1 }),
    ]);
  });

  test("from outside, at any time until the end", () => {
    let send = (): void => {};
    const channel = socket
      .channel("room", {
        join(_params, channel) {
          send = () => channel.send("tick");
        },
      })
      .info({ tick: (message, channel) => channel.push("tick", { message: message ?? null }) });
    const client = new World([channel]).connect().joined("room");
    send();
    expect(client.take()).toEqual([pushed("tick", { message: null })]);
    client.leave("room");
    client.take();
    send();
    expect(client.take()).toEqual([]);
  });

  test("without a handler for it: a warning that says what to write, the channel lives", () => {
    const channel = socket.channel("room", { join: (_params, channel) => channel.send("tick", { secret: "hunter2" }) });
    const world = new World([channel]);
    const client = world.connect().joined("room");
    expect(client.connection.channelCount).toBe(1);
    expect(world.logger.at("warn")).toHaveLength(1);
    expect(world.logger.at("warn")[0]).toMatch(/"room".*"tick".*\.info\(/);
    expect(JSON.stringify(world.logger.lines)).not.toContain("hunter2");
  });

  test("names are names", () => {
    const channel = socket.channel("room", {
      join(_params, channel) {
        for (const name of ["__proto__", "constructor", "toString"]) channel.send(name);
      },
    });
    const client = new World([channel]).connect().joined("room");
    expect(client.connection.channelCount).toBe(1);
  });

  test.each([
    ["stop()", () => stop(), ["phx_close"]],
    ["stop({ reply }), which nobody gets", () => stop({ reply: { a: 1 } }), ["phx_close"]],
    ["stop({ error })", () => stop({ error: new Error("x") }), ["phx_error"]],
    ["a value, which nobody waits for", () => ({ a: 1 }), ["phx_error"]],
    ["reject(…), likewise", () => reject("no"), ["phx_error"]],
    ["nothing", () => undefined, []],
  ])("a handler that returns %s", async (_what, result, events) => {
    for (const handler of [result, async () => result()]) {
      const channel = socket
        .channel("room", { join: (_params, channel) => channel.send("tick") })
        .info({ tick: handler as () => undefined });
      const client = new World([channel]).connect();
      client.join("room");
      await settled();
      expect(client.take().map(([, , , event]) => event)).toEqual(["phx_reply", ...events]);
    }
  });
});

describe("subscribe", () => {
  const listening = socket
    .channel("room", { join: (_params, channel) => channel.subscribe("news") })
    .on({
      again: (_payload, channel) => channel.subscribe("news"),
      off: (_payload, channel) => channel.unsubscribe("news"),
      own: (_payload, channel) => channel.subscribe("room"),
      unknown: (_payload, channel) => channel.unsubscribe("never"),
    })
    .info({ broadcast: (heard, channel) => channel.push("heard", heard) });
  const heard = (topic: string, event: string, payload: unknown): Frame => pushed("heard", { topic, event, payload });

  test("delivers another topic's broadcasts as info", () => {
    const world = new World([listening]);
    const client = world.connect().joined("room");
    world.pubsub.broadcast("news", "flash", { n: 1 });
    world.pubsub.broadcast("room", "plain", { n: 2 });
    expect(client.take()).toEqual([heard("news", "flash", { n: 1 }), [null, null, "room", "plain", { n: 2 }]]);
  });

  test("twice is once; off is off, and on again is on", () => {
    const world = new World([listening]);
    const client = world.connect().joined("room");
    client.push("room", "again", {});
    world.pubsub.broadcast("news", "flash", {});
    expect(client.take()).toHaveLength(1);
    client.push("room", "off", {});
    client.push("room", "off", {});
    client.push("room", "unknown", {});
    world.pubsub.broadcast("news", "flash", {});
    expect(client.take()).toEqual([]);
    expect(world.pubsub.count("news")).toBe(0);
    client.push("room", "again", {});
    world.pubsub.broadcast("news", "flash", {});
    expect(client.take()).toHaveLength(1);
  });

  test("of its own topic comes beside the plain broadcast", () => {
    const world = new World([listening]);
    const client = world.connect().joined("room");
    client.push("room", "own", {});
    world.pubsub.broadcast("room", "flash", { n: 1 });
    expect(client.take()).toEqual([[null, null, "room", "flash", { n: 1 }], heard("room", "flash", { n: 1 })]);
    client.push("room", "off", {});
    world.pubsub.broadcast("room", "flash", { n: 2 });
    expect(client.take()).toHaveLength(2);
  });

  test("ends with the channel, however it ends", () => {
    for (const end of ["leave", "crash", "close", "replace"]) {
      const world = new World([listening]);
      const client = world.connect().joined("room");
      if (end === "leave") client.leave("room");
      if (end === "crash") client.push("room", "undeclared", {});
      if (end === "close") client.connection.closed({ kind: "closed" });
      if (end === "replace") client.joined("room", "2");
      expect(world.pubsub.count("news")).toBe(end === "replace" ? 1 : 0);
    }
  });

  test("after the end does nothing", () => {
    let subscribe = (): void => {};
    const channel = socket.channel("room", {
      join(_params, channel) {
        subscribe = () => channel.subscribe("news");
      },
    });
    const world = new World([channel]);
    world.connect().joined("room").leave("room");
    subscribe();
    expect(world.pubsub.count()).toBe(0);
  });
});
