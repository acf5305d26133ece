/** What a client may ask of a connection's memory: frames that wait, and frames that nest. */

import { describe, expect, test } from "vitest";
import type { SerializerName } from "../../src/protocol/serializer.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import { type Frame, replyFrame } from "../support/wire.ts";
import { deferred, World } from "../support/world.ts";

const socket = defineSocket();

describe("frames that wait", () => {
  function busy(limits: { pendingFramesMax?: number; pendingBytesMax?: number }) {
    const gates: ReturnType<typeof deferred<void>>[] = [];
    const channel = socket.channel("room:{id}").on({
      slow() {
        const gate = deferred();
        gates.push(gate);
        return gate.promise;
      },
      fast: () => ({}),
    });
    const world = new World([channel], { pendingFramesMax: 1_000, pendingBytesMax: 1_000_000, ...limits });
    const client = world.connect().joined("room:1", "1").joined("room:2", "2");
    client.push("room:1", "slow", {});
    const next = async (): Promise<void> => {
      gates.shift()?.resolve();
      await settled();
    };
    return { client, world, next };
  }

  test("stop the reading at the limit, once; half of them handled, it goes on", async () => {
    const { client, next } = busy({ pendingFramesMax: 4 });
    for (let n = 0; n < 3; n += 1) client.push("room:1", "slow", {});
    expect(client.sink.flow).toEqual([]);
    client.push("room:1", "slow", {});
    expect(client.sink.flow).toEqual(["pause"]);
    expect(client.connection.paused).toBe(true);
    client.push("room:1", "slow", {});
    expect(client.sink.flow).toEqual(["pause"]);
    await next();
    await next();
    expect(client.sink.flow).toEqual(["pause"]);
    await next();
    expect(client.sink.flow).toEqual(["pause", "resume"]);
    expect(client.connection.paused).toBe(false);
  });

  test("count over all channels of a connection", () => {
    const { client } = busy({ pendingFramesMax: 4 });
    client.push("room:2", "slow", {}, "9", "2");
    for (const room of ["1", "2", "1", "2"]) client.push(`room:${room}`, "slow", {}, "9", room);
    expect(client.sink.flow).toEqual(["pause"]);
  });

  test("count by their bytes too", async () => {
    const { client, next } = busy({ pendingBytesMax: 1_000 });
    client.push("room:1", "slow", { text: "x".repeat(400) });
    expect(client.sink.flow).toEqual([]);
    client.push("room:1", "slow", { text: "x".repeat(600) });
    expect(client.sink.flow).toEqual(["pause"]);
    await next();
    expect(client.sink.flow).toEqual(["pause"]);
    await next();
    expect(client.sink.flow).toEqual(["pause", "resume"]);
  });

  test("what was sent before the pause took hold is handled all the same", async () => {
    const { client, next } = busy({ pendingFramesMax: 2 });
    for (let n = 0; n < 10; n += 1) client.push("room:1", "fast", {}, n);
    await next();
    expect(client.take().map(([, ref]) => ref)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(client.sink.flow).toEqual(["pause", "resume"]);
  });

  test("a crash lets go of those it drops", async () => {
    const { client } = busy({ pendingFramesMax: 2 });
    const failing = new World([socket.channel("room").on({ fail: () => Promise.reject(new Error("x")) })], {
      pendingFramesMax: 2,
    });
    const crashing = failing.connect().joined("room");
    for (let n = 0; n < 4; n += 1) crashing.push("room", "fail", {});
    expect(crashing.sink.flow).toEqual(["pause"]);
    await settled();
    expect(crashing.sink.flow).toEqual(["pause", "resume"]);
    expect(client.sink.flow).toEqual([]);
  });

  test("behind a join that takes its time count as well", async () => {
    const gate = deferred();
    const world = new World([socket.channel("room", { join: () => gate.promise })], { pendingFramesMax: 2 });
    const client = world.connect();
    client.join("room");
    for (let n = 0; n < 3; n += 1) client.send(null, n, "phoenix", "heartbeat", {});
    expect(client.sink.flow).toEqual(["pause"]);
    gate.resolve();
    await settled();
    expect(client.sink.flow).toEqual(["pause", "resume"]);
    expect(client.take()).toHaveLength(4);
  });

  test("nothing is paused or resumed after the end", async () => {
    const { client, next } = busy({ pendingFramesMax: 2 });
    for (let n = 0; n < 4; n += 1) client.push("room:1", "slow", {});
    client.connection.closed({ kind: "closed" });
    await next();
    for (let n = 0; n < 4; n += 1) client.push("room:1", "slow", {});
    expect(client.sink.flow).toEqual(["pause"]);
  });
});

describe("frames that nest", () => {
  const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
  const tooDeep = { reason: "payload too deep" };

  function connect() {
    const handled: unknown[] = [];
    const channel = socket.channel("room").on({ event: (payload) => void handled.push(payload) });
    const world = new World([channel], { depthMax: 10, eventBytesMax: 20 });
    return { handled, world, client: world.connect() };
  }

  test("as deep as allowed are read", () => {
    const { client, handled } = connect();
    client.joined("room");
    client.connection.receive(`["1","2","room","event",${nested(10)}]`);
    expect(handled).toHaveLength(1);
  });

  test("deeper in the payload: the push is refused, the channel lives", () => {
    const { client, handled, world } = connect();
    client.joined("room");
    for (const levels of [11, 1_000, 100_000]) {
      client.connection.receive(`["1","2","room","event",${nested(levels)}]`);
      client.connection.receive(`["1","2","room","event",${`{"a":`.repeat(levels)}1${"}".repeat(levels)}]`);
    }
    expect(client.take()).toEqual(Array(6).fill(replyFrame(null, "2", "room", "error", tooDeep)));
    expect(handled).toEqual([]);
    expect(client.sink.closes).toEqual([]);
    expect(world.reported("message.dropped")).toMatchObject(Array(6).fill({ code: "payload_too_deep" }));
  });

  test("deeper in a join payload: the join is refused", () => {
    const { client, world } = connect();
    client.connection.receive(`["1","1","room","phx_join",${nested(11)}]`);
    expect(client.take()).toEqual([replyFrame(null, "1", "room", "error", tooDeep)]);
    expect(client.connection.channelCount).toBe(0);
    expect(world.reported("channel.refused")).toMatchObject([{ code: "payload_too_deep" }]);
  });

  test.each([
    ["join_ref", (deep: string) => `[${deep},"2","room","event",{}]`],
    ["ref", (deep: string) => `["1",${deep},"room","event",{}]`],
    ["topic", (deep: string) => `["1","2",${deep},"event",{}]`],
    ["event", (deep: string) => `["1","2","room",${deep},{}]`],
  ])("deeper in the %s: the connection is closed, and what would be echoed isn't", (_field, frame) => {
    for (const levels of [11, 100_000]) {
      const { client } = connect();
      client.joined("room");
      client.connection.receive(frame(nested(levels)));
      expect(client.sink.closes).toEqual(["frame_invalid"]);
      expect(client.take()).toEqual([]);
    }
  });

  test.each([
    ["as long as allowed", "x".repeat(20), false],
    ["as long as allowed in UTF-8", "é".repeat(10), false],
    ["longer", "x".repeat(21), true],
    ["longer in UTF-8", "é".repeat(11), true],
    ["of another type, longer", ["x".repeat(20)], true],
  ])("an event, ref or join_ref %s", (_what, field, closed) => {
    const frames: readonly Frame[] = [
      ["1", "2", "room", field, {}],
      ["1", field, "room", "event", {}],
      [field, "2", "room", "phx_join", {}],
    ];
    for (const frame of frames) {
      const { client } = connect();
      client.joined("room");
      client.send(...frame);
      expect(client.sink.closes).toEqual(closed ? ["frame_invalid"] : []);
    }
  });

  test.each<[SerializerName, (deep: string) => string]>([
    ["v1", (deep) => `{"topic":"room","event":"event","payload":{},"ref":${deep}}`],
    ["v1", (deep) => `{"topic":${deep},"event":"event","payload":{},"ref":"1"}`],
  ])("a binary frame of %s is held to the same", (serializer, frame) => {
    const channel = socket.channel("room");
    const { connection, sink } = new World([channel], { depthMax: 10 }).connect({ serializer });
    connection.receive(new TextEncoder().encode(frame(nested(100_000))));
    expect(sink.closes).toEqual(["frame_invalid"]);
    expect(sink.frames).toEqual([]);
  });
});
