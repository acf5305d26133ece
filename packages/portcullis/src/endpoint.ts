/**
 * The endpoint: mounts sockets on paths and serves them. The only place that knows all of them.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Deadlines } from "./auth/deadlines.ts";
import { Revocations, type Revoke } from "./auth/revocation.ts";
import type { CredentialStore } from "./auth/store.ts";
import type { BroadcastOptions, EndpointHandle } from "./channel/contract.ts";
import { type Clock, systemClock } from "./clock.ts";
import { definitionError } from "./errors.ts";
import type { Handler } from "./listen/handler.ts";
import type { ListenHost } from "./listen/host.ts";
import { type Listening, type ListenOptions, OwnServers, type Sharing } from "./listen/listen.ts";
import { Workers, workerCount } from "./listen/primary.ts";
import { isWorker, listenAsWorker } from "./listen/worker.ts";
import { isThenable } from "./outcome.ts";
import { isReservedEvent } from "./protocol/events.ts";
import { assertPayload } from "./protocol/frame.ts";
import type { PubSubAdapter } from "./pubsub/adapter.ts";
import { Bus } from "./pubsub/bus.ts";
import { Envelopes } from "./pubsub/envelope.ts";
import type { EndpointParts } from "./pubsub/parts.ts";
import { PubSub } from "./pubsub/pubsub.ts";
import { Roll } from "./socket/roll.ts";
import type { SocketRuntime } from "./socket/socket.ts";
import type { TelemetryListener } from "./telemetry/events.ts";
import { consoleLogger, type Logger } from "./telemetry/logger.ts";
import { Telemetry } from "./telemetry/telemetry.ts";
import { toBase64url } from "./token/base64url.ts";
import { DerivedKeys } from "./token/key.ts";
import { type SecretKeyBase, SecretRing } from "./token/ring.ts";
import { createTokensOf, type Tokens } from "./token/token.ts";
import type { LocalTransport } from "./transport/local.ts";
import { createMount } from "./transport/mount.ts";
import type { MountOptions } from "./transport/options.ts";
import { splitPath } from "./transport/path.ts";
import { requestReader } from "./transport/proxy.ts";
import { Transports } from "./transport/transport.ts";
import { type EndpointLimits, Turnstile } from "./transport/turnstile.ts";

/** Options of {@link defineEndpoint}. */
export interface EndpointOptions<Sockets extends Readonly<Record<string, MountOptions>>> {
  /**
   * Where the world reaches this endpoint. `host` is what `origins: true` compares with: a bare host, no scheme and no port.
   * Left out, only pages on loopback hosts may connect; with `NODE_ENV=production` leaving it out throws.
   */
  readonly url?: { readonly host: string };
  /**
   * The secret everything is signed with: at least 20 bytes, better 64 random characters; or several, with or without an id
   * and an end: the first signs, all verify. {@link Endpoint.rotate} exchanges them.
   */
  readonly secretKeyBase: SecretKeyBase;
  /**
   * Path -> what is mounted there. Clients connect to the path with `/websocket` behind it; those of Phoenix add that by
   * themselves. Paths may hold `:variables`, which join the connection's params and win over the query's.
   */
  readonly sockets: Sockets;
  /** Where lines for an operator go. Default: warnings and errors to the console. */
  readonly logger?: Logger;
  /** Called for everything in `TelemetryEvents`. */
  readonly telemetry?: TelemetryListener;
  /**
   * The bus that joins this endpoint with others of the same application and secret: broadcasts, presences, `disconnect` and
   * long-poll sessions reach all of them. Default none: the endpoint is alone.
   */
  readonly pubsub?: PubSubAdapter;
  /**
   * Where revocations are kept beyond the life of a process, and one-time tickets. Default none: a revocation is told to the
   * nodes that are there, and forgotten when they stop.
   */
  readonly store?: CredentialStore;
  /** What time it is, and waiting: for tests. Default: the machine's clock. */
  readonly clock?: Clock;
  /** Addresses or networks (`"10.0.0.0/8"`) whose `X-Forwarded-*` are believed. Default none. */
  readonly trustedProxies?: readonly string[];
  /** How many connections there may be, and how many connects a second: in all, from one address and of one subject. */
  readonly limits?: EndpointLimits;
}

