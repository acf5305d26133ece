/** Clients' own Presence against a real endpoint: their picture of a room is the server's, whatever happens. */
import type { Channel, Presence as ClientPresence, PresenceEntry } from "phoenix";
import { defineEndpoint, defineSocket, silentLogger } from "portcullis";
import { definePresence, type Presences } from "portcullis/presence";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { answer, connect, disconnectAll } from "../clients/client.ts";
import { Inbox } from "../clients/inbox.ts";
import { type World, worldsThat } from "../clients/world.ts";

const presence = definePresence({
  fetch: async (_topic: string, presences: Presences) =>
    Object.fromEntries(Object.keys(presences).map((key) => [key, { user: { name: `name-${key}` } }])),
});
const crowd = definePresence({ name: "crowd", batchWindowMs: 20 });

const socket = defineSocket();
const room = socket
  .channel("room:{name}", { join: (params: unknown, channel) => channel.send("joined", params) })
  .info({
    async joined({ user, device }: { readonly user: string; readonly device: string }, channel) {
      presence.track(channel, user, { device });
      channel.push("presence_state", await presence.list(channel));
    },
  })
  .on({
    update(payload, channel) {
      const { user, ...meta } = payload as { readonly user: string };
      return presence.update(channel, user, (current) => ({ ...current, ...meta }));
    },
    untrack: (_payload, channel) => presence.untrack(channel),
    list: (_payload, channel) => presence.list(channel),
    crash() {
      throw new Error("on purpose");
    },
  });
const hall = socket
  .channel("hall:{name}", { join: (params: unknown, channel) => channel.send("joined", params) })
  .info({
    joined({ user }: { readonly user: string }, channel) {
      crowd.track(channel, user, {});
      channel.push("presence_state", crowd.list(channel));
    },
  });
const endpoint = defineEndpoint({
  secretKeyBase: "a secret for tests, as long as the library asks for".padEnd(64, "."),
  sockets: { "/socket": { socket, channels: [room, hall] } },
  logger: silentLogger,
});

let url: string;
let nextRoom = 0;
beforeAll(async () => {
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  url = `ws://127.0.0.1:${port}/socket`;
});
afterEach(disconnectAll);
afterAll(() => endpoint.close());

function newRoom(): string {
  nextRoom += 1;
  return String(nextRoom);
}

/** Somebody in a room, with the client's picture of it. */
interface Visitor {
  readonly channel: Channel;
  readonly presence: ClientPresence;
  /** `+key refs`, `-key refs` as the client's callbacks told them. */
  readonly told: string[];
  /** The picture after each sync, as {@link picture} draws it. */
  readonly synced: Inbox<string>;
  leaveAll(): void;
}

/** Devices by key, sorted: the client keeps metas in another order than the server once they change. */
function picture(state: Readonly<Record<string, PresenceEntry>>): string {
  return Object.keys(state)
    .sort()
    .map((key) => `${key}:${(state[key] as PresenceEntry).metas.map(({ device }) => device).sort()}`)
    .join(" ");
}

async function visit(world: World, topic: string, user: string, device: string): Promise<Visitor> {
  const client = connect(world, url);
  const { Presence } = world;
  if (Presence === undefined) throw new Error(`${world.name} has no Presence.`);
  const channel = client.socket.channel(topic, { user, device });
  const clientPresence = new Presence(channel);
  const told: string[] = [];
  const synced = new Inbox<string>();
  clientPresence.onJoin((key, _current, { metas }) => void told.push(`+${key} ${metas.map((meta) => meta["device"])}`));
  clientPresence.onLeave(
    (key, _current, { metas }) => void told.push(`-${key} ${metas.map((meta) => meta["device"])}`),
  );
  clientPresence.onSync(() => synced.add(picture(clientPresence.state)));
  expect((await answer(channel.join())).status).toBe("ok");
  return { channel, presence: clientPresence, told, synced, leaveAll: () => client.socket.disconnect() };
}

/** Waits for a picture that comes after the first `count`. */
async function after(synced: Inbox<string>, count: number, wanted: string): Promise<void> {
  let index = 0;
  await synced.find((text) => {
    index += 1;
    return index > count && text === wanted;
  });
}

/** Whether the client shows what the server lists, refs, extras and all; the order inside a key aside. */
async function expectSame(visitor: Visitor): Promise<void> {
  const { response } = await answer(visitor.channel.push("list"));
  const sorted = (state: unknown): unknown =>
    Object.entries(state as Record<string, PresenceEntry>)
      .map(([key, entry]) => [
        key,
        { ...entry, metas: [...entry.metas].sort((a, b) => (a.phx_ref < b.phx_ref ? -1 : 1)) },
      ])
      .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1));
  expect(sorted(visitor.presence.state)).toEqual(sorted(response));
}

