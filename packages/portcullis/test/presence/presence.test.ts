/** What a presence sends, frame by frame, in the order of the recordings of Phoenix (v2-presence). */
import { describe, expect, test } from "vitest";
import { definePresence } from "../../src/presence/presence.ts";
import { settled } from "../support/clock.ts";
import { World } from "../support/world.ts";
import { ask, countedRandom, enter, heard, refNumber, roomWith, roomWorld, topic } from "./support/room.ts";

const counted = () => definePresence({ randomBytes: countedRandom() });

describe("who joins", () => {
  test("gets the reply, its own diff, and then the state; the others get the diff", async () => {
    const world = roomWorld(counted());
    const ada = await enter(world, "ada", { device: "phone" });
    const adas = { ada: { metas: [{ phx_ref: refNumber(1), device: "phone" }] } };
    expect(ada.take()).toEqual([
      ["1", "1", topic, "phx_reply", { status: "ok", response: {} }],
      [null, null, topic, "presence_diff", { joins: adas, leaves: {} }],
      ["1", null, topic, "presence_state", adas],
    ]);

    const bob = await enter(world, "bob", { device: "web" });
    const bobs = { bob: { metas: [{ phx_ref: refNumber(2), device: "web" }] } };
    const diff = { event: "presence_diff", payload: { joins: bobs, leaves: {} } };
    expect(heard(ada)).toEqual([diff]);
    expect(heard(bob)).toEqual([diff, { event: "presence_state", payload: { ...adas, ...bobs } }]);
  });

  test("under a key that is there already is one more meta, behind the others", async () => {
    const world = roomWorld(counted());
    await enter(world, "ada", { device: "phone" });
    const tablet = await enter(world, "ada", { device: "tablet" });
    expect(await ask(tablet, "list")).toEqual({
      ada: {
        metas: [
          { phx_ref: refNumber(1), device: "phone" },
          { phx_ref: refNumber(2), device: "tablet" },
        ],
      },
    });
  });

  test("in one turn with others is announced by itself, one diff each", async () => {
    const world = roomWorld(counted());
    const watcher = await enter(world, "watcher");
    watcher.take();
    for (const user of ["a", "b", "c"]) world.connect().join(topic, "1", { user_id: user });
    await settled();
    const joins = heard(watcher).map(({ payload }) => Object.keys((payload as { joins: object }).joins));
    expect(joins).toEqual([["a"], ["b"], ["c"]]);
  });
});

describe("an update", () => {
  test("is answered first, and is one diff: leave of the old, join of the new that names the old", async () => {
    const world = roomWorld(counted());
    const ada = await enter(world, "ada", { device: "phone" });
    ada.take();
    ada.push(topic, "update", { device: "phone", status: "away" });
    await settled();
    const old = { phx_ref: refNumber(1), device: "phone" };
    const fresh = { phx_ref: refNumber(2), phx_ref_prev: refNumber(1), device: "phone", status: "away" };
    expect(ada.take()).toEqual([
      ["1", "9", topic, "phx_reply", { status: "ok", response: {} }],
      [null, null, topic, "presence_diff", { joins: { ada: { metas: [fresh] } }, leaves: { ada: { metas: [old] } } }],
    ]);
  });

  test("by a function gets the current meta and keeps the place among the others", async () => {
    const world = roomWorld(counted());
    const phone = await enter(world, "ada", { device: "phone", status: "away" });
    const tablet = await enter(world, "ada", { device: "tablet" });
    await ask(phone, "merge", { typing: true });
    expect(await ask(tablet, "get", { key: "ada" })).toEqual({
      found: {
        metas: [
          { phx_ref: refNumber(3), phx_ref_prev: refNumber(1), device: "phone", status: "away", typing: true },
          { phx_ref: refNumber(2), device: "tablet" },
        ],
      },
    });
  });

  test("by a function that untracks meanwhile is refused", () => {
    const presence = counted();
    const world = roomWorld(presence);
    const owner = { topic, endpoint: endpointOf(world), signal: new AbortController().signal };
    presence.track(owner, "ada", {});
    const outcome = presence.update(owner, "ada", (meta) => {
      presence.untrack(owner);
      return meta;
    });
    expect(outcome).toEqual({ ok: false, reason: "not_tracked" });
    expect(presence.counts(owner)).toEqual({ keys: 0, metas: 0 });
  });

  test("of what isn't tracked is refused", async () => {
    const world = roomWorld(counted());
    const ada = await enter(world, "ada");
    await ask(ada, "untrack");
    expect(await ask(ada, "update", {})).toEqual({ ok: false, reason: "not_tracked" });
  });
});

