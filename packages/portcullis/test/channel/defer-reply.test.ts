/** Replies that come later. */

import { describe, expect, test } from "vitest";
import { accept, reject, reply, stop } from "../../src/outcome.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import { type Frame, replyFrame } from "../support/wire.ts";
import { type Client, World } from "../support/world.ts";

const socket = defineSocket();
const crashed: Frame = ["1", "1", "room", "phx_error", { reason: "channel_crash" }];

function deferring(): { client: Client; given: ((value?: unknown) => void)[]; world: World } {
  const given: ((value?: unknown) => void)[] = [];
  const channel = socket.channel("room").on({
    defer(_payload, channel) {
      given.push(channel.deferReply());
    },
    async deferLater(_payload, channel) {
      await settled();
      given.push(channel.deferReply());
    },
    echo: (payload) => payload,
    end: () => stop(),
  });
  const world = new World([channel]);
  return { client: world.connect().joined("room"), given, world };
}

test.each([
  ["a value", { a: 1 }, "ok", { a: 1 }],
  ["nothing", undefined, "ok", {}],
  ["null", null, "ok", null],
  ["bytes", Uint8Array.of(1), "ok", Uint8Array.of(1)],
  ["reply(…)", reply("queued", { n: 4 }), "queued", { n: 4 }],
  ["reject(…)", reject("no", { n: 4 }), "error", { n: 4, reason: "no" }],
])("%s", (_what, value, status, response) => {
  const { client, given } = deferring();
  client.push("room", "defer", {}, "2");
  expect(client.take()).toEqual([]);
  given[0]?.(value);
  expect(client.take()).toEqual([replyFrame("1", "2", "room", status, response)]);
});

test("each is of its own push, in whatever order they are given", () => {
  const { client, given } = deferring();
  client.push("room", "defer", {}, "2");
  client.push("room", "defer", {}, "3");
  client.push("room", "echo", { n: 4 }, "4");
  given[1]?.({ n: 3 });
  given[0]?.({ n: 2 });
  expect(client.take()).toEqual([
    replyFrame("1", "4", "room", "ok", { n: 4 }),
    replyFrame("1", "3", "room", "ok", { n: 3 }),
    replyFrame("1", "2", "room", "ok", { n: 2 }),
  ]);
});

test("every one given is sent", () => {
  const { client, given } = deferring();
  client.push("room", "defer", {}, "2");
  given[0]?.({ n: 1 });
  given[0]?.({ n: 2 });
  expect(client.take()).toEqual([
    replyFrame("1", "2", "room", "ok", { n: 1 }),
    replyFrame("1", "2", "room", "ok", { n: 2 }),
  ]);
});

test("a handler may reply and defer", () => {
  let give: (value: unknown) => void = () => {};
  const world = new World([
    socket.channel("room").on({
      both(_payload, channel) {
        give = channel.deferReply();
        return { first: true };
      },
    }),
  ]);
  const client = world.connect().joined("room");
  client.push("room", "both", {}, "2");
  give({ second: true });
  expect(client.take()).toEqual([
    replyFrame("1", "2", "room", "ok", { first: true }),
    replyFrame("1", "2", "room", "ok", { second: true }),
  ]);
});

test("an asynchronous handler may still ask for it", async () => {
  const { client, given } = deferring();
  client.push("room", "deferLater", {}, "2");
  await settled();
  await settled();
  given[0]?.({ late: true });
  expect(client.take()).toEqual([replyFrame("1", "2", "room", "ok", { late: true })]);
});

test("a push with ref null has nobody to reply to: the channel crashes", () => {
  const { client, world } = deferring();
  client.push("room", "defer", {}, null);
  expect(client.take()).toEqual([crashed]);
  expect(String(world.reported("channel.crashed")[0]?.error)).toMatch(/ref null/);
});

test("a handler's plain reply to ref null is sent with ref null", () => {
  const { client } = deferring();
  client.push("room", "echo", { n: 1 }, null);
  expect(client.take()).toEqual([replyFrame("1", null, "room", "ok", { n: 1 })]);
});

test("a ref of 0, false or '' is one", () => {
  const { client, given } = deferring();
  for (const ref of [0, false, ""]) client.push("room", "defer", {}, ref);
  for (const give of given) give();
  expect(client.take()).toEqual([0, false, ""].map((ref) => replyFrame("1", ref, "room", "ok", {})));
});

describe("outside of a push", () => {
  test.each([
    ["in join", socket.channel("room", { join: (_params, channel) => void channel.deferReply() })],
    ["in authorize", socket.channel("room", { authorize: (channel) => channel.deferReply() !== undefined })],
  ])("%s it is refused, and the join crashes", (_where, channel) => {
    const client = new World([channel]).connect();
    client.join("room");
    expect(client.take()).toEqual([replyFrame("1", "1", "room", "error", { reason: "join crashed" })]);
  });

  test("in an info handler it is refused, and the channel crashes", () => {
    const channel = socket
      .channel("room", { join: (_params, channel) => channel.send("tick") })
      .info({ tick: (_message, channel) => void channel.deferReply() });
    const client = new World([channel]).connect();
    client.join("room");
    expect(client.take()).toEqual([replyFrame("1", "1", "room", "ok", {}), crashed]);
  });

  test("after the handler has returned it is refused", () => {
    let late: () => void = () => {};
    const channel = socket.channel("room").on({
      event(_payload, channel) {
        late = () => void channel.deferReply();
      },
    });
    const client = new World([channel]).connect().joined("room");
    client.push("room", "event", {});
    expect(late).toThrow(/while a push with a ref is handled/);
    expect(client.connection.channelCount).toBe(1);
  });
});

describe("a mistake in the reply", () => {
  test.each([
    ["accept(…)", accept()],
    ["stop(…)", stop()],
  ])("%s ends the channel and not the caller", (_what, value) => {
    const { client, given } = deferring();
    client.push("room", "defer", {});
    given[0]?.(value);
    expect(client.take()).toEqual([crashed]);
    given[0]?.({ n: 1 });
    expect(client.take()).toEqual([]);
  });
});

test("after the channel's end it is ignored", () => {
  const { client, given } = deferring();
  client.push("room", "defer", {}, "2");
  client.push("room", "end", {}, "3");
  client.take();
  given[0]?.({ n: 1 });
  given[0]?.(1n);
  client.connection.closed({ kind: "closed" });
  given[0]?.({ n: 1 });
  expect(client.take()).toEqual([]);
});
