/**
 * Tells a topic's subscribers who came and who went: one `presence_diff` for each change, or one for each window.
 *
 * @module
 */

import { isThenable } from "../outcome.ts";
import type { EndpointParts } from "../pubsub/parts.ts";
import { Diff, type PresenceMap, toPresenceMap } from "./diff.ts";
import type { Tracked } from "./message.ts";
import { type Entry, Roster } from "./roster.ts";
import type { Change } from "./state.ts";

/** What `handleMetas` is told, with its types taken off. */
export interface AnnouncedChange {
  readonly topic: string;
  readonly joins: PresenceMap;
  readonly leaves: PresenceMap;
  /** Everybody who is there after this change, and before the next. */
  readonly presences: PresenceMap;
}

export interface AnnouncerOptions {
  readonly name: string;
  readonly parts: EndpointParts;
  /** Everybody, for counts. */
  readonly visible: Roster<Tracked>;
  /** `0`: a diff for each change. */
  readonly windowMs: number;
  readonly countsOnly: boolean;
  /** Diffs of one topic that wait for `fetch`. Further changes go into the last of them. */
  readonly queueMax: number;
  readonly fetchTimeoutMs: number;
  readonly fetch: ((topic: string, presences: PresenceMap) => unknown) | null;
  readonly handleMetas: ((change: AnnouncedChange) => unknown) | null;
  readonly defer: (task: () => void) => void;
}

/** Diffs of one topic, in order. */
interface Queue {
  readonly waiting: Diff[];
  /** Being told right now. */
  telling: boolean;
  /** Pending while `fetch` is waited for. */
  pending: Promise<void> | null;
}

/** What clients hear: how many there are, in place of who. */
export const countsEvent = "presence_counts";
/** What clients hear of changes (Phoenix.Presence). */
export const diffEvent = "presence_diff";

