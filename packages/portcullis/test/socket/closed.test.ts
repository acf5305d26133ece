/** What is left of a connection that has ended: nothing. */

import { describe, expect, test } from "vitest";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import { deferred, World } from "../support/world.ts";

const socket = defineSocket();

test("every channel ends, and nothing is written any more", () => {
  const reasons: string[] = [];
  const channel = socket.channel("room:{id}").leave((reason, channel) => {
    reasons.push(`${channel.topic} ${reason.kind}`);
    channel.push("bye", {});
  });
  const world = new World([channel]);
  const client = world.connect().joined("room:1", "1").joined("room:2", "2");
  client.connection.closed({ kind: "closed" });
  client.connection.closed({ kind: "closed" });
  expect(reasons).toEqual(["room:1 closed", "room:2 closed"]);
  expect(client.take()).toEqual([]);
  expect(client.sink.closes).toEqual([]);
  expect(client.connection.channelCount).toBe(0);
  expect(world.pubsub.count()).toBe(0);
});

test("end closes the transport once, with its code", () => {
  const client = new World([socket.channel("room")]).connect().joined("room");
  client.connection.end("disconnected", { kind: "disconnected" });
  client.connection.end("endpoint_closed", { kind: "shutdown" });
  client.connection.closed({ kind: "closed" });
  expect(client.sink.closes).toEqual(["disconnected"]);
});

test("frames that come afterwards are ignored, even nonsense", () => {
  const world = new World([socket.channel("room")]);
  const client = world.connect();
  client.connection.closed({ kind: "closed" });
  client.join("room");
  client.connection.receive("{");
  expect(client.take()).toEqual([]);
  expect(client.sink.closes).toEqual([]);
  expect(world.pubsub.count()).toBe(0);
});

test("frames held for a join are dropped with it", async () => {
  const gate = deferred();
  let joins = 0;
  const channel = socket.channel("room:{id}", {
    join() {
      joins += 1;
      return gate.promise;
    },
  });
  const client = new World([channel]).connect();
  client.join("room:1", "1");
  client.join("room:2", "2");
  client.connection.closed({ kind: "closed" });
  gate.resolve();
  await settled();
  expect(joins).toBe(1);
  expect(client.take()).toEqual([]);
});

test("a join that waits for an old instance is dropped, and its timer with it", async () => {
  const channel = socket.channel("room").on({ slow: () => new Promise<undefined>(() => {}) });
  const world = new World([channel]);
  const client = world.connect().joined("room", "1");
  client.push("room", "slow", {});
  client.join("room", "2");
  expect(world.clock.pending).toBe(1);
  client.connection.closed({ kind: "closed" });
  expect(world.clock.pending).toBe(0);
  await settled();
  expect(client.take()).toEqual([]);
  expect(world.pubsub.count()).toBe(0);
});

describe("a transport that ends the connection while something is written to it", () => {
  const ended = (channel: ReturnType<typeof socket.channel>, act: (world: World) => void): World => {
    const world = new World([channel]);
    act(world);
    expect(world.pubsub.count()).toBe(0);
    return world;
  };

  test.each([
    ["a join reply", undefined],
    ["a join reply that took its time", async () => {}],
  ])("%s", async (_what, join) => {
    const entered: string[] = [];
    const channel = socket
      .channel("room", {
        join(_params, channel) {
          channel.send("entered");
          return join?.();
        },
      })
      .info({ entered: () => void entered.push("entered") });
    const world = new World([channel as never]);
    const client = world.connect();
    client.sink.onWrite = () => client.connection.end("slow_reader", { kind: "closed" });
    client.join("room");
    await settled();
    expect(world.pubsub.count()).toBe(0);
    expect(client.connection.channelCount).toBe(0);
    expect(entered).toEqual([]);
  });

  test("a broadcast, one subscriber of many: the others hear it", () => {
    ended(socket.channel("room") as never, (world) => {
      const clients = Array.from({ length: 5 }, () => world.connect().joined("room"));
      const slow = clients[2];
      if (slow === undefined) throw new Error("there are five");
      slow.sink.onWrite = () => slow.connection.end("slow_reader", { kind: "closed" });
      world.pubsub.broadcast("room", "news", {});
      expect(world.pubsub.count("room")).toBe(4);
      world.pubsub.broadcast("room", "news", {});
      expect(clients.map((client) => client.take().length)).toEqual([2, 2, 1, 2, 2]);
      for (const client of clients) client.connection.closed({ kind: "closed" });
    });
  });

  test.each(["echo", "fail", "phx_leave"])("the answer to %s", (event) => {
    const channel = socket.channel("room").on({
      echo: (payload) => payload,
      fail() {
        throw new Error("boom");
      },
    });
    ended(channel as never, (world) => {
      const client = world.connect().joined("room");
      client.sink.onWrite = () => client.connection.end("slow_reader", { kind: "closed" });
      client.push("room", event, {});
      expect(client.take()).toHaveLength(1);
      expect(client.sink.closes).toEqual(["slow_reader"]);
    });
  });
});

test("many topics joined and left, over many connections, leave nothing behind", async () => {
  const channel = socket
    .channel("room:{id}", { join: (_params, channel) => channel.subscribe(`news:${channel.topicParams.id}`) })
    .on({ slow: () => settled() });
  const world = new World([channel], { channelsMax: 1_000 });
  const clients = Array.from({ length: 20 }, () => world.connect());
  for (const [index, client] of clients.entries()) {
    for (let n = 0; n < 100; n += 1) {
      const topic = `room:${(index * 7 + n) % 150}`;
      client.join(topic, String(n));
      client.push(topic, "slow", {}, "9", null);
      if (n % 3 === 0) client.leave(topic, "8", String(n));
      if (n % 5 === 0) client.join(topic, `again ${n}`);
      if (n % 7 === 0) client.push(topic, "undeclared", {}, "9", null);
    }
  }
  for (let turn = 0; turn < 300; turn += 1) await settled();
  expect(world.pubsub.count()).toBeGreaterThan(100);
  for (const [index, client] of clients.entries()) {
    if (index % 2 === 0) client.connection.closed({ kind: "closed" });
    else for (let n = 0; n < 150; n += 1) client.send(null, "8", `room:${n}`, "phx_leave", {});
  }
  for (let turn = 0; turn < 300; turn += 1) await settled();
  expect(world.pubsub.count()).toBe(0);
  expect(clients.map(({ connection }) => connection.channelCount)).toEqual(Array(20).fill(0));
  expect(clients.map(({ connection }) => connection.paused)).toEqual(Array(20).fill(false));
  world.clock.advance(10_000);
  expect(world.clock.pending).toBe(0);
});
