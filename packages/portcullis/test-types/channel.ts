// Contracts: assigns, topic params, payloads, pushes, replies.
import { accept, type Jsonify, reject, reply, stop } from "portcullis";
import { z } from "zod";
import { assertType, type Equal } from "./equal.ts";
import { openSocket, userSocket } from "./socket.ts";

export const userChannel = userSocket
  .channel("user:{id}", {
    params: z.object({ since: z.coerce.date().optional() }),
    in: { rename: z.object({ name: z.string().max(80) }), ping: z.object({}), fail: z.object({ n: z.number() }) },
    out: { renamed: z.object({ name: z.string() }), note: z.object({ text: z.string() }) },
    authorize(channel) {
      assertType<Equal<typeof channel.topicParams, { readonly id: string }>>();
      // @ts-expect-error no such topic param
      channel.topicParams.ID;
      return channel.topicParams.id === channel.assigns.userId || reject("not yours");
    },
    async join({ since }, channel) {
      assertType<Equal<typeof since, Date | undefined>>();
      const owner: string = channel.assigns.userId;
      if (owner === "nobody") return reject("gone");
      return accept({ reply: { unread: 3, at: new Date(0) }, assigns: { profile: { name: "Ada" }, userId: 7 } });
    },
  })
  .on({
    rename({ name }, channel) {
      assertType<Equal<typeof name, string>>();
      const old: string = channel.assigns.profile.name;
      // join's assigns replace the socket's of the same name
      const replaced: number = channel.assigns.userId;
      channel.broadcast("renamed", { name });
      channel.push("note", { text: old });
      channel.assign({ profile: { name } });
      // @ts-expect-error wrong payload of a push
      channel.broadcast("renamed", { nam: 1 });
      // @ts-expect-error no such event in out
      channel.broadcast("rename", { name: "x" });
      // @ts-expect-error no such assign
      channel.assigns.profil;
      // @ts-expect-error no such assign to change
      channel.assign({ profil: 1 });
      // @ts-expect-error assigns are changed by assign() only
      channel.assigns.profile = { name: "x" };
      return { ok: true, replaced };
    },
    async ping() {
      return { at: new Date(0) };
    },
    fail({ n }) {
      if (n > 1) return reject("too many", { n });
      if (n > 0) return reply("queued", { place: n });
      return stop({ reply: { bye: true } });
    },
  })
  .intercept({
    note(payload, channel) {
      assertType<Equal<typeof payload, { text: string }>>();
      channel.push("note", { text: payload.text.toUpperCase() });
    },
  })
  .info({
    tick(count: number, channel) {
      channel.push("note", { text: `${count} ${channel.assigns.profile.name}` });
    },
    broadcast({ topic, event }) {
      assertType<Equal<typeof topic, string>>();
      assertType<Equal<typeof event, string>>();
    },
  })
  .leave((reason, channel) => {
    if (reason.kind === "error") void reason.error;
    // @ts-expect-error no such kind
    if (reason.kind === "bored") return;
    void channel.assigns.profile;
  });

// a final * is `rest`
userSocket.channel("file:*", {
  authorize: "everyone",
  join(_params, channel) {
    assertType<Equal<typeof channel.topicParams, { readonly rest: string }>>();
    return accept({ reply: { path: channel.topicParams.rest } });
  },
});
userSocket.channel("room:{room}:doc:{doc}", {
  authorize(channel) {
    assertType<Equal<typeof channel.topicParams, { readonly room: string; readonly doc: string }>>();
    return true;
  },
});

// --- who may join has to be said on a socket that authenticates ------------------------------------------------------
// @ts-expect-error no authorize
userSocket.channel("lobby");
// @ts-expect-error no authorize
userSocket.channel("lobby", {});
// @ts-expect-error authorize answers a boolean or a rejection
userSocket.channel("lobby", { authorize: () => "yes" });
// @ts-expect-error join accepts, rejects, or returns nothing
userSocket.channel("lobby", { authorize: "everyone", join: () => ({ unread: 3 }) });

// --- the set of handlers is closed where `in` is given ---------------------------------------------------------------
const one = openSocket.channel("a", { in: { x: z.object({}) } });
// @ts-expect-error a missing handler
one.on({});
// @ts-expect-error a misspelt handler, though all are there
one.on({ x() {}, y() {} });
// @ts-expect-error a handler takes what the schema gives
one.on({ x(_payload: { a: string }) {} });

// --- and open where it isn't: the smallest channel -------------------------------------------------------------------
openSocket.channel("ping").on({
  ping(payload, channel) {
    assertType<Equal<typeof payload, unknown>>();
    channel.broadcast("anything", { a: 1 });
    channel.push("bytes", new Uint8Array(1));
    // @ts-expect-error a payload is an object or bytes
    channel.push("number", 1);
    return payload;
  },
});

// --- replies are JSON ------------------------------------------------------------------------------------------------
openSocket.channel("json").on({
  dates: () => ({ at: new Date(0), list: [new Date(0)] }),
  bytes: () => new Uint8Array(1),
  optional: (): { a?: string; b: string | undefined } => ({ b: undefined }),
  nothing() {},
});
// @ts-expect-error a bigint is no JSON
openSocket.channel("json").on({ big: () => ({ n: 1n }) });
// @ts-expect-error a function is no JSON
openSocket.channel("json").on({ fn: () => ({ call: () => 1 }) });
// @ts-expect-error a Map is no JSON, however deep and late
openSocket.channel("json").on({ map: async () => ({ deep: [{ m: new Map<string, string>() }] }) });
// @ts-expect-error nor in a reply(...)
openSocket.channel("json").on({ replied: () => reply("ok", { s: new Set<string>() }) });

assertType<
  Equal<Jsonify<{ at: Date; n: number; list: (string | null)[] }>, { at: string; n: number; list: (string | null)[] }>
>();
assertType<Equal<Jsonify<{ f: () => void }>["f"], never>>();

// @ts-expect-error interceptors are for events of out
openSocket.channel("a", { out: { x: z.object({}) } }).intercept({ y() {} });