/** A sentence for a type error. An object, because `true & "a string"` is `never`, which shows no sentence. */
interface Wrong<Sentence extends string> {
  readonly "~wrong": Sentence;
}

/** Turns an option no mount has into a sentence that says so. */
type CheckedMounts<Sockets> = {
  readonly [Path in keyof Sockets]: {
    readonly [Key in Exclude<
      keyof Sockets[Path],
      keyof MountOptions
    >]: Wrong<`"${Key & string}" is not an option of a mount`>;
  };
};

/** What {@link Endpoint.rotate} changes. */
export interface Rotation {
  readonly secretKeyBase?: SecretKeyBase;
  /** The id of a secret, or of another key that identities name as their `keyId`, that nobody is to be believed by any more. */
  readonly compromised?: string;
}

/** How an endpoint is. */
export interface Health {
  /** The bus between nodes; `none` when there is none. */
  readonly pubsub: "up" | "down" | "none";
  /** `unread`: the store of revocations can't be read, and nobody is let in. */
  readonly revocations: "ok" | "unread";
}

/** A running endpoint. */
export interface Endpoint<Sockets = unknown> extends EndpointHandle {
  readonly "~sockets"?: Sockets;
  /** For `portcullis/testing`. */
  readonly "~local": LocalTransport;
  /** Signs and verifies with the endpoint's secret, as Phoenix.Token does with the same one. */
  readonly tokens: Tokens;
  /**
   * Tells every subscriber of `topic`, on every node of the cluster. Nobody need be subscribed.
   *
   * @example
   * ```ts
   * endpoint.broadcast("room:lobby", "said", { text: "Lunch is ready." });
   * ```
   *
   * @throws TypeError for an event `phx_*`, and for a payload that is no object or that JSON can't hold. The event
   * `disconnect` is {@link Endpoint.disconnect}, with the topic as socket id, as Phoenix code writes it.
   */
  broadcast(topic: string, event: string, payload: object, options?: BroadcastOptions): void;
  /** Tells the subscribers of this process only. Throws as {@link Endpoint.broadcast} does, for `disconnect` too. */
  localBroadcast(topic: string, event: string, payload: object, options?: BroadcastOptions): void;
  /**
   * Ends every connection whose socket `id` is this, with close code 1001: clients come back and are asked for their
   * credential again. Whoever is being let in at this moment is ended too.
   *
   * @example
   * ```ts
   * endpoint.disconnect("users:42");
   * ```
   */
  disconnect(socketId: string): void;
  /**
   * Takes away what was given, on every node: whoever is connected with it is told `phx_closing` and closed with 4101,
   * whoever comes back with it is refused. Kept in the endpoint's `store`, where there is one, until nothing it concerns can
   * still be valid.
   *
   * @example
   * ```ts
   * await endpoint.revoke({ subject: "42" });              // everything issued until now, by any authenticator
   * await endpoint.revoke({ tokenId: identity.tokenId });  // one credential
   * ```
   *
   * Rejects when the store does: nodes that are there have heard of it then all the same, nodes to come have not.
   */
  revoke(what: Revoke): Promise<void>;
  /** Takes a revocation back: the same subject (and authenticator, issuer, tenant), or the same token. */
  unrevoke(what: Revoke): Promise<void>;
  /**
   * Exchanges the secrets without a restart, on this node: put the new one first and keep the old ones, with `notAfter`, for as
   * long as what they signed is to count. `compromised` names one that must not be believed any more: on every node its
   * tokens are refused from here on, and connections it vouched for are closed with 4103, those of a JWT's key id too.
   *
   * @example
   * ```ts
   * endpoint.rotate({ secretKeyBase: [{ id: "2027", secret: fresh }, { id: "2026", secret: old, notAfter: tomorrow }] });
   * endpoint.rotate({ secretKeyBase: [{ id: "2027", secret: fresh }], compromised: "2026" });
   * ```
   *
   * Nodes sign what they tell each other with the first secret and believe all: rotate them one after the other, the new
   * secret second at first, so that everybody knows it before anybody uses it.
   *
   * @throws TypeError for secrets that are too short, or that were given up before.
   */
  rotate(rotation: Rotation): void;
  /** Whether this node can be trusted with what others say: for a load balancer's check. */
  readonly health: Health;
  /** Hears a topic outside of any channel. What the listener throws is logged. Returns how to stop. */
  subscribe(
    topic: string,
    listener: (broadcast: { readonly topic: string; readonly event: string; readonly payload: unknown }) => void,
  ): () => void;
  /** How many connections are open in this process. */
  readonly connectionCount: number;
  /**
   * Serves on a port of its own, in this process or in several: nothing but the sockets; other paths get 404. Rejects when
   * the port is taken, and with `workers_failed` when workers die as soon as they are started.
   */
  listen(options: ListenOptions): Promise<Listening>;
  /**
   * Serves on a server of yours. Its request listeners go on for every path that isn't a socket's, its upgrade listeners
   * too. Call it after adding both. Returns how to undo it.
   *
   * @example
   * ```ts
   * const server = createServer(expressApp);
   * endpoint.attach(server);
   * server.listen(4000);
   * ```
   */
  attach(server: Server): () => void;
  /**
   * The same as middleware and upgrade listener, where `attach` can't be used.
   *
   * @example
   * ```ts
   * expressApp.use(endpoint.handler);
   * server.on("upgrade", (request, socket, head) => {
   *   if (!endpoint.handler.upgrade(request, socket, head)) socket.destroy();
   * });
   * ```
   */
  readonly handler: Handler;
  /**
   * Stops gently: refuses upgrades with 503, lets the connections of each mount go in batches (its `drain` option) with
   * 1012, upon which clients come back to another process, and then closes. Where a successor listens on the same port
   * already, stop listening first, `await listening.close()`, so that nobody comes back here to be refused.
   */
  drain(): Promise<void>;
  /**
   * Drains when the process is told to stop, and then lets the signal do what it does by default: `SIGTERM` ends it. A
   * second one ends it at once. Returns how to undo it.
   *
   * @example
   * ```ts
   * endpoint.drainOnSignal("SIGTERM");
   * ```
   */
  drainOnSignal(signal?: NodeJS.Signals): () => void;
  /**
   * Stops listening, closes every connection with 1001 and waits for them: at most 5 s, then they are cut. Servers of yours
   * that it is attached to go on; their sockets are refused with 503.
   */
  close(): Promise<void>;
}

