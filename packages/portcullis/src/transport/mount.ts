/**
 * A socket mounted on a path: its options, checked once, and what every request to it needs.
 *
 * @module
 */

import type { Deadlines } from "../auth/deadlines.ts";
import type { Revocations } from "../auth/revocation.ts";
import type { EndpointHandle } from "../channel/contract.ts";
import type { Clock } from "../clock.ts";
import { definitionError } from "../errors.ts";
import { bounds } from "../limit/bounds.ts";
import type { SerializerName } from "../protocol/serializer.ts";
import type { PubSub } from "../pubsub/pubsub.ts";
import type { ConnectionContext } from "../socket/connection.ts";
import { type SessionRuntime, sessionSourceIn } from "../socket/session.ts";
import type { SocketRuntime } from "../socket/socket.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { DerivedKeys } from "../token/key.ts";
import type { Tokens } from "../token/token.ts";
import type { CredentialPlace } from "./credential.ts";
import {
  type DrainOptions,
  int31Max,
  knownKeys,
  knownLongPollKeys,
  knownWebSocketKeys,
  type Limits,
  limitNames,
  limitOf,
  type MountOptions,
  places,
  rejectUnknown,
} from "./options.ts";
import { type OriginPolicy, type Origins, originPolicy } from "./origin.ts";
import { compilePath, type PathMatcher } from "./path.ts";
import type { RequestReader } from "./proxy.ts";
import { flowsOf } from "./rates.ts";
import { refresh } from "./refresh.ts";
import type { Turnstile } from "./turnstile.ts";

/** What a mount is made with. */
export interface MountEnvironment {
  readonly pubsub: PubSub;
  readonly telemetry: Telemetry;
  readonly tokens: Tokens;
  /** Of the same secrets, for what is no token. */
  readonly keys: DerivedKeys;
  readonly clock: Clock;
  /** Everything that is due at a moment, such as the end of a credential. */
  readonly deadlines: Deadlines;
  readonly revocations: Revocations;
  readonly endpoint: EndpointHandle;
  readonly reader: RequestReader;
  /** How many there are, over all mounts. */
  readonly turnstile: Turnstile;
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
  /** Whether clients that ask are told why they are refused. */
  readonly explain: boolean;
  readonly session: SessionRuntime | null;
  /** Whether a session needs its CSRF token. */
  readonly csrf: boolean;
  readonly connectTimeoutMs: number;
  readonly limits: Limits;
  readonly drain: Required<DrainOptions> | null;
  /** How many bytes may wait for a client until volatile broadcasts are left out; `Infinity`: they never are. */
  readonly volatileBytesMax: number;
  readonly websocket: WebSocketMount | null;
  readonly longpoll: LongPollMount | null;
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

/** The long-poll half of a mount. */
export interface LongPollMount {
  readonly match: PathMatcher;
  readonly origins: OriginPolicy;
  readonly windowMs: number;
  readonly tokenMaxAgeSeconds: number;
  readonly queryToken: boolean;
  readonly bodyBytesMax: number;
  readonly frameBytesMax: number;
  readonly outgoingBytesMax: number;
  readonly sessionsMax: number;
}

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
  assertNames(path, "subprotocols", options.subprotocols, null);
  assertNames(path, "serializers", options.serializers, ["v1", "v2"]);
  const positive = (name: string, value: number | undefined, fallback: number): number =>
    limitOf(path, name, value, fallback);
  rejectUnknown(`${path} (limits)`, options.limits ?? {}, new Set(limitNames));
  const limits = Object.fromEntries(
    limitNames.map((name) => [name, positive(name, options.limits?.[name], bounds[name])]),
  ) as Limits;
  const connectTimeoutMs = positive("connectTimeoutMs", options.connectTimeoutMs, bounds.connectTimeoutMs);
  const mount: Mount = {
    path,
    socket: socket["~runtime"],
    environment,
    from,
    subprotocols: options.subprotocols ?? [],
    serializers: options.serializers ?? ["v1", "v2"],
    refusal: options.refusal ?? null,
    explain: options.explain ?? true,
    volatileBytesMax: volatileBytesMaxOf(path, options.slowReaders),
    session: sessionOf(path, options),
    csrf: (options.csrf ?? true) === true,
    connectTimeoutMs,
    limits,
    drain: drainOf(path, options.drain),
    websocket: createWebSocketMount(path, options, environment),
    longpoll: createLongPollMount(path, options, environment),
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
        authorizeMs: connectTimeoutMs,
        heldBytesMax: bounds.heldBytesMax,
        warnAt: bounds.warnAt,
      },
      flows: flowsOf(path, options.rates),
      standing: {
        deadlines: environment.deadlines,
        now: () => environment.clock.now(),
        refreshLeadMs: positive("refreshLeadMs", options.refreshLeadMs, bounds.refreshLeadMs),
        // Whoever says how long, means it.
        refreshLeadShare: options.refreshLeadMs === undefined ? bounds.refreshLeadShare : 1,
        refreshGraceMs: positive("refreshGraceMs", options.refreshGraceMs, bounds.refreshGraceMs),
        refreshFailuresMax: bounds.refreshFailuresMax,
        refresh: (credential, token) => refresh(mount, credential, token),
      },
    },
  };
  return mount;
}

/** Whether volatile broadcasts are left out for a client for whom so much waits; telemetry is told where they are. */
export function leavesOutVolatile({ environment, path, volatileBytesMax }: Mount, waitingBytes: number): boolean {
  if (waitingBytes <= volatileBytesMax) return false;
  environment.telemetry.emit("message.dropped", { mount: path, pattern: null, code: "volatile_dropped" });
  return true;
}

