// What a client knows of the channels on a mounted socket: topics, payloads, replies, events.
import { accept, defineEndpoint, defineSocket, reject, reply, type SocketsOf, stop } from "portcullis";
import { type ClientChannel, createClient, type PresenceEvents, PushError } from "portcullis/client";
import { z } from "zod";
import type { App } from "./endpoint.ts";
import { assertType, type Equal } from "./equal.ts";

const client = createClient<App["/socket"]>("wss://example.com/socket", { token: async () => "token" });
const me: string = "42";
const user = client.channel(`user:${me}`);

// --- joining ---------------------------------------------------------------------------------------------------------
const joined = await user.join({ since: new Date() });
// A Date arrives as JSON leaves it, and reply literals as they were written.
assertType<Equal<typeof joined, { unread: 3; at: string }>>();
await user.join();
await user.join({});
await user.join(() => ({ since: "2026-01-01" }));
const known: string | null = user.status.reply?.at ?? null;
// @ts-expect-error the reply holds no such thing
joined.unred;

// --- pushing ---------------------------------------------------------------------------------------------------------
const renamed = await user.push("rename", { name: "Ada" }, { timeoutMs: 1_000 });
assertType<Equal<typeof renamed, { ok: boolean; replaced: number }>>();
const pinged = await user.push("ping");
assertType<Equal<typeof pinged, { at: string }>>();
// What a reply may be: reply(...) and stop(...) count, reject(...) rejects.
const failed = await user.push("fail", { n: 1 });
assertType<Equal<typeof failed, { place: number } | { bye: boolean }>>();
user.send("rename", { name: "Ada" });
// @ts-expect-error no such event
user.push("renam", { name: "Ada" });
// @ts-expect-error the payload holds no such thing
user.push("rename", { nam: "Ada" });
// @ts-expect-error the payload is needed
user.push("rename");
// @ts-expect-error nor can it be left out when sending
user.send("rename");
// @ts-expect-error the reply holds no such thing
renamed.okay;
// @ts-expect-error no such option
user.push("rename", { name: "Ada" }, { timeout: 1 });

// --- hearing ---------------------------------------------------------------------------------------------------------
const stopHearing = user.on("renamed", (payload) => assertType<Equal<typeof payload, { name: string }>>());
assertType<Equal<typeof stopHearing, () => void>>();
user.on("presence_diff", (payload) => assertType<Equal<typeof payload, PresenceEvents["presence_diff"]>>());
// @ts-expect-error no such event in out
user.on("rename", () => {});
// @ts-expect-error the payload is another
user.on("renamed", (payload: { name: number }) => {});

// --- topics ----------------------------------------------------------------------------------------------------------
// @ts-expect-error no channel has such topics
client.channel("users:1");
// @ts-expect-error any string at all may be none
client.channel(me);

const open = defineSocket();
const doc = open
  .channel("room:{room}:doc:{doc}", { join: async () => accept({ reply: { doc: true } }) })
  .on({ save: async () => ({ saved: new Date(0) }), later: (_payload, channel) => void channel.deferReply() });
const room = open.channel("room:{room}", { params: z.object({ key: z.string() }), join: () => accept({ reply: 7 }) });
const files = open.channel("file:*", { out: { changed: z.object({ at: z.date() }) } });
const lobby = open.channel("lobby", { join: () => (Math.random() > 0.5 ? reject("full") : undefined) }).on({
  binary: () => new Uint8Array(1),
  sometimes: (): { a: number } | undefined => undefined,
  never: () => reject("no"),
  mostly: () => (Math.random() > 0.5 ? reject("no", { n: 1 }) : reply("error", { odd: 1 })),
});
const endpoint = defineEndpoint({
  secretKeyBase: "x".repeat(64),
  sockets: { "/open": { socket: open, channels: [doc, room, files, lobby] } },
});
const other = createClient<SocketsOf<typeof endpoint>["/open"]>("/open");

// Each topic has the channel the server would find, segment by segment.
const someDoc = await other.channel(`room:${me}:doc:${me}`).join();
assertType<Equal<typeof someDoc, { doc: true }>>();
const oneRoom = await other.channel("room:1").join({ key: "k" });
assertType<Equal<typeof oneRoom, 7>>();
// @ts-expect-error its params are needed
other.channel("room:1").join();
// @ts-expect-error nothing has topics of three segments
other.channel("room:1:doc");
// @ts-expect-error a segment is not empty
other.channel("room:");
const inLobby = await other.channel("lobby").join();
assertType<Equal<typeof inLobby, Record<never, never>>>();
other.channel("file:/etc/hosts").on("changed", ({ at }) => assertType<Equal<typeof at, string>>());

// Without `in` what has a handler can be pushed, with any payload; without `out` anything may come.
const saved = await other.channel("room:1:doc:2").push("save", [1, "two"]);
assertType<Equal<typeof saved, { saved: string }>>();
const late = await other.channel("room:1:doc:2").push("later");
assertType<Equal<typeof late, unknown>>();
const bytes = await other.channel("lobby").push("binary");
assertType<Equal<typeof bytes, Uint8Array<ArrayBuffer>>>();
const sometimes = await other.channel("lobby").push("sometimes");
assertType<Equal<typeof sometimes, { a: number }>>();
const nothing = await other.channel("lobby").push("mostly");
assertType<Equal<typeof nothing, unknown>>();
// @ts-expect-error nobody handles it
other.channel("lobby").push("anything");
other.channel("lobby").on("anything", (payload) => assertType<Equal<typeof payload, unknown>>());
void [stop, known];

// --- without types ---------------------------------------------------------------------------------------------------
const untyped = createClient("wss://example.com/socket", { token: () => null, params: { locale: "de" } });
const any: ClientChannel = untyped.channel(me);
const answer = await any.push("anything", { a: 1 });
assertType<Equal<typeof answer, unknown>>();
assertType<Equal<Awaited<ReturnType<typeof any.join>>, unknown>>();
any.on("anything", (payload) => assertType<Equal<typeof payload, unknown>>());

// --- the rest --------------------------------------------------------------------------------------------------------
client.onStatus(({ state }) => {
  if (state === "refused") client.connect();
  // @ts-expect-error no such state
  if (state === "disconnected") return;
});
user.onStatus(({ state, reply: last }) => {
  assertType<Equal<typeof last, { unread: 3; at: string } | null>>();
  // @ts-expect-error no such state
  if (state === "open") return;
});
const error: unknown = null;
if (error instanceof PushError && error.code === "refused") void error.reason.toUpperCase();
const { expiresAt, closed } = await client.refresh();
assertType<Equal<typeof expiresAt, number | null>>();
assertType<Equal<typeof closed, readonly string[]>>();
// @ts-expect-error a token is asked for, and not just given
createClient("wss://example.com/socket", { token: "token" });
// @ts-expect-error no such option
createClient("wss://example.com/socket", { tokens: () => "token" });
// @ts-expect-error "undefined" says nothing: null is nobody
createClient("wss://example.com/socket", { token: () => undefined });