/** The types of an endpoint's sockets, for a client: `type App = SocketsOf<typeof endpoint>`. */
export type SocketsOf<Of> = Of extends { readonly "~sockets"?: infer Sockets } ? NonNullable<Sockets> : never;

/** How long `close()` waits for clients to answer before it cuts them. */
const closeGraceMs = 5_000;
/** Keys of session cookies and of the bus that are remembered: one for each kind and secret. */
const keysMax = 32;

/**
 * Defines an endpoint. Nothing listens yet: import it in tests, call `listen` or `attach` in the server.
 *
 * @example
 * ```ts
 * export const endpoint = defineEndpoint({
 *   url: { host: "example.com" },
 *   secretKeyBase: process.env.SECRET_KEY_BASE,
 *   sockets: { "/socket": { socket: userSocket, channels: [userChannel] } },
 * });
 * await endpoint.listen({ port: 4000 });
 * ```
 *
 * @throws PortcullisError `definition_invalid` for what can't work: unknown options of a mount, channels of another socket,
 * events declared without a handler, in production an endpoint that checks origins and doesn't know its host.
 * @throws TypeError for a `secretKeyBase` that is missing or too short.
 */
export function defineEndpoint<const Sockets extends Readonly<Record<string, MountOptions>>>(
  options: EndpointOptions<Sockets> & { readonly sockets: CheckedMounts<Sockets> },
): Endpoint<Sockets> {
  return new RunningEndpoint(options);
}

