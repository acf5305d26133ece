/** What a refresh takes away is not said any more, whoever was about to say it (security row 2.9). */

import { expect, test } from "vitest";
import { reject, stop } from "../../src/outcome.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import { deferred, World } from "../support/world.ts";
import { auth, enter, epoch, heard, hourMs, renewal, renewed } from "./support/lives.ts";

const socket = defineSocket({ authenticate: () => ({ subject: "ada" }), connect: () => ({ may: [] as string[] }) });
const allowing = (...may: string[]) => ({ assigns: { may } });

function rooms(handlers: Parameters<ReturnType<typeof open>["on"]>[0] = {}) {
  return open().on(handlers);
}

function open(authorize?: (id: string, may: readonly string[]) => unknown) {
  return socket.channel("room:{id}", {
    authorize: ({ topicParams, assigns }) =>
      (authorize === undefined
        ? assigns.may.includes(topicParams.id)
        : authorize(topicParams.id, assigns.may)) as boolean,
  });
}

test("a handler that is running when its channel is denied goes on, and says nothing to the client any more", async () => {
  const gate = deferred();
  const tried: string[] = [];
  const world = new World([
    rooms({
      async stream(_payload, channel) {
        const answer = channel.deferReply();
        await gate.promise;
        channel.push("secret", { by: "push" });
        answer({ secret: "by a deferred reply" });
        tried.push("push", "deferred");
        return { secret: "by the reply" };
      },
    }),
  ]);
  const client = enter(world, {}, allowing("a")).joined("room:a");
  client.push("room:a", "stream", {});
  world.verdicts.push(renewal({ may: [] }));
  auth(client);
  await settled();
  expect(client.take()).toEqual([["1", "1", "room:a", "phx_close", { reason: "unauthorized" }], renewed(["room:a"])]);
  gate.resolve();
  await settled();
  expect(tried).toEqual(["push", "deferred"]);
  expect(client.take()).toEqual([]);
});

test("a leave hook of a denied channel runs, and says nothing to the client", async () => {
  const left: unknown[] = [];
  const world = new World([
    open().leave((reason, channel) => {
      left.push(reason.kind);
      channel.push("secret", {});
    }),
  ]);
  const client = enter(world, {}, allowing("a")).joined("room:a");
  world.verdicts.push(renewal({ may: [] }));
  auth(client);
  await settled();
  expect(left).toEqual(["unauthorized"]);
  expect(heard(client.take(), "room:a")).toEqual([["phx_close", { reason: "unauthorized" }]]);
});

test("what was said while the credential had lapsed stays unsaid, even by a channel that ended meanwhile", async () => {
  const handler = deferred();
  const world = new World([
    rooms({
      async work(_payload, channel) {
        await handler.promise;
        channel.push("secret", { by: "push" });
        return stop();
      },
    }),
  ]);
  const client = enter(world, {}, allowing("a", "b")).joined("room:a").joined("room:b");
  client.push("room:a", "work", {});
  const other = world.connect(allowing("a")).joined("room:a");
  world.clock.advance(hourMs);
  client.take();
  world.pubsub.broadcast("room:a", "secret", {});
  world.pubsub.broadcast("room:b", "news", {});
  handler.resolve();
  await settled();
  expect(heard(other.take(), "room:a")).toEqual([["secret", {}]]);
  expect(client.take()).toEqual([]);
  world.verdicts.push(renewal({ may: ["b"] }));
  auth(client);
  await settled();
  expect(client.take()).toEqual([
    [null, null, "room:b", "news", {}],
    ["1", "1", "room:a", "phx_close", { reason: "unauthorized" }],
    renewed(["room:a"]),
  ]);
});

