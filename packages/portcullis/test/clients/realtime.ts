/** A server that speaks as Supabase's Realtime does: `realtime:` topics, `broadcast`, `presence` and `access_token`. */
import { createServer } from "node:http";
import type { AddressInfo, Socket as TcpSocket } from "node:net";
import { accept, defineEndpoint, defineSocket, type Endpoint, reject, silentLogger } from "portcullis";
import { definePresence } from "portcullis/presence";

export interface RealtimeServer {
  /** For `new RealtimeClient`. */
  readonly url: string;
  readonly endpoint: Pick<Endpoint, "broadcast" | "disconnect" | "drain" | "connectionCount">;
  /** Join params and `access_token` events, in the order in which they came. */
  readonly heard: { readonly event: string; readonly payload: unknown }[];
  /** Cuts every TCP connection, without a close frame. */
  cut(): void;
  close(): Promise<void>;
}

/** What the gate asks for. */
export const apikey = "an api key";

interface Config {
  readonly broadcast?: { readonly self?: boolean; readonly ack?: boolean };
  readonly presence?: { readonly key?: string };
}

export async function startRealtimeServer(): Promise<RealtimeServer> {
  const heard: { event: string; payload: unknown }[] = [];
  const presence = definePresence();
  const socket = defineSocket({
    connect: ({ params }) => (params["apikey"] === apikey ? {} : reject("apikey")),
    id: () => "everybody",
  });
  const room = socket
    .channel("realtime:{name}", {
      join(params, channel) {
        heard.push({ event: "phx_join", payload: params });
        if (channel.topicParams.name === "locked") return reject("locked");
        channel.send("joined", undefined);
        const { config = {} } = params as { readonly config?: Config };
        return accept({ reply: {}, assigns: { config } });
      },
    })
    .info({
      joined: (_nothing: undefined, channel) => channel.push("presence_state", presence.list(channel)),
    })
    .on({
      broadcast(payload, channel) {
        const { self = false, ack = false } = channel.assigns.config.broadcast ?? {};
        if (self) channel.broadcast("broadcast", payload as object);
        else channel.broadcastFrom("broadcast", payload as object);
        return ack ? {} : undefined;
      },
      presence(message, channel) {
        const { event, payload } = message as { readonly event: string; readonly payload: object };
        const key = channel.assigns.config.presence?.key ?? "";
        if (event === "untrack") presence.untrack(channel, key);
        else presence.track(channel, key, { ...payload });
        return {};
      },
      access_token(payload) {
        heard.push({ event: "access_token", payload });
      },
      echo: (payload) => payload,
      fail: () => reject("not today"),
      silent: () => undefined,
      crash() {
        throw new Error("on purpose");
      },
    });
  const endpoint = defineEndpoint({
    secretKeyBase: "a secret for tests, as long as the library asks for".padEnd(64, "."),
    sockets: { "/realtime/v1": { socket, channels: [room] } },
    logger: silentLogger,
  });

  const server = createServer();
  const connections = new Set<TcpSocket>();
  server.on("connection", (connection) => {
    connections.add(connection);
    connection.once("close", () => connections.delete(connection));
  });
  endpoint.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/realtime/v1`,
    endpoint,
    heard,
    cut() {
      for (const connection of connections) connection.destroy();
    },
    async close() {
      await endpoint.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}
