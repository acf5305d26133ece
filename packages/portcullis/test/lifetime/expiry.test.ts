/** A credential's end: warned of, to the millisecond, with nothing lost in between (security row 2.8). */

import fc from "fast-check";
import { expect, test } from "vitest";
import { bounds } from "../../src/limit/bounds.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import { type Frame, readV1, replyFrame } from "../support/wire.ts";
import { deferred, World } from "../support/world.ts";
import {
  auth,
  beat,
  beaten,
  closing,
  enter,
  epoch,
  hourMs,
  identity,
  refusal,
  refused,
  renewal,
  renewed,
} from "./support/lives.ts";

const socket = defineSocket();
const graceMs = bounds.refreshGraceMs;
const said = (n: number, topic = "room:a"): Frame => [null, null, topic, "said", { n }];

/** Rooms that count what they handle. */
function rooms() {
  const handled: unknown[] = [];
  const room = socket.channel("room:{id}").on({
    ask(payload) {
      handled.push(payload);
      return payload;
    },
  });
  const world = new World([room]);
  return { world, handled, say: (n: number, topic = "room:a") => world.pubsub.broadcast(topic, "said", { n }) };
}

/** Lets time pass up to `at`, and gives what was said to the client. */
function until(world: World, at: number, take: () => readonly Frame[]): readonly Frame[] {
  world.clock.advance(at - world.clock.now());
  return take();
}

test.each([
  ["of an hour", hourMs, 60_000],
  ["of a day", 24 * hourMs, 60_000],
  ["of ten minutes and a bit", 600_010, 60_000],
  ["of five minutes", 300_000, 30_000],
  ["of a minute", 60_000, 6_000],
  ["of a second", 1_000, 100],
])("a client is warned once: a minute before the end of a life %s, or a tenth of it", (_life, lifeMs, leadMs) => {
  const { world } = rooms();
  const client = enter(world, { expiresAt: epoch + lifeMs });
  const take = (): readonly Frame[] => client.take();
  expect(until(world, epoch + lifeMs - leadMs - 1, take)).toEqual([]);
  expect(until(world, epoch + lifeMs - leadMs, take)).toEqual([
    [null, null, "phoenix", "phx_expiring", { inMs: leadMs }],
  ]);
  expect(until(world, epoch + lifeMs + graceMs - 1, take)).toEqual([]);
});

test("whoever comes with a credential in its last tenth is warned at once, with what is left", () => {
  const { world } = rooms();
  world.clock.advance(hourMs - 2_000);
  const client = enter(world);
  world.clock.advance(0);
  expect(client.take()).toEqual([[null, null, "phoenix", "phx_expiring", { inMs: 2_000 }]]);
});

test("a credential that doesn't say since when it counts is taken to count from now", () => {
  const { world } = rooms();
  const client = enter(world, { issuedAt: 0, expiresAt: epoch + 1_000 });
  world.clock.advance(899);
  expect(client.take()).toEqual([]);
  world.clock.advance(1);
  expect(client.take()).toEqual([[null, null, "phoenix", "phx_expiring", { inMs: 100 }]]);
});

test("up to the last millisecond all is as ever; from there on nothing is said or handled but heartbeats", async () => {
  const { world, handled, say } = rooms();
  const client = enter(world).joined("room:a");
  until(world, epoch + hourMs - 1, () => client.take());
  say(1);
  client.push("room:a", "ask", { n: 2 });
  expect(client.take()).toEqual([said(1), replyFrame("1", "9", "room:a", "ok", { n: 2 })]);
  for (const at of [0, 1, graceMs - 1]) {
    world.clock.advance(epoch + hourMs + at - world.clock.now());
    say(3);
    client.push("room:a", "ask", { n: 4 });
    beat(client);
    await settled();
    expect(client.take(), `${at} ms after the end`).toEqual([beaten()]);
  }
  expect(handled).toEqual([{ n: 2 }]);
  expect(world.reported("credential.lapsed")).toHaveLength(1);
});

test("after the grace it ends with 4100, and the reason before that", () => {
  const { world, say } = rooms();
  const client = enter(world).joined("room:a");
  until(world, epoch + hourMs + graceMs - 1, () => client.take());
  expect(client.sink.closes).toEqual([]);
  world.clock.advance(1);
  expect(client.take()).toEqual([closing("credential_lapsed")]);
  expect(client.sink.closes).toEqual(["credential_lapsed"]);
  say(1);
  beat(client);
  expect(client.take()).toEqual([]);
  expect(world.deadlines.size).toBe(0);
});

