/** What a presence refuses, what it warns of, and how many bytes a crowd costs. */
import { describe, expect, test } from "vitest";
import { definePresence, type PresenceLimits, type PresenceOwner } from "../../src/presence/presence.ts";
import { settled } from "../support/clock.ts";
import { ask, enter, heard, roomWorld, topic } from "./support/room.ts";

function site(limits: Partial<PresenceLimits>) {
  const presence = definePresence({ limits });
  const world = roomWorld(presence);
  const endpoint = { "~parts": world.parts, broadcast() {}, localBroadcast() {} };
  const owner = (): PresenceOwner => ({ topic, endpoint, signal: new AbortController().signal });
  return { presence, world, owner };
}

const refused = (reason: string): object => ({ ok: false, reason });

describe("a presence refuses", () => {
  test("more keys than a channel may track", () => {
    const { presence, world, owner } = site({ keysPerChannelMax: 2 });
    const channel = owner();
    expect(presence.track(channel, "a", {}).ok).toBe(true);
    expect(presence.track(channel, "b", {}).ok).toBe(true);
    expect(presence.track(channel, "c", {})).toEqual(refused("tracked_max"));
    expect(world.reported("presence.refused")).toEqual([{ presence: "presence", reason: "tracked_max" }]);
    expect(world.logger.at("warn")[0]).toMatch(/refused to track \(tracked_max\)/);
    presence.untrack(channel, "a");
    expect(presence.track(channel, "c", {}).ok).toBe(true);
  });

  test("more metas than a key may have, and more keys than a topic", () => {
    const { presence, owner } = site({ metasPerKeyMax: 2, keysPerTopicMax: 2 });
    for (const key of ["a", "a", "b"]) expect(presence.track(owner(), key, {}).ok).toBe(true);
    expect(presence.track(owner(), "a", {})).toEqual(refused("metas_max"));
    expect(presence.track(owner(), "c", {})).toEqual(refused("keys_max"));
    expect(presence.track(owner(), "b", {}).ok).toBe(true);
  });

  test("keys and metas that are too long, counted in bytes", () => {
    const { presence, owner } = site({ keyBytesMax: 6, metaBytesMax: 16 });
    expect(presence.track(owner(), "äöü", { a: "äöüx" }).ok).toBe(true);
    expect(presence.track(owner(), "äöüx", {})).toEqual(refused("key_too_long"));
    expect(presence.track(owner(), "b", { a: "äöüxyz" })).toEqual(refused("meta_too_large"));
    const channel = owner();
    presence.track(channel, "c", { a: 1 });
    expect(presence.update(channel, "c", { a: "x".repeat(9) })).toEqual(refused("meta_too_large"));
    expect(presence.get(channel, "c")?.metas).toMatchObject([{ a: 1 }]);
  });

  test("and warns once when four fifths are reached", () => {
    const { presence, world, owner } = site({ keysPerTopicMax: 10, metasPerKeyMax: 5 });
    for (let index = 0; index < 9; index += 1) presence.track(owner(), `k${index}`, {});
    for (let index = 0; index < 3; index += 1) presence.track(owner(), "k0", {});
    expect(world.reported("presence.warned")).toEqual([
      { presence: "presence", limit: "keysPerTopicMax", value: 8, max: 10 },
      { presence: "presence", limit: "metasPerKeyMax", value: 4, max: 5 },
    ]);
  });
});

