// How a channel ends, and who is told.
import { deepStrictEqual } from "node:assert/strict";
import type { Case, Stage } from "../case.ts";
import type { Client, Room } from "../client.ts";

/** Hears why channels on `topic` ended, and of no other case's. */
async function observe(stage: Stage, topic: string): Promise<Room> {
  const observer = await stage.connectAs({ transport: "websocket", vsn: 2 });
  observer.ignore(({ event, payload }) => event === "terminate" && (payload as { topic: string }).topic !== topic);
  return observer.join("log:terminate");
}

async function expectReason(observer: Room, { topic, joinRef }: Room, reason: string): Promise<void> {
  await observer.expectBroadcast("terminate", { topic, join_ref: joinRef, reason });
}

/** Phoenix's web servers word it differently, and it tells a session that nobody polls apart; to ours all are closed. */
async function expectGone(stage: Stage, observer: Room, { topic, joinRef }: Room): Promise<void> {
  const { payload } = await observer.client.next();
  const { reason, ...named } = payload as { readonly reason: string };
  deepStrictEqual(named, { topic, join_ref: joinRef });
  const onWebSocket = ["closed", "local_closed", "peer_closed"];
  const right = stage.transport === "websocket" ? onWebSocket : stage.strict ? ["inactive"] : ["inactive", "closed"];
  deepStrictEqual(right.map((each) => `{:shutdown, :${each}}`).filter((each) => each === reason).length, 1, reason);
}

async function leave(room: Room): Promise<void> {
  const ref = room.push("phx_leave");
  await room.expectReply(ref, "ok", {});
  await room.expectClose();
}

const gracefully: readonly (readonly [event: string, status: string | null, response: unknown])[] = [
  ["stop", null, null],
  ["stop_shutdown", null, null],
  ["stop_shutdown_tuple", null, null],
  ["stop_reply", "ok", { bye: true }],
  ["stop_reply_status", "ok", {}],
];
const abnormally = [
  "crash",
  "throw",
  "bad_return",
  "bad_reply",
  "kill_self",
  "stop_error",
  "no such event",
  "phx_reply",
];

async function expectTheRestLives(client: Client, other: Room): Promise<void> {
  await other.ask("echo", { still: "here" }, { still: "here" });
  await client.expectNothing();
}

