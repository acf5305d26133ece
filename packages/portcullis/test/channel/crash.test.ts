/** What ends a channel by failure, and what it leaves alone. */

import { describe, expect, test } from "vitest";
import { accept } from "../../src/outcome.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import { type Frame, replyFrame } from "../support/wire.ts";
import { World } from "../support/world.ts";

const socket = defineSocket();
const crashed = (joinRef: string, topic: string): Frame => [
  joinRef,
  joinRef,
  topic,
  "phx_error",
  { reason: "channel_crash" },
];
const boom = new Error("boom");
const fail = (): never => {
  throw boom;
};

describe("a crash", () => {
  test("ends that channel alone", () => {
    const world = new World([socket.channel("room:{id}").on({ fail, echo: (payload) => payload })]);
    const client = world.connect().joined("room:1", "1").joined("room:2", "2");
    const other = world.connect().joined("room:1", "1");
    client.push("room:1", "fail", {}, "3", "1");
    client.push("room:2", "echo", { n: 1 }, "4", "2");
    other.push("room:1", "echo", { n: 2 }, "5", "1");
    expect(client.take()).toEqual([crashed("1", "room:1"), replyFrame("2", "4", "room:2", "ok", { n: 1 })]);
    expect(other.take()).toEqual([replyFrame("1", "5", "room:1", "ok", { n: 2 })]);
    expect(client.sink.closes).toEqual([]);
    expect(world.pubsub.count("room:1")).toBe(1);
  });

  test("is logged with its error and reported by pattern, never by topic", () => {
    const world = new World([socket.channel("room:{id}").on({ fail })]);
    world.connect().joined("room:secret").push("room:secret", "fail", { password: "hunter2" });
    expect(world.logger.lines).toEqual([
      { level: "error", message: 'portcullis: the channel "room:{id}" on /socket crashed', details: { error: boom } },
    ]);
    expect(world.reported("channel.crashed")).toEqual([
      { mount: "/socket", pattern: "room:{id}", code: "handler_failed", error: boom },
    ]);
    expect(world.reported("channel.left")).toEqual([{ mount: "/socket", pattern: "room:{id}", reason: "error" }]);
  });

  test("can be joined again", () => {
    const world = new World([socket.channel("room").on({ fail, echo: (payload) => payload })]);
    const client = world.connect().joined("room", "1");
    client.push("room", "fail", {});
    client.take();
    client.join("room", "3");
    client.push("room", "echo", { n: 1 }, "4", "3");
    expect(client.take()).toEqual([
      replyFrame("3", "3", "room", "ok", {}),
      replyFrame("3", "4", "room", "ok", { n: 1 }),
    ]);
  });

  test("drops what waited in the mailbox", async () => {
    const world = new World([socket.channel("room").on({ fail: async () => fail(), echo: (payload) => payload })]);
    const client = world.connect().joined("room");
    client.push("room", "fail", {}, "2");
    client.push("room", "echo", {}, "3");
    client.push("room", "echo", {}, "4");
    await settled();
    expect(client.take()).toEqual([crashed("1", "room")]);
  });

  test("of a join without a join_ref has none either", () => {
    const client = new World([socket.channel("room").on({ fail })]).connect();
    client.send(null, "1", "room", "phx_join", {});
    client.take();
    client.send(null, "2", "room", "fail", {});
    expect(client.take()).toEqual([[null, null, "room", "phx_error", { reason: "channel_crash" }]]);
  });
});

describe("an event nobody declared", () => {
  const world = (): World => new World([socket.channel("room").on({ known: () => ({}) })]);

  test.each([
    ["unknown"],
    ["phx_reply"],
    ["phx_close"],
    ["phx_error"],
    ["__proto__"],
    ["constructor"],
    ["toString"],
    [""],
    [null],
    [5],
    [["known"]],
    [{}],
  ])("%j crashes the channel", (event) => {
    const client = world().connect().joined("room");
    client.send("1", "2", "room", event, {});
    expect(client.take()).toEqual([crashed("1", "room")]);
  });

  test("is logged once per channel, by its pattern and not by what was sent", () => {
    const shared = world();
    for (let round = 0; round < 5; round += 1) {
      const client = shared.connect().joined("room");
      client.push("room", "hunter2", { password: "hunter2" });
    }
    expect(shared.logger.at("warn")).toHaveLength(1);
    expect(shared.logger.at("warn")[0]).toMatch(/"room".*declare the event/);
    expect(JSON.stringify(shared.logger.lines)).not.toContain("hunter2");
    expect(shared.logger.at("error")).toEqual([]);
    expect(shared.reported("channel.crashed")).toMatchObject(Array(5).fill({ code: "event_undeclared" }));
  });

  test("crashes a channel without any handlers too", () => {
    const client = new World([socket.channel("room")]).connect().joined("room");
    client.push("room", "any", {});
    expect(client.take()).toEqual([crashed("1", "room")]);
  });
});