function volatileBytesMaxOf(path: string, slowReaders: unknown = "close"): number {
  if (slowReaders === "close") return Number.POSITIVE_INFINITY;
  if (slowReaders === "drop-volatile") return bounds.volatileBytesMax;
  throw definitionError(
    `Expected slowReaders of the mount ${path} to be "close" or "drop-volatile", got ${JSON.stringify(slowReaders)}.`,
  );
}

function createWebSocketMount(
  path: string,
  options: MountOptions,
  environment: MountEnvironment,
): WebSocketMount | null {
  if (options.websocket === false) return null;
  const given = typeof options.websocket === "object" ? options.websocket : {};
  rejectUnknown(`${path} (websocket)`, given, knownWebSocketKeys);
  const positive = (name: string, value: number | undefined, fallback: number): number =>
    limitOf(path, name, value, fallback);
  return {
    match: compilePath(`${path}/${pathOf(path, "websocket", given.path)}`),
    origins: originsOf(path, given.origins, options, environment),
    idleTimeoutMs: positive("idleTimeoutMs", given.idleTimeoutMs, bounds.idleTimeoutMs),
    // `ws` takes what doesn't fit into 31 bits for no limit at all.
    frameBytesMax: Math.min(Math.ceil(positive("frameBytesMax", given.frameBytesMax, bounds.frameBytesMax)), int31Max),
    outgoingBytesMax: positive("outgoingBytesMax", given.outgoingBytesMax, bounds.outgoingBytesMax),
    deflate: given.deflate ?? false,
  };
}

function createLongPollMount(path: string, options: MountOptions, environment: MountEnvironment): LongPollMount | null {
  if (options.longpoll === undefined || options.longpoll === false) return null;
  const given = typeof options.longpoll === "object" ? options.longpoll : {};
  rejectUnknown(`${path} (longpoll)`, given, knownLongPollKeys);
  const positive = (name: string, value: number | undefined, fallback: number): number =>
    limitOf(path, name, value, fallback);
  const bytes = (name: "frameBytesMax" | "outgoingBytesMax"): number => positive(name, given[name], bounds[name]);
  return {
    match: compilePath(`${path}/${pathOf(path, "longpoll", given.path)}`),
    origins: originsOf(path, given.origins, options, environment),
    windowMs: positive("windowMs", given.windowMs, bounds.longpollWindowMs),
    tokenMaxAgeSeconds: positive("tokenMaxAgeSeconds", given.tokenMaxAgeSeconds, bounds.longpollTokenMaxAgeSeconds),
    queryToken: given.queryToken ?? true,
    bodyBytesMax: positive("bodyBytesMax", given.bodyBytesMax, bounds.longpollBodyBytesMax),
    frameBytesMax: bytes("frameBytesMax"),
    outgoingBytesMax: bytes("outgoingBytesMax"),
    sessionsMax: positive("sessionsMax", given.sessionsMax, bounds.longpollSessionsMax),
  };
}

/** The transport's own origins, or the mount's. */
function originsOf(
  path: string,
  own: Origins | undefined,
  options: MountOptions,
  { urlHost, production }: MountEnvironment,
): OriginPolicy {
  const origins = own ?? options.origins ?? true;
  assertSessionGuarded(path, options.csrf, origins);
  return originPolicy(origins, { mount: path, urlHost, production });
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
  if (socket["~runtime"].authenticate?.readsSession !== true) return session;
  if (session === null) {
    throw definitionError(
      `The socket on ${path} authenticates by session(…) and asks for no session. Add cookieSession or requestSession to its connectInfo.`,
    );
  }
  if (csrf === "any-site") {
    throw definitionError(
      `The socket on ${path} authenticates by session(…), and csrf: "any-site" would let any page connect as whoever looks at it. Leave csrf out.`,
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
  if (given !== undefined && (typeof given !== "object" || given === null))
    throw definitionError(`Expected drain of ${path} to be false or an object, got ${String(given)}.`);
  rejectUnknown(`${path} (drain)`, given ?? {}, new Set(["batchSize", "intervalMs", "limitMs"]));
  return {
    batchSize: Math.ceil(limitOf(path, "batchSize", given?.batchSize, bounds.drainBatchSize)),
    intervalMs: limitOf(path, "intervalMs", given?.intervalMs, bounds.drainIntervalMs),
    limitMs: limitOf(path, "limitMs", given?.limitMs, bounds.drainLimitMs),
  };
}

/** Where a transport answers, below its mount. */
function pathOf(path: string, transport: "websocket" | "longpoll", given: string | undefined): string {
  if (given === undefined) return transport;
  if (typeof given === "string") return given;
  throw definitionError(`Expected path of ${path} (${transport}) to be a string, got ${typeof given}.`);
}

/** A list of names: a single one, without a list around it, would be read letter by letter. */
function assertNames(
  path: string,
  option: string,
  given: readonly string[] | undefined,
  known: readonly string[] | null,
): void {
  if (given === undefined) return;
  const names: unknown = given;
  const isName = (name: unknown): boolean => typeof name === "string" && name !== "" && (known?.includes(name) ?? true);
  if (Array.isArray(names) && names.every(isName) && (known === null || names.length > 0)) return;
  const what = known === null ? "a list of names" : `a list of ${known.map((name) => `"${name}"`).join(" and ")}`;
  throw definitionError(`Expected ${option} of ${path} to be ${what}, got ${JSON.stringify(given)}.`);
}