export const leaving: readonly Case[] = [
  {
    id: "leave",
    says: "a leave is answered ok, then phx_close comes; what is sent afterwards is unmatched, as often as it is sent",
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      await leave(room);
      for (let i = 0; i < 3; i++) await room.expectUnmatched();
      await client.expectNothing();
    },
  },
  {
    id: "leave-again",
    says: "a leave of what isn't joined is answered ok, its join_ref echoed, and nothing more",
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      await leave(room);
      await room.expectReply(room.push("phx_leave"), "ok", {});
      const { room: never } = client.sendJoin("nowhere");
      await client.next();
      await never.expectReply(never.push("phx_leave"), "ok", {});
      await client.expectNothing();
    },
  },
  {
    id: "leave-forgets",
    says: "what joins after a leave is a new channel, and the one that left hears nothing",
    async run(stage) {
      const [client, other] = [await stage.connect(), await stage.connect()];
      const topic = stage.topic();
      const room = await client.join(topic);
      await room.ask("count", {}, { n: 1, preset: null });
      await leave(room);
      const speaker = await other.join(topic);
      speaker.push("shout", { missed: true });
      await speaker.expectBroadcast("shout", { missed: true });
      const again = await client.join(topic);
      await again.ask("count", {}, { n: 1, preset: null });
    },
  },
  {
    id: "leave-farewell",
    says: "what a channel pushes while it ends comes after phx_close, and before phx_error",
    async run(stage) {
      const client = await stage.connect();
      const left = await client.join("trap:bye");
      await leave(left);
      await left.expectPush("you_left", { message: "bye" });
      const stopped = await client.join("trap:bye");
      const ref = stopped.push("stop_reply");
      await stopped.expectReply(ref, "ok", { bye: true });
      await stopped.expectClose();
      await stopped.expectPush("you_left", { message: "bye" });
      const crashed = await client.join("trap:bye");
      crashed.push("crash");
      await crashed.expectPush("you_left", { message: "bye" });
      await crashed.expectError();
    },
  },
  {
    id: "leave-and-join-at-once",
    says: "a leave and a join sent together are both answered, and the join stands",
    async run(stage) {
      const client = await stage.connect();
      const old = await client.join(stage.topic());
      const left = old.push("phx_leave");
      const { room, ref } = client.sendJoin(old.topic);
      const reply = { status: "ok", response: {} };
      const leaveReply = { ...old.close(), ref: left, event: "phx_reply", payload: reply };
      const joinReply = { ...room.close(), ref, event: "phx_reply", payload: reply };
      // In Phoenix the two race.
      if (stage.strict) await client.expectAll([leaveReply, old.close(), joinReply]);
      else for (const expected of [leaveReply, old.close(), joinReply]) await client.expect(expected);
      await room.ask("echo", { last: true }, { last: true });
    },
  },
  {
    id: "leave-reason",
    says: "the channel knows why it ends: left, replaced, or stopped",
    async run(stage) {
      const topic = stage.topic("trap");
      const observer = await observe(stage, topic);
      const client = await stage.connect();
      const left = await client.join(topic);
      await leave(left);
      await expectReason(observer, left, "{:shutdown, :left}");
      const replaced = await client.join(topic);
      const stopped = await client.join(topic);
      await replaced.expectClose();
      await expectReason(observer, replaced, "{:shutdown, :duplicate_join}");
      stopped.push("stop");
      await stopped.expectClose();
      await expectReason(observer, stopped, ":normal");
    },
  },
  {
    id: "client-goes",
    says: "when the client goes every channel of it ends: closed on WebSocket, inactive when nobody polls",
    async run(stage) {
      const topic = stage.topic("trap");
      const observer = await observe(stage, topic);
      const client = await stage.connect({ mount: "/limit3" });
      const room = await client.join(topic);
      client.leave();
      await expectGone(stage, observer, room);
    },
  },
  {
    id: "client-vanishes",
    says: "the same when it vanishes without a word",
    async run(stage) {
      const topic = stage.topic("trap");
      const observer = await observe(stage, topic);
      const client = await stage.connect({ mount: "/limit3" });
      const room = await client.join(topic);
      client.kill();
      await expectGone(stage, observer, room);
    },
  },
  {
    id: "disconnect",
    says: "disconnect by id closes every connection of that id with 1001 and ends its channels, and no other",
    async run(stage) {
      const topic = stage.topic("trap");
      const observer = await observe(stage, topic);
      const id = stage.unique();
      const options = { mount: "/limit3", params: { id } };
      const [one, two] = [await stage.connect(options), await stage.connect(options)];
      const other = await stage.connect({ mount: "/limit3", params: { id: `${id}2` } });
      const room = await one.join(topic);
      const elsewhere = await two.join(stage.topic());
      const untouched = await other.join(stage.topic());
      await elsewhere.ask("echo", {}, {});
      await stage.json("POST", `/disconnect?id=${id}`);
      await one.expectClosed(1001);
      await two.expectClosed(1001);
      await expectReason(observer, room, "{:shutdown, :disconnected}");
      await untouched.ask("echo", { still: "here" }, { still: "here" });
    },
  },
  {
    id: "disconnect-only",
    says: "another event on a socket's id does nothing",
    async run(stage) {
      const id = stage.unique();
      const client = await stage.connect({ params: { id } });
      const room = await client.join(stage.topic());
      await stage.json("POST", "/broadcast", {
        body: JSON.stringify({ topic: id, event: "foo", payload: {} }),
        headers,
      });
      await expectTheRestLives(client, room);
      deepStrictEqual(((await room.read("socket")) as { id: unknown }).id, id);
    },
  },
  ...gracefully.map(
    ([event, status, response]): Case => ({
      id: `ends-by-${event}`,
      says: `a channel that ends by ${event} sends its reply, if it has one, and phx_close`,
      async run(stage) {
        const client = await stage.connect();
        const [room, other] = [await client.join(stage.topic()), await client.join(stage.topic())];
        const ref = room.push(event);
        if (status !== null) await room.expectReply(ref, status, response);
        await room.expectClose();
        await room.expectUnmatched();
        await expectTheRestLives(client, other);
      },
    }),
  ),
  ...abnormally.map(
    (event): Case => ({
      id: `crashes-by-${event.replaceAll(" ", "-")}`,
      says: `a channel that is ended by ${event} sends phx_error, costs nothing else, and can be joined again`,
      async run(stage) {
        const client = await stage.connect();
        const [room, other] = [await client.join(stage.topic()), await client.join(stage.topic())];
        await room.ask("count", {}, { n: 1, preset: null });
        room.push(event, { any: 1 });
        await room.expectError();
        await room.expectUnmatched();
        await expectTheRestLives(client, other);
        const again = await client.join(room.topic);
        await again.ask("count", {}, { n: 1, preset: null });
      },
    }),
  ),
  {
    id: "stop-with-error-reply",
    says: "a channel that stops for an error may reply first, and then sends phx_error",
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      const ref = room.push("stop_error_reply");
      await room.expectReply(ref, "error", { bye: true });
      await room.expectError();
      await room.expectUnmatched();
    },
  },
];

const headers = { "content-type": "application/json" };