test("a subscriber that lists while it is told doesn't make the others hear diffs out of order", async () => {
  const presence = counted();
  const world = roomWorld(presence);
  const owner = { topic, endpoint: endpointOf(world), signal: new AbortController().signal };
  const second: string[] = [];
  const keyOf = (payload: unknown): string => Object.keys((payload as { readonly joins: object }).joins)[0] ?? "";
  world.pubsub.subscribe(topic, { deliver: () => void presence.list(owner) });
  world.pubsub.subscribe(topic, { deliver: ({ payload }) => void second.push(keyOf(payload)) });
  for (const key of ["a", "b", "c"]) presence.track(owner, key, {});
  await settled();
  expect(second).toEqual(["a", "b", "c"]);
});

describe("the end", () => {
  test.each([
    ["leaving", "leave", (client: ReturnType<World["connect"]>) => client.leave(topic)],
    ["a crash", "crash", (client: ReturnType<World["connect"]>) => client.push(topic, "crash", {})],
    [
      "a lost connection",
      "closed",
      (client: ReturnType<World["connect"]>) => client.connection.closed({ kind: "closed" }),
    ],
  ])("by %s takes all keys of the channel in one diff, with the refs they had", async (_name, _id, end) => {
    const world = roomWorld(counted());
    const ada = await enter(world, "ada");
    const bob = await enter(world, "bob");
    expect(await ask(ada, "track", { key: "ada2", meta: { x: 1 } })).toEqual({ ok: true });
    bob.take();
    end(ada);
    await settled();
    const leaves = { ada: { metas: [{ phx_ref: refNumber(1) }] }, ada2: { metas: [{ phx_ref: refNumber(3), x: 1 }] } };
    expect(heard(bob)).toEqual([{ event: "presence_diff", payload: { joins: {}, leaves } }]);
    expect(Object.keys((await ask(bob, "list")) as object)).toEqual(["bob"]);
  });

  test("of one of several metas leaves the others", async () => {
    const world = roomWorld(counted());
    const phone = await enter(world, "ada", { device: "phone" });
    const tablet = await enter(world, "ada", { device: "tablet" });
    phone.take();
    tablet.leave(topic);
    await settled();
    const left = { ada: { metas: [{ phx_ref: refNumber(2), device: "tablet" }] } };
    expect(heard(phone)).toEqual([{ event: "presence_diff", payload: { joins: {}, leaves: left } }]);
    expect(await ask(phone, "counts")).toEqual({ keys: 1, metas: 1 });
  });

  test("of the instance a rejoin replaces is the end of what it tracked", async () => {
    const world = roomWorld(counted());
    const ada = await enter(world, "ada", { n: 1 });
    ada.join(topic, "20", { user_id: "ada", meta: { n: 2 } });
    await settled();
    const state = heard(ada).findLast(({ event }) => event === "presence_state");
    expect(state).toEqual({
      event: "presence_state",
      payload: { ada: { metas: [{ phx_ref: refNumber(2), n: 2 }] } },
    });
  });

  test("by untracking takes one key, or all, and is silent where nothing is tracked", async () => {
    const world = roomWorld(counted());
    const ada = await enter(world, "ada");
    await ask(ada, "track", { key: "other", meta: {} });
    await ask(ada, "untrack", { key: "nobody" });
    expect(heard(ada)).toEqual([]);
    ada.push(topic, "untrack", { key: "other" });
    await settled();
    expect(heard(ada)).toEqual([
      { event: "presence_diff", payload: { joins: {}, leaves: { other: { metas: [{ phx_ref: refNumber(2) }] } } } },
    ]);
    expect(Object.keys((await ask(ada, "list")) as object)).toEqual(["ada"]);
    ada.push(topic, "untrack", {});
    await settled();
    expect(heard(ada)).toHaveLength(1);
    ada.push(topic, "untrack", {});
    await settled();
    expect(heard(ada)).toEqual([]);
    expect(await ask(ada, "list")).toEqual({});
  });
});

