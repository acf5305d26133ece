/**
 * Listening: on a port of this process, or with workers on one port of many.
 *
 * @module
 */

import { createServer, type Server } from "node:http";
import { createServer as createTlsServer, type ServerOptions as TlsOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Handler } from "./handler.ts";

/** Options of `endpoint.listen`. */
export interface ListenOptions {
  /** `0` takes any free port. */
  readonly port: number;
  /** Default: every address of the machine. */
  readonly host?: string;
  /** Certificate and key, for `https` and `wss`. */
  readonly tls?: TlsOptions;
  /**
   * Connections the kernel may hold for us while we are busy. Default 4,096, of which the system may allow fewer
   * (`net.core.somaxconn`): after a deploy everybody comes at once, and who doesn't fit in comes a second or more later.
   */
  readonly backlog?: number;
  /**
   * How many processes serve this port: `"auto"` is one for each core the process may use, and 1,024 are the most. Default:
   * this one, alone.
   *
   * The program is run again in each worker, with the same arguments and environment; there `listen` serves, here, in the
   * primary, it looks after the workers. It resolves when all of them listen, here and there, and what comes after it runs in
   * all of them: ask `cluster.isPrimary` of `node:cluster` for what is to be done once.
   *
   * Broadcasts, presences, `disconnect`, `revoke` and long-poll sessions reach all of them, over the endpoint's `pubsub` or,
   * where it has none, over sockets in a folder of their own. The primary has no connections; what its endpoint is asked
   * to do, it does in all workers. A worker that dies is replaced, and only its own connections notice. `close`, `drain`
   * and `drainOnSignal` of the primary do the same in every worker, and wait for them to end.
   *
   * Limits, rates, `connectionCount`, `drain` of a mount and `rotate` are each process's own, and so is what is kept in
   * memory: one-time tickets need a `store` that the workers share.
   *
   * Rejects with `workers_failed` when workers die before they listen, three in a row; with TypeError for any other number;
   * in a process that has workers already, or is a worker of somebody else's `node:cluster`.
   *
   * @example
   * ```ts
   * endpoint.drainOnSignal("SIGTERM");
   * await endpoint.listen({ port: 4000, workers: "auto" });
   * ```
   */
  readonly workers?: number | "auto";
  /** For tests: how workers share the port, where not the best way there is. */
  readonly "~sharing"?: Sharing;
}

/** How several processes accept on one port: each on a socket of its own, or all from one that `node:cluster` hands out. */
export type Sharing = "reusePort" | "cluster";

/** A listening endpoint. */
export interface Listening {
  /** The port it really has: for `0`, the one that was free. */
  readonly port: number;
  /** The host that was asked for, `"localhost"` where none was. */
  readonly host: string;
  /** `http://host:port`, or `https://…` with `tls`. */
  readonly url: string;
  /** Stops listening, and doesn't wait for anybody. Connections stay; `close` of the endpoint ends them. */
  close(): Promise<void>;
}

/** Node's own is 511. */
const backlogDefault = 4_096;
/** Handshakes that dribble: how long TLS, and then the headers of a request, may take on a server of ours. */
const headersTimeoutMs = 10_000;

/** What serves on a port, and how it shares it. */
export interface Serving {
  readonly options: ListenOptions;
  readonly sharing: Sharing | null;
  readonly handler: Handler;
  /** Takes the server's requests and upgrades. */
  readonly attach: (server: Server) => unknown;
}

/** The servers `listen` made, with everybody who is connected to them in whatever way. */
export class OwnServers {
  readonly #servers = new Set<OwnServer>();

  async open({ options, sharing, handler, attach }: Serving): Promise<Listening> {
    const { port, host, tls, backlog = backlogDefault } = options;
    const timeouts = {
      headersTimeout: headersTimeoutMs,
      requestTimeout: headersTimeoutMs,
      handshakeTimeout: headersTimeoutMs,
      connectionsCheckingInterval: 1_000,
    };
    const server =
      tls === undefined ? createServer(timeouts, handler) : createTlsServer({ ...timeouts, ...tls }, handler);
    attach(server);
    const own: OwnServer = { server, sockets: new Set(), closed: null };
    // One function for all of them: a closure each would live as long as the connection.
    const onSocketClose = function (this: Socket): void {
      own.sockets.delete(this);
    };
    server.on("connection", (socket: Socket) => {
      own.sockets.add(socket);
      socket.on("close", onSocketClose);
    });
    this.#servers.add(own);
    const forget = (): boolean => this.#servers.delete(own);
    server.once("close", forget);
    server.once("error", forget);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      const shared = sharing === "reusePort" ? { reusePort: true } : {};
      server.listen({ port, ...(host === undefined ? {} : { host }), backlog, ...shared }, () => {
        server.off("error", forget);
        server.off("error", reject);
        resolve();
      });
    });
    return toListening(options, (server.address() as AddressInfo).port, async () => void closeServer(own));
  }

  /** Stops listening. Resolves when nobody is connected any more. */
  async close(): Promise<void> {
    await Promise.all([...this.#servers].map(closeServer));
  }

  /** Cuts what has not closed by itself: what has sent half a request, or nothing at all, is no connection of a transport. */
  terminate(): void {
    for (const { sockets } of this.#servers) for (const socket of sockets) socket.destroy();
  }
}

/** What is known of a port that is listened on. */
export function toListening({ host, tls }: ListenOptions, port: number, close: () => Promise<void>): Listening {
  const name = host ?? "localhost";
  const url = `${tls === undefined ? "http" : "https"}://${name.includes(":") ? `[${name}]` : name}:${port}`;
  return { port, host: name, url, close };
}

interface OwnServer {
  readonly server: Server;
  readonly sockets: Set<Socket>;
  closed: Promise<void> | null;
}

/** Resolves when nobody is connected any more. */
function closeServer(own: OwnServer): Promise<void> {
  own.closed ??= new Promise((resolve) => {
    own.server.close(() => resolve());
    own.server.closeIdleConnections();
  });
  return own.closed;
}
