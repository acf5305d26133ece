// A server with workers, as a program writes it. Runs in the primary and in every worker.
import cluster from "node:cluster";
import {
  consoleLogger,
  defineEndpoint,
  defineSocket,
  type Endpoint,
  isPortcullisError,
  signedToken,
} from "../../../src/index.ts";
import { definePresence } from "../../../src/presence/presence.ts";

/** What the test tells it in its environment. */
export interface Settings {
  readonly workers: number;
  readonly sharing: "reusePort" | "cluster" | null;
  /** What a worker does in place of listening. */
  readonly crash?: "at once";
  readonly port?: number;
}

/** What the test has the primary do. */
export type Order =
  | { readonly do: "broadcast"; readonly topic: string; readonly event: string; readonly count: number }
  | { readonly do: "disconnect"; readonly id: string }
  | { readonly do: "revoke"; readonly subject: string }
  | { readonly do: "list"; readonly topic: string }
  | { readonly do: "close" | "unlisten" | "health" | "spoil" };

/** What it says. */
export type Said =
  | { readonly say: "listening"; readonly port: number; readonly url: string }
  | { readonly say: "failed"; readonly code: string | null; readonly message: string }
  | { readonly say: "error"; readonly message: string; readonly code: string | null }
  | { readonly say: "done"; readonly value: unknown }
  | { readonly say: "event"; readonly name: string; readonly metadata: Record<string, unknown> };

const settings = JSON.parse(process.env["WORKERS_TEST"] ?? "null") as Settings;
const say = (said: Said): void => void (cluster.isPrimary && process.send?.(said));

if (cluster.isWorker && settings.crash === "at once") throw new Error("this program crashes as it starts");

const presence = definePresence<{ readonly pid: number }>();
const socket = defineSocket({ connect: ({ params }) => ({ user: String(params["user"]) }), id: ({ user }) => user });
const room = socket
  .channel("room:{name}", {
    join: (_params, channel) => channel.send("joined"),
  })
  .on({
    who: () => ({ pid: process.pid }),
    count: () => ({ connections: endpoint.connectionCount, health: endpoint.health }),
    shout(payload, channel) {
      channel.broadcast("shouted", payload as object);
    },
    say(payload) {
      const { topic, event, count } = payload as { topic: string; event: string; count: number };
      for (let n = 0; n < count; n += 1) endpoint.broadcast(topic, event, { n, pid: process.pid });
      return {};
    },
    kick(payload) {
      endpoint.disconnect((payload as { id: string }).id);
    },
    async revoke(payload) {
      await endpoint.revoke({ subject: (payload as { subject: string }).subject });
      return {};
    },
    list: () => ({ users: Object.keys(presence.list(endpoint, "room:lobby")) }),
    block(payload) {
      const until = Date.now() + (payload as { ms: number }).ms;
      while (Date.now() < until);
      return {};
    },
  })
  .info({
    joined: (_message, channel) => void presence.track(channel, channel.assigns.user, { pid: process.pid }),
  });
const vip = defineSocket({
  authenticate: signedToken({ salt: "user socket", maxAgeSeconds: 3_600 }),
  connect: ({ identity }) => ({ user: identity.subject }),
});

export const endpoint: Endpoint = defineEndpoint({
  secretKeyBase: "s".repeat(64),
  sockets: {
    "/socket": { socket, channels: [room], longpoll: { windowMs: 2_000 } },
    "/vip": {
      socket: vip,
      channels: [vip.channel("room:{name}", { authorize: "everyone" }).on({ who: () => ({ pid: process.pid }) })],
    },
  },
  logger: {
    ...consoleLogger,
    error: (message, details) =>
      say({ say: "error", message, code: (details as { error?: { code?: string } })?.error?.code ?? null }),
  },
  telemetry: (name, metadata) => say({ say: "event", name, metadata: metadata as Record<string, unknown> }),
});

endpoint.drainOnSignal("SIGTERM");
try {
  const listening = await endpoint.listen({
    port: settings.port ?? 0,
    host: "127.0.0.1",
    workers: settings.workers,
    ...(settings.sharing === null ? {} : { "~sharing": settings.sharing }),
  });
  if (cluster.isPrimary) {
    process.on("message", (order: Order) => {
      void obey(order).then((value) => {
        say({ say: "done", value: value ?? null });
        if (order.do === "close") process.disconnect();
      });
    });
    say({ say: "listening", port: listening.port, url: listening.url });
  }
  async function obey(order: Order): Promise<unknown> {
    switch (order.do) {
      case "broadcast":
        for (let n = 0; n < order.count; n += 1) endpoint.broadcast(order.topic, order.event, { n });
        return null;
      case "disconnect":
        return endpoint.disconnect(order.id);
      case "revoke":
        return endpoint.revoke({ subject: order.subject });
      case "list":
        return Object.keys(presence.list(endpoint, order.topic));
      case "spoil":
        // Workers get the environment as it is when they are started.
        process.env["WORKERS_TEST"] = JSON.stringify({ ...settings, crash: "at once" });
        return null;
      case "health":
        return endpoint.health;
      case "unlisten":
        return listening.close();
      case "close":
        await endpoint.close();
        return null;
    }
  }
} catch (error) {
  say({
    say: "failed",
    code: isPortcullisError(error) ? error.code : ((error as NodeJS.ErrnoException).code ?? null),
    message: (error as Error).message,
  });
  if (cluster.isPrimary) process.disconnect();
  else process.exit(1);
}