/** `/a` and `/a/`, `/:x` and `/:y` are one path: the second would never be reached. */
function assertDistinct(paths: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const path of paths) {
    const shape = splitPath(path)
      .map((segment) => (segment.startsWith(":") ? ":" : segment))
      .join("/");
    const other = seen.get(shape);
    if (other !== undefined) throw definitionError(`The sockets on ${other} and ${path} have the same path.`);
    seen.set(shape, path);
  }
}

class RunningEndpoint implements Endpoint<never> {
  readonly tokens: Tokens;
  readonly handler: Handler;
  readonly #pubsub = new PubSub(toBase64url(randomBytes(12)));
  readonly #ring: SecretRing;
  readonly #telemetry: Telemetry;
  readonly #parts: EndpointParts;
  /** What parts of the library do when the endpoint begins to close. */
  readonly #closing: (() => void)[] = [];
  readonly #clock: Clock;
  readonly #transports: Transports;
  readonly #revocations: Revocations;
  readonly #roll: Roll;
  /** How long any of its authenticators lets a credential live. */
  readonly #keepRevocationsMs: number;
  readonly #servers = new OwnServers();
  readonly #hasBus: boolean;
  /** Of a primary. */
  #workers: Workers | null = null;
  readonly #keys: DerivedKeys;
  /** The longest of its mounts' drains. */
  readonly #drainLimitMs: number;
  #closed = false;