describe("a channel", () => {
  test("tracks a key once, and other keys and topics besides", async () => {
    const presence = counted();
    const world = roomWorld(presence);
    const ada = await enter(world, "ada");
    expect(await ask(ada, "track", { key: "ada", meta: {} })).toEqual({ ok: false, reason: "already_tracked" });
    expect(await ask(ada, "track", { key: "ada2", meta: {} })).toEqual({ ok: true });
    ada.joined("presence:2", "1", { user_id: "ada" });
    await settled();
    const endpoint = endpointOf(world);
    expect(presence.counts(endpoint, "presence:2")).toEqual({ keys: 1, metas: 1 });
    expect(presence.counts(endpoint, topic)).toEqual({ keys: 2, metas: 2 });
    expect(presence.counts(endpoint, "elsewhere")).toEqual({ keys: 0, metas: 0 });
    expect(presence.list(endpoint, "elsewhere")).toEqual({});
    expect(presence.get(endpoint, topic, "nobody")).toBeUndefined();
  });

  test("that has ended tracks nothing", () => {
    const presence = counted();
    const world = roomWorld(presence);
    const owner = { topic, endpoint: endpointOf(world), signal: AbortSignal.abort() };
    expect(presence.track(owner, "ada", {})).toEqual({ ok: false, reason: "ended" });
    expect(presence.list(owner)).toEqual({});
  });
});

describe("keys and metas", () => {
  test.each(["__proto__", "constructor", "toString", "hasOwnProperty", ""])(
    "%j is a key like any other",
    async (key) => {
      const world = roomWorld(counted());
      const watcher = await enter(world, "watcher");
      watcher.take();
      const ada = await enter(world, key, { ["__proto__"]: { admin: true }, constructor: 1 });
      const text = ada.sink.frames.at(-1) as string;
      const meta = `{"phx_ref":"${refNumber(2)}","__proto__":{"admin":true},"constructor":1}`;
      expect(text).toContain(`${JSON.stringify(key)}:{"metas":[${meta}]}`);
      expect(watcher.sink.frames.at(-1)).toContain(`"joins":{${JSON.stringify(key)}:{"metas":[${meta}]}}`);
      expect(await ask(ada, "get", { key })).toHaveProperty("found.metas.length", 1);
      ada.leave(topic);
      await settled();
      expect(watcher.sink.frames.at(-1)).toContain(`"leaves":{${JSON.stringify(key)}:{"metas":[${meta}]}}`);
      expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
    },
  );

  test("refs are the server's, whatever a meta says", async () => {
    const world = roomWorld(counted());
    const ada = await enter(world, "ada", { phx_ref: "mine", phx_ref_prev: "mine too", x: 1 });
    expect(await ask(ada, "list")).toEqual({ ada: { metas: [{ phx_ref: refNumber(1), x: 1 }] } });
  });

  test("refs are 16 characters of base64url, each another", async () => {
    const world = roomWorld(definePresence());
    const refs = new Set<string>();
    for (let index = 0; index < 20; index += 1) {
      const client = await enter(world, "ada");
      const { ada } = (await ask(client, "list")) as { ada: { metas: { phx_ref: string }[] } };
      for (const { phx_ref } of ada.metas) refs.add(phx_ref);
    }
    expect(refs.size).toBe(20);
    for (const ref of refs) expect(ref).toMatch(/^[A-Za-z0-9_-]{16}$/);
  });

  test("are what they were when tracked, whatever the program does with its object later", () => {
    const presence = counted();
    const owner = { topic, endpoint: endpointOf(roomWorld(presence)), signal: new AbortController().signal };
    const meta = { at: { x: 1 } };
    presence.track(owner, 7, meta);
    meta.at.x = 2;
    expect(presence.list(owner)["7"]).toEqual({ metas: [{ phx_ref: refNumber(1), at: { x: 1 } }] });
    expect(() =>
      presence.update(owner, 7, (current) => {
        (current["at"] as { x: number }).x = 3;
        return current;
      }),
    ).toThrow(TypeError);
    expect(presence.get(owner, 7)?.metas).toEqual([{ phx_ref: refNumber(1), at: { x: 1 } }]);
  });

  test.each([["a string"], [null], [[1]], [10n], [() => 1], [{ n: 10n }]])(
    "%s is no meta, and says so where it is tracked",
    (meta) => {
      const presence = counted();
      const owner = { topic, endpoint: endpointOf(roomWorld(presence)), signal: new AbortController().signal };
      expect(() => presence.track(owner, "ada", meta as never)).toThrow(TypeError);
      expect(presence.counts(owner)).toEqual({ keys: 0, metas: 0 });
    },
  );
});

