/** Joins among other frames: what waits for a join, and what a second join of the same topic does to the first. */

import { describe, expect, test } from "vitest";
import { accept, reject } from "../../src/outcome.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import { type Frame, replyFrame } from "../support/wire.ts";
import { deferred, World } from "../support/world.ts";

const socket = defineSocket();
const ok = (ref: string, topic: string, response: unknown = {}): Frame => replyFrame(ref, ref, topic, "ok", response);
const close = (joinRef: unknown, topic: string): Frame => [joinRef, joinRef, topic, "phx_close", {}];

describe("a join that takes its time", () => {
  const setUp = () => {
    const gate = deferred();
    const slow = socket.channel("slow", { join: () => gate.promise }).on({ echo: (payload) => payload });
    const fast = socket.channel("fast").on({ echo: (payload) => payload });
    return { gate, client: new World([slow, fast]).connect() };
  };

  test("holds back the later frames of its connection, in order", async () => {
    const { gate, client } = setUp();
    client.joined("fast", "1");
    client.join("slow", "2");
    client.push("slow", "echo", { n: 1 }, "3", "2");
    client.push("fast", "echo", { n: 2 }, "4", "1");
    client.send(null, "5", "phoenix", "heartbeat", {});
    client.join("fast", "6");
    await settled();
    expect(client.take()).toEqual([]);
    gate.resolve();
    await settled();
    expect(client.take()).toEqual([
      ok("2", "slow"),
      replyFrame("2", "3", "slow", "ok", { n: 1 }),
      replyFrame("1", "4", "fast", "ok", { n: 2 }),
      replyFrame(null, "5", "phoenix", "ok", {}),
      ok("6", "fast"),
      close("1", "fast"),
    ]);
  });

  test("doesn't hold back what the server sends on other channels", async () => {
    const { client } = setUp();
    const world = new World([
      socket.channel("slow", { join: () => new Promise<undefined>(() => {}) }),
      socket.channel("fast"),
    ]);
    const other = world.connect().joined("fast", "1");
    other.join("slow", "2");
    world.pubsub.broadcast("fast", "news", { n: 1 });
    await settled();
    expect(other.take()).toEqual([[null, null, "fast", "news", { n: 1 }]]);
    expect(client.take()).toEqual([]);
  });

  test("holds back nobody else", async () => {
    const world = new World([
      socket.channel("slow", { join: () => new Promise<undefined>(() => {}) }),
      socket.channel("fast"),
    ]);
    world.connect().join("slow");
    const other = world.connect();
    other.join("fast");
    expect(other.take()).toEqual([ok("1", "fast")]);
  });

  test("is aborted and leaves nothing behind when the connection goes first", async () => {
    const gate = deferred();
    let aborted = false;
    let left = 0;
    const channel = socket
      .channel("slow", {
        async join(_params, channel) {
          channel.signal.addEventListener("abort", () => {
            aborted = true;
          });
          channel.subscribe("news");
          await gate.promise;
        },
      })
      .leave(() => {
        left += 1;
      });
    const world = new World([channel]);
    const client = world.connect();
    client.join("slow");
    client.push("slow", "echo", {});
    client.connection.closed({ kind: "closed" });
    expect(aborted).toBe(true);
    expect(world.pubsub.count()).toBe(0);
    gate.resolve();
    await settled();
    expect(client.take()).toEqual([]);
    expect(world.pubsub.count()).toBe(0);
    expect(client.connection.channelCount).toBe(0);
    // As in Phoenix: nobody has entered, so nobody leaves.
    expect(left).toBe(0);
  });
});

