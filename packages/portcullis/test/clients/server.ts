/** The server these clients meet: an open socket with rooms, and a private one behind a token. */
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo, Socket as TcpSocket } from "node:net";
import {
  accept,
  defineEndpoint,
  defineSocket,
  type Endpoint,
  reject,
  reply,
  signedToken,
  silentLogger,
  stop,
  type TelemetryEvents,
} from "portcullis";
import { Inbox } from "./inbox.ts";

/** Everything the endpoint reports, by name. */
export type Seen = {
  [Name in keyof TelemetryEvents]: { readonly name: Name } & TelemetryEvents[Name];
}[keyof TelemetryEvents];

export interface TestServer {
  /** For `new Socket`: the open socket. */
  readonly openUrl: string;
  /** The one that wants a token. */
  readonly privateUrl: string;
  readonly endpoint: Pick<Endpoint, "tokens" | "broadcast" | "disconnect" | "drain" | "connectionCount">;
  readonly seen: Inbox<Seen>;
  /** Payloads of `echo`, in the order in which the handler got them. */
  readonly echoed: unknown[];
  /** Cuts every TCP connection, without a close frame. */
  cut(): void;
  close(): Promise<void>;
}

export const salt = "user socket";

export async function startServer(): Promise<TestServer> {
  const echoed: unknown[] = [];
  const openSocket = defineSocket();
  const room = openSocket
    .channel("room:{name}", {
      join(params, channel) {
        if (channel.topicParams.name === "locked") return reject("locked", { until: "noon" });
        return accept({ reply: { welcome: channel.topicParams.name, params } });
      },
    })
    .on({
      echo(payload) {
        echoed.push(payload);
        return payload;
      },
      fail: () => reject("not today", { code: 42 }),
      queue: () => reply("queued", { position: 4 }),
      silent: () => undefined,
      later(_payload, channel) {
        const answer = channel.deferReply();
        queueMicrotask(() => answer({ at: "last" }));
      },
      shout: (payload, channel) => channel.broadcast("shouted", payload as object),
      whisper: (payload, channel) => channel.broadcastFrom("whispered", payload as object),
      poke: (payload, channel) => channel.push("poked", payload as object),
      measure: (payload) => ({ bytes: (payload as Uint8Array).length }),
      reverse: (payload) => (payload as Uint8Array).slice().reverse(),
      refuseBytes: (payload) => reject(payload as Uint8Array),
      pokeBytes: (payload, channel) => channel.push("poked", payload as Uint8Array),
      shoutBytes: (payload, channel) => channel.broadcast("shouted", payload as Uint8Array),
      end: () => stop({ reply: { bye: true } }),
      crash() {
        throw new Error("on purpose");
      },
    });

  const privateSocket = defineSocket({
    authenticate: signedToken({ salt, maxAgeSeconds: 60 }),
    connect: ({ identity }) => (identity.subject === "mallory" ? reject("banned") : { userId: identity.subject }),
    id: ({ userId }) => `users:${userId}`,
  });
  const me = privateSocket
    .channel("me", { authorize: "everyone" })
    .on({ whoami: (_payload, channel) => ({ userId: channel.assigns.userId }) });

  const seen = new Inbox<Seen>();
  const endpoint = defineEndpoint({
    secretKeyBase: "a secret for tests, as long as the library asks for".padEnd(64, "."),
    sockets: {
      "/open": { socket: openSocket, channels: [room], longpoll: true },
      "/private": { socket: privateSocket, channels: [me], from: ["subprotocol", "header", "params"], longpoll: true },
    },
    logger: silentLogger,
    telemetry: (name, metadata) => seen.add({ name, ...metadata } as Seen),
  });

  const server = createServer((_request, response) => void response.writeHead(404).end());
  const connections = new Set<TcpSocket>();
  server.on("connection", (connection) => {
    connections.add(connection);
    connection.once("close", () => connections.delete(connection));
  });
  endpoint.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    openUrl: `${base}/open`,
    privateUrl: `${base}/private`,
    endpoint,
    seen,
    echoed,
    cut() {
      for (const connection of connections) connection.destroy();
    },
    async close() {
      await endpoint.close();
      await closed(server);
    },
  };
}

function closed(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