describe("track({ broadcast: false })", () => {
  test("is in lists and in no diff, neither coming nor going", async () => {
    const world = roomWorld(counted());
    const ada = await enter(world, "ada");
    expect(await ask(ada, "track", { key: "bot", meta: {}, broadcast: false })).toEqual({ ok: true });
    expect(Object.keys((await ask(ada, "list")) as object)).toEqual(["ada", "bot"]);
    await ask(ada, "untrack", { key: "bot" });
    expect(heard(ada)).toEqual([]);
  });
});

describe("two endpoints in one process", () => {
  test("never meet, though they use the same presence", async () => {
    const presence = counted();
    const [one, other] = [roomWorld(presence), roomWorld(presence)];
    const ada = await enter(one, "ada");
    const bob = await enter(other, "bob");
    expect(Object.keys((await ask(ada, "list")) as object)).toEqual(["ada"]);
    expect(Object.keys((await ask(bob, "list")) as object)).toEqual(["bob"]);
  });

  test("one endpoint tells two presences apart, and refuses two of one name", async () => {
    const people = counted();
    const robots = definePresence({ name: "robots", randomBytes: countedRandom() });
    const world = new World([roomWith(people)]);
    await enter(world, "ada");
    const endpoint = endpointOf(world);
    expect(robots.list(endpoint, topic)).toEqual({});
    expect(() => definePresence({ name: "robots" }).start(endpoint)).toThrow(/two called "robots"/);
  });
});

describe("definePresence", () => {
  test.each([
    [{ heartbeatMs: 0 }, /heartbeatMs of a presence to be more than 0, got 0/],
    [{ heartbeatMs: 2_000, downAfterMs: 2_000 }, /downAfterMs .* more than 2000/],
    [{ permanentDownAfterMs: 15_000 }, /permanentDownAfterMs .* more than 15000/],
    [{ batchWindowMs: -1 }, /batchWindowMs/],
    [{ limits: { metasPerKeyMax: Number.NaN } }, /metasPerKeyMax/],
  ])("refuses %j", (options, message) => {
    expect(() => definePresence(options)).toThrow(message);
  });
});

function endpointOf(world: World): Parameters<ReturnType<typeof counted>["start"]>[0] {
  const broadcast = (name: string, event: string, payload: object): void =>
    world.pubsub.broadcast(name, event, payload);
  return { "~parts": world.parts, broadcast, localBroadcast: broadcast };
}

test("an endpoint that uses no presence has no timer of one, and one that closes has none left", async () => {
  const world = roomWorld(definePresence());
  expect(world.clock.pending).toBe(0);
  await enter(world, "ada");
  expect(world.clock.pending).toBe(1);
  for (const task of world.closing) task();
  expect(world.clock.pending).toBe(0);
});