describe("a join of a topic that is joined", () => {
  test("is answered first, then the old instance is closed under its own refs", async () => {
    const reasons: string[] = [];
    const channel = socket
      .channel("room", { join: () => accept({ reply: { n: reasons.length } }) })
      .leave((reason) => void reasons.push(reason.kind));
    const world = new World([channel]);
    const client = world.connect().joined("room", "1");
    client.join("room", "2");
    await settled();
    expect(reasons).toEqual(["duplicate"]);
    expect(client.take()).toEqual([ok("2", "room", { n: 1 }), close("1", "room")]);
    expect(client.connection.channelCount).toBe(1);
    expect(world.pubsub.count("room")).toBe(1);
    expect(world.reported("channel.left")).toMatchObject([{ reason: "duplicate" }]);
  });

  test("that takes its time is still answered first", async () => {
    const channel = socket
      .channel("room", {
        async join() {
          await settled();
        },
      })
      .leave((_reason, channel) => channel.push("bye", {}));
    const client = new World([channel]).connect();
    client.join("room", "1");
    await settled();
    await settled();
    client.take();
    client.join("room", "2");
    await settled();
    await settled();
    expect(client.take()).toEqual([ok("2", "room"), ["1", null, "room", "bye", {}], close("1", "room")]);
  });

  test("ends the old instance also when it is refused", async () => {
    let joins = 0;
    const channel = socket.channel("room", { join: () => (++joins === 1 ? accept() : reject("enough")) });
    const world = new World([channel]);
    const client = world.connect().joined("room", "1");
    client.join("room", "2");
    await settled();
    expect(client.take()).toEqual([replyFrame("2", "2", "room", "error", { reason: "enough" }), close("1", "room")]);
    expect(client.connection.channelCount).toBe(0);
    expect(world.pubsub.count()).toBe(0);
  });

  test("waits for a handler of the old instance, which isn't answered any more", async () => {
    const gate = deferred();
    const order: string[] = [];
    const channel = socket
      .channel("room", { join: () => void order.push("join") })
      .on({
        async work() {
          await gate.promise;
          order.push("worked");
          return { done: true };
        },
      })
      .leave(() => void order.push("leave"));
    const client = new World([channel]).connect().joined("room", "1");
    client.push("room", "work", {}, "2");
    client.join("room", "3");
    await settled();
    expect(client.take()).toEqual([]);
    gate.resolve();
    await settled();
    expect(order).toEqual(["join", "worked", "leave", "join"]);
    expect(client.take()).toEqual([ok("3", "room"), close("1", "room")]);
  });

  test("what the new instance says comes after the farewell of the old one", () => {
    const channel = socket
      .channel("room", { join: (_params, channel) => channel.send("hello") })
      .info({ hello: (_message, channel) => channel.push("hello", {}) })
      .leave((_reason, channel) => channel.push("bye", {}));
    const client = new World([channel]).connect().joined("room", "1");
    client.take();
    client.join("room", "2");
    expect(client.take()).toEqual([
      ok("2", "room"),
      ["1", null, "room", "bye", {}],
      close("1", "room"),
      ["2", null, "room", "hello", {}],
    ]);
  });

  test.each(["handler", "leave hook"])("gives an old instance whose %s doesn't end five seconds", async (what) => {
    const forever = new Promise<undefined>(() => {});
    const channel = socket
      .channel("room")
      .on({ work: () => (what === "handler" ? forever : undefined) })
      .leave((_reason, channel) => {
        channel.push("bye", {});
        return what === "leave hook" ? forever : undefined;
      });
    const world = new World([channel]);
    const client = world.connect().joined("room", "1");
    client.push("room", "work", {}, "2");
    client.join("room", "3");
    client.send(null, "4", "phoenix", "heartbeat", {});
    await settled();
    world.clock.advance(4_999);
    await settled();
    expect(client.take()).toEqual([]);
    world.clock.advance(1);
    await settled();
    const bye: Frame[] = what === "leave hook" ? [["1", null, "room", "bye", {}]] : [];
    expect(client.take()).toEqual([
      ok("3", "room"),
      ...bye,
      close("1", "room"),
      replyFrame(null, "4", "phoenix", "ok", {}),
    ]);
    expect(world.logger.at("warn")).toHaveLength(1);
    expect(world.logger.at("warn")[0]).toMatch(/did not end within 5000 ms/);
    expect(world.pubsub.count("room")).toBe(1);
    expect(client.connection.paused).toBe(false);
  });

  test("what the old instance's leave hook pushes comes between", async () => {
    const channel = socket.channel("room").leave(async (_reason, channel) => {
      channel.push("early", {});
      await settled();
      channel.push("late", {});
    });
    const client = new World([channel]).connect().joined("room", "1");
    client.join("room", "2");
    await settled();
    await settled();
    await settled();
    expect(client.take()).toEqual([
      ok("2", "room"),
      ["1", null, "room", "early", {}],
      ["1", null, "room", "late", {}],
      close("1", "room"),
    ]);
  });
});

describe("a leave and a join sent together", () => {
  test("leave reply, close, join reply", () => {
    const client = new World([socket.channel("room")]).connect().joined("room", "1");
    client.leave("room", "2");
    client.join("room", "3");
    expect(client.take()).toEqual([replyFrame("1", "2", "room", "ok", {}), close("1", "room"), ok("3", "room")]);
  });

  test("also behind handlers that take their time", async () => {
    const gate = deferred();
    const channel = socket.channel("room").on({ work: () => gate.promise.then(() => ({ done: true })) });
    const client = new World([channel]).connect().joined("room", "1");
    client.push("room", "work", {}, "2");
    client.leave("room", "3");
    client.push("room", "work", {}, "4");
    client.join("room", "5");
    client.push("room", "work", {}, "6", "5");
    gate.resolve();
    await settled();
    expect(client.take()).toEqual([
      replyFrame("1", "2", "room", "ok", { done: true }),
      replyFrame("1", "3", "room", "ok", {}),
      close("1", "room"),
      ok("5", "room"),
      replyFrame("5", "6", "room", "ok", { done: true }),
    ]);
  });

  test("also behind a handler that never ends: five seconds, then the same", async () => {
    let aborted = false;
    const channel = socket.channel("room").on({
      work(_payload, channel) {
        channel.signal.addEventListener("abort", () => {
          aborted = true;
        });
        return new Promise<undefined>(() => {});
      },
    });
    const world = new World([channel]);
    const client = world.connect().joined("room", "1");
    client.push("room", "work", {}, "2");
    client.leave("room", "3");
    client.join("room", "4");
    world.clock.advance(5_000);
    await settled();
    expect(client.take()).toEqual([replyFrame("1", "3", "room", "ok", {}), close("1", "room"), ok("4", "room")]);
    expect(aborted).toBe(true);
    expect(world.pubsub.count("room")).toBe(1);
    expect(client.connection.channelCount).toBe(1);
    expect(world.clock.pending).toBeLessThanOrEqual(1);
  });

  test("a crash in between: the join goes on", async () => {
    const gate = deferred();
    const channel = socket.channel("room").on({ work: () => gate.promise });
    const client = new World([channel]).connect().joined("room", "1");
    client.push("room", "work", {}, "2");
    client.leave("room", "3");
    client.join("room", "4");
    gate.reject(new Error("crash"));
    await settled();
    expect(client.take()).toEqual([["1", "1", "room", "phx_error", { reason: "channel_crash" }], ok("4", "room")]);
  });
});
