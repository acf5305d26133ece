/** Who hears what is said on a topic, and in what form. */

import { describe, expect, test } from "vitest";
import { stop } from "../../src/outcome.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import { type Frame, readV1, readV2, replyFrame } from "../support/wire.ts";
import { World } from "../support/world.ts";

const socket = defineSocket();
const news = (topic: string, payload: unknown): Frame => [null, null, topic, "news", payload];

const room = socket.channel("room:{id}").on({
  all: (payload, channel) => channel.broadcast("news", payload as object),
  others: (payload, channel) => channel.broadcastFrom("news", payload as object),
  endpoint: (payload, channel) => channel.endpoint.broadcast(channel.topic, "news", payload as object),
  local: (payload, channel) => channel.endpoint.localBroadcast(channel.topic, "news", payload as object),
  kick: (_payload, channel) => channel.endpoint.disconnect("users:1"),
});

describe("reach", () => {
  test.each([
    ["all", true],
    ["others", false],
    ["endpoint", true],
    ["local", true],
  ])("%s", (event, self) => {
    const world = new World([room]);
    const [sender, same, elsewhere] = [world.connect(), world.connect(), world.connect()];
    sender.joined("room:1").joined("room:2", "2");
    same.joined("room:1");
    elsewhere.joined("room:2");
    sender.push("room:1", event, { n: 1 });
    expect(sender.take()).toEqual(self ? [news("room:1", { n: 1 })] : []);
    expect(same.take()).toEqual([news("room:1", { n: 1 })]);
    expect(elsewhere.take()).toEqual([]);
  });

  test("broadcastFrom spares the channel, not its connection", () => {
    const both = socket.channel("*", { join: (_params, channel) => channel.subscribe("room:1") }).info({
      broadcast: ({ topic, payload }, channel) => channel.push("heard", { topic, payload }),
    });
    const world = new World([room, both]);
    const client = world.connect().joined("room:1").joined("x", "2");
    client.push("room:1", "others", { n: 1 });
    expect(client.take()).toEqual([["2", null, "x", "heard", { topic: "room:1", payload: { n: 1 } }]]);
  });

  test("only those whose join was accepted, and none that have left", () => {
    const picky = socket.channel("room:{id}", { authorize: () => false });
    const world = new World([picky]);
    const refused = world.connect();
    refused.joined("room:1");
    world.pubsub.broadcast("room:1", "news", {});
    expect(refused.take()).toEqual([]);
    const open = new World([room]);
    const leaver = open.connect().joined("room:1");
    leaver.leave("room:1");
    leaver.take();
    open.pubsub.broadcast("room:1", "news", {});
    expect(leaver.take()).toEqual([]);
  });

  test("endpoint.disconnect is the endpoint's", () => {
    const world = new World([room]);
    world.connect().joined("room:1").push("room:1", "kick", {});
    expect(world.disconnected).toEqual(["users:1"]);
  });
});

describe("the fastlane", () => {
  test("encodes once per serializer, and hands the same frame to all", () => {
    const world = new World([room]);
    const v2 = [world.connect(), world.connect(), world.connect()];
    const v1 = [world.connect({ serializer: "v1" }), world.connect({ serializer: "v1" })];
    for (const client of v2) client.joined("room:1");
    for (const client of v1) {
      client.connection.receive('{"topic":"room:1","event":"phx_join","payload":{},"ref":"1"}');
      client.sink.frames.length = 0;
    }
    let encoded = 0;
    const payload = {
      toJSON() {
        encoded += 1;
        return { n: 1 };
      },
    };
    world.pubsub.broadcast("room:1", "news", payload);
    expect(encoded).toBe(2);
    expect(v2.map((client) => client.take())).toEqual(Array(3).fill([news("room:1", { n: 1 })]));
    expect(v1.map(({ sink }) => sink.frames.map(readV1))).toEqual(
      Array(2).fill([{ topic: "room:1", event: "news", payload: { n: 1 }, ref: null }]),
    );
    expect(new Set(v2.map(({ sink }) => sink.shared[0])).size).toBe(1);
    expect(new Set(v1.map(({ sink }) => sink.shared[0])).size).toBe(1);
  });

  test("binary goes to V2 only; V1 is dropped, counted and warned of once", () => {
    const world = new World([room]);
    const v2 = world.connect().joined("room:1");
    const v1 = world.connect({ serializer: "v1" });
    v1.connection.receive('{"topic":"room:1","event":"phx_join","payload":{},"ref":"1"}');
    for (let round = 0; round < 3; round += 1) world.pubsub.broadcast("room:1", "news", Uint8Array.of(7));
    expect(v2.take()).toEqual(Array(3).fill(news("room:1", Uint8Array.of(7))));
    expect(v1.sink.frames).toHaveLength(1);
    expect(v1.connection.channelCount).toBe(1);
    expect(world.reported("message.dropped")).toEqual(
      Array(3).fill({ mount: "/socket", pattern: "room:{id}", code: "binary_for_v1" }),
    );
    expect(world.logger.at("warn")).toHaveLength(1);
  });
});