describe("what can't be encoded", () => {
  const circle: { self?: object } = {};
  circle.self = circle;
  const unencodable: readonly [string, unknown][] = [
    ["a circle", circle],
    ["a bigint", { n: 1n }],
    ["a function", () => 1],
    ["a symbol", Symbol("s")],
    [
      "something that refuses",
      {
        toJSON() {
          throw boom;
        },
      },
    ],
  ];

  test.each(unencodable)("%s as a reply crashes the channel", async (_what, value) => {
    const world = new World([
      socket.channel("room").on({ now: (() => value) as never, later: (async () => value) as never }),
    ]);
    for (const event of ["now", "later"]) {
      const client = world.connect().joined("room");
      client.push("room", event, {});
      await settled();
      expect(client.take()).toEqual([crashed("1", "room")]);
    }
  });

  test.each(unencodable)("%s as a deferred reply crashes the channel, not its caller", (_what, value) => {
    let give: (value: unknown) => void = () => {};
    const world = new World([
      socket.channel("room").on({
        defer(_payload, channel) {
          give = channel.deferReply();
        },
      }),
    ]);
    const client = world.connect().joined("room");
    client.push("room", "defer", {});
    give(value);
    expect(client.take()).toEqual([crashed("1", "room")]);
  });

  test.each(unencodable)("%s in a join reply ends the connection", async (_what, value) => {
    const world = new World([
      socket.channel("now", { join: () => accept({ reply: value }) }),
      socket.channel("later", { join: async () => accept({ reply: value }) }),
      socket.channel("other"),
    ]);
    for (const topic of ["now", "later"]) {
      const client = world.connect().joined("other", "1");
      client.join(topic, "2");
      await settled();
      expect(client.take()).toEqual([]);
      expect(client.sink.closes).toEqual(["join_unencodable"]);
      expect(client.connection.channelCount).toBe(0);
      expect(world.pubsub.count()).toBe(0);
    }
    expect(world.logger.at("warn")).toHaveLength(1);
  });

  test.each([["push"], ["broadcast"], ["broadcastFrom"]] as const)("in a %s crashes who sends it", (method) => {
    for (const payload of [circle, { n: 1n }, null, [1], "text", 5, undefined]) {
      const world = new World([
        socket.channel("room").on({ send: (_payload, channel) => channel[method]("event", payload as object) }),
      ]);
      const hearer = world.connect().joined("room");
      const client = world.connect().joined("room");
      client.push("room", "send", {});
      expect(client.take()).toEqual([crashed("1", "room")]);
      expect(hearer.take()).toEqual([]);
      expect(hearer.connection.channelCount).toBe(1);
    }
  });

  test("a binary message whose names are too long crashes who sends it", () => {
    const long = "x".repeat(256);
    const world = new World([
      socket.channel("room").on({
        push: (_payload, channel) => channel.push(long, new Uint8Array()),
        reply: () => new Uint8Array(),
      }),
    ]);
    const client = world.connect().joined("room");
    client.push("room", "push", {});
    client.joined("room", "2");
    client.push("room", "reply", {}, long, "2");
    expect(client.take().map(([joinRef, , , event]) => [joinRef, event])).toEqual([["2", "phx_error"]]);
    expect(String(world.reported("channel.crashed")[1]?.error)).toMatch(/ref of a binary message/);
  });
});

describe("an event of the protocol's own", () => {
  test.each(["phx_reply", "phx_close", "phx_anything", "disconnect"])("%s can't be sent", (event) => {
    for (const method of ["push", "broadcast", "broadcastFrom"] as const) {
      const world = new World([socket.channel("room").on({ send: (_payload, channel) => channel[method](event, {}) })]);
      const hearer = world.connect().joined("room");
      const client = world.connect().joined("room");
      client.push("room", "send", {});
      expect(client.take()).toEqual([crashed("1", "room")]);
      expect(hearer.take()).toEqual([]);
      expect(String(world.reported("channel.crashed")[0]?.error)).toContain("belong to the protocol");
    }
  });
});
