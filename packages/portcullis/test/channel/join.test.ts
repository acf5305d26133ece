/** How a join is answered. */

import { describe, expect, test } from "vitest";
import { accept, reject } from "../../src/outcome.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import { type Frame, replyFrame } from "../support/wire.ts";
import { type Client, World } from "../support/world.ts";

const socket = defineSocket({ connect: () => ({ userId: "u1" }) });
const bytes = Uint8Array.of(1, 2);

function reply(status: string, response: unknown): Frame {
  return replyFrame("1", "1", "room:a", status, response);
}

async function joinOnce(channel: ReturnType<typeof socket.channel>, payload?: unknown): Promise<[Client, World]> {
  const world = new World([channel]);
  const client = world.connect({ assigns: { userId: "u1" } });
  client.join("room:a", "1", payload);
  await settled();
  return [client, world];
}

describe("accepted", () => {
  test.each([
    ["without a join hook", socket.channel("room:{id}"), {}],
    ["by returning nothing", socket.channel("room:{id}", { join: () => undefined }), {}],
    ["by a promise of nothing", socket.channel("room:{id}", { async join() {} }), {}],
    ["with an empty reply", socket.channel("room:{id}", { join: () => accept() }), {}],
    ["with an object", socket.channel("room:{id}", { join: () => accept({ reply: { unread: 3 } }) }), { unread: 3 }],
    ["with a list", socket.channel("room:{id}", { join: () => accept({ reply: [1] }) }), [1]],
    ["with null", socket.channel("room:{id}", { join: () => accept({ reply: null }) }), null],
    ["with text", socket.channel("room:{id}", { join: async () => accept({ reply: "hi" }) }), "hi"],
    ["with bytes", socket.channel("room:{id}", { join: () => accept({ reply: bytes }) }), bytes],
    ["with a reply that isn't there", socket.channel("room:{id}", { join: () => accept({ reply: undefined }) }), {}],
    ["by authorize and join", socket.channel("room:{id}", { authorize: () => true }), {}],
    ["by a promise of authorize", socket.channel("room:{id}", { authorize: async () => true }), {}],
    ["for everyone", socket.channel("room:{id}", { authorize: "everyone" }), {}],
  ] as const)("%s", async (_what, channel, response) => {
    const [client, world] = await joinOnce(channel as never);
    expect(client.take()).toEqual([reply("ok", response)]);
    expect(client.connection.channelCount).toBe(1);
    expect(world.pubsub.count("room:a")).toBe(1);
    expect(world.reported("channel.joined")).toEqual([{ mount: "/socket", pattern: "room:{id}" }]);
  });

  test("the hook sees where it is and what was sent", async () => {
    let seen: unknown;
    const channel = socket.channel("room:{id}", {
      join(params, channel) {
        const { topic, topicParams, assigns, joinRef, ref, socketId, transport, joined } = channel;
        seen = { params, topic, topicParams: { ...topicParams }, assigns, joinRef, ref, socketId, transport, joined };
      },
    });
    await joinOnce(channel as never, { since: 5 });
    expect(seen).toEqual({
      params: { since: 5 },
      topic: "room:a",
      topicParams: { id: "a" },
      assigns: { userId: "u1" },
      joinRef: "1",
      ref: null,
      socketId: null,
      transport: "websocket",
      joined: false,
    });
  });

  test("authorize sees the same, before join runs", async () => {
    const calls: string[] = [];
    const channel = socket.channel("room:{id}", {
      authorize(channel) {
        calls.push(`authorize ${channel.topicParams.id} ${channel.assigns.userId}`);
        return true;
      },
      join: () => void calls.push("join"),
    });
    await joinOnce(channel as never);
    expect(calls).toEqual(["authorize a u1", "join"]);
  });
});

describe("refused", () => {
  const never = (): never => {
    throw new Error("join must not run");
  };

  test.each([
    ["authorize says false", socket.channel("room:{id}", { authorize: () => false, join: never }), "unauthorized"],
    ["later", socket.channel("room:{id}", { authorize: async () => false, join: never }), "unauthorized"],
    [
      "authorize returns nothing",
      socket.channel("room:{id}", { authorize: (() => undefined) as never, join: never }),
      "unauthorized",
    ],
    [
      "authorize returns something true that isn't true",
      socket.channel("room:{id}", { authorize: (() => "yes") as never, join: never }),
      "unauthorized",
    ],
    [
      "authorize rejects with a reason",
      socket.channel("room:{id}", { authorize: () => reject("room full"), join: never }),
      "room full",
    ],
    ["join rejects", socket.channel("room:{id}", { join: () => reject("banned") }), "banned"],
    ["join rejects later", socket.channel("room:{id}", { join: async () => reject("banned") }), "banned"],
  ])("%s", async (_what, channel, reason) => {
    const [client, world] = await joinOnce(channel as never);
    expect(client.take()).toEqual([reply("error", { reason })]);
    expect(client.connection.channelCount).toBe(0);
    expect(world.pubsub.count()).toBe(0);
    expect(world.reported("channel.refused")).toMatchObject([{ mount: "/socket", pattern: "room:{id}" }]);
    expect(world.reported("channel.joined")).toEqual([]);
    expect(world.logger.lines).toEqual([]);
  });

  test("with details, which can't replace the reason", async () => {
    const channel = socket.channel("room:{id}", { join: () => reject("full", { seats: 4, reason: "other" }) });
    const [client] = await joinOnce(channel as never);
    expect(client.take()).toEqual([reply("error", { reason: "full", seats: 4 })]);
  });

  test("with bytes", async () => {
    const [client] = await joinOnce(socket.channel("room:{id}", { join: () => reject(bytes) }) as never);
    expect(client.take()).toEqual([reply("error", bytes)]);
  });

  test("the channel isn't there afterwards, and a second try may succeed", async () => {
    let tries = 0;
    const channel = socket
      .channel("room:{id}", { join: () => (++tries === 1 ? reject("not yet") : accept()) })
      .on({ echo: (payload) => payload });
    const [client] = await joinOnce(channel as never);
    client.take();
    client.push("room:a", "echo", { a: 1 });
    client.joined("room:a", "2");
    client.push("room:a", "echo", { a: 1 }, "3", "2");
    expect(client.take()).toEqual([replyFrame("2", "3", "room:a", "ok", { a: 1 })]);
  });
});