export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #queues = new Map<string, Queue>();
  /** What `handleMetas` was told so far: behind the state by the diffs that wait. */
  readonly #told: Roster<Tracked> | null;
  #scheduled = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#told = options.handleMetas === null ? null : new Roster();
  }

  /** Takes a change to be announced soon: not before the handler that makes it has replied. */
  changed({ joined, left }: Change<Tracked>): void {
    const { windowMs, queueMax, parts, defer } = this.#options;
    const fresh = new Map<string, Diff>();
    const diffOf = (topic: string): Diff => {
      let diff = fresh.get(topic);
      if (diff !== undefined) return diff;
      const { waiting, pending } = this.#queue(topic);
      const last = waiting.at(-1);
      const full = windowMs > 0 || (pending !== null && waiting.length >= queueMax);
      diff = last !== undefined && full ? last : new Diff();
      if (diff !== last) waiting.push(diff);
      fresh.set(topic, diff);
      return diff;
    };
    for (const entry of left) diffOf(entry.topic).left(entry);
    for (const entry of joined) diffOf(entry.topic).joined(entry);
    if (this.#scheduled || fresh.size === 0) return;
    this.#scheduled = true;
    const flush = (): void => {
      this.#scheduled = false;
      for (const topic of [...this.#queues.keys()]) this.#tell(topic);
    };
    if (windowMs > 0) parts.clock.after(windowMs, flush);
    else defer(flush);
  }

  /**
   * Called before somebody is given a list of `topic`. Without a window it tells what is still to be told, so that nobody
   * reads in a list what the diffs before it don't account for. The promise is for what `fetch` is still out for.
   */
  settle(topic: string): Promise<void> | undefined {
    const queue = this.#queues.get(topic);
    if (queue === undefined) return undefined;
    if (this.#options.windowMs > 0) {
      queue.waiting.at(-1)?.listed();
      return undefined;
    }
    this.#tell(topic);
    return queue.pending ?? undefined;
  }

  #queue(topic: string): Queue {
    let queue = this.#queues.get(topic);
    if (queue === undefined) {
      queue = { waiting: [], telling: false, pending: null };
      this.#queues.set(topic, queue);
    }
    return queue;
  }

  #tell(topic: string): void {
    const queue = this.#queues.get(topic);
    if (queue === undefined || queue.telling || queue.pending !== null) return;
    queue.telling = true;
    const pending = this.#tellAll(topic, queue);
    queue.telling = false;
    if (pending === undefined) {
      this.#queues.delete(topic);
      return;
    }
    queue.pending = pending.then(() => {
      queue.pending = null;
      this.#tell(topic);
      return queue.pending ?? undefined;
    });
  }

  /** Tells diff after diff; stops at the first that has to wait. */
  #tellAll(topic: string, queue: Queue): Promise<void> | undefined {
    for (let diff = queue.waiting.shift(); diff !== undefined; diff = queue.waiting.shift()) {
      if (diff.isEmpty) continue;
      const pending = this.#announce(topic, diff);
      if (pending !== undefined) return pending;
    }
    return undefined;
  }

  #announce(topic: string, diff: Diff): Promise<void> | undefined {
    const { joins, leaves } = diff;
    if (this.#options.countsOnly) {
      if (isAudible(joins) || isAudible(leaves))
        this.#broadcast(topic, countsEvent, this.#options.visible.counts(topic));
      this.#handle(topic, diff, toPresenceMap(joins), toPresenceMap(leaves));
      return undefined;
    }
    const joined = this.#fetched(topic, toPresenceMap(joins));
    const left = this.#fetched(topic, toPresenceMap(leaves));
    const tell = (joinMap: PresenceMap, leaveMap: PresenceMap): void => {
      const payload = { joins: audible(joinMap, joins), leaves: audible(leaveMap, leaves) };
      if (isAudible(joins) || isAudible(leaves)) this.#broadcast(topic, diffEvent, payload);
      this.#handle(topic, diff, joinMap, leaveMap);
    };
    if (!(joined instanceof Promise) && !(left instanceof Promise)) {
      tell(joined, left);
      return undefined;
    }
    return Promise.all([joined, left]).then(([joinMap, leaveMap]) => tell(joinMap, leaveMap));
  }

  #broadcast(topic: string, event: string, payload: object): void {
    try {
      this.#options.parts.pubsub.localBroadcast(topic, event, payload);
    } catch (error) {
      // What `fetch` added can't be encoded, most likely.
      this.#fail("broadcast", `a diff of the presence "${this.#options.name}" could not be sent`, error);
    }
  }

  /** With what `fetch` adds. Never fails: better a diff with less in it than none. */
  #fetched(topic: string, presences: PresenceMap): PresenceMap | Promise<PresenceMap> {
    const { fetch, name } = this.#options;
    if (fetch === null || Object.keys(presences).length === 0) return presences;
    const failed = (error: unknown): PresenceMap => {
      this.#fail("fetch", `fetch of the presence "${name}" failed; a diff went out without what it adds`, error);
      return presences;
    };
    try {
      const result = fetch(topic, presences);
      if (!isThenable(result)) return withExtras(presences, result);
      const extended = Promise.resolve(result).then((extras) => withExtras(presences, extras));
      return this.#inTime(extended).catch(failed);
    } catch (error) {
      return failed(error);
    }
  }

  #inTime(extended: Promise<PresenceMap>): Promise<PresenceMap> {
    const { parts, fetchTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const cancel = parts.clock.after(fetchTimeoutMs, () =>
        reject(new Error(`Expected fetch to answer within ${fetchTimeoutMs} ms; the topic's diffs wait for it.`)),
      );
      extended.then(resolve, reject).finally(cancel);
    });
  }

  #handle(topic: string, diff: Diff, joins: PresenceMap, leaves: PresenceMap): void {
    const { handleMetas, name } = this.#options;
    const told = this.#told;
    if (handleMetas === null || told === null) return;
    for (const entry of diff.leaves) told.remove(entry);
    for (const entry of diff.joins) told.add(entry);
    let presences: PresenceMap | undefined;
    const change: AnnouncedChange = {
      topic,
      joins,
      leaves,
      get presences(): PresenceMap {
        presences ??= toPresenceMap(entriesOf(told, topic));
        return presences;
      },
    };
    const failed = (error: unknown): void =>
      this.#fail("handleMetas", `handleMetas of the presence "${name}" failed`, error);
    try {
      const result = handleMetas(change);
      if (isThenable(result)) Promise.resolve(result).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #fail(kind: string, message: string, error: unknown): void {
    this.#options.parts.telemetry.error(`presence ${kind} ${this.#options.name}`, message, error);
  }
}

/** All entries of a topic. */
export function* entriesOf(roster: Roster<Tracked>, topic: string): Iterable<Entry<Tracked>> {
  for (const [, entries] of roster.keys(topic)) yield* entries;
}

/** Each key with what `fetch` said of it. The metas stay: clients and diffs go by them. */
export function withExtras(presences: PresenceMap, extras: unknown): PresenceMap {
  if (typeof extras !== "object" || extras === null) return presences;
  const extended = Object.create(null) as PresenceMap;
  for (const [key, presence] of Object.entries(presences)) {
    // Its own property only: a key may be called like something every object inherits.
    const extra = Object.hasOwn(extras, key) ? (extras as Readonly<Record<string, unknown>>)[key] : undefined;
    extended[key] = typeof extra === "object" ? { ...extra, metas: presence.metas } : presence;
  }
  return extended;
}

function isAudible(entries: readonly Entry<Tracked>[]): boolean {
  return entries.some(({ value }) => !value.silent);
}

/** Without the presences nobody is to hear of. */
function audible(map: PresenceMap, entries: readonly Entry<Tracked>[]): PresenceMap {
  if (entries.every(({ value }) => !value.silent)) return map;
  const heard = new Set<unknown>(entries.filter(({ value }) => !value.silent).map(({ value }) => value.meta));
  const kept = Object.create(null) as PresenceMap;
  for (const [key, presence] of Object.entries(map)) {
    const metas = presence.metas.filter((meta) => heard.has(meta));
    if (metas.length > 0) kept[key] = { ...presence, metas };
  }
  return kept;
}