test.each(["stops", "throws"])(
  "a channel whose handler %s while it is being asked again is denied what it had said",
  async (how) => {
    const answer = deferred<boolean>();
    const handler = deferred();
    let asked = 0;
    const world = new World([
      open((_id, may) => {
        asked += 1;
        return asked === 1 ? may.length > 0 : answer.promise;
      }).on({
        async work(_payload, channel) {
          await handler.promise;
          channel.push("secret", { by: "push" });
          if (how === "throws") throw new Error("a handler is broken");
          return stop({ reply: { secret: "by a reply" } });
        },
      }),
    ]);
    const client = enter(world, {}, allowing("a")).joined("room:a");
    client.push("room:a", "work", {});
    world.verdicts.push(renewal({ may: [] }));
    auth(client);
    await settled();
    world.pubsub.broadcast("room:a", "secret", { by: "broadcast" });
    handler.resolve();
    await settled();
    answer.resolve(false);
    await settled();
    expect(client.take()).toEqual([["1", "1", "room:a", "phx_close", { reason: "unauthorized" }], renewed(["room:a"])]);
  },
);

test("a channel that ends while it is being asked again, and may stay, has said all it had to say", async () => {
  const answer = deferred<boolean>();
  const handler = deferred();
  let asked = 0;
  const world = new World([
    open(() => {
      asked += 1;
      return asked === 1 ? true : answer.promise;
    }).on({
      async work(_payload, channel) {
        await handler.promise;
        channel.push("p", {});
        return stop({ reply: {} });
      },
    }),
  ]);
  const client = enter(world).joined("room:a");
  client.push("room:a", "work", {});
  world.verdicts.push(renewal());
  auth(client);
  await settled();
  world.pubsub.broadcast("room:a", "b", {});
  handler.resolve();
  await settled();
  expect(client.take()).toEqual([]);
  answer.resolve(true);
  await settled();
  expect(client.take()).toEqual([
    [null, null, "room:a", "b", {}],
    ["1", null, "room:a", "p", {}],
    ["1", "9", "room:a", "phx_reply", { status: "ok", response: {} }],
    ["1", "1", "room:a", "phx_close", {}],
    renewed(),
  ]);
});

test("a credential that lapses while channels are being asked holds them back until the next one", async () => {
  const answer = deferred<boolean>();
  let asked = 0;
  const world = new World([
    open(() => {
      asked += 1;
      return asked === 2 ? answer.promise : true;
    }).on({ ask: () => ({}) }),
  ]);
  const client = enter(world).joined("room:a");
  world.verdicts.push(renewal({}, { expiresAt: epoch + 1_000 }));
  auth(client);
  await settled();
  world.clock.advance(1_000);
  answer.resolve(true);
  await settled();
  expect(heard(client.take(), "phoenix")).toMatchObject([
    ["phx_expiring", { inMs: 100 }],
    ["phx_reply", { status: "ok" }],
  ]);
  world.pubsub.broadcast("room:a", "late", {});
  client.push("room:a", "ask", {});
  await settled();
  expect(client.take()).toEqual([]);
  world.verdicts.push(renewal());
  auth(client);
  await settled();
  expect(heard(client.take(), "room:a")).toEqual([
    ["late", {}],
    ["phx_reply", { status: "ok", response: {} }],
  ]);
});

test("a reason that can't be written is said without what can't", async () => {
  let asked = 0;
  const world = new World([
    open(() => {
      asked += 1;
      return asked === 1 ? true : reject("no room", { seat: 1n });
    }),
  ]);
  const client = enter(world).joined("room:a");
  world.verdicts.push(renewal());
  auth(client);
  await settled();
  expect(client.take()).toEqual([["1", "1", "room:a", "phx_close", { reason: "unauthorized" }], renewed(["room:a"])]);
});