describe.each(worldsThat("presence"))("Presence of $name, vsn $vsn", (world) => {
  const enter = (name: string, user: string, device: string): Promise<Visitor> =>
    visit(world, `room:${name}`, user, device);

  test("follows joins, updates, leaves and crashes of the others", async () => {
    const name = newRoom();
    const ada = await enter(name, "ada", "phone");
    await ada.synced.find((text) => text === "ada:phone");
    const bob = await enter(name, "bob", "web");
    await ada.synced.find((text) => text === "ada:phone bob:web");
    await bob.synced.find((text) => text === "ada:phone bob:web");

    const tablet = await enter(name, "ada", "tablet");
    await bob.synced.find((text) => text === "ada:phone,tablet bob:web");
    await expectSame(bob);

    expect((await answer(ada.channel.push("update", { user: "ada", device: "watch" }))).status).toBe("ok");
    await bob.synced.find((text) => text === "ada:tablet,watch bob:web");
    const [updated] = bob.presence.state["ada"]?.metas.filter(({ device }) => device === "watch") ?? [];
    expect(updated).toHaveProperty("phx_ref_prev");
    await expectSame(bob);
    await expectSame(ada);

    tablet.leaveAll();
    await bob.synced.find((text) => text === "ada:watch bob:web");
    ada.channel.push("untrack");
    await bob.synced.find((text) => text === "bob:web");
    await expectSame(bob);
    // Its own join may be in the first state, or in a diff of its own before that: either way it is told once.
    expect(bob.told.slice().sort().slice(0, 2)).toEqual(["+ada phone", "+ada tablet"].sort());
    expect(bob.told.slice(-4)).toEqual(["+ada watch", "-ada phone", "-ada tablet", "-ada watch"]);
  });

  test("is right again after a crash and the rejoin that follows, of its own channel and of another's", async () => {
    const name = newRoom();
    const ada = await enter(name, "ada", "phone");
    const bob = await enter(name, "bob", "web");
    await ada.synced.find((text) => text === "ada:phone bob:web");
    ada.channel.push("crash");
    await bob.synced.find((text) => text === "bob:web");
    // The client rejoins by itself.
    await after(bob.synced, bob.synced.all.indexOf("bob:web"), "ada:phone bob:web");
    await expectSame(bob);
    await expectSame(ada);
    expect(bob.told.slice(-2)).toEqual(["-ada phone", "+ada phone"]);
  });

  test("arrives at the same picture from diffs gathered in windows", async () => {
    const topic = `hall:${newRoom()}`;
    const users = Array.from({ length: 20 }, (_, index) => `user-${index + 10}`);
    const visitors = await Promise.all(users.map((user) => visit(world, topic, user, "x")));
    const full = users.map((user) => `${user}:`).join(" ");
    await Promise.all(visitors.map(({ synced }) => synced.find((text) => text === full)));
    const before = visitors.map(({ synced }) => synced.all.length);
    for (const visitor of visitors.slice(10)) visitor.leaveAll();
    const half = users
      .slice(0, 10)
      .map((user) => `${user}:`)
      .join(" ");
    // Some saw just these at the beginning, too.
    await Promise.all(visitors.slice(0, 10).map(({ synced }, index) => after(synced, before[index] ?? 0, half)));
    for (const { presence: shown } of visitors.slice(0, 10)) {
      expect(shown.list((key) => key).sort()).toEqual(users.slice(0, 10));
      const listed = crowd.list(endpoint, topic);
      expect(shown.state).toEqual(Object.fromEntries(Object.entries(listed)));
    }
  });
});

// 1.7 and older can't: they look up keys in objects that inherit (CVE-2026-56812).
describe.each(worldsThat("anyPresenceKey"))("Presence of $name, vsn $vsn", (world) => {
  test("holds any string as a key, and what the server's fetch says of it", async () => {
    const name = newRoom();
    await visit(world, `room:${name}`, "constructor", "phone");
    const proto = await visit(world, `room:${name}`, "__proto__", "web");
    await proto.synced.find((text) => text === "__proto__:web constructor:phone");
    const { response } = await answer(proto.channel.push("list"));
    expect(Object.keys(response as object).sort()).toEqual(["__proto__", "constructor"]);
    expect(JSON.stringify(response)).toContain('"__proto__":{"user":{"name":"name-__proto__"}');
    expect(({} as Record<string, unknown>)["metas"]).toBeUndefined();
  });
});
