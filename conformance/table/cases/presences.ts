// Who is there, and who hears of it.
import { deepStrictEqual, match } from "node:assert/strict";
import type { Case, Cell, Stage } from "../case.ts";
import type { Room } from "../client.ts";

type Metas = readonly (Readonly<Record<string, unknown>> & { readonly phx_ref: string })[];
type Presences = Readonly<Record<string, { readonly metas: Metas; readonly user?: unknown }>>;
interface Diff {
  readonly joins: Presences;
  readonly leaves: Presences;
}

const refShape = /^[\w-]{16}$/;

/** The metas of presences without their refs, which have to look like refs. */
function plain(presences: Presences): Readonly<Record<string, unknown>> {
  const entries = Object.entries(presences).map(([key, { metas }]) => {
    for (const { phx_ref } of metas) match(phx_ref, refShape);
    return [key, metas.map(({ phx_ref: _ref, phx_ref_prev: _previous, ...meta }) => meta)];
  });
  return Object.fromEntries(entries);
}

async function nextState(room: Room): Promise<Presences> {
  const { payload, ...message } = await room.client.next();
  const joinRef = room.client.vsn === 1 ? undefined : room.joinRef;
  deepStrictEqual(message, { joinRef, ref: null, topic: room.topic, event: "presence_state" });
  return payload as Presences;
}

async function nextDiff(room: Room, joins: object, leaves: object): Promise<Diff> {
  const { payload, ...message } = await room.client.next();
  const joinRef = room.client.vsn === 1 ? undefined : null;
  deepStrictEqual(message, { joinRef, ref: null, topic: room.topic, event: "presence_diff" });
  const diff = payload as Diff;
  deepStrictEqual({ joins: plain(diff.joins), leaves: plain(diff.leaves) }, { joins, leaves });
  return diff;
}

const refOf = (presences: Presences, key: string): string => presences[key]?.metas.at(-1)?.phx_ref ?? "";

/** Joins, hears of itself, and gets the state; on `presence:*` in that order. */
async function appear(
  stage: Stage,
  topic: string,
  key: string,
  meta: object,
): Promise<{ room: Room; state: Presences }> {
  const client = await stage.connect();
  const room = await client.join(topic, { user_id: key, meta });
  await nextDiff(room, { [key]: [meta] }, {});
  return { room, state: await nextState(room) };
}

