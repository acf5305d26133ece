/** The real server these clients meet: an open socket with rooms, and a private one whose credentials lapse. */
import {
  accept,
  defineEndpoint,
  defineSocket,
  reject,
  reply,
  type SocketsOf,
  signedToken,
  silentLogger,
  stop,
} from "portcullis";
import { z } from "zod";
import { FakeClock } from "../../support/clock.ts";

export const salt = "user socket";
/** Its last tenth, and the grace after it, come before the server takes a silent client for gone. */
export const maxAgeSeconds = 50;

const openSocket = defineSocket();
let crashes = 0;

const room = openSocket
  .channel("room:{name}", {
    params: z.object({ since: z.number().optional() }),
    join({ since }, channel) {
      if (channel.topicParams.name === "locked") return reject("locked", { until: "noon" });
      if (channel.topicParams.name === "broken") throw new Error("on purpose");
      return accept({ reply: { welcome: channel.topicParams.name, since: since ?? null, at: new Date(0) } });
    },
  })
  .on({
    echo: (payload) => ({ echo: payload }),
    fail: () => reject("not today", { code: 42 }),
    queue: () => reply("queued", { position: 4 }),
    silent: () => undefined,
    shout: (payload, channel) => channel.broadcast("shouted", payload as object),
    poke: (payload, channel) => channel.push("poked", payload as object),
    reverse: (payload) => (payload as Uint8Array).slice().reverse(),
    shoutBytes: (payload, channel) => channel.broadcast("shouted", payload as Uint8Array),
    refuseBytes: (payload) => reject(payload as Uint8Array),
    end: () => stop({ reply: { bye: true } }),
    crash() {
      crashes += 1;
      throw new Error(`on purpose, ${crashes}`);
    },
  });

const privateSocket = defineSocket({
  authenticate: signedToken({ salt, maxAgeSeconds }),
  connect({ identity }) {
    if (identity.subject === "mallory") return reject("banned");
    if (identity.subject === "busy") return reject("overloaded", { retry: { afterMs: 5_000 } });
    return { userId: identity.subject, claims: identity.claims as { readonly admin?: boolean } | string };
  },
  id: ({ userId }) => `users:${userId}`,
});

const me = privateSocket
  .channel("me", { authorize: "everyone" })
  .on({ whoami: (_payload, channel) => ({ userId: channel.assigns.userId }) });

/** For those whose token says `admin`. */
const admin = privateSocket.channel("admin", {
  authorize: ({ assigns: { claims } }) => typeof claims === "object" && claims.admin === true,
});

function defineTested(clock: FakeClock) {
  return defineEndpoint({
    secretKeyBase: "a secret for tests, as long as the library asks for".padEnd(64, "."),
    clock,
    logger: silentLogger,
    sockets: {
      "/open": { socket: openSocket, channels: [room] },
      "/private": { socket: privateSocket, channels: [me, admin] },
    },
  });
}

/** What the clients are typed by. */
export type App = SocketsOf<ReturnType<typeof defineTested>>;

export interface RealServer {
  readonly endpoint: ReturnType<typeof defineTested>;
  readonly clock: FakeClock;
  readonly openUrl: string;
  readonly privateUrl: string;
  /** A token for the private socket. */
  token(subject: string, claims?: object): string;
  close(): Promise<void>;
}

export async function startServer(): Promise<RealServer> {
  const clock = new FakeClock();
  const endpoint = defineTested(clock);
  const { url } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  const base = url.replace("http:", "ws:");
  return {
    endpoint,
    clock,
    openUrl: `${base}/open`,
    privateUrl: `${base}/private`,
    token: (subject, claims) =>
      endpoint.tokens.sign(salt, claims === undefined ? subject : new Map(Object.entries({ sub: subject, ...claims }))),
    async close() {
      const closed = endpoint.close();
      // Whoever doesn't answer the farewell is cut off after a while, which this clock has to be told.
      clock.advance(60_000);
      await closed;
    },
  };
}
