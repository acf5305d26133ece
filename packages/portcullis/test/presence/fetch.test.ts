/** The hooks: `fetch` adds to what clients get, `handleMetas` is told of every change. */
import { describe, expect, test } from "vitest";
import { definePresence, type PresenceChange, type Presences } from "../../src/presence/presence.ts";
import { settled } from "../support/clock.ts";
import { deferred } from "../support/world.ts";
import { ask, countedRandom, enter, heard, type Meta, refNumber, roomWorld, topic } from "./support/room.ts";

const named = (presences: Presences<Meta>): Record<string, { user: { name: string } }> =>
  Object.fromEntries(Object.keys(presences).map((key) => [key, { user: { name: `name-${key}` } }]));

describe("fetch", () => {
  test.each([
    ["at once", (_topic: string, presences: Presences<Meta>) => named(presences)],
    ["later", async (_topic: string, presences: Presences<Meta>) => named(presences)],
  ])("that answers %s extends each key in lists, joins and leaves (v1-presence-fetch)", async (_name, fetch) => {
    const world = roomWorld(definePresence({ randomBytes: countedRandom(), fetch: fetch as never }));
    const ada = await enter(world, "ada");
    const adas = { user: { name: "name-ada" }, metas: [{ phx_ref: refNumber(1) }] };
    expect(heard(ada)).toEqual([
      { event: "presence_diff", payload: { joins: { ada: adas }, leaves: {} } },
      { event: "presence_state", payload: { ada: adas } },
    ]);
    expect(await ask(ada, "get", { key: "ada" })).toEqual({ found: adas });
    const bob = await enter(world, "bob");
    ada.take();
    bob.leave(topic);
    await settled();
    const bobs = { user: { name: "name-bob" }, metas: [{ phx_ref: refNumber(2) }] };
    expect(heard(ada)).toEqual([{ event: "presence_diff", payload: { joins: {}, leaves: { bob: bobs } } }]);
  });

  test("is asked for all keys of a topic in one call, and not for a diff's empty half", async () => {
    const asked: [string, string[]][] = [];
    const presence = definePresence({
      fetch(name: string, presences: Presences<Meta>) {
        asked.push([name, Object.keys(presences)]);
        return {};
      },
    });
    const world = roomWorld(presence);
    await enter(world, "ada");
    await enter(world, "bob");
    expect(asked).toEqual([
      [topic, ["ada"]],
      [topic, ["ada"]],
      [topic, ["bob"]],
      [topic, ["ada", "bob"]],
    ]);
  });

  test("can't take the metas away, and what it says of keys that aren't there is dropped", async () => {
    const fetch = (): Record<string, object> => ({ ada: { metas: [], x: 1 }, eve: { metas: [] } });
    const world = roomWorld(definePresence({ randomBytes: countedRandom(), fetch }));
    const ada = await enter(world, "ada");
    expect(await ask(ada, "list")).toEqual({ ada: { x: 1, metas: [{ phx_ref: refNumber(1) }] } });
  });

  test("is not misled by keys that are names of what objects inherit", async () => {
    const world = roomWorld(definePresence({ randomBytes: countedRandom(), fetch: () => ({}) }));
    const one = await enter(world, "constructor");
    expect(await ask(one, "list")).toEqual({ constructor: { metas: [{ phx_ref: refNumber(1) }] } });
    const two = roomWorld(definePresence({ fetch: (_topic, presences: Presences<Meta>) => named(presences) }));
    const proto = await enter(two, "__proto__");
    expect(proto.sink.frames.at(-1)).toContain('"__proto__":{"user":{"name":"name-__proto__"},"metas":[');
  });

  test("keeps diffs in order, however long each takes", async () => {
    const gates: ReturnType<typeof deferred<Record<string, object>>>[] = [];
    const presence = definePresence({
      fetch: (_topic: string, _presences: Presences<Meta>): Promise<Record<string, object>> => {
        const gate = deferred<Record<string, object>>();
        gates.push(gate);
        return gate.promise;
      },
    });
    const world = roomWorld(presence);
    const seen: string[] = [];
    world.pubsub.subscribe(topic, {
      deliver({ payload }) {
        const { joins, leaves } = payload as { joins: object; leaves: object };
        seen.push(...Object.keys(joins).map((key) => `+${key}`), ...Object.keys(leaves).map((key) => `-${key}`));
      },
    });
    const endpoint = { "~parts": world.parts, broadcast() {}, localBroadcast() {} };
    const owner = { topic, endpoint, signal: new AbortController().signal };
    presence.track(owner, "first", {});
    presence.track(owner, "second", {});
    presence.untrack(owner, "first");
    await settled();
    expect(gates).toHaveLength(1);
    // A list waits for the diffs before it, so that nobody is told afterwards of what stands in it.
    let listed: unknown = null;
    const listing = presence.list(owner).then((list) => {
      listed = list;
    });
    for (let count = 1; count <= 3; count += 1) {
      expect(listed).toBeNull();
      gates.shift()?.resolve({});
      await settled();
    }
    gates.shift()?.resolve({ second: { x: 1 } });
    await listing;
    expect(Object.keys(listed as never as object)).toEqual(["second"]);
    expect(seen).toEqual(["+first", "+second", "-first"]);
  });

  test("that doesn't keep up gets what waits for it in fewer diffs", async () => {
    const gate = deferred<Record<string, object>>();
    const presence = definePresence({ fetch: (_topic: string, _presences: Presences<Meta>) => gate.promise });
    const world = roomWorld(presence);
    const endpoint = { "~parts": world.parts, broadcast() {}, localBroadcast() {} };
    const sizes: number[] = [];
    world.pubsub.subscribe(topic, {
      deliver: ({ payload }) => void sizes.push(Object.keys((payload as { joins: object }).joins).length),
    });
    for (let index = 0; index < 300; index += 1) {
      presence.track({ topic, endpoint, signal: new AbortController().signal }, index, {});
      if (index === 0) await settled();
    }
    gate.resolve({});
    await settled();
    expect(sizes).toEqual([...Array(100).fill(1), 200]);
  });

  test("that fails, or takes too long, costs a diff its extras and nothing else", async () => {
    let fate: "throw" | "reject" | "hang" | "nonsense" = "throw";
    const presence = definePresence({
      randomBytes: countedRandom(),
      fetchTimeoutMs: 500,
      fetch(_topic: string, _presences: Presences<Meta>): Promise<Record<string, object>> {
        if (fate === "throw") throw new Error("no database");
        if (fate === "reject") return Promise.reject(new Error("no database"));
        if (fate === "hang") return new Promise(() => {});
        return Promise.resolve("nonsense" as never);
      },
    });
    const world = roomWorld(presence);
    const ada = world.connect();
    world.pubsub.subscribe(topic, { deliver: ({ payload }) => void diffs.push(payload) });
    const diffs: unknown[] = [];
    const endpoint = { "~parts": world.parts, broadcast() {}, localBroadcast() {} };
    const owner = { topic, endpoint, signal: new AbortController().signal };
    for (const [index, next] of (["throw", "reject", "hang", "nonsense"] as const).entries()) {
      fate = next;
      presence.track(owner, next, {});
      await settled();
      world.clock.advance(500);
      await settled();
      const joins = { [next]: { metas: [{ phx_ref: refNumber(index + 1) }] } };
      expect(diffs.splice(0)).toEqual([{ joins, leaves: {} }]);
    }
    expect(world.logger.at("error")[0]).toMatch(/fetch of the presence "presence" failed/);
    expect(ada.take()).toEqual([]);
  });

  test("whose extras JSON can't hold costs the diff, and is logged", async () => {
    const presence = definePresence({ fetch: () => ({ ada: { n: 10n } }) });
    const world = roomWorld(presence);
    const watcher = await enter(world, "watcher");
    const endpoint = { "~parts": world.parts, broadcast() {}, localBroadcast() {} };
    presence.track({ topic, endpoint, signal: new AbortController().signal }, "ada", {});
    await settled();
    expect(world.logger.at("error")).toEqual(['portcullis: a diff of the presence "presence" could not be sent']);
    watcher.take();
    expect(await ask(watcher, "counts")).toEqual({ keys: 2, metas: 2 });
  });
});