const told: readonly Omit<Case, "leftOut">[] = [
  {
    id: "presence-join",
    says: "who joins gets its own diff and then the state; the others get the diff",
    async run(stage) {
      const topic = stage.topic("presence");
      const first = await appear(stage, topic, "alice", { device: "phone" });
      deepStrictEqual(plain(first.state), { alice: [{ device: "phone" }] });
      const second = await appear(stage, topic, "bob", {});
      deepStrictEqual(plain(second.state), { alice: [{ device: "phone" }], bob: [{}] });
      const { joins } = await nextDiff(first.room, { bob: [{}] }, {});
      deepStrictEqual(refOf(joins, "bob"), refOf(second.state, "bob"));
      await first.room.client.expectNothing();
    },
  },
  {
    id: "presence-metas",
    says: "a key has as many metas as it was tracked, in that order; each goes by its own",
    async run(stage) {
      const topic = stage.topic("presence");
      const first = await appear(stage, topic, "alice", { n: 1 });
      const second = await appear(stage, topic, "alice", { n: 2 });
      deepStrictEqual(plain(second.state), { alice: [{ n: 1 }, { n: 2 }] });
      const { result } = (await second.room.read("get_by_key", { key: "alice" })) as { result: { metas: Metas } };
      deepStrictEqual(plain({ alice: result }), { alice: [{ n: 1 }, { n: 2 }] });
      await second.room.ask("get_by_key", { key: "nobody" }, { result: [] });
      await nextDiff(first.room, { alice: [{ n: 2 }] }, {});
      const ref = second.room.push("phx_leave");
      await second.room.expectReply(ref, "ok", {});
      await second.room.expectClose();
      await nextDiff(first.room, {}, { alice: [{ n: 2 }] });
      deepStrictEqual(plain((await first.room.read("list")) as Presences), { alice: [{ n: 1 }] });
    },
  },
  {
    id: "presence-update",
    says: "an update is answered, then one diff takes the old ref away and brings a new one that names it",
    async run(stage) {
      const topic = stage.topic("presence");
      const { room, state } = await appear(stage, topic, "alice", { status: "here" });
      const watcher = await appear(stage, topic, "bob", {});
      await nextDiff(room, { bob: [{}] }, {});
      await room.ask("update", { status: "away" }, {});
      for (const each of [room, watcher.room]) {
        const { joins, leaves } = await nextDiff(
          each,
          { alice: [{ status: "away" }] },
          { alice: [{ status: "here" }] },
        );
        deepStrictEqual(refOf(leaves, "alice"), refOf(state, "alice"));
        deepStrictEqual(joins["alice"]?.metas[0]?.["phx_ref_prev"], refOf(state, "alice"));
        deepStrictEqual(refOf(joins, "alice") === refOf(state, "alice"), false);
      }
      await room.ask("merge", { typing: true }, {});
      await nextDiff(room, { alice: [{ status: "away", typing: true }] }, { alice: [{ status: "away" }] });
    },
  },
  {
    id: "presence-more-keys",
    says: "a channel tracks several keys, each once, and untracks them one by one",
    async run(stage) {
      const { room } = await appear(stage, stage.topic("presence"), "alice", {});
      await room.ask("track", { key: "tablet", meta: { x: 1 } }, { result: ":ok", detail: "ref" });
      await nextDiff(room, { tablet: [{ x: 1 }] }, {});
      const again = (await room.read("track", { key: "tablet", meta: {} })) as { result: unknown };
      deepStrictEqual(again.result, ":error");
      await room.ask("untrack", {}, {});
      await nextDiff(room, {}, { alice: [{}] });
      await room.ask("untrack", {}, {});
      await room.client.expectNothing();
      deepStrictEqual(plain((await room.read("list")) as Presences), { tablet: [{ x: 1 }] });
    },
  },
  {
    id: "presence-end",
    says: "when a channel ends, however it ends, all its keys leave in one diff under the refs they came with",
    async run(stage) {
      const topic = stage.topic("presence");
      const watcher = await appear(stage, topic, "watcher", {});
      const ends: readonly ((room: Room) => void)[] = [
        (room) => room.push("phx_leave"),
        (room) => room.push("crash"),
        (room) => room.push("stop"),
        (room) => (stage.transport === "websocket" ? room.client.kill() : room.push("crash")),
      ];
      for (const end of ends) {
        const { room, state } = await appear(stage, topic, "alice", { a: 1 });
        await nextDiff(watcher.room, { alice: [{ a: 1 }] }, {});
        await room.ask("track", { key: "other", meta: {} }, { result: ":ok", detail: "ref" });
        await nextDiff(watcher.room, { other: [{}] }, {});
        end(room);
        const { leaves } = await nextDiff(watcher.room, {}, { alice: [{ a: 1 }], other: [{}] });
        deepStrictEqual(refOf(leaves, "alice"), refOf(state, "alice"));
      }
      deepStrictEqual(plain((await watcher.room.read("list")) as Presences), { watcher: [{}] });
      const listed = await stage.json("GET", `/presence?topic=${topic}`);
      deepStrictEqual(plain(listed as Presences), { watcher: [{}] });
    },
  },
  {
    id: "presence-fetch",
    says: "what the program adds to presences is in states and diffs; who gets the state first hears of itself afterwards",
    async run(stage) {
      const topic = stage.topic("fpresence");
      const client = await stage.connect();
      const room = await client.join(topic, { user_id: "alice", meta: {} });
      deepStrictEqual(plain(await nextState(room)), {});
      const { joins } = await nextDiff(room, { alice: [{}] }, {});
      deepStrictEqual(joins["alice"]?.user, { name: "name-alice" });
      const other = await stage.connect();
      const second = await other.join(topic, { user_id: "bob", meta: {} });
      deepStrictEqual((await nextState(second))["alice"]?.user, { name: "name-alice" });
      await nextDiff(room, { bob: [{}] }, {});
      other.send({ joinRef: second.joinRef, ref: "x", topic, event: "phx_leave", payload: {} });
      const { leaves } = await nextDiff(room, {}, { bob: [{}] });
      deepStrictEqual(leaves["bob"]?.user, { name: "name-bob" });
    },
  },
];

const oneNodeOnly = ({ world }: Cell): string | false =>
  world.isCluster === true && "who is at another node is known there first";

export const presences: readonly Case[] = told.map((each) => ({ ...each, leftOut: oneNodeOnly }));