  constructor(options: EndpointOptions<Readonly<Record<string, MountOptions>>>) {
    this.#clock = options.clock ?? systemClock;
    this.#telemetry = new Telemetry({
      logger: options.logger ?? consoleLogger,
      clock: this.#clock,
      listener: options.telemetry ?? null,
    });
    const now = (): number => this.#clock.now();
    this.#ring = new SecretRing(options.secretKeyBase, now);
    this.tokens = createTokensOf(this.#ring, { now });
    const keys = new DerivedKeys(this.#ring, keysMax);
    this.#keys = keys;
    this.#hasBus = options.pubsub !== undefined;
    if (options.pubsub !== undefined) this.#pubsub.joinBus(this.#busOf(options.pubsub));
    this.#revocations = new Revocations({
      store: options.store ?? null,
      pubsub: this.#pubsub,
      clock: this.#clock,
      telemetry: this.#telemetry,
      onRevoked: (revocation) => this.#roll.revoked(revocation),
    });
    const reader = requestReader(options.trustedProxies ?? []);
    const environment = {
      deadlines: new Deadlines(this.#clock),
      revocations: this.#revocations,
      pubsub: this.#pubsub,
      telemetry: this.#telemetry,
      tokens: this.tokens,
      keys,
      clock: this.#clock,
      endpoint: this,
      reader,
      turnstile: new Turnstile(options.limits ?? {}, { clock: this.#clock, reader }),
      urlHost: options.url?.host ?? null,
      production: process.env["NODE_ENV"] === "production",
    };
    const paths = Object.keys(options.sockets);
    for (const path of paths) {
      if (!path.startsWith("/"))
        throw definitionError(`Expected the path of a socket to start with "/", got ${JSON.stringify(path)}.`);
    }
    assertDistinct(paths);
    const mounts = paths.map((path) => createMount(path, options.sockets[path] as MountOptions, environment));
    this.#drainLimitMs = Math.max(0, ...mounts.map(({ drain }) => drain?.limitMs ?? 0));
    const roll = new Roll({
      clock: this.#clock,
      telemetry: this.#telemetry,
      revocations: this.#revocations,
      connectTimeoutMs: Math.max(0, ...mounts.map((mount) => mount.connectTimeoutMs)),
    });
    this.#roll = roll;
    this.#keepRevocationsMs = Math.max(0, ...mounts.map(({ socket }) => maxAgeMsOf(socket)));
    this.#transports = new Transports(mounts, {
      moment: () => roll.moment,
      onOpen(connection, since) {
        connection.place?.keep();
        roll.opened(connection, since);
      },
      onClosed(connection) {
        connection.place?.release();
        roll.forget(connection);
      },
    });
    this.#pubsub.onControl((message) => {
      if (message.kind === "disconnect") roll.disconnect(message.id);
      if (message.kind !== "compromised") return;
      this.#ring.giveUp(message.id);
      roll.compromised(message.id);
    });
    this.#parts = {
      pubsub: this.#pubsub,
      clock: this.#clock,
      telemetry: this.#telemetry,
      onClose: (task) => void this.#closing.push(task),
    };
    this.handler = this.#makeHandler();
  }

  get "~local"(): LocalTransport {
    return this.#transports.local;
  }

  get "~parts"(): EndpointParts {
    return this.#parts;
  }

  get connectionCount(): number {
    return this.#transports.connectionCount;
  }

  #busOf(adapter: PubSubAdapter): Bus {
    return new Bus({
      adapter,
      envelopes: new Envelopes(this.#keys),
      telemetry: this.#telemetry,
      node: this.#pubsub.node,
      onMessage: (message, from) => this.#pubsub.heard(message, from),
      onStatus: (status) => this.#pubsub.statusChanged(status),
    });
  }

  broadcast(topic: string, event: string, payload: object, options?: BroadcastOptions): void {
    // Phoenix's way to end a user's connections; here an alias for program code, never a message on a topic.
    if (event === "disconnect") return this.disconnect(topic);
    assertBroadcast(event, payload);
    this.#pubsub.broadcast(topic, event, payload, options);
  }

  localBroadcast(topic: string, event: string, payload: object, options?: BroadcastOptions): void {
    assertBroadcast(event, payload);
    this.#pubsub.localBroadcast(topic, event, payload, options);
  }

  disconnect(socketId: string): void {
    this.#pubsub.control({ kind: "disconnect", id: socketId });
  }

  revoke(what: Revoke): Promise<void> {
    return this.#revocations.revoke(what, this.#keepRevocationsMs);
  }

  unrevoke(what: Revoke): Promise<void> {
    return this.#revocations.unrevoke(what);
  }

  rotate({ secretKeyBase, compromised }: Rotation): void {
    if (secretKeyBase !== undefined) this.#ring.replace(secretKeyBase);
    if (compromised !== undefined) this.#pubsub.control({ kind: "compromised", id: compromised });
  }

  get health(): Health {
    return { pubsub: this.#pubsub.status, revocations: this.#revocations.health };
  }

  subscribe(
    topic: string,
    listener: (broadcast: { topic: string; event: string; payload: unknown }) => void,
  ): () => void {
    // The broadcaster is not to blame for a listener.
    const failed = (error: unknown): void =>
      this.#telemetry.error("subscribe", "a listener of endpoint.subscribe threw", error);
    const subscriber = {
      deliver: ({ event, payload }: { event: string; payload: unknown }): void => {
        try {
          const heard: unknown = listener({ topic, event, payload });
          if (isThenable(heard)) Promise.resolve(heard).catch(failed);
        } catch (error) {
          failed(error);
        }
      },
    };
    this.#pubsub.subscribe(topic, subscriber);
    return () => this.#pubsub.unsubscribe(topic, subscriber);
  }

  async listen(options: ListenOptions): Promise<Listening> {
    if (this.#closed) throw new Error("This endpoint was closed, and takes no more connections. Define a new one.");
    if (options.workers === undefined) return this.#serve(options, null);
    const count = workerCount(options.workers);
    const host: ListenHost = {
      pubsub: this.#pubsub,
      revocations: this.#revocations,
      telemetry: this.#telemetry,
      clock: this.#clock,
      hasBus: this.#hasBus,
      drainLimitMs: this.#drainLimitMs,
      joinBus: (adapter) => this.#pubsub.joinBus(this.#busOf(adapter)),
      serve: (own, sharing) => this.#serve(own, sharing),
      drain: () => this.drain(),
      close: () => this.close(),
    };
    if (isWorker()) return listenAsWorker(host, options);
    this.#workers = new Workers(host, options, count);
    return this.#workers.start();
  }

  #serve(options: ListenOptions, sharing: Sharing | null): Promise<Listening> {
    return this.#servers.open({ options, sharing, handler: this.handler, attach: (server) => this.attach(server) });
  }

  attach(server: Server): () => void {
    this.#pubsub.start();
    const requests = server.rawListeners("request") as ((request: IncomingMessage, response: ServerResponse) => void)[];
    const upgrades = server.rawListeners("upgrade") as ((
      request: IncomingMessage,
      socket: Duplex,
      head: Buffer,
    ) => void)[];
    server.removeAllListeners("request");
    // Theirs too: a `ws` server with a path of its own refuses every other path.
    server.removeAllListeners("upgrade");
    let attached = true;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
      if (attached && this.#transports.handleRequest(request, response)) return;
      for (const other of requests) other.call(server, request, response);
    };
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      if (attached && this.#transports.handleUpgrade(request, socket, head)) return;
      for (const other of upgrades) other.call(server, request, socket, head);
      if (upgrades.length === 0 && server.listenerCount("upgrade") === 1) this.#transports.refuseUpgrade(socket);
    };
    server.on("request", onRequest);
    server.on("upgrade", onUpgrade);
    return () => {
      if (!attached) return;
      attached = false;
      // Where another endpoint was attached meanwhile, it holds ours, and ours go on handing over.
      if (server.listeners("request").includes(onRequest)) {
        server.off("request", onRequest);
        for (const other of requests) server.on("request", other);
      }
      if (server.listeners("upgrade").includes(onUpgrade)) {
        server.off("upgrade", onUpgrade);
        for (const other of upgrades) server.on("upgrade", other);
      }
    };
  }

  async drain(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#transports.drain(), this.#workers?.end("drain")]);
    await this.close();
  }

  drainOnSignal(signal: NodeJS.Signals = "SIGTERM"): () => void {
    const onSignal = (): void => {
      void this.drain().finally(() => {
        // Whoever else listens decides when the process ends; with nobody there the signal's own effect is due.
        if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
      });
    };
    process.once(signal, onSignal);
    return () => void process.off(signal, onSignal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const task of this.#closing.splice(0)) task();
    // They are told through the bus as well: it goes last.
    const workers = this.#workers?.end("close");
    const servers = this.#servers.close();
    const cancel = this.#clock.after(closeGraceMs, () => {
      this.#transports.terminate();
      this.#servers.terminate();
    });
    this.#transports.closeAll("endpoint_closed", { kind: "shutdown" });
    await this.#transports.drained();
    await servers;
    cancel();
    await workers;
    this.#revocations.stop();
    await this.#pubsub.close();
    this.#workers?.dispose();
    this.#telemetry.flush();
  }

  #makeHandler(): Handler {
    const handle = (request: IncomingMessage, response: ServerResponse, next?: () => void): void => {
      this.#pubsub.start();
      if (this.#transports.handleRequest(request, response)) return;
      if (next !== undefined) return next();
      response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("not found");
    };
    const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): boolean => {
      this.#pubsub.start();
      return this.#transports.handleUpgrade(request, socket, head);
    };
    return Object.assign(handle, { upgrade });
  }
}

/** How old a credential of this socket can get. A `connect` without an authenticator may verify one of any age. */
function maxAgeMsOf({ authenticate, connect }: SocketRuntime): number {
  if (authenticate === null) return connect === null ? 0 : Number.POSITIVE_INFINITY;
  return authenticate.maxAgeMs ?? Number.POSITIVE_INFINITY;
}

/** Here and not where it is encoded: with nobody subscribed, nothing is, and the mistake would show in production only. */
function assertBroadcast(event: string, payload: object): void {
  assertPayload(payload);
  if (isReservedEvent(event)) {
    throw new TypeError(
      `Expected the event of a broadcast to have a name of its own, got "${event}": phx_* and disconnect belong to the protocol.`,
    );
  }
}