describe("intercepted events", () => {
  test("go through the handler: dropped, changed or more of them", async () => {
    const channel = socket.channel("room").intercept({
      drop: () => undefined,
      change: (payload, channel) => channel.push("changed", { ...payload, own: true }),
      async later(payload, channel) {
        await settled();
        channel.push("later", payload);
      },
      twice(payload, channel) {
        channel.push("twice", payload);
        channel.push("twice", payload);
      },
    });
    const world = new World([channel]);
    const client = world.connect().joined("room");
    for (const event of ["drop", "change", "twice", "plain"]) world.pubsub.broadcast("room", event, { n: 1 });
    expect(client.take()).toEqual([
      ["1", null, "room", "changed", { n: 1, own: true }],
      ["1", null, "room", "twice", { n: 1 }],
      ["1", null, "room", "twice", { n: 1 }],
      [null, null, "room", "plain", { n: 1 }],
    ]);
    world.pubsub.broadcast("room", "later", { n: 2 });
    world.pubsub.broadcast("room", "change", { n: 3 });
    await settled();
    await settled();
    expect(client.take()).toEqual([
      ["1", null, "room", "later", { n: 2 }],
      ["1", null, "room", "changed", { n: 3, own: true }],
    ]);
  });

  test("see each subscriber's own assigns", () => {
    const channel = defineSocket({ connect: () => ({ user: "" }) })
      .channel("room")
      .intercept({
        said: (payload, channel) =>
          (payload as { by: string }).by === channel.assigns.user ? undefined : channel.push("said", payload),
      });
    const world = new World([channel]);
    const ada = world.connect({ assigns: { user: "ada" } }).joined("room");
    const bob = world.connect({ assigns: { user: "bob" } }).joined("room");
    world.pubsub.broadcast("room", "said", { by: "ada" });
    expect(ada.take()).toEqual([]);
    expect(bob.take()).toEqual([["1", null, "room", "said", { by: "ada" }]]);
  });

  test("of a channel's own wait until its handler is done", () => {
    const order: string[] = [];
    const channel = socket
      .channel("room")
      .on({
        say(_payload, channel) {
          channel.broadcast("said", {});
          order.push("handler done");
        },
      })
      .intercept({ said: () => void order.push("intercepted") });
    new World([channel]).connect().joined("room").push("room", "say", {});
    expect(order).toEqual(["handler done", "intercepted"]);
  });

  test("may stop the channel, or crash it, alone", () => {
    const channel = socket.channel("room").intercept({
      stop: () => stop(),
      crash() {
        throw new Error("boom");
      },
      reply: (() => ({ a: 1 })) as never,
    });
    for (const [event, last] of [
      ["stop", "phx_close"],
      ["crash", "phx_error"],
      ["reply", "phx_error"],
    ] as const) {
      const world = new World([channel]);
      const client = world.connect().joined("room");
      expect(() => world.pubsub.broadcast("room", event, {})).not.toThrow();
      expect(client.take().map(([, , , name]) => name)).toEqual([last]);
    }
  });
});

test("an empty or oddly named event is an event like any other", () => {
  const world = new World([room]);
  const client = world.connect().joined("room:1");
  for (const event of ["", "__proto__", "constructor", "é😀"]) world.pubsub.broadcast("room:1", event, { a: 1 });
  expect(client.sink.frames.slice(1).map((frame) => readV2(frame)[3])).toEqual(["", "__proto__", "constructor", "é😀"]);
  client.push("room:1", "all", {}, "2");
  client.leave("room:1", "3");
  expect(client.take().at(-2)).toEqual(replyFrame("1", "3", "room:1", "ok", {}));
});
