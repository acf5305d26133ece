/**
 * Presence: who is on a topic right now, on every node, without a central store. What clients of Phoenix.Presence expect:
 * `presence_state` is pushed by the channel, `presence_diff` follows by itself.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import { definitionError } from "../errors.ts";
import { bounds } from "../limit/bounds.ts";
import type { Awaitable } from "../outcome.ts";
import type { EndpointParts } from "../pubsub/parts.ts";
import { toBase64url } from "../token/base64url.ts";
import type { AnnouncedChange } from "./announcer.ts";
import type { PresenceMap } from "./diff.ts";
import type { Counts } from "./roster.ts";
import {
  type Outcome,
  type Owner,
  type PresenceLimits,
  Site,
  type SiteOptions,
  type TrackRefusal,
  type UpdateRefusal,
} from "./site.ts";

export type { Counts } from "./roster.ts";
export type { Outcome, PresenceLimits, TrackRefusal, UpdateRefusal } from "./site.ts";

/** An endpoint, as far as a presence needs it. */
export interface PresenceEndpoint {
  readonly "~parts": EndpointParts;
  broadcast(topic: string, event: string, payload: object): void;
  localBroadcast(topic: string, event: string, payload: object): void;
}

/**
 * Who tracks: a joined channel, or anything else with a topic and an end. What it tracks leaves when `signal` is aborted.
 * Known by identity: hand in the same object each time.
 */
export interface PresenceOwner extends Owner {
  readonly endpoint: PresenceEndpoint;
}

/** A meta as it was tracked, with the ref of this presence, and of the one it replaces. */
export type Listed<Meta> = Readonly<Meta> & { readonly phx_ref: string; readonly phx_ref_prev?: string };

/** What is known of one key: its metas in the order of tracking, and what `fetch` adds. */
export type PresenceOf<Meta, Extra = unknown> = { readonly metas: readonly Listed<Meta>[] } & Omit<Extra, "metas">;

/** Presences by key. Has no prototype: any string is a key. */
export type Presences<Meta = Record<string, unknown>, Extra = unknown> = Readonly<
  Record<string, PresenceOf<Meta, Extra>>
>;

/** What `fetch` may return: more to say of each key, in an object by key. */
export type Fetched = Awaitable<Readonly<Record<string, object>>> | undefined;

type ExtraOf<Result> = Awaited<Result> extends Readonly<Record<string, infer Extra>> ? Extra : unknown;
type Later<Result, Value> = Result extends PromiseLike<unknown> ? Promise<Value> : Value;

/** A change of one topic, as `handleMetas` is told of it. */
export interface PresenceChange<Meta, Extra = unknown> {
  readonly topic: string;
  readonly joins: Presences<Meta, Extra>;
  readonly leaves: Presences<Meta, Extra>;
  /** Everybody after this change, without what `fetch` adds. Made when first read: read it before you await anything. */
  readonly presences: Presences<Meta>;
}

/** Options of {@link definePresence}. */
export interface PresenceOptions<Meta, Result extends Fetched> {
  /** Sets the presences of one endpoint apart; the same on every node. Default `"presence"`. */
  readonly name?: string;
  /**
   * Adds to each key what clients are to know besides its metas, such as a user's name, with one query for all keys. Called
   * for lists and diffs. A diff whose fetch fails, or takes longer than `fetchTimeoutMs`, goes out without.
   */
  fetch?(topic: string, presences: Presences<Meta>): Result;
  /** Called after every change, on every node. What it throws is logged; a promise it returns isn't waited for. */
  handleMetas?(change: PresenceChange<Meta, ExtraOf<Result>>, endpoint: PresenceEndpoint): unknown;
  /**
   * Milliseconds in which the changes of a topic are gathered into one diff. Default 0: a diff for each change, as in
   * Phoenix. With a window, who pushes the state right after tracking may see the state before its own diff, which clients
   * reconcile by ref; when many join at once, a client gets one diff a window in place of one for each of them: the same
   * entries in a thousandth of the frames.
   */
  readonly batchWindowMs?: number;
  /**
   * For huge rooms: clients aren't told who is there, only how many: an event `presence_counts` `{keys, metas}` in place of
   * diffs, by default at most one a second.
   */
  readonly countsOnly?: boolean;
  /** Default 5,000. */
  readonly fetchTimeoutMs?: number;
  readonly limits?: Partial<PresenceLimits>;
  /** Default 1,500. */
  readonly heartbeatMs?: number;
  /** Silence after which a node counts as dead: its presences leave within this and one heartbeat. Default 15,000. */
  readonly downAfterMs?: number;
  /** Silence after which nothing is kept of a node. Default 1,200,000 (20 minutes). */
  readonly permanentDownAfterMs?: number;
  /** Randomness for refs: for tests. Default: the system's. */
  readonly randomBytes?: (size: number) => Uint8Array;
}

