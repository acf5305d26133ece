/**
 * What endpoints promise each other over an adapter, case by case.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Endpoint } from "../endpoint.ts";
import { definePresence, type Presence } from "../presence/presence.ts";
import { defineSocket } from "../socket/socket.ts";
import type { MountOptions } from "../transport/options.ts";
import type { Cluster, ClusterBody } from "./adapter-cluster.ts";
import { connect } from "./connect.ts";
import { listen } from "./listen.ts";
import type { TestChannel } from "./test-channel.ts";

type Meta = Record<string, unknown>;

const topic = "room:lobby";

/** A room in which one says things to all, or to the others, and is seen. */
function roomIn(presence: Presence<Meta, undefined>): MountOptions {
  const socket = defineSocket({ connect: ({ params }) => ({ user: String(params["user"]) }), id: ({ user }) => user });
  const room = socket
    .channel("room:*", { join: (_params, channel) => channel.send("joined") })
    .on({
      say: (payload, channel) => channel.broadcast("said", payload as object),
      whisper: (payload, channel) => channel.broadcastFrom("said", payload as object),
    })
    .info({ joined: (_message, channel) => void presence.track(channel, channel.assigns.user, {}) });
  return { socket, channels: [room], origins: false };
}

/** An endpoint with somebody in its room. */
async function house(cluster: Cluster, user: string) {
  const presence = definePresence<Meta>();
  const endpoint: Endpoint = cluster.endpoint({ "/socket": roomIn(presence) });
  const { withinMs } = cluster.options;
  const socket = await connect(endpoint, "/socket", { params: { user }, withinMs });
  const room = (await socket.join(topic)) as TestChannel;
  return { endpoint, presence, socket, room };
}

/** Waits until what `from` says on a topic is heard at `to`. */
async function reaches(cluster: Cluster, from: Endpoint, to: Endpoint): Promise<void> {
  let heard = false;
  const stop = to.subscribe(topic, ({ event }) => {
    heard ||= event === "probe";
  });
  await cluster.until(
    () => {
      if (!heard) from.broadcast(topic, "probe", {});
      return heard;
    },
    () => "a broadcast to reach the other endpoint",
  );
  stop();
}

async function houses(cluster: Cluster) {
  const [here, there] = [await house(cluster, "ada"), await house(cluster, "bob")];
  await reaches(cluster, here.endpoint, there.endpoint);
  await reaches(cluster, there.endpoint, here.endpoint);
  return { here, there };
}

/** What endpoints do over it. */
export const clusterCases: Readonly<Record<string, ClusterBody>> = {
  "endpoints: a broadcast reaches the clients of all of them, in order and once": async (cluster) => {
    const { here, there } = await houses(cluster);
    for (let n = 0; n < 20; n += 1) here.room.push("say", { n });
    for (const { room } of [here, there]) {
      for (let n = 0; n < 20; n += 1) assert.deepEqual(await room.assertPush("said"), { n });
    }
    await cluster.quiet();
    for (const { room } of [here, there]) await room.refutePush("said");
  },
  "endpoints: what is not meant for its sender reaches everybody else": async (cluster) => {
    const { here, there } = await houses(cluster);
    here.room.push("whisper", { text: "psst" });
    await there.room.assertPush("said", { text: "psst" });
    await cluster.quiet();
    await here.room.refutePush("said");
    await there.room.refutePush("said");
  },
  "endpoints: bytes arrive as bytes": async (cluster) => {
    const { here, there } = await houses(cluster);
    const bytes = Uint8Array.from({ length: 256 }, (_none, index) => index);
    here.endpoint.broadcast(topic, "bytes", bytes);
    await there.room.assertPush("bytes", bytes);
  },
  "endpoints: disconnecting a user ends their connections at all of them": async (cluster) => {
    const { here, there } = await houses(cluster);
    const elsewhere = await connect(there.endpoint, "/socket", { params: { user: "ada" } });
    here.endpoint.disconnect("ada");
    await cluster.until(
      () => !elsewhere.open && !here.socket.open,
      () => "both connections of one user to be ended",
    );
    await there.socket.refuteClosed();
  },
  "endpoints: who is there is known at all of them, until they go": async (cluster) => {
    const { here, there } = await houses(cluster);
    for (const { endpoint, presence } of [here, there]) {
      await cluster.until(
        () => Object.keys(presence.list(endpoint, topic)).sort().join() === "ada,bob",
        () => `ada and bob to be seen, got ${Object.keys(presence.list(endpoint, topic)).join(" and ")}`,
      );
    }
    await here.socket.close();
    await cluster.until(
      () => Object.keys(there.presence.list(there.endpoint, topic)).join() === "bob",
      () => "ada to be gone at the other endpoint",
    );
  },
  "endpoints: a topic whose last client has left is heard again by the next": async (cluster) => {
    const { here, there } = await houses(cluster);
    await there.socket.close();
    const rejoined = listen(there.endpoint, topic, { withinMs: cluster.options.withinMs });
    await reaches(cluster, here.endpoint, there.endpoint);
    here.endpoint.broadcast(topic, "said", { text: "still here" });
    await rejoined.assertBroadcast("said", { text: "still here" });
    rejoined.stop();
  },
};
