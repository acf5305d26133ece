// What a client sends to a channel, and what comes back.
import { deepStrictEqual } from "node:assert/strict";
import { type Case, version2Only } from "../case.ts";
import { unmatched } from "../client.ts";

const payloads: readonly object[] = [
  {},
  { body: "hi", nested: { a: [1, 2, { b: null }] }, uni: "日本 🎉", esc: '<a href="x">&\u2028' },
  { list: [{ name: "one" }, { name: "two" }] },
  { f: 1.5, e: 1000, negative: -7, yes: true, no: false, nothing: null },
  { __proto__: null, constructor: 1, toString: "x" },
];

const replies: readonly (readonly [event: string, payload: object, status: string, response: unknown])[] = [
  ["status_only", {}, "ok", {}],
  ["error_only", {}, "error", {}],
  ["error", { reason: "no" }, "error", { reason: "no" }],
  ["custom_status", { x: 1 }, "wat", { x: 1 }],
  ["reply_string", {}, "ok", "a string"],
  ["reply_list", {}, "ok", [1, 2]],
  ["later", { q: 1 }, "ok", { q: 1, late: true }],
];

export const pushing: readonly Case[] = [
  {
    id: "push-reply",
    says: "a push is answered with its ref, its topic and whatever JSON the handler gives",
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      for (const payload of payloads) await room.ask("echo", payload, JSON.parse(JSON.stringify(payload)));
    },
  },
  {
    id: "push-status",
    says: "a reply may be of any status, with or without a payload, at once or later",
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      for (const [event, payload, status, response] of replies) await room.ask(event, payload, response, status);
    },
  },
  {
    id: "push-noreply",
    says: "a handler that answers nothing answers nothing",
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      room.push("noreply");
      await client.expectNothing();
      await room.ask("count", {}, { n: 1, preset: null });
    },
  },
  {
    id: "push-replied-twice",
    says: "every reply the program makes is sent, a second one to the same ref too",
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      const ref = room.push("later_twice", { q: 2 });
      await room.expectReply(ref, "ok", { q: 2 });
      await room.expectReply(ref, "error", { q: 2 });
      await client.expectNothing();
    },
  },
  {
    id: "push-from-server",
    says: "what a channel pushes has ref null and the join's join_ref, and keeps its place before the reply",
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      room.push("push", { p: 1 });
      await room.expectPush("pushed", { p: 1 });
      const ref = room.push("push_then_reply", { p: 2 });
      await room.expectPush("pushed", { p: 2 });
      await room.expectReply(ref, "ok", {});
    },
  },
  {
    id: "push-order",
    says: "one channel handles what it is sent in order, one after the other, and remembers between",
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      const asked = ["sleep", "count", "echo", "count"].map((event) => room.push(event, { ms: 40 }));
      const responses = [{ slept: 40 }, { n: 1, preset: null }, { ms: 40 }, { n: 2, preset: null }];
      for (const [i, ref] of asked.entries()) await room.expectReply(ref, "ok", responses[i]);
    },
  },
  {
    id: "push-refs",
    says: "a ref may be any JSON value and is echoed as it came",
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      for (const ref of [77, null, "", "é😀", [1], { a: 1 }, false]) {
        client.send({ joinRef: room.joinRef, ref, topic: room.topic, event: "echo", payload: { a: 1 } });
        await room.expectReply(ref, "ok", { a: 1 });
      }
    },
  },
  {
    id: "push-unjoined",
    says: "an event on a topic never joined is unmatched, handled by nobody, and ends nothing",
    async run(stage) {
      const client = await stage.connect();
      const topic = stage.topic();
      const ref = client.newRef();
      client.send({ joinRef: client.newJoinRef(), ref, topic, event: "shout", payload: {} });
      await client.expect(unmatched(topic, ref));
      await client.expectNothing();
    },
  },
  {
    id: "push-stale",
    says: "a join_ref that is neither null nor the join's is dropped silently, null is taken",
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      const say = (joinRef: unknown, event: string, payload: unknown) => {
        const ref = client.newRef();
        client.send({ joinRef, ref, topic: room.topic, event, payload });
        return ref;
      };
      say("1", "count", {});
      say("phx", "phx_leave", {});
      say(Number(room.joinRef), "count", {});
      await room.expectReply(say(null, "count", {}), "ok", { n: 1, preset: null });
      await client.expectNothing();
    },
  },
  {
    id: "push-more-than-five",
    says: "what stands behind the fifth element is ignored",
    leftOut: version2Only,
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      client.sendFrame(JSON.stringify([room.joinRef, "x", room.topic, "echo", { a: 1 }, "more", {}]));
      await room.expectReply("x", "ok", { a: 1 });
    },
  },
  {
    id: "push-deferred-without-ref",
    says: "a push without a ref has nobody to answer later: the channel crashes",
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      client.send({ joinRef: room.joinRef, ref: null, topic: room.topic, event: "later", payload: {} });
      await room.expectError();
    },
  },
  {
    id: "push-unencodable",
    says: "a reply that JSON can't hold crashes the channel, and a broadcast whoever sends it",
    async run(stage) {
      const client = await stage.connect();
      for (const event of ["reply_unencodable", "shout_unencodable"]) {
        const room = await client.join(stage.topic());
        room.push(event);
        await room.expectError();
        await room.expectUnmatched();
      }
    },
  },
  {
    id: "push-list",
    says: "a push or a broadcast of what is no object crashes the channel",
    leftOut: ({ vsn }) => vsn === 1 && "version 1 sends it, as the recordings show",
    async run(stage) {
      const client = await stage.connect();
      for (const event of ["push_list", "shout_list"]) {
        const room = await client.join(stage.topic());
        room.push(event);
        await room.expectError();
      }
    },
  },
  {
    id: "channel-knows",
    says: "a channel knows its topic, refs, socket id, whether it is joined, and by which transport",
    async run(stage) {
      const id = stage.unique();
      const client = await stage.connect({ params: { id } });
      const room = await client.join(stage.topic());
      const ref = room.push("socket");
      await room.expectReply(ref, "ok", {
        ref,
        join_ref: room.joinRef,
        topic: room.topic,
        id,
        transport: stage.transport,
        joined: true,
      });
      const nameless = await stage.connect();
      const other = await nameless.join(stage.topic());
      deepStrictEqual(((await other.read("socket")) as { id: unknown }).id, null);
    },
  },
  {
    id: "push-many",
    says: "many pushes sent at once are answered once each and in order",
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      const refs = Array.from({ length: 60 }, (_, i) => room.push("echo", { i }));
      for (const [i, ref] of refs.entries()) await room.expectReply(ref, "ok", { i });
      await client.expectNothing();
    },
  },
];