/** Options of {@link Presence.track}. */
export interface TrackOptions {
  /** `false`: it stands in lists, and no diff mentions it, neither now nor when it leaves. Default true. */
  readonly broadcast?: boolean;
}

/** Where to look: a channel, for its topic, or an endpoint with a topic. */
export type PresencePlace =
  | readonly [channel: Pick<PresenceOwner, "topic" | "endpoint">]
  | readonly [endpoint: PresenceEndpoint, topic: string];

/** A defined presence. It keeps nothing itself: each endpoint that uses it has presences of its own. */
export interface Presence<Meta extends object, Result extends Fetched> {
  readonly name: string;
  /**
   * Tracks `key` on the channel's topic until the channel ends. A number is taken as its digits. Refuses what is tracked
   * already and what is over a limit; throws a TypeError for a meta that JSON can't hold.
   */
  track(channel: PresenceOwner, key: string | number, meta: Meta, options?: TrackOptions): Outcome<TrackRefusal>;
  /** Replaces the meta, or changes it by a function: one diff, with the old one's leave and the new one's join. */
  update(
    channel: PresenceOwner,
    key: string | number,
    meta: Meta | ((meta: Listed<Meta>) => Meta),
  ): Outcome<UpdateRefusal>;
  /** Ends what the channel tracks under `key`; without a key, all it tracks. Harmless for what isn't tracked. */
  untrack(channel: PresenceOwner, key?: string | number): void;
  /** Everybody on a topic. A promise where `fetch` returns one. */
  list(...place: PresencePlace): Later<Result, Presences<Meta, ExtraOf<Result>>>;
  /** What is known of one key; `undefined` if nobody is there under it. */
  get(
    ...place: readonly [...PresencePlace, key: string | number]
  ): Later<Result, PresenceOf<Meta, ExtraOf<Result>> | undefined>;
  /** How many there are on a topic. Never asks `fetch`. */
  counts(...place: PresencePlace): Counts;
  /**
   * Makes the endpoint part of the cluster's presence. The first use of anything above does that too; call it beside
   * `listen` where a node is to know the others' presences before it has its own.
   */
  start(endpoint: PresenceEndpoint): void;
}

/**
 * Defines a presence.
 *
 * @example
 * ```ts
 * const presence = definePresence<{ device: string }>();
 *
 * const room = userSocket
 *   .channel("room:{name}", { authorize: "everyone", join: (_params, channel) => channel.send("joined") })
 *   .info({
 *     joined(_message, channel) {
 *       presence.track(channel, channel.assigns.userId, { device: "phone" });
 *       channel.push("presence_state", presence.list(channel));
 *     },
 *   });
 * ```
 *
 * @throws PortcullisError `definition_invalid` for times and limits that can't work.
 */
export function definePresence<Meta extends object = Record<string, unknown>, Result extends Fetched = undefined>(
  options: PresenceOptions<Meta, Result> = {},
): Presence<Meta, Result> {
  return new Definition(options as unknown as UntypedOptions) as unknown as Presence<Meta, Result>;
}

type UntypedOptions = PresenceOptions<Record<string, unknown>, Fetched>;

/** Which presence has which name, per endpoint: two of one name would hear each other's messages. */
const names = new WeakMap<EndpointParts, Map<string, Definition>>();

class Definition {
  readonly name: string;
  readonly #site: (parts: EndpointParts, endpoint: PresenceEndpoint) => Site;
  readonly #sites = new WeakMap<EndpointParts, Site>();