test("clients of V1 are told in their own way", () => {
  const { world } = rooms();
  const client = enter(world, { expiresAt: epoch + 1_000 }, { serializer: "v1" });
  world.clock.advance(1_000 + graceMs);
  expect(client.sink.frames.map(readV1)).toEqual([
    { topic: "phoenix", event: "phx_expiring", payload: { inMs: 100 }, ref: null },
    { topic: "phoenix", event: "phx_closing", payload: { reason: "credential_lapsed", retry: "reauth" }, ref: null },
  ]);
});

test("a refresh within the grace brings everything that was held, in the order it was said and sent", async () => {
  const { world, handled, say } = rooms();
  const client = enter(world).joined("room:a").joined("room:b");
  until(world, epoch + hourMs, () => client.take());
  say(1);
  client.push("room:a", "ask", { n: 11 }, "11");
  say(2, "room:b");
  client.push("room:b", "ask", { n: 12 }, "12");
  client.join("room:c", "3");
  client.push("room:c", "ask", { n: 13 }, "13", "3");
  client.leave("room:a", "14");
  say(3);
  world.clock.advance(graceMs - 1);
  world.verdicts.push(renewal());
  auth(client);
  await settled();
  expect(client.take()).toEqual([
    said(1),
    said(2, "room:b"),
    said(3),
    replyFrame("1", "11", "room:a", "ok", { n: 11 }),
    replyFrame("1", "12", "room:b", "ok", { n: 12 }),
    replyFrame("3", "3", "room:c", "ok", {}),
    replyFrame("3", "13", "room:c", "ok", { n: 13 }),
    replyFrame("1", "14", "room:a", "ok", {}),
    ["1", "1", "room:a", "phx_close", {}],
    renewed(),
  ]);
  expect(handled).toEqual([{ n: 11 }, { n: 12 }, { n: 13 }]);
  world.clock.advance(graceMs);
  expect(client.sink.closes).toEqual([]);
});

test("a refresh is judged while the grace runs: one that comes too late finds nobody", async () => {
  const { world } = rooms();
  const client = enter(world).joined("room:a");
  const verdict = deferred<never>();
  world.verdicts.push(verdict.promise);
  auth(client);
  until(world, epoch + hourMs + graceMs, () => client.take());
  verdict.resolve(renewal() as never);
  await settled();
  expect(client.take()).toEqual([]);
  expect(client.sink.closes).toEqual(["credential_lapsed"]);
});

test("a refresh that fails in the grace changes nothing, one that succeeds after it does", async () => {
  const { world, say } = rooms();
  const client = enter(world).joined("room:a");
  until(world, epoch + hourMs, () => client.take());
  say(1);
  world.verdicts.push(refusal("expired"), renewal());
  auth(client);
  await settled();
  expect(client.take()).toEqual([refused("expired")]);
  auth(client);
  await settled();
  expect(client.take()).toEqual([said(1), renewed()]);
});

test("a new credential has a life of its own: its warning, its end, and the old one's are forgotten", async () => {
  const { world } = rooms();
  const client = enter(world);
  world.verdicts.push(renewal({}, { issuedAt: epoch, expiresAt: epoch + 3 * hourMs }));
  auth(client);
  await settled();
  client.take();
  expect(until(world, epoch + 3 * hourMs - 60_001, () => client.take())).toEqual([]);
  expect(until(world, epoch + 3 * hourMs - 60_000, () => client.take())).toHaveLength(1);
  world.clock.advance(60_000 + graceMs);
  expect(client.sink.closes).toEqual(["credential_lapsed"]);
});

test("a credential that never lapses leaves nothing to wait for", async () => {
  const { world } = rooms();
  const client = enter(world);
  world.verdicts.push(renewal({}, { expiresAt: Number.POSITIVE_INFINITY }));
  auth(client);
  await settled();
  expect(client.take()).toEqual([replyFrame(null, "auth", "phoenix", "ok", { expiresAt: null, closed: [] })]);
  expect(world.deadlines.size).toBe(0);
  enter(world, { expiresAt: Number.POSITIVE_INFINITY });
  expect(world.deadlines.size).toBe(0);
});

test("ends that are further away than a timer reaches come when they are due", () => {
  const { world } = rooms();
  const lifeMs = 2 ** 31 + 12_345;
  const client = enter(world, { expiresAt: epoch + lifeMs });
  expect(until(world, epoch + lifeMs - 60_001, () => client.take())).toEqual([]);
  expect(until(world, epoch + lifeMs - 60_000, () => client.take())).toHaveLength(1);
  world.clock.advance(60_000);
  expect(world.reported("credential.lapsed")).toHaveLength(1);
});