test("a leave hook that tells another denied topic tells it to others only", async () => {
  const world = new World([
    open().leave((_reason, channel) => {
      for (const id of ["a", "b", "c"]) channel.endpoint.broadcast(`room:${id}`, "left", { by: channel.topic });
    }),
  ]);
  const client = enter(world, {}, allowing("a", "b", "c"));
  const other = world.connect(allowing("a", "b", "c"));
  for (const id of ["a", "b", "c"]) {
    client.joined(`room:${id}`);
    other.joined(`room:${id}`);
  }
  world.verdicts.push(renewal({ may: ["b"] }));
  auth(client);
  await settled();
  const frames = client.take();
  expect(heard(frames, "room:a")).toEqual([["phx_close", { reason: "unauthorized" }]]);
  expect(heard(frames, "room:c")).toEqual([["phx_close", { reason: "unauthorized" }]]);
  expect(heard(frames, "room:b")).toEqual([
    ["left", { by: "room:a" }],
    ["left", { by: "room:c" }],
  ]);
  expect(heard(other.take(), "room:c")).toEqual([
    ["left", { by: "room:a" }],
    ["left", { by: "room:c" }],
  ]);
});

test("a handler that goes on after a refresh tells a denied topic nothing its client hears", async () => {
  const world = new World([
    open().on({
      say: (_payload, channel) => void channel.endpoint.broadcast("room:b", "secret", {}),
    }),
  ]);
  const client = enter(world, {}, allowing("a", "b")).joined("room:a").joined("room:b");
  const answer = deferred<never>();
  world.verdicts.push(answer.promise);
  auth(client);
  await settled();
  answer.resolve(renewal({ may: ["a"] }) as never);
  client.push("room:a", "say", {});
  await settled();
  client.push("room:a", "say", {});
  expect(heard(client.take(), "room:b")).toEqual([
    ["secret", {}],
    ["phx_close", { reason: "unauthorized" }],
  ]);
});

test("a push that waited behind a slow handler as the credential lapsed is handled after the next one", async () => {
  const gate = deferred();
  const handled: unknown[] = [];
  const world = new World([
    open(() => true).on({
      async slow() {
        await gate.promise;
        return {};
      },
      quick(payload) {
        handled.push(payload);
        return {};
      },
    }),
  ]);
  const client = enter(world).joined("room:a");
  client.push("room:a", "slow", {}, "2");
  client.push("room:a", "quick", { n: 3 }, "3");
  world.clock.advance(hourMs);
  gate.resolve();
  await settled();
  expect(handled).toEqual([]);
  client.take();
  world.verdicts.push(renewal());
  auth(client);
  await settled();
  expect(handled).toEqual([{ n: 3 }]);
  expect(client.take()).toEqual([
    ["1", "2", "room:a", "phx_reply", { status: "ok", response: {} }],
    ["1", "3", "room:a", "phx_reply", { status: "ok", response: {} }],
    renewed(),
  ]);
});

test("a leave hook that goes on after its client has left says nothing on a topic that was denied meanwhile", async () => {
  const gate = deferred();
  const world = new World([
    open().leave(async (_reason, channel) => {
      await gate.promise;
      channel.push("secret", {});
    }),
  ]);
  const client = enter(world, {}, allowing("a")).joined("room:a");
  client.leave("room:a");
  client.take();
  world.verdicts.push(renewal({ may: [] }));
  auth(client);
  await settled();
  gate.resolve();
  await settled();
  // It had left by itself: there is nothing to close.
  expect(client.take()).toEqual([renewed()]);
});

test("a replaced instance says nothing on a topic that was denied before the join that replaced it is answered", async () => {
  const [handler, answer] = [deferred(), deferred<boolean>()];
  let asked = 0;
  const world = new World([
    open((_id, may) => {
      asked += 1;
      return asked === 2 ? answer.promise : may.length > 0;
    }).on({
      async work(_payload, channel) {
        await handler.promise;
        channel.push("secret", {});
      },
    }),
  ]);
  const client = enter(world, {}, allowing("a")).joined("room:a");
  client.push("room:a", "work", {});
  client.join("room:a", "2");
  handler.resolve();
  await settled();
  expect([client.take(), asked]).toEqual([[], 2]);
  world.verdicts.push(renewal({ may: [] }));
  auth(client);
  await settled();
  answer.resolve(true);
  await settled();
  expect(client.take()).toEqual([
    renewed(),
    ["2", "2", "room:a", "phx_reply", { status: "error", response: { reason: "unauthorized" } }],
  ]);
});
