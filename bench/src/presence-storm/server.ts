/** A room that tracks everybody in it, as the documentation of `definePresence` has it. */
import { defineEndpoint, defineSocket, signedToken } from "portcullis";
import { definePresence } from "portcullis/presence";
import { benchSecretKeyBase, tokenMaxAgeSeconds, tokenSalt } from "../scenario.ts";
import type { ServerUnderTest } from "../servers/server.ts";
import type { Storm } from "./plan.ts";

/** What Phoenix's generator tracks: since when. The same for all, so that every presence has the same length. */
const meta = { online_at: "1700000000" };

export async function startPresenceServer({ mode, windowMs }: Storm): Promise<ServerUnderTest> {
  const presence = definePresence<typeof meta>(
    mode === "counts" ? { countsOnly: true } : { batchWindowMs: mode === "window" ? windowMs : 0 },
  );
  const userSocket = defineSocket({
    authenticate: signedToken({ salt: tokenSalt, maxAgeSeconds: tokenMaxAgeSeconds }),
    connect({ identity }) {
      return { userId: identity.subject };
    },
  });
  const room = userSocket
    .channel("room:{name}", {
      authorize: "everyone",
      join: (params, channel) => channel.send("joined", { quietly: isQuiet(params) }),
    })
    .info({
      joined({ quietly }: { readonly quietly: boolean }, channel) {
        // Who fills the room before the storm is as present as anybody else, and filling it costs no diffs and no states.
        presence.track(channel, channel.assigns.userId, meta, { broadcast: !quietly });
        if (quietly) return;
        if (mode === "counts") channel.push("presence_counts", presence.counts(channel));
        else channel.push("presence_state", presence.list(channel));
      },
    });
  const endpoint = defineEndpoint({
    url: { host: "127.0.0.1" },
    secretKeyBase: benchSecretKeyBase,
    sockets: { "/socket": { socket: userSocket, channels: [room] } },
  });
  const listening = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  return { port: listening.port, publish: () => {}, close: () => endpoint.close() };
}

function isQuiet(params: unknown): boolean {
  return (params as { readonly quietly?: unknown } | null)?.quietly === true;
}
