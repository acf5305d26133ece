// Getting onto a topic, once and again.
import { deepStrictEqual } from "node:assert/strict";
import { type Case, version2Only } from "../case.ts";
import { unmatched } from "../client.ts";

export const joining: readonly Case[] = [
  {
    id: "join",
    says: "a join is answered ok, with its ref, join_ref and topic and an empty response",
    async run(stage) {
      const client = await stage.connect();
      await client.join(stage.topic());
      await client.expectNothing();
    },
  },
  {
    id: "join-reply",
    says: "a channel may answer a join with any JSON",
    async run(stage) {
      const client = await stage.connect();
      for (const reply of [{ a: { b: [1, null, "é"] } }, { empty: {} }]) {
        await client.join(stage.topic(), { reply }, reply);
      }
    },
  },
  {
    id: "join-payload",
    says: "a join payload may be any JSON",
    async run(stage) {
      const client = await stage.connect();
      for (const payload of [null, [1, "two"], "text", 3]) await client.join(stage.topic(), payload, { payload });
    },
  },
  {
    id: "join-refused",
    says: "a refused join is answered error with the channel's payload, and may be tried again",
    async run(stage) {
      const client = await stage.connect();
      const topic = stage.topic();
      const { room, ref } = client.sendJoin(topic, { deny: true });
      await room.expectReply(ref, "error", { reason: "denied" });
      await room.expectUnmatched();
      await client.join(topic);
      await client.expectNothing();
    },
  },
  {
    id: "join-crashed",
    says: "a join that throws, answers nonsense or pushes too early is answered join crashed; nothing else ends",
    async run(stage) {
      const client = await stage.connect();
      const other = await client.join(stage.topic());
      for (const payload of [{ crash: true }, { badret: true }, { push_in_join: true }]) {
        const { room, ref } = client.sendJoin(stage.topic(), payload);
        await room.expectReply(ref, "error", { reason: "join crashed" });
        await room.expectUnmatched();
      }
      await other.ask("echo", { still: "here" }, { still: "here" });
    },
  },
  {
    id: "join-unmatched",
    says: "a join that no pattern matches is unmatched, with join_ref null",
    async run(stage) {
      const client = await stage.connect();
      for (const topic of [stage.unique(), "ech", "echo", "exact2", ""]) {
        const { ref } = client.sendJoin(topic);
        await client.expect(unmatched(topic, ref));
      }
    },
  },
  {
    id: "join-pattern",
    says: "a pattern is exact or a prefix, and each topic has its own channel",
    async run(stage) {
      const client = await stage.connect();
      const exact = await client.join("exact");
      await exact.ask("count", {}, { n: 1, preset: "yes" });
      const echo = await client.join(stage.topic());
      await echo.ask("count", {}, { n: 1, preset: null });
      for (const topic of ["ping", `ping${stage.unique()}`]) {
        const ping = await client.join(topic);
        await ping.ask("ping", {}, { ping: "pong" });
        await ping.ask("ping", { a: 1 }, { a: 1 });
      }
    },
  },
  {
    id: "join-order",
    says: "what a channel tells itself while joining comes after the reply, and before what the client asks next",
    async run(stage) {
      const client = await stage.connect();
      const { room, ref } = client.sendJoin(stage.topic(), { after_join: 3 });
      const asked = room.push("echo", { asked: true });
      await room.expectReply(ref, "ok", {});
      for (const i of [1, 2, 3]) await room.expectPush("after_join", { i });
      await room.expectReply(asked, "ok", { asked: true });
    },
  },
  {
    id: "join-refs",
    says: "a join_ref may be a number or a boolean, is echoed as it came and compared strictly",
    leftOut: version2Only,
    async run(stage) {
      const client = await stage.connect();
      for (const joinRef of [30, 0, "é", "", false]) {
        const topic = stage.topic();
        const say = (event: string, ref: string, sent: unknown) =>
          client.send({ joinRef: sent, ref, topic, event, payload: {} });
        const reply = { topic, event: "phx_reply", payload: { status: "ok", response: {} } };
        say("phx_join", "r1", joinRef);
        await client.expect({ ...reply, joinRef, ref: "r1" });
        say("echo", "r2", String(joinRef) === joinRef ? 30 : String(joinRef));
        say("echo", "r3", joinRef);
        await client.expect({ ...reply, joinRef, ref: "r3" });
      }
    },
  },
  {
    id: "join-ref-null",
    says: "a join without a join_ref goes under its ref; later messages have to have none either",
    leftOut: version2Only,
    async run(stage) {
      const client = await stage.connect();
      const topic = stage.topic();
      const say = (event: string, ref: string, joinRef: string | null) =>
        client.send({ joinRef, ref, topic, event, payload: {} });
      const reply = { topic, event: "phx_reply", payload: { status: "ok", response: {} } };
      say("phx_join", "10", null);
      await client.expect({ ...reply, joinRef: null, ref: "10" });
      say("echo", "11", null);
      await client.expect({ ...reply, joinRef: "10", ref: "11" });
      say("echo", "12", "10");
      say("phx_leave", "13", null);
      await client.expect({ ...reply, joinRef: "10", ref: "13" });
      await client.expect({ joinRef: null, ref: null, topic, event: "phx_close", payload: {} });
    },
  },
  {
    id: "join-again",
    says: "a join of a joined topic is answered, then the old channel is closed; only the new one is there afterwards",
    async run(stage) {
      const client = await stage.connect();
      const topic = stage.topic();
      const old = await client.join(topic);
      await old.ask("count", {}, { n: 1, preset: null });
      const room = await client.join(topic, { reply: { second: true } }, { second: true });
      await old.expectClose();
      await room.ask("count", {}, { n: 1, preset: null });
      old.push("echo", { stale: true });
      old.push("phx_leave");
      room.push("shout", { once: 1 });
      await room.expectBroadcast("shout", { once: 1 });
      await client.expectNothing();
    },
  },
  {
    id: "join-again-refused",
    says: "the old channel is closed also when the new join is refused",
    async run(stage) {
      const client = await stage.connect();
      const topic = stage.topic();
      const old = await client.join(topic);
      const { room, ref } = client.sendJoin(topic, { deny: true });
      await room.expectReply(ref, "error", { reason: "denied" });
      await old.expectClose();
      await old.expectUnmatched();
    },
  },
  {
    id: "join-again-at-once",
    says: "three joins sent at once are each answered in order, and the last one stands",
    async run(stage) {
      const client = await stage.connect();
      const topic = stage.topic();
      const joins = [1, 2, 3].map(() => client.sendJoin(topic));
      const reply = ({ room, ref }: (typeof joins)[number]) => {
        const payload = { status: "ok", response: {} };
        return { joinRef: room.joinRef, ref, topic, event: "phx_reply", payload };
      };
      const closes = joins.slice(0, 2).map(({ room }) => room.close());
      await client.expectAll([...joins.map(reply), ...closes]);
      const last = joins[2]?.room;
      await last?.ask("echo", { last: true }, { last: true });
    },
  },
  {
    id: "join-cap",
    says: "a socket has so many channels and no more; refused joins don't count, a leave frees a place",
    async run(stage) {
      const client = await stage.connect({ mount: "/limit3" });
      const denied = client.sendJoin(stage.topic(), { deny: true });
      await denied.room.expectReply(denied.ref, "error", { reason: "denied" });
      const rooms = [
        await client.join(stage.topic()),
        await client.join(stage.topic()),
        await client.join(stage.topic()),
      ] as const;
      const topic = stage.topic();
      const { room, ref } = client.sendJoin(topic);
      await room.expectReply(ref, "error", { reason: "too many channels joined" });
      const left = rooms[0].push("phx_leave");
      await rooms[0].expectReply(left, "ok", {});
      await rooms[0].expectClose();
      await client.join(topic);
      const another = await stage.connect({ mount: "/limit3" });
      await another.join(topic);
    },
  },
  {
    id: "join-waits",
    says: "channels know of each other neither state nor waiting: one that is busy holds up no other",
    async run(stage) {
      const client = await stage.connect();
      const [busy, idle] = [await client.join(stage.topic()), await client.join(stage.topic())];
      const sleeping = busy.push("sleep", { ms: 2_000 });
      const behind = busy.push("count");
      await idle.ask("count", {}, { n: 1, preset: null });
      await client.expectNothing();
      await busy.expectReply(sleeping, "ok", { slept: 2_000 });
      await busy.expectReply(behind, "ok", { n: 1, preset: null });
    },
  },
  {
    id: "join-twice-over-two",
    says: "two connections on one topic have a channel each",
    async run(stage) {
      const topic = stage.topic();
      const [one, other] = [await stage.connect(), await stage.connect()];
      const [first, second] = [await one.join(topic), await other.join(topic)];
      await first.ask("count", {}, { n: 1, preset: null });
      await first.ask("count", {}, { n: 2, preset: null });
      deepStrictEqual(await second.read("count"), { n: 1, preset: null });
    },
  },
];
