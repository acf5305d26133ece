/**
 * What can be said of a mount, and what is wrong with what was said.
 *
 * @module
 */

import type { AnyChannel } from "../channel/channel.ts";
import { definitionError } from "../errors.ts";
import type { SerializerName } from "../protocol/serializer.ts";
import type { AnySocket } from "../socket/socket.ts";
import type { CredentialPlace } from "./credential.ts";
import type { Origins } from "./origin.ts";
import type { RateOptions } from "./rates.ts";

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

/** Options of the long-poll transport of one mount. */
export interface LongPollOptions {
  /** Below the mount's path. Default `"/longpoll"`; may hold `:variables`. */
  readonly path?: string;
  /** In place of the mount's own. */
  readonly origins?: Origins;
  /** How long a request waits for messages. A session nobody polls for one and a half of them ends. Default 10,000. */
  readonly windowMs?: number;
  /** How old a session's token may be: then a new session begins. Default 1,209,600, two weeks. */
  readonly tokenMaxAgeSeconds?: number;
  /**
   * Whether a session's token is read from the query too. Default `true`: clients up to phoenix.js 1.8 know no other place.
   * `false` keeps it out of proxies' and servers' logs.
   */
  readonly queryToken?: boolean;
  /** Bytes of one POST, which may hold 100 messages; more is refused with 400. Default 8,000,000. */
  readonly bodyBytesMax?: number;
  /** Bytes of one message; a POST with a larger one is refused whole. Default 1 MiB. */
  readonly frameBytesMax?: number;
  /** Bytes that may wait for a client that doesn't poll; more and its session ends. Default 4 MiB. */
  readonly outgoingBytesMax?: number;
  /** Sessions of this mount in this process; more are refused with 503. Default 50,000. */
  readonly sessionsMax?: number;
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
export const limitNames = [
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
  /**
   * Whether a client that asks is told why it is refused, and whether to come back: `{ reason, retry }` in JSON for a plain
   * request that accepts it, `phx_closing` for a handshake with the subprotocol `portcullis.explain`. Pages on foreign origins
   * are never told. Default `true`.
   */
  readonly explain?: boolean;
  /** Channels one connection may hold. Default 100. */
  readonly channelsMax?: number;
  /** Messages from inside the program that may wait for one channel. Default 10,000. */
  readonly mailboxMax?: number;
  /**
   * What becomes of clients that read more slowly than they are sent to. `"close"`: whoever leaves `outgoingBytesMax` unread is
   * closed with 1013 (`slow_reader`). `"drop-volatile"`: that too, but as soon as more than 64 KiB wait for a client, broadcasts
   * that were marked `volatile` are left out for it (telemetry: `message.dropped`). Default `"close"`.
   */
  readonly slowReaders?: "close" | "drop-volatile";
  /** How long `authenticate` and `connect` may take together. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /**
   * How long before its credential lapses a client is told so. Default 60,000, or a tenth of the credential's life where that is
   * less.
   */
  readonly refreshLeadMs?: number;
  /** How long a connection whose credential has lapsed may stay, silenced, to be refreshed. Default 5,000. */
  readonly refreshGraceMs?: number;
  /** Any other bound of requests and messages: headers, query, topics, events, nesting, waiting frames. */
  readonly limits?: Partial<Limits>;
  /** How many joins, messages and bytes one connection may send in a second. */
  readonly rates?: RateOptions;
  /** How connections go when the endpoint drains; `false` leaves them until it closes. As Phoenix's `drainer`. */
  readonly drain?: false | DrainOptions;
  /** The WebSocket transport: `false` for none. Default on. */
  readonly websocket?: boolean | WebSocketOptions;
  /** The long-poll transport, for clients whose network lets no WebSocket through. Default off. */
  readonly longpoll?: boolean | LongPollOptions;
}

export const int31Max: number = 2 ** 31 - 1;

export const knownKeys: ReadonlySet<string> = new Set<string>([
  "socket",
  "channels",
  "origins",
  "csrf",
  "from",
  "subprotocols",
  "serializers",
  "refusal",
  "explain",
  "slowReaders",
  "channelsMax",
  "mailboxMax",
  "connectTimeoutMs",
  "refreshLeadMs",
  "refreshGraceMs",
  "limits",
  "rates",
  "drain",
  "websocket",
  "longpoll",
] satisfies (keyof MountOptions)[]);
export const knownWebSocketKeys: ReadonlySet<string> = new Set<string>([
  "path",
  "origins",
  "idleTimeoutMs",
  "frameBytesMax",
  "outgoingBytesMax",
  "deflate",
] satisfies (keyof WebSocketOptions)[]);
export const knownLongPollKeys: ReadonlySet<string> = new Set<string>([
  "path",
  "origins",
  "windowMs",
  "tokenMaxAgeSeconds",
  "queryToken",
  "bodyBytesMax",
  "frameBytesMax",
  "outgoingBytesMax",
  "sessionsMax",
] satisfies (keyof LongPollOptions)[]);
export const places: readonly string[] = ["subprotocol", "header", "params"] satisfies CredentialPlace[];

/** @throws PortcullisError `definition_invalid` for a key that is not known. */
export function rejectUnknown(where: string, options: object, known: ReadonlySet<string>): void {
  for (const key of Object.keys(options)) {
    if (!known.has(key))
      throw definitionError(`Unknown option "${key}" of the mount ${where}. Known are: ${[...known].join(", ")}.`);
  }
}

/** @throws PortcullisError `definition_invalid` for what is no positive number. */
export function limitOf(path: string, name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !(value > 0)) {
    throw definitionError(
      `Expected ${name} of ${path} to be a positive number, got ${String(value)} (${typeof value}).`,
    );
  }
  // A timer takes what doesn't fit into 31 bits for no delay at all: three weeks and a half are as good as for ever.
  return name.endsWith("Ms") ? Math.min(value, int31Max) : value;
}