test("a connection that is over leaves no deadline behind, however it ended", async () => {
  const { world } = rooms();
  for (const end of ["closed", "lapsed", "renewed"]) {
    const client = enter(world);
    if (end === "renewed") {
      world.verdicts.push(renewal());
      auth(client);
      await settled();
    }
    if (end === "lapsed") world.clock.advance(hourMs);
    client.connection.closed({ kind: "closed" });
    expect(world.deadlines.size, end).toBe(0);
  }
});

test("a join that is answered after the end of a credential is answered after the next one's beginning", async () => {
  const gate = deferred();
  const infos: string[] = [];
  const world = new World([
    socket
      .channel("room:{id}", {
        async join(_params, channel) {
          channel.send("greet");
          await gate.promise;
        },
      })
      .info({
        greet(_message: undefined, channel) {
          infos.push("greet");
          channel.push("hello", {});
        },
      }),
  ]);
  const client = enter(world);
  client.join("room:a");
  world.clock.advance(hourMs);
  client.take();
  gate.resolve();
  await settled();
  world.pubsub.broadcast("room:a", "said", { n: 1 });
  expect([client.take(), infos]).toEqual([[], []]);
  world.verdicts.push(renewal());
  auth(client);
  await settled();
  expect(client.take()).toEqual([
    replyFrame("1", "1", "room:a", "ok", {}),
    said(1),
    ["1", null, "room:a", "hello", {}],
    renewed(),
  ]);
});

test("more than may be held back ends the connection, and no more is kept", () => {
  const room = socket.channel("room:{id}");
  const world = new World([room], { heldBytesMax: 1_000 });
  const client = enter(world).joined("room:a");
  world.clock.advance(hourMs);
  client.take();
  for (let n = 0; n < 6; n += 1) world.pubsub.broadcast("room:a", "said", { text: "x".repeat(100) });
  expect(client.sink.closes).toEqual([]);
  world.pubsub.broadcast("room:a", "said", { text: "x".repeat(500) });
  expect(client.sink.closes).toEqual(["stalled"]);
  expect(world.reported("limit.reached")).toEqual([{ mount: "/socket", limit: "heldBytesMax", max: 1_000 }]);
  expect(client.take()).toEqual([]);
});

test("what is held for one lapse is not counted for the next", async () => {
  const world = new World([socket.channel("room:{id}")], { heldBytesMax: 500 });
  const client = enter(world).joined("room:a");
  for (let life = 1; life <= 5; life += 1) {
    world.clock.advance(epoch + life * hourMs - world.clock.now());
    world.pubsub.broadcast("room:a", "said", { text: "x".repeat(300) });
    world.verdicts.push(renewal({}, { expiresAt: epoch + (life + 1) * hourMs }));
    auth(client);
    await settled();
  }
  expect(client.sink.closes).toEqual([]);
  expect(client.take().filter(([, , , event]) => event === "said")).toHaveLength(5);
});

test("a client that floods while it has no credential is not read any more, and heard again after the next one", async () => {
  const { world, handled } = rooms();
  const client = enter(world).joined("room:a");
  world.clock.advance(hourMs);
  world.verdicts.push(renewal());
  for (let n = 0; n < bounds.pendingFramesMax; n += 1) client.push("room:a", "ask", { n });
  expect(client.sink.flow).toEqual(["pause"]);
  // What it had sent before it was stopped is still read.
  auth(client);
  await settled();
  expect(handled).toHaveLength(bounds.pendingFramesMax);
  expect(client.sink.flow).toEqual(["pause", "resume"]);
});

test("whatever the moments of issue and end, the order is: warning, end, closing; and nothing is said twice", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -hourMs, max: hourMs }),
      fc.integer({ min: 1, max: 2 * hourMs }),
      (bornAt, lifeMs) => {
        const { world } = rooms();
        const { issuedAt, expiresAt } = identity({ issuedAt: epoch + bornAt, expiresAt: epoch + lifeMs });
        const client = enter(world, { issuedAt, expiresAt });
        world.clock.advance(lifeMs - 1);
        const before = client.take();
        expect(before.length).toBeLessThanOrEqual(1);
        expect(world.reported("credential.lapsed")).toHaveLength(0);
        world.clock.advance(1);
        expect(world.reported("credential.lapsed")).toHaveLength(1);
        world.clock.advance(graceMs);
        const frames = [...before, ...client.take()];
        expect(frames.map(([, , , event]) => event)).toEqual(["phx_expiring", "phx_closing"]);
      },
    ),
  );
});
