/**
 * A socket mounted on a path: its options, checked once, and what every request to it needs.
 *
 * @module
 */

import type { AnyChannel } from "../channel/channel.ts";
import type { EndpointHandle } from "../channel/contract.ts";
import type { Clock } from "../clock.ts";
import { definitionError } from "../errors.ts";
import { bounds } from "../limit/bounds.ts";
import type { SerializerName } from "../protocol/serializer.ts";
import type { PubSub } from "../pubsub/pubsub.ts";
import type { ConnectionContext } from "../socket/connection.ts";
import { type SessionRuntime, sessionSourceIn } from "../socket/session.ts";
import type { AnySocket, SocketRuntime } from "../socket/socket.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { DerivedKeys } from "../token/key.ts";
import type { Tokens } from "../token/token.ts";
import type { CredentialPlace } from "./credential.ts";
import { type OriginPolicy, type Origins, originPolicy } from "./origin.ts";
import { compilePath, type PathMatcher } from "./path.ts";
import type { RequestReader } from "./proxy.ts";

/** What an application makes of a refused connection. */
export interface RefusalResponse {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Options of the WebSocket transport of one mount. */
export interface WebSocketOptions {
  /** Below the mount's path. Default `"/websocket"`; may hold `:variables`. */
  readonly path?: string;
  /** In place of the mount's own. */
  readonly origins?: Origins;
  /** Without a frame from the client for so long, the connection is closed with 1001. Default 60,000. */
  readonly idleTimeoutMs?: number;
  /** Bytes of one message, its fragments counted together; more is closed with 1009. Default 1 MiB. */
  readonly frameBytesMax?: number;
  /** Bytes that may wait for a client that doesn't read; more and it is dropped. Default 4 MiB. */
  readonly outgoingBytesMax?: number;
  /**
   * Per-message deflate (RFC 7692). Default off: it costs about 300 KB of memory a connection, and CPU. `true` takes it
   * where the client offers it, without context takeover; what inflates beyond `frameBytesMax`, or on the whole to more
   * than 25 times what was received, is closed with 1009.
   */
  readonly deflate?: boolean;
}

/** How a mount's connections go before the endpoint stops. */
export interface DrainOptions {
  /** Connections that are closed at a time, with 1012. Default 10,000. */
  readonly batchSize?: number;
  /** Time between two batches. Default 2,000. */
  readonly intervalMs?: number;
  /** After so long all that are left go at once. Default 30,000. */
  readonly limitMs?: number;
}

/** Bounds a mount can change beside those that are options of their own; `limit/bounds.ts` has the defaults. */
const limitNames = [
  "headersMax",
  "queryBytesMax",
  "queryParamsMax",
  "queryDepthMax",
  "credentialBytesMax",
  "topicBytesMax",
  "eventBytesMax",
  "depthMax",
  "pendingFramesMax",
  "pendingBytesMax",
  "shutdownMs",
] as const;

/** All of them, resolved. */
export type Limits = Readonly<Record<(typeof limitNames)[number], number>>;

/** One entry of `sockets`: a socket, its channels, and how they are reached. */
export interface MountOptions {
  readonly socket: AnySocket;
  /** Tried in this order; the first whose pattern matches a topic has it. */
  readonly channels: readonly AnyChannel[];
  /** Which pages may connect. Default `true`: those of the endpoint's own host. */
  readonly origins?: Origins;
  /**
   * For sockets that ask for a session: whether `connect` sees it only with a `_csrf_token` that fits. Default `true`.
   * `false` leaves the origin check alone to keep strangers' pages out, and is refused together with `origins: false`.
   * `"any-site"`: not even that, so any page can connect as whoever looks at it; only for sessions that say nothing of who
   * somebody is.
   */
  readonly csrf?: boolean | "any-site";
  /** Where credentials are read. Default `["subprotocol", "header"]`. Two at once are refused. */
  readonly from?: readonly CredentialPlace[];
  /** Subprotocols spoken here, by preference. Default none: what clients offer is ignored. */
  readonly subprotocols?: readonly string[];
  /** Protocol versions spoken here. Default both. */
  readonly serializers?: readonly SerializerName[];
  /**
   * Answers refusals of `authenticate` and `connect` with a status (300 to 599) and body of your own. Default 403, no body.
   * What is no HTTP response, such as a header with a line break in it, is answered 500.
   */
  readonly refusal?: (refusal: { readonly reason: string; readonly details: object | null }) => RefusalResponse;
  /** Channels one connection may hold. Default 100. */
  readonly channelsMax?: number;
  /** Messages from inside the program that may wait for one channel. Default 10,000. */
  readonly mailboxMax?: number;
  /** How long `authenticate` and `connect` may take together. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Any other bound of requests and messages: headers, query, topics, events, nesting, waiting frames. */
  readonly limits?: Partial<Limits>;
  /** How connections go when the endpoint drains; `false` leaves them until it closes. As Phoenix's `drainer`. */
  readonly drain?: false | DrainOptions;
  /** The WebSocket transport: `false` for none. Default on. */
  readonly websocket?: boolean | WebSocketOptions;
}

/** What a mount is made with. */
export interface MountEnvironment {
  readonly pubsub: PubSub;
  readonly telemetry: Telemetry;
  readonly tokens: Tokens;
  /** Of the same secrets, for what is no token. */
  readonly keys: DerivedKeys;
  readonly clock: Clock;
  readonly endpoint: EndpointHandle;
  readonly reader: RequestReader;
  readonly urlHost: string | null;
  readonly production: boolean;
}

/** A mount, ready for requests. */
export interface Mount {
  readonly path: string;
  readonly socket: SocketRuntime;
  readonly context: ConnectionContext;
  readonly environment: MountEnvironment;
  readonly from: readonly CredentialPlace[];
  readonly subprotocols: readonly string[];
  readonly serializers: readonly SerializerName[];
  readonly refusal: NonNullable<MountOptions["refusal"]> | null;
  readonly session: SessionRuntime | null;
  /** Whether a session needs its CSRF token. */
  readonly csrf: boolean;
  readonly connectTimeoutMs: number;
  readonly limits: Limits;
  readonly drain: Required<DrainOptions> | null;
  readonly websocket: WebSocketMount | null;
}

/** The WebSocket half of a mount. */
export interface WebSocketMount {
  readonly match: PathMatcher;
  readonly origins: OriginPolicy;
  readonly idleTimeoutMs: number;
  readonly frameBytesMax: number;
  readonly outgoingBytesMax: number;
  readonly deflate: boolean;
}

const int31Max = 2 ** 31 - 1;

const knownKeys = new Set<string>([
  "socket",
  "channels",
  "origins",
  "csrf",
  "from",
  "subprotocols",
  "serializers",
  "refusal",
  "channelsMax",
  "mailboxMax",
  "connectTimeoutMs",
  "limits",
  "drain",
  "websocket",
] satisfies (keyof MountOptions)[]);
const knownWebSocketKeys = new Set<string>([
  "path",
  "origins",
  "idleTimeoutMs",
  "frameBytesMax",
  "outgoingBytesMax",
  "deflate",
] satisfies (keyof WebSocketOptions)[]);
const places: readonly string[] = ["subprotocol", "header", "params"] satisfies CredentialPlace[];

/**
 * Checks the options of one mount.
 *
 * @throws PortcullisError `definition_invalid` for unknown options, limits that are no positive numbers, a channel of
 * another socket, two channels with the same pattern, an event declared in `in` that nobody handles, or sessions with neither
 * an origin check nor a CSRF check.
 */
export function createMount(path: string, options: MountOptions, environment: MountEnvironment): Mount {
  rejectUnknown(path, options, knownKeys);
  const { socket, channels } = options;
  if (socket?.["~runtime"] === undefined)
    throw definitionError(`Expected socket of ${path} to be made by defineSocket.`);
  if (!Array.isArray(channels)) throw definitionError(`Expected channels of ${path} to be a list.`);
  const patterns = new Set<string>();
  for (const channel of channels) {
    if (channel?.["~runtime"] === undefined)
      throw definitionError(`Expected each channel of ${path} to be made by socket.channel.`);
    if (channel["~socket"] !== socket) {
      throw definitionError(
        `The channel "${channel.pattern}" was made from another socket than the one mounted on ${path}: its assigns would not be there.`,
      );
    }
    if (patterns.has(channel.pattern))
      throw definitionError(
        `The channel pattern "${channel.pattern}" is mounted twice on ${path}: the second would never be reached.`,
      );
    patterns.add(channel.pattern);
    const { payloads, handlers } = channel["~runtime"];
    for (const event of payloads?.keys() ?? []) {
      if (!handlers.has(event))
        throw definitionError(
          `The channel "${channel.pattern}" on ${path} declares "${event}" in "in" but has no handler for it. Mount what .on({ ${event}(payload, channel) { … } }) returns.`,
        );
    }
  }
  const from = options.from ?? ["subprotocol", "header"];
  for (const place of from) {
    if (!places.includes(place))
      throw definitionError(
        `Expected from of ${path} to hold "subprotocol", "header" or "params", got ${JSON.stringify(place)}.`,
      );
  }
  const positive = (name: string, value: number | undefined, fallback: number): number =>
    limitOf(path, name, value, fallback);
  rejectUnknown(`${path} (limits)`, options.limits ?? {}, new Set(limitNames));
  const limits = Object.fromEntries(
    limitNames.map((name) => [name, positive(name, options.limits?.[name], bounds[name])]),
  ) as Limits;
  return {
    path,
    socket: socket["~runtime"],
    environment,
    from,
    subprotocols: options.subprotocols ?? [],
    serializers: options.serializers ?? ["v1", "v2"],
    refusal: options.refusal ?? null,
    session: sessionOf(path, options),
    csrf: (options.csrf ?? true) === true,
    connectTimeoutMs: positive("connectTimeoutMs", options.connectTimeoutMs, bounds.connectTimeoutMs),
    limits,
    drain: drainOf(path, options.drain),
    websocket: createWebSocketMount(path, options, environment),
    context: {
      mount: path,
      channels: channels.map((channel) => channel["~runtime"]),
      pubsub: environment.pubsub,
      endpoint: environment.endpoint,
      telemetry: environment.telemetry,
      limits: {
        channelsMax: positive("channelsMax", options.channelsMax, bounds.channelsMax),
        mailboxMax: positive("mailboxMax", options.mailboxMax, bounds.mailboxMax),
        ...limits,
        warnAt: bounds.warnAt,
      },
    },
  };
}

function createWebSocketMount(
  path: string,
  options: MountOptions,
  environment: MountEnvironment,
): WebSocketMount | null {
  if (options.websocket === false) return null;
  const given = typeof options.websocket === "object" ? options.websocket : {};
  rejectUnknown(`${path} (websocket)`, given, knownWebSocketKeys);
  const origins = given.origins ?? options.origins ?? true;
  assertSessionGuarded(path, options.csrf, origins);
  const positive = (name: string, value: number | undefined, fallback: number): number =>
    limitOf(path, name, value, fallback);
  return {
    match: compilePath(`${path}/${given.path ?? "websocket"}`),
    origins: originPolicy(origins, {
      mount: path,
      urlHost: environment.urlHost,
      production: environment.production,
    }),
    idleTimeoutMs: positive("idleTimeoutMs", given.idleTimeoutMs, bounds.idleTimeoutMs),
    // `ws` takes what doesn't fit into 31 bits for no limit at all.
    frameBytesMax: Math.min(Math.ceil(positive("frameBytesMax", given.frameBytesMax, bounds.frameBytesMax)), int31Max),
    outgoingBytesMax: positive("outgoingBytesMax", given.outgoingBytesMax, bounds.outgoingBytesMax),
    deflate: given.deflate ?? false,
  };
}

function sessionOf(path: string, { socket, csrf }: MountOptions): SessionRuntime | null {
  const session = sessionSourceIn(socket["~runtime"].connectInfo);
  if (csrf !== undefined && typeof csrf !== "boolean" && csrf !== "any-site")
    throw definitionError(`Expected csrf of ${path} to be true, false or "any-site", got ${typeof csrf}.`);
  if (csrf !== undefined && session === null) {
    throw definitionError(
      `csrf of ${path} has nothing to check: it guards sessions, and the mount's socket asks for none (cookieSession or requestSession in connectInfo).`,
    );
  }
  return session;
}

/** Cookies come with every page's request. Something has to tell whose page it is: where it came from, or what it knows. */
function assertSessionGuarded(path: string, csrf: MountOptions["csrf"], origins: Origins): void {
  if (csrf !== false || origins !== false) return;
  throw definitionError(
    `The mount ${path} hands sessions over with neither an origin check (origins: false) nor a CSRF check (csrf: false): any page on any ` +
      "site could connect as whoever looks at it. To fix it: 1. leave csrf out, and have your pages send csrf.token(state) as param " +
      '_csrf_token; or 2. name your pages\' origins: origins: ["https://example.com"]; or 3. where the session says nothing of who ' +
      'somebody is, csrf: "any-site".',
  );
}

function drainOf(path: string, given: MountOptions["drain"]): Required<DrainOptions> | null {
  if (given === false) return null;
  rejectUnknown(`${path} (drain)`, given ?? {}, new Set(["batchSize", "intervalMs", "limitMs"]));
  return {
    batchSize: Math.ceil(limitOf(path, "batchSize", given?.batchSize, bounds.drainBatchSize)),
    intervalMs: limitOf(path, "intervalMs", given?.intervalMs, bounds.drainIntervalMs),
    limitMs: limitOf(path, "limitMs", given?.limitMs, bounds.drainLimitMs),
  };
}

function rejectUnknown(where: string, options: object, known: ReadonlySet<string>): void {
  for (const key of Object.keys(options)) {
    if (!known.has(key))
      throw definitionError(`Unknown option "${key}" of the mount ${where}. Known are: ${[...known].join(", ")}.`);
  }
}

function limitOf(path: string, name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !(value > 0)) {
    throw definitionError(
      `Expected ${name} of ${path} to be a positive number, got ${String(value)} (${typeof value}).`,
    );
  }
  // A timer takes what doesn't fit into 31 bits for no delay at all: three weeks and a half are as good as for ever.
  return name.endsWith("Ms") ? Math.min(value, int31Max) : value;
}
