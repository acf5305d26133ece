/**
 * One presence at one endpoint: who tracks what there, within which bounds.
 *
 * @module
 */

import { bounds } from "../limit/bounds.ts";
import { isLongerThan } from "../protocol/frame.ts";
import type { EndpointParts } from "../pubsub/parts.ts";
import { Announcer, type AnnouncerOptions, entriesOf, withExtras } from "./announcer.ts";
import { type PresenceMap, toPresenceMap } from "./diff.ts";
import { bare, type Tracked } from "./message.ts";
import type { Counts, Entry } from "./roster.ts";
import { Tracker, type TrackerOptions } from "./tracker.ts";

/** What one presence may hold. Over a limit, `track` and `update` refuse. */
export interface PresenceLimits {
  /** Keys one channel may track. Default 100. */
  readonly keysPerChannelMax: number;
  /** Presences under one key of a topic, such as the devices of one user. Default 100. */
  readonly metasPerKeyMax: number;
  /** Keys of one topic, over all nodes. Default 10,000. */
  readonly keysPerTopicMax: number;
  /** UTF-8 bytes of a key. Default 1,024. */
  readonly keyBytesMax: number;
  /** UTF-8 bytes of a meta as JSON. Default 4,096. */
  readonly metaBytesMax: number;
}

/** Why `track` refused. */
export type TrackRefusal =
  | "already_tracked"
  | "ended"
  | "key_too_long"
  | "meta_too_large"
  | "tracked_max"
  | "metas_max"
  | "keys_max";

/** Why `update` refused. */
export type UpdateRefusal = "not_tracked" | "meta_too_large";

/** `ref` is the `phx_ref` of the presence. */
export type Outcome<Refusal extends string> =
  | { readonly ok: true; readonly ref: string }
  | { readonly ok: false; readonly reason: Refusal };

/** Who tracks, as far as a presence needs to know. */
export interface Owner {
  readonly topic: string;
  readonly signal: AbortSignal;
}

export interface SiteOptions
  extends Pick<TrackerOptions, "name" | "timing" | "defer">,
    Pick<AnnouncerOptions, "windowMs" | "countsOnly" | "fetch" | "handleMetas" | "fetchTimeoutMs"> {
  readonly limits: PresenceLimits;
  /** 16 characters nobody can guess. */
  readonly makeRef: () => string;
}

type Meta = Readonly<Record<string, unknown>>;
type Listing = PresenceMap | Promise<PresenceMap>;

export class Site {
  readonly #options: SiteOptions;
  readonly #parts: EndpointParts;
  readonly #tracker: Tracker;
  readonly #announcer: Announcer;
  readonly #owners = new Map<Owner, Map<string, Entry<Tracked>>>();

