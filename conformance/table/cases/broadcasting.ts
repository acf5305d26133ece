// What reaches several at once.
import { deepStrictEqual } from "node:assert/strict";
import { type Case, transports, vsns } from "../case.ts";

const headers = { "content-type": "application/json" };

export const broadcasting: readonly Case[] = [
  {
    id: "broadcast",
    says: "a broadcast reaches everybody on the topic, its sender too, with neither ref nor join_ref, and nobody else",
    async run(stage) {
      const topic = stage.topic();
      const [one, two, three] = [await stage.connect(), await stage.connect(), await stage.connect()];
      const [speaker, hearer] = [await one.join(topic), await two.join(topic)];
      const elsewhere = await three.join(stage.topic());
      speaker.push("shout", { from: "one" });
      await speaker.expectBroadcast("shout", { from: "one" });
      await hearer.expectBroadcast("shout", { from: "one" });
      const ref = speaker.push("shout_reply", { k: 1 });
      await speaker.expectBroadcast("shout", { k: 1 });
      await speaker.expectReply(ref, "ok", { sent: true });
      await hearer.expectBroadcast("shout", { k: 1 });
      for (const client of [one, two, elsewhere.client]) await client.expectNothing();
    },
  },
  {
    id: "broadcast-from",
    says: "a broadcast to the others spares the channel that sends it, and no other of its connection",
    async run(stage) {
      const topic = stage.topic();
      const [one, two] = [await stage.connect(), await stage.connect()];
      const [speaker, hearer] = [await one.join(topic), await two.join(topic)];
      const ref = speaker.push("shout_from", { from: "one" });
      await speaker.expectReply(ref, "ok", {});
      await hearer.expectBroadcast("shout", { from: "one" });
      await one.expectNothing();
      await two.expectNothing();
    },
  },
  {
    id: "broadcast-across",
    says: "clients of either version on either transport hear each other on one topic",
    async run(stage) {
      const topic = stage.topic();
      const speaker = await (await stage.connect()).join(topic);
      const columns = transports.flatMap((transport) => vsns.map((vsn) => ({ transport, vsn })));
      const hearers = [];
      for (const column of columns) hearers.push(await (await stage.connectAs(column)).join(topic));
      const payload = { text: "é🎉", list: [1, null] };
      speaker.push("shout", payload);
      await speaker.expectBroadcast("shout", payload);
      for (const hearer of hearers) {
        await hearer.expectBroadcast("shout", payload);
        await hearer.client.expectNothing();
      }
    },
  },
  {
    id: "broadcast-from-outside",
    says: "the program may broadcast from outside of any channel, on any topic",
    async run(stage) {
      const topic = stage.topic();
      const [one, two] = [await stage.connect(), await stage.connect()];
      const [first, second] = [await one.join(topic), await two.join(stage.topic())];
      await stage.json("POST", "/broadcast", {
        headers,
        body: JSON.stringify({ topic, event: "news", payload: { z: 1 } }),
      });
      await first.expectBroadcast("news", { z: 1 });
      const ref = second.push("bcast_other", { topic, event: "ext", payload: { e: 1 } });
      await second.expectReply(ref, "ok", {});
      await first.expectBroadcast("ext", { e: 1 });
      await two.expectNothing();
    },
  },
  {
    id: "broadcast-to-the-joined",
    says: "only who has joined hears: not who was refused, nor who has left or crashed",
    async run(stage) {
      const topic = stage.topic();
      const speaker = await (await stage.connect()).join(topic);
      const refused = (await stage.connect()).sendJoin(topic, { deny: true });
      await refused.room.expectReply(refused.ref, "error", { reason: "denied" });
      const left = await (await stage.connect()).join(topic);
      await left.expectReply(left.push("phx_leave"), "ok", {});
      await left.expectClose();
      const crashed = await (await stage.connect()).join(topic);
      crashed.push("crash");
      await crashed.expectError();
      speaker.push("shout", { n: 1 });
      await speaker.expectBroadcast("shout", { n: 1 });
      for (const { client } of [refused.room, left, crashed]) await client.expectNothing();
    },
  },
  {
    id: "broadcast-order",
    says: "broadcasts, pushes and replies of one channel come in the order it made them",
    async run(stage) {
      const client = await stage.connect();
      const room = await client.join(stage.topic());
      const refs = [1, 2, 3, 4, 5].map((i) => [
        room.push("shout", { i }),
        room.push("push", { i }),
        room.push("echo", { i }),
      ]);
      for (const [index, [, , ref]] of refs.entries()) {
        const i = index + 1;
        await room.expectBroadcast("shout", { i });
        await room.expectPush("pushed", { i });
        await room.expectReply(ref, "ok", { i });
      }
    },
  },
  {
    id: "broadcast-intercepted",
    says: "an intercepted event goes through each channel, which changes it, drops it or stops",
    async run(stage) {
      const topic = stage.topic();
      const one = await stage.connect({ params: { id: stage.unique() } });
      const two = await stage.connect();
      const [first, second] = [await one.join(topic), await two.join(topic)];
      first.push("icept", { x: 1 });
      for (const room of [first, second]) {
        const { joinRef, ref, topic: named, event, payload } = await room.client.next();
        const { x, intercepted_by } = payload as { readonly x: unknown; readonly intercepted_by: unknown };
        const got = { joinRef, ref, topic: named, event, x, changed: typeof intercepted_by };
        const joined = stage.vsn === 1 ? undefined : room.joinRef;
        deepStrictEqual(got, { joinRef: joined, ref: null, topic, event: "icept", x: 1, changed: "string" });
      }
      first.push("icept", { drop: true });
      await one.expectNothing();
      await two.expectNothing();
      first.push("icept", { stop: true });
      await first.expectClose();
      await second.expectClose();
    },
  },
  {
    id: "subscribe-elsewhere",
    says: "a channel may listen to another topic: it hears what is broadcast there, in its own way and under its own topic",
    async run(stage) {
      const [one, two] = [await stage.connect(), await stage.connect()];
      const [listener, speaker] = [await one.join(stage.topic()), await two.join(stage.topic())];
      await listener.ask("subscribe", { topic: speaker.topic }, {});
      speaker.push("shout", { n: 1 });
      await speaker.expectBroadcast("shout", { n: 1 });
      await listener.expectPush("info_broadcast", { topic: speaker.topic, event: "shout", payload: { n: 1 } });
      await listener.ask("echo", {}, {});
      await one.expectNothing();
    },
  },
];
