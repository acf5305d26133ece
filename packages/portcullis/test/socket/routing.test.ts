/** Which frame goes where: the connection's own topic, topics nobody joined, and refs that don't fit. */

import { describe, expect, test } from "vitest";
import { defineSocket } from "../../src/socket/socket.ts";
import { readV1, replyFrame } from "../support/wire.ts";
import { World } from "../support/world.ts";

const socket = defineSocket();
const room = socket.channel("room:{id}").on({ echo: (payload) => payload });
const any = socket.channel("*").on({ heartbeat: () => ({ routed: true }), echo: (payload) => payload });
const unmatched = { reason: "unmatched topic" };

describe("the topic phoenix", () => {
  const client = () => new World([any]).connect();

  test.each([["7"], [null], [7], [["a"]]])("a heartbeat with ref %j is answered", (ref) => {
    const connected = client();
    connected.send(null, ref, "phoenix", "heartbeat", {});
    connected.send("3", ref, "phoenix", "heartbeat", { any: "thing" });
    expect(connected.take()).toEqual(Array(2).fill(replyFrame(null, ref, "phoenix", "ok", {})));
  });

  test("a heartbeat of V1 likewise", () => {
    const world = new World([any]).connect({ serializer: "v1" });
    world.connection.receive('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"7"}');
    expect(world.sink.frames.map(readV1)).toEqual([
      { topic: "phoenix", event: "phx_reply", ref: "7", payload: { status: "ok", response: {} } },
    ]);
  });

  test.each([["phx_join"], ["echo"], ["auth"], ["phx_reply"], [null], [1]])(
    "%j is not routed, whatever patterns exist",
    (event) => {
      const connected = client();
      connected.send("1", "1", "phoenix", event, {});
      expect(connected.take()).toEqual([replyFrame(null, "1", "phoenix", "error", unmatched)]);
      expect(connected.connection.channelCount).toBe(0);
    },
  );
});

describe("a topic that isn't joined", () => {
  test.each([
    ["room:1", "echo"],
    ["room:1", "phx_close"],
    ["never:defined", "echo"],
    ["", "echo"],
    ["__proto__", "echo"],
    [null, "echo"],
    [5, "echo"],
    [{ a: 1 }, "echo"],
    [["room:1"], "echo"],
  ])("%j: an event is answered unmatched, join_ref null, the topic echoed", (topic, event) => {
    const world = new World([room]);
    const client = world.connect();
    client.send("1", "2", topic, event, {});
    expect(client.take()).toEqual([replyFrame(null, "2", topic, "error", unmatched)]);
    expect(world.reported("message.dropped")).toEqual([{ mount: "/socket", pattern: null, code: "topic_unmatched" }]);
  });

  test.each([
    ["never:defined"],
    ["room:"],
    ["room:1:2"],
    ["room:a\u0000b"],
    ["room:a\nb"],
    [`room:${"x".repeat(1_020)}`],
    [`room:${"é".repeat(510)}`],
    [""],
    ["__proto__"],
    [null],
    [5],
    [["room:1"]],
    [{ toString: "room:1" }],
  ])("a join of %j is answered unmatched likewise", (topic) => {
    const world = new World([room]);
    const client = world.connect();
    client.send("1", "1", topic, "phx_join", {});
    expect(client.take()).toEqual([replyFrame(null, "1", topic, "error", unmatched)]);
    expect(client.connection.channelCount).toBe(0);
    expect(world.reported("channel.refused")).toEqual([{ mount: "/socket", pattern: null, code: "topic_unmatched" }]);
  });

  test("the longest topic is one", () => {
    const client = new World([room]).connect();
    client.join(`room:${"x".repeat(1_019)}`);
    expect(client.connection.channelCount).toBe(1);
  });

  test("names that mean something to objects are topics", () => {
    const client = new World([any]).connect();
    for (const topic of ["__proto__", "constructor", "toString"]) {
      client.joined(topic);
      client.push(topic, "echo", { topic });
      expect(client.take()).toEqual([replyFrame("1", "9", topic, "ok", { topic })]);
    }
    expect(client.connection.channelCount).toBe(3);
  });
});

describe("join_ref", () => {
  test.each([
    ["the same text", "1", "1", true],
    ["null, as head allows", "1", null, true],
    ["another text", "1", "2", false],
    ["a number that looks the same", "1", 1, false],
    ["a text that looks the same", 1, "1", false],
    ["the same number", 1, 1, true],
    ["empty text is not null", "1", "", false],
    ["0 is not null", "1", 0, false],
    ["false is not null", "1", false, false],
    ["any where the join had none", null, "1", false],
    ["null where the join had none", null, null, true],
  ])("%s: joined with %j, sent with %j", (_what, joined, sent, handled) => {
    const world = new World([room]);
    const client = world.connect();
    client.send(joined, "7", "room:1", "phx_join", {});
    expect(client.take()).toEqual([replyFrame(joined, "7", "room:1", "ok", {})]);
    client.send(sent, "2", "room:1", "echo", { a: 1 });
    expect(client.take()).toEqual(handled ? [replyFrame(joined ?? "7", "2", "room:1", "ok", { a: 1 })] : []);
    expect(client.connection.channelCount).toBe(1);
    const dropped = { mount: "/socket", pattern: "room:{id}", code: "join_ref_stale" };
    expect(world.reported("message.dropped")).toEqual(handled ? [] : [dropped]);
  });

  test("V1 without it is never stale", () => {
    const { connection, sink } = new World([room]).connect({ serializer: "v1" });
    connection.receive('{"topic":"room:1","event":"phx_join","payload":{},"ref":"1","join_ref":"1"}');
    connection.receive('{"topic":"room:1","event":"echo","payload":{"a":1},"ref":"2"}');
    expect(sink.frames.map(readV1)).toMatchObject([{ ref: "1" }, { ref: "2", payload: { response: { a: 1 } } }]);
  });
});

describe("a frame that is none", () => {
  test.each<[what: string, data: string | Uint8Array]>([
    ["no JSON", "{"],
    ["not an array", "{}"],
    ["too short", '["1","1","t","e"]'],
    ["binary of an unknown kind", Uint8Array.of(9, 0, 0, 0, 0)],
    ["binary with lying sizes", Uint8Array.of(0, 9, 9, 9, 9)],
  ])("%s ends the connection with everything on it, and no other", (_what, data) => {
    const world = new World([room]);
    const other = world.connect().joined("room:1");
    const client = world.connect().joined("room:1");
    client.connection.receive(data);
    expect(client.sink.closes).toEqual(["frame_invalid"]);
    expect(client.connection.channelCount).toBe(0);
    expect(world.pubsub.count("room:1")).toBe(1);
    client.push("room:1", "echo", {});
    world.pubsub.broadcast("room:1", "news", {});
    expect(client.take()).toEqual([]);
    expect(other.take()).toHaveLength(1);
    expect(world.logger.at("warn")).toHaveLength(1);
    expect(world.logger.at("warn")[0]).toMatch(/frame_invalid/);
    expect(client.sink.closes).toHaveLength(1);
  });

  test("the log doesn't show what was in it", () => {
    const world = new World([room]);
    world.connect().connection.receive('["hunter2"');
    expect(JSON.stringify(world.logger.lines)).not.toContain("hunter2");
    expect(world.logger.lines).toHaveLength(1);
  });
});
