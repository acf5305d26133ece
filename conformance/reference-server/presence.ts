// The two presence channels of the recorded application: one tracks and then shows the state, the other the other way round.
import { stop } from "portcullis";
import { definePresence } from "portcullis/presence";
import { fields } from "./echo-events.ts";
import type { ReferenceSocket } from "./sockets.ts";

type Meta = Record<string, unknown>;

/** Who is on `presence:*`. */
export const presence = definePresence<Meta>();

/** Who is on `fpresence:*`, with a name for each key. */
const fetchingPresence = definePresence({
  name: "fetching",
  fetch: (_topic, presences) =>
    Object.fromEntries(Object.keys(presences).map((key) => [key, { user: { name: `name-${key}` } }])),
});

const joined = (params: unknown): { readonly key: string; readonly meta: Meta } => {
  const { user_id, meta } = fields(params) as { readonly user_id?: unknown; readonly meta?: Meta };
  return { key: String(user_id), meta: meta ?? {} };
};

export function presenceChannel(socket: ReferenceSocket) {
  return socket
    .channel("presence:*", { join: (params, channel) => channel.send("joined", joined(params)) })
    .info({
      joined({ key, meta }: ReturnType<typeof joined>, channel) {
        channel.assign({ exit: key });
        presence.track(channel, key, meta);
        channel.push("presence_state", presence.list(channel));
      },
    })
    .on({
      update(payload, channel) {
        presence.update(channel, channel.assigns.exit, fields(payload));
        return {};
      },
      merge(payload, channel) {
        presence.update(channel, channel.assigns.exit, ({ phx_ref: _ref, phx_ref_prev: _previous, ...meta }) => ({
          ...meta,
          ...fields(payload),
        }));
        return {};
      },
      untrack(_payload, channel) {
        presence.untrack(channel, channel.assigns.exit);
        return {};
      },
      track(payload, channel) {
        const { key, meta } = fields(payload) as { readonly key: string; readonly meta: Meta };
        const outcome = presence.track(channel, key, meta);
        return outcome.ok ? { result: ":ok", detail: "ref" } : { result: ":error", detail: `:${outcome.reason}` };
      },
      list: (_payload, channel) => presence.list(channel),
      get_by_key(payload, channel) {
        const { key } = fields(payload) as { readonly key: string };
        return { result: presence.get(channel, key) ?? [] };
      },
      crash() {
        throw new Error("boom");
      },
      stop: () => stop(),
    });
}

export function fetchingPresenceChannel(socket: ReferenceSocket) {
  return socket.channel("fpresence:*", { join: (params, channel) => channel.send("joined", joined(params)) }).info({
    joined({ key, meta }: ReturnType<typeof joined>, channel) {
      channel.push("presence_state", fetchingPresence.list(channel));
      fetchingPresence.track(channel, key, meta);
    },
  });
}