describe("handleMetas", () => {
  type Told = readonly [joins: string[], leaves: string[], presences: Record<string, unknown[]>];
  const toldBy = (told: Told[]) =>
    definePresence<Meta>({
      randomBytes: countedRandom(),
      handleMetas(change) {
        const presences = Object.entries(change.presences).map(([key, { metas }]) => [key, metas.map(({ n }) => n)]);
        told.push([Object.keys(change.joins), Object.keys(change.leaves), Object.fromEntries(presences)]);
      },
    });

  test("is told of each change with everybody who is there after it: first, further, last", async () => {
    const told: Told[] = [];
    const presence = toldBy(told);
    const world = roomWorld(presence);
    const ada = world.connect().joined(topic, "1", { user_id: "ada", meta: { n: 1 } });
    // All in one turn: still each change by itself.
    world.connect().joined(topic, "1", { user_id: "ada", meta: { n: 2 } });
    const bob = world.connect().joined(topic, "1", { user_id: "bob", meta: { n: 3 } });
    await settled();
    ada.push(topic, "update", { n: 4 });
    bob.leave(topic);
    await settled();
    ada.push(topic, "untrack", {});
    await settled();
    expect(told).toEqual([
      [["ada"], [], { ada: [1] }],
      [["ada"], [], { ada: [1, 2] }],
      [["bob"], [], { ada: [1, 2], bob: [3] }],
      [["ada"], ["ada"], { ada: [4, 2], bob: [3] }],
      [[], ["bob"], { ada: [4, 2] }],
      [[], ["ada"], { ada: [2] }],
    ]);
  });

  test("is told of presences that are broadcast to nobody, and gets what fetch adds and the endpoint", async () => {
    const changes: [PresenceChange<Meta, { user: { name: string } }>, unknown][] = [];
    const presence = definePresence({
      randomBytes: countedRandom(),
      fetch: (_topic: string, presences: Presences<Meta>) => named(presences),
      handleMetas: (change, endpoint) => void changes.push([change, endpoint["~parts"]]),
    });
    const world = roomWorld(presence);
    const ada = await enter(world, "ada");
    await ask(ada, "track", { key: "bot", meta: {}, broadcast: false });
    expect(changes.map(([{ topic: name }, parts]) => [name, parts === world.parts])).toEqual([
      [topic, true],
      [topic, true],
    ]);
    expect(changes[1]?.[0].joins["bot"]?.user.name).toBe("name-bot");
  });

  test("that throws or rejects is logged, and everything goes on", async () => {
    let count = 0;
    const presence = definePresence<Meta>({
      handleMetas() {
        count += 1;
        if (count === 1) throw new Error("on purpose");
        return Promise.reject(new Error("on purpose"));
      },
    });
    const world = roomWorld(presence);
    const ada = await enter(world, "ada");
    world.clock.advance(1_000);
    await enter(world, "bob");
    expect(heard(ada).filter(({ event }) => event === "presence_diff")).toHaveLength(2);
    expect(world.logger.at("error")).toHaveLength(2);
    expect(world.logger.at("error")[0]).toMatch(/handleMetas of the presence "presence" failed/);
  });
});
