// A test's types are worked out from the endpoint: paths, topics, payloads, replies, what is heard.
import { accept, defineEndpoint, reject, reply, stop } from "portcullis";
import {
  connect,
  createTestServer,
  type FakeClock,
  fakeClock,
  listen,
  memoryBus,
  pubsubAdapterSuite,
  refused,
} from "portcullis/testing";
import { z } from "zod";
import { assertType, type Equal } from "./equal.ts";
import { openSocket, userSocket } from "./socket.ts";

const room = userSocket
  .channel("room:{id}", {
    params: z.object({ since: z.number() }),
    in: { say: z.object({ text: z.string() }), ask: z.object({ page: z.number().optional() }), fail: z.object({}) },
    out: { said: z.object({ text: z.string(), at: z.date() }) },
    authorize: "everyone",
    join({ since }) {
      if (since < 0) return reject("too early");
      return accept({ reply: { unread: 3, at: new Date(0) }, assigns: { since } });
    },
  })
  .on({
    say: () => ({ ok: true, at: new Date(0) }),
    async ask({ page = 0 }) {
      if (page > 9) return reject("no such page");
      if (page > 8) return reply("queued", { place: page });
      return page > 7 ? stop({ reply: { last: true } }) : { lines: [page] };
    },
    fail() {},
  });
const doc = userSocket.channel("room:{id}:doc:{doc}", { authorize: "everyone" }).on({ open: () => ({ version: 1 }) });
const file = userSocket.channel("file:*", { authorize: "everyone" });
const ping = openSocket.channel("ping").on({ ping: () => ({ ping: "pong" }) });

const endpoint = defineEndpoint({
  secretKeyBase: "x".repeat(64),
  clock: fakeClock({ now: new Date(0) }),
  pubsub: memoryBus(),
  sockets: {
    "/socket": { socket: userSocket, channels: [room, doc, file] },
    "/info/:tenant/ws/:sub": { socket: openSocket, channels: [ping] },
  },
});

export async function aTest(id: string): Promise<void> {
  // --- paths ---------------------------------------------------------------------------------------------------------
  const socket = await connect(endpoint, "/socket", { token: "t", params: { page: 1 } });
  assertType<Equal<typeof socket.assigns, { userId: string }>>();
  const other = await connect(endpoint, "/info/acme/ws/7");
  await connect(endpoint, `/info/${id}/ws/${id}`);
  // @ts-expect-error nothing is mounted there
  await connect(endpoint, "/sockets");
  // @ts-expect-error nor there
  await refused(endpoint, "/info/acme");
  const { status, code } = await refused(endpoint, "/socket");
  assertType<Equal<typeof status, number>>();
  if (code === "credential_missing") return;
  // @ts-expect-error no such code
  if (code === "no_such_code") return;

  // --- topics and join payloads --------------------------------------------------------------------------------------
  const lobby = await socket.join("room:lobby", { since: 1 });
  await socket.join(`room:${id}`, { since: 1 });
  await socket.join("file:any/path");
  const opened = await socket.join("room:1:doc:2");
  assertType<Equal<typeof opened.server.topicParams, { readonly id: string; readonly doc: string }>>();
  await other.join("ping");
  // @ts-expect-error no channel has that topic
  await socket.join("rooms:1");
  // @ts-expect-error its params are needed
  await socket.join("room:lobby");
  // @ts-expect-error and have to fit
  await socket.join("room:lobby", { since: "1" });
  // whatever is to be refused may be wrong
  const { reason } = await socket.refused("rooms:1", { since: "1" });
  assertType<Equal<typeof reason, string>>();

  assertType<Equal<typeof lobby.reply, { unread: 3; at: string }>>();
  assertType<Equal<typeof lobby.server.assigns.since, number>>();
  assertType<Equal<typeof lobby.server.assigns.userId, string>>();
  // @ts-expect-error no such assign
  lobby.server.assigns.until;

  // --- pushes and their replies --------------------------------------------------------------------------------------
  const said = lobby.push("say", { text: "hi" });
  const answer = await lobby.assertReply(said, "ok", { ok: true });
  assertType<Equal<typeof answer, { ok: boolean; at: string }>>();
  lobby.push("ask");
  lobby.push("fail");
  lobby.push("ask", { page: 2 });
  // @ts-expect-error no such event
  lobby.push("sya", { text: "hi" });
  // @ts-expect-error a payload that doesn't fit
  lobby.push("say", { txet: "hi" });
  // @ts-expect-error a payload that is missing
  lobby.push("say");
  lobby.pushUnchecked("sya", 7);
  // @ts-expect-error a reply that can't come
  await lobby.assertReply(said, "ok", { ok: "yes" });

  const asked = lobby.push("ask");
  const lines = await lobby.assertReply(asked, "ok");
  assertType<Equal<typeof lines, { lines: number[] } | { last: boolean }>>();
  const queued = await lobby.assertReply(asked, "queued", { place: (place) => place > 1 });
  assertType<Equal<typeof queued, { place: number }>>();
  const refusal = await lobby.assertReply(asked, "error");
  assertType<Equal<typeof refusal.reason, string>>();
  const late = await lobby.assertReply(lobby.push("fail"), "ok");
  assertType<Equal<typeof late, unknown>>();

  // --- what is heard, after JSON -------------------------------------------------------------------------------------
  const heard = await lobby.assertPush("said", { text: /^hi/, at: (at) => at.endsWith("Z") });
  assertType<Equal<typeof heard, { text: string; at: string }>>();
  await lobby.assertPush("said", (payload) => payload.text.length > 1);
  await lobby.assertPush("said", z.object({ text: z.string() }));
  await lobby.refutePush("presence_diff");
  await lobby.assertBroadcast("said", { text: "hi" });
  // @ts-expect-error not declared in out
  await lobby.assertPush("sayd");
  // @ts-expect-error a text is no number
  await lobby.refutePush("said", { text: 7 });

  // --- without schemas everything goes -------------------------------------------------------------------------------
  const pinged = await other.join("ping");
  const pong = await pinged.assertReply(pinged.push("ping", { any: "thing" }), "ok");
  assertType<Equal<typeof pong, { ping: string }>>();
  pinged.push("anything");
  const news = await pinged.assertPush("news", { any: "thing" });
  assertType<Equal<typeof news, unknown>>();
  await pinged.assertPush("news", (payload) => payload !== null);

  const listener = listen(endpoint, "anything at all");
  await listener.refuteBroadcast("news", { any: "thing" });

  // an end has a code or a name
  await socket.assertClosed(1001);
  await socket.assertClosed("disconnected");
  // @ts-expect-error no such name
  await socket.assertClosed("disconected");
}

export const clock: FakeClock = fakeClock();
export const server = createTestServer({ path: "/live" }).on("room:*", {
  join: ({ token }, channel) => (token === "good" ? { topic: channel.topic } : reject("no")),
  events: { say: (payload) => payload, ping: { pong: true }, quiet: undefined },
});
// @ts-expect-error a server in front of an endpoint has no script
createTestServer({ endpoint }).on("room:*", {});

for (const { name, run } of pubsubAdapterSuite({ create: () => ({ adapter: () => memoryBus() }) })) {
  assertType<Equal<typeof name, string>>();
  assertType<Equal<ReturnType<typeof run>, Promise<void>>>();
}