describe("crashed", () => {
  const cause = new Error("the database is away");
  const fail = (): never => {
    throw cause;
  };

  test.each([
    ["join throws", socket.channel("room:{id}", { join: fail })],
    ["join throws later", socket.channel("room:{id}", { join: async () => fail() })],
    ["authorize throws", socket.channel("room:{id}", { authorize: fail })],
    ["authorize throws later", socket.channel("room:{id}", { authorize: async () => fail() })],
    ["join after a slow authorize throws", socket.channel("room:{id}", { authorize: async () => true, join: fail })],
  ])("%s: the client isn't told why, the log is", async (_what, channel) => {
    const [client, world] = await joinOnce(channel as never);
    expect(client.take()).toEqual([reply("error", { reason: "join crashed" })]);
    expect(client.connection.channelCount).toBe(0);
    expect(world.logger.lines).toMatchObject([{ level: "error", details: { error: cause } }]);
    expect(world.reported("channel.crashed")).toEqual([
      { mount: "/socket", pattern: "room:{id}", code: "join_crashed", error: cause },
    ]);
    expect(client.sink.closes).toEqual([]);
  });

  test.each([
    ["a value", { unread: 3 }],
    ["true", true],
    ["null", null],
    ["text", "ok"],
  ])("join returns nonsense: %s", async (_what, nonsense) => {
    const [client, world] = await joinOnce(socket.channel("room:{id}", { join: (() => nonsense) as never }) as never);
    expect(client.take()).toEqual([reply("error", { reason: "join crashed" })]);
    expect(String(world.reported("channel.crashed")[0]?.error)).toMatch(/accept\(\{ reply/);
  });

  test.each(["push", "broadcast", "broadcastFrom"] as const)("%s in join: nobody has joined yet", async (method) => {
    const channel = socket.channel("room:{id}", { join: (_params, channel) => channel[method]("hello", {}) });
    const [client, world] = await joinOnce(channel as never);
    expect(client.take()).toEqual([reply("error", { reason: "join crashed" })]);
    expect(String(world.reported("channel.crashed")[0]?.error)).toMatch(/channel\.send/);
  });

  test("nothing a refused or crashed join subscribed to stays", async () => {
    for (const outcome of [() => reject("no"), fail, async () => fail(), async () => reject("no")]) {
      const channel = socket.channel("room:{id}", {
        join(_params, channel) {
          channel.subscribe("news");
          return outcome();
        },
      });
      const [client, world] = await joinOnce(channel as never);
      expect(client.take()).toHaveLength(1);
      expect(world.pubsub.count()).toBe(0);
    }
  });
});

describe("the cap", () => {
  const world = (): World => new World([socket.channel("room:{id}")], { channelsMax: 2 });

  test("refuses the join beyond it; a leave frees a place", () => {
    const client = world().connect();
    client.joined("room:1").joined("room:2", "2");
    client.join("room:3", "3");
    expect(client.take()).toEqual([replyFrame("3", "3", "room:3", "error", { reason: "too many channels joined" })]);
    client.leave("room:1");
    client.take();
    client.join("room:3", "4");
    expect(client.take()).toEqual([replyFrame("4", "4", "room:3", "ok", {})]);
  });

  test("is of one connection", () => {
    const shared = world();
    shared.connect().joined("room:1").joined("room:2", "2");
    const other = shared.connect();
    other.join("room:1");
    expect(other.take()).toEqual([replyFrame("1", "1", "room:1", "ok", {})]);
  });

  test("a rejoin of what is joined counts once", () => {
    const client = world().connect().joined("room:1").joined("room:2", "2");
    client.join("room:2", "3");
    expect(client.take()[0]).toEqual(replyFrame("3", "3", "room:2", "ok", {}));
    expect(client.connection.channelCount).toBe(2);
  });

  test("joins sent together can't race past it", async () => {
    const slow = new World([socket.channel("room:{id}", { async join() {} })], { channelsMax: 2 });
    const client = slow.connect();
    for (const id of ["1", "2", "3", "4"]) client.join(`room:${id}`, id);
    await settled();
    expect(client.take().map(([, , , , payload]) => (payload as { status: string }).status)).toEqual([
      ...["ok", "ok", "error", "error"],
    ]);
    expect(client.connection.channelCount).toBe(2);
  });

  test("is reported when it is near, and when it is reached", () => {
    const shared = new World([socket.channel("room:{id}")], { channelsMax: 5 });
    const client = shared.connect();
    for (const id of ["1", "2", "3"]) client.joined(`room:${id}`, id);
    expect(shared.reported("limit.warned")).toEqual([]);
    client.joined("room:4", "4");
    expect(shared.reported("limit.warned")).toEqual([{ mount: "/socket", limit: "channelsMax", value: 4, max: 5 }]);
    client.joined("room:5", "5").joined("room:6", "6");
    expect(shared.reported("limit.reached")).toEqual([{ mount: "/socket", limit: "channelsMax", max: 5 }]);
    expect(shared.logger.at("warn")).toHaveLength(1);
    expect(shared.logger.at("warn")[0]).toMatch(/channelsMax/);
  });
});