describe("with a window", () => {
  const windowMs = 1_000;

  test("the changes of a topic are one diff, and who came and went in it isn't mentioned", async () => {
    const presence = definePresence({ batchWindowMs: windowMs });
    const world = roomWorld(presence);
    const ada = await enter(world, "ada");
    world.clock.advance(windowMs);
    ada.take();
    await ask(ada, "track", { key: "short", meta: {} });
    await ask(ada, "track", { key: "long", meta: { n: 1 } });
    await ask(ada, "untrack", { key: "short" });
    await ask(ada, "update", { n: 2 });
    await ask(ada, "update", { n: 3 });
    expect(heard(ada)).toEqual([]);
    world.clock.advance(windowMs);
    const [diff, ...others] = heard(ada);
    expect(others).toEqual([]);
    expect(diff).toMatchObject({
      event: "presence_diff",
      payload: { joins: { ada: { metas: [{ n: 3 }] }, long: { metas: [{ n: 1 }] } }, leaves: { ada: {} } },
    });
    const [joined, left] = namesIn(diff?.payload);
    expect([joined, left]).toEqual([["ada", "long"], ["ada"]]);
  });

  test("who stood in a list that somebody got is said to leave, though nobody was told of the coming", async () => {
    const presence = definePresence({ batchWindowMs: windowMs });
    const world = roomWorld(presence);
    const ada = await enter(world, "ada");
    world.clock.advance(windowMs);
    await ask(ada, "track", { key: "short", meta: {} });
    expect(Object.keys((await ask(ada, "list")) as object)).toEqual(["ada", "short"]);
    await ask(ada, "untrack", { key: "short" });
    ada.take();
    world.clock.advance(windowMs);
    expect(heard(ada)).toMatchObject([{ payload: { joins: {}, leaves: { short: { metas: [{}] } } } }]);
  });

  test("nothing is said where nothing is left to say", async () => {
    const presence = definePresence({ batchWindowMs: windowMs });
    const world = roomWorld(presence);
    const ada = await enter(world, "ada");
    world.clock.advance(windowMs);
    await ask(ada, "track", { key: "short", meta: {} });
    await ask(ada, "untrack", { key: "short" });
    world.clock.advance(windowMs);
    expect(heard(ada)).toEqual([]);
  });

  test("a crowd that joins costs each member one frame, whose bytes grow with the crowd and not with its square", async () => {
    const costOf = async (crowd: number, batchWindowMs: number): Promise<{ frames: number; bytes: number }> => {
      const presence = definePresence({ batchWindowMs });
      const world = roomWorld(presence);
      const endpoint = { "~parts": world.parts, broadcast() {}, localBroadcast() {} };
      const cost = { frames: 0, bytes: 0 };
      world.pubsub.subscribe(topic, {
        deliver({ payload }) {
          cost.frames += 1;
          cost.bytes += JSON.stringify(payload).length;
        },
      });
      for (let index = 0; index < crowd; index += 1) {
        presence.track({ topic, endpoint, signal: new AbortController().signal }, `user-${1_000 + index}`, {});
      }
      await settled();
      world.clock.advance(batchWindowMs);
      return cost;
    };
    const [one, two, apart] = [await costOf(500, windowMs), await costOf(1_000, windowMs), await costOf(500, 0)];
    expect([one.frames, two.frames, apart.frames]).toEqual([1, 1, 500]);
    // A key, a ref, and what JSON needs around them.
    expect(one.bytes / 500).toBeLessThan(60);
    expect(two.bytes / one.bytes).toBeCloseTo(2, 1);
    expect(one.bytes).toBeLessThan(apart.bytes);
  });
});

describe("counts only", () => {
  test("clients hear how many there are, once a window, and lists still tell the program who", async () => {
    const presence = definePresence({ countsOnly: true });
    const world = roomWorld(presence);
    const ada = await enter(world, "ada");
    await enter(world, "bob");
    await enter(world, "bob");
    expect(heard(ada).filter(({ event }) => event !== "presence_state")).toEqual([]);
    world.clock.advance(1_000);
    expect(heard(ada)).toEqual([{ event: "presence_counts", payload: { keys: 2, metas: 3 } }]);
    expect(Object.keys((await ask(ada, "list")) as object)).toEqual(["ada", "bob"]);
    world.clock.advance(10_000);
    expect(heard(ada)).toEqual([]);
  });

  test("with a window of 0, one for each change", async () => {
    const presence = definePresence({ countsOnly: true, batchWindowMs: 0 });
    const world = roomWorld(presence);
    const ada = await enter(world, "ada");
    ada.take();
    await ask(ada, "untrack");
    await enter(world, "bob");
    expect(heard(ada)).toEqual([{ event: "presence_counts", payload: { keys: 1, metas: 1 } }]);
  });
});

/** Keys of a diff: joins, leaves. */
function namesIn(payload: unknown): readonly [string[], string[]] {
  const { joins, leaves } = payload as { readonly joins: object; readonly leaves: object };
  return [Object.keys(joins).sort(), Object.keys(leaves).sort()];
}