  constructor(options: UntypedOptions) {
    this.name = options.name ?? "presence";
    const settings = toSettings(this.name, options);
    const { handleMetas } = options;
    this.#site = (parts, endpoint) => {
      const handle = (change: AnnouncedChange): unknown => handleMetas?.call(options, change as never, endpoint);
      return new Site({ ...settings, handleMetas: handleMetas === undefined ? null : handle }, parts);
    };
  }

  start(endpoint: PresenceEndpoint): void {
    this.#at(endpoint);
  }

  track(owner: PresenceOwner, key: string | number, meta: object, options: TrackOptions = {}): Outcome<TrackRefusal> {
    return this.#at(owner.endpoint).track(owner, toKey(key), meta, options.broadcast === false);
  }

  update(owner: PresenceOwner, key: string | number, meta: object): Outcome<UpdateRefusal> {
    return this.#at(owner.endpoint).update(owner, toKey(key), meta);
  }

  untrack(owner: PresenceOwner, key?: string | number): void {
    this.#at(owner.endpoint).untrack(owner, key === undefined ? undefined : toKey(key));
  }

  list(...place: PresencePlace): PresenceMap | Promise<PresenceMap> {
    const { site, topic } = this.#find(place);
    return site.list(topic);
  }

  get(...where: readonly [...PresencePlace, key: string | number]): unknown {
    const key = toKey(where.at(-1) as string | number);
    const { site, topic } = this.#find(where.slice(0, -1) as unknown as PresencePlace);
    const found = site.get(topic, key);
    return found instanceof Promise ? found.then((presences) => presences[key]) : found[key];
  }

  counts(...place: PresencePlace): Counts {
    const { site, topic } = this.#find(place);
    return site.counts(topic);
  }

  #find([where, topic]: readonly [PresencePlace[0], string?]): { readonly site: Site; readonly topic: string } {
    if ("endpoint" in where) return { site: this.#at(where.endpoint), topic: topic ?? where.topic };
    if (topic === undefined) throw new TypeError("Expected a topic beside the endpoint, got none.");
    return { site: this.#at(where), topic };
  }

  #at(endpoint: PresenceEndpoint): Site {
    const parts = endpoint["~parts"];
    let site = this.#sites.get(parts);
    if (site === undefined) {
      claimName(parts, this);
      site = this.#site(parts, endpoint);
      this.#sites.set(parts, site);
    }
    return site;
  }
}

function claimName(parts: EndpointParts, definition: Definition): void {
  const taken = names.get(parts) ?? new Map<string, Definition>();
  names.set(parts, taken);
  if (taken.has(definition.name)) {
    throw definitionError(
      `Expected each presence of an endpoint to have a name of its own, got two called "${definition.name}". Name them: definePresence({ name: … }).`,
    );
  }
  taken.set(definition.name, definition);
}

function toSettings(name: string, options: UntypedOptions): Omit<SiteOptions, "handleMetas"> {
  const random = options.randomBytes ?? randomBytes;
  const countsOnly = options.countsOnly ?? false;
  const limits: PresenceLimits = {
    keysPerChannelMax: bounds.presenceKeysPerChannelMax,
    metasPerKeyMax: bounds.presenceMetasPerKeyMax,
    keysPerTopicMax: bounds.presenceKeysPerTopicMax,
    keyBytesMax: bounds.presenceKeyBytesMax,
    metaBytesMax: bounds.presenceMetaBytesMax,
    ...options.limits,
  };
  const timing = {
    heartbeatMs: options.heartbeatMs ?? 1_500,
    downAfterMs: options.downAfterMs ?? 15_000,
    permanentDownAfterMs: options.permanentDownAfterMs ?? 1_200_000,
  };
  const fetchTimeoutMs = options.fetchTimeoutMs ?? 5_000;
  for (const [option, value] of Object.entries({ ...timing, ...limits, fetchTimeoutMs })) assertAbove(option, value, 0);
  assertAbove("downAfterMs", timing.downAfterMs, timing.heartbeatMs);
  assertAbove("permanentDownAfterMs", timing.permanentDownAfterMs, timing.downAfterMs);
  const windowMs = options.batchWindowMs ?? (countsOnly ? 1_000 : 0);
  assertAbove("batchWindowMs", windowMs, -1);
  return {
    name,
    timing,
    limits,
    windowMs,
    countsOnly,
    fetchTimeoutMs,
    fetch: (options.fetch?.bind(options) as SiteOptions["fetch"] | undefined) ?? null,
    makeRef: () => toBase64url(random(12)),
    defer: (task) => void setImmediate(task),
  };
}

function assertAbove(option: string, value: number, least: number): void {
  if (typeof value === "number" && value > least) return;
  throw definitionError(`Expected ${option} of a presence to be more than ${least}, got ${JSON.stringify(value)}.`);
}

function toKey(key: string | number): string {
  if (typeof key === "string" || typeof key === "number") return String(key);
  throw new TypeError(`Expected the key of a presence to be a string, got ${typeof key}.`);
}