  constructor(options: SiteOptions, parts: EndpointParts) {
    this.#options = options;
    this.#parts = parts;
    this.#tracker = new Tracker({
      ...options,
      parts,
      replica: options.makeRef(),
      replicasMax: bounds.presenceReplicasMax,
      onChange: (change) => this.#announcer.changed(change),
    });
    this.#announcer = new Announcer({
      ...options,
      parts,
      visible: this.#tracker.state.visible,
      queueMax: bounds.presenceQueueMax,
    });
    this.#tracker.start();
    parts.onClose(() => this.#tracker.stop());
  }

  track(owner: Owner, key: string, meta: object, silent: boolean): Outcome<TrackRefusal> {
    const tracked = this.#owners.get(owner);
    const refusal = this.#whyNot(owner, key, tracked);
    if (refusal !== null) return this.#refuse(refusal);
    const copy = copyMeta(meta, this.#options.limits.metaBytesMax);
    if (copy === null) return this.#refuse("meta_too_large");
    const ref = this.#options.makeRef();
    const entry = this.#tracker.add(owner.topic, key, { meta: withRefs(copy, ref, null), silent });
    if (tracked !== undefined) {
      tracked.set(key, entry);
    } else {
      this.#owners.set(owner, new Map([[key, entry]]));
      owner.signal.addEventListener("abort", () => this.untrack(owner), { once: true });
    }
    this.#warnOf(owner, entry);
    return { ok: true, ref };
  }

  update(owner: Owner, key: string, change: object): Outcome<UpdateRefusal> {
    const tracked = this.#owners.get(owner);
    const entry = tracked?.get(key);
    if (tracked === undefined || entry === undefined) return { ok: false, reason: "not_tracked" };
    const { meta, silent } = entry.value;
    const next: unknown = typeof change === "function" ? (change as (meta: Meta) => unknown)(meta) : change;
    const copy = copyMeta(next, this.#options.limits.metaBytesMax);
    if (copy === null) return this.#refuse("meta_too_large");
    // The function may have untracked it, or updated it itself: what was current when it was asked is not any more.
    if (tracked.get(key) !== entry) return { ok: false, reason: "not_tracked" };
    const ref = this.#options.makeRef();
    const previous = meta["phx_ref"] as string;
    tracked.set(key, this.#tracker.replace(entry, { meta: withRefs(copy, ref, previous), silent }));
    return { ok: true, ref };
  }

  /** Without a key: everything this owner tracks, in one diff. */
  untrack(owner: Owner, key?: string): void {
    const tracked = this.#owners.get(owner);
    if (tracked === undefined) return;
    const entries =
      key === undefined ? [...tracked.values()] : [tracked.get(key)].filter((entry) => entry !== undefined);
    if (entries.length === 0) return;
    if (key === undefined) tracked.clear();
    else tracked.delete(key);
    // An owner that lives on keeps its empty map, and with it the one listener on its signal.
    if (owner.signal.aborted) this.#owners.delete(owner);
    this.#tracker.remove(entries);
  }

  list(topic: string): Listing {
    const told = this.#announcer.settle(topic);
    const list = (): Listing => this.#extended(topic, toPresenceMap(entriesOf(this.#tracker.state.visible, topic)));
    return told === undefined ? list() : told.then(list);
  }

  get(topic: string, key: string): Listing {
    return this.#extended(topic, toPresenceMap(this.#tracker.state.visible.get(topic, key)));
  }

  counts(topic: string): Counts {
    return this.#tracker.state.visible.counts(topic);
  }

  #extended(topic: string, presences: PresenceMap): Listing {
    const { fetch } = this.#options;
    if (fetch === null) return presences;
    const extras = fetch(topic, presences);
    return extras instanceof Promise
      ? extras.then((settled) => withExtras(presences, settled))
      : withExtras(presences, extras);
  }

  #whyNot(owner: Owner, key: string, tracked: ReadonlyMap<string, unknown> | undefined): TrackRefusal | null {
    const { limits } = this.#options;
    const { visible } = this.#tracker.state;
    if (owner.signal.aborted) return "ended";
    if (tracked?.has(key) === true) return "already_tracked";
    if (isLongerThan(key, limits.keyBytesMax)) return "key_too_long";
    if ((tracked?.size ?? 0) >= limits.keysPerChannelMax) return "tracked_max";
    const others = visible.get(owner.topic, key).length;
    if (others >= limits.metasPerKeyMax) return "metas_max";
    if (others === 0 && visible.counts(owner.topic).keys >= limits.keysPerTopicMax) return "keys_max";
    return null;
  }

  #refuse<Refusal extends TrackRefusal>(reason: Refusal): { readonly ok: false; readonly reason: Refusal } {
    if (reason !== "already_tracked" && reason !== "ended") {
      const { name } = this.#options;
      this.#parts.telemetry.emit("presence.refused", { presence: name, reason });
      this.#parts.telemetry.warn(
        `presence ${reason} ${name}`,
        () =>
          `portcullis: the presence "${name}" refused to track (${reason}). Raise that limit of definePresence, or track less.`,
      );
    }
    return { ok: false, reason };
  }

  #warnOf(owner: Owner, { topic, key }: Entry<Tracked>): void {
    const { keysPerChannelMax, metasPerKeyMax, keysPerTopicMax } = this.#options.limits;
    const { visible } = this.#tracker.state;
    const metas = visible.get(topic, key).length;
    this.#warnAt("keysPerChannelMax", this.#owners.get(owner)?.size ?? 0, keysPerChannelMax);
    this.#warnAt("metasPerKeyMax", metas, metasPerKeyMax);
    if (metas === 1) this.#warnAt("keysPerTopicMax", visible.counts(topic).keys, keysPerTopicMax);
  }

  #warnAt(limit: keyof PresenceLimits, value: number, max: number): void {
    if (value !== Math.ceil(max * bounds.warnAt)) return;
    this.#parts.telemetry.emit("presence.warned", { presence: this.#options.name, limit, value, max });
  }
}

/** A frozen copy as JSON has it: what the program does with its own object later changes nothing. `null`: too large. */
function copyMeta(meta: unknown, bytesMax: number): Meta | null {
  const text = typeof meta === "object" ? (JSON.stringify(meta) as string | undefined) : undefined;
  if (text?.startsWith("{") !== true) {
    const got = meta === null ? "null" : Array.isArray(meta) ? "an array" : typeof meta;
    throw new TypeError(`Expected a meta to be an object that JSON can hold, got ${got}. Wrap it: { value: … }.`);
  }
  if (isLongerThan(text, bytesMax)) return null;
  return JSON.parse(text, (_key, value: unknown) => Object.freeze(value)) as Meta;
}

/** The refs are the server's, whatever a meta, perhaps a client's, says they were. */
function withRefs(meta: Meta, ref: string, previous: string | null): Meta {
  const { phx_ref: _ref, phx_ref_prev: _previous, ...rest } = meta;
  return bare({ phx_ref: ref, ...(previous === null ? {} : { phx_ref_prev: previous }), ...rest });
}
