/**
 * What trackers tell each other over the bus: plain JSON, versioned, read as if anybody could have written it.
 *
 * @module
 */

import type { Entry } from "./roster.ts";
import type { Delta } from "./state.ts";

/** What is tracked: a presence as clients see it. */
export interface Tracked {
  /** What the program gave, with `phx_ref` and perhaps `phx_ref_prev`. Frozen, and without a prototype. */
  readonly meta: Readonly<Record<string, unknown>>;
  /** Not announced to clients: it is in lists, and in no diff. */
  readonly silent: boolean;
}

/** One message of a tracker. `to` is the replica it is for; without it, all. */
export type TrackerMessage =
  /** I am here, and this is my clock. */
  | { readonly type: "heartbeat"; readonly from: string; readonly to: string | null; readonly clock: number }
  /** Something I did, or what you asked for. A replica speaks for itself only. */
  | { readonly type: "delta"; readonly from: string; readonly to: string | null; readonly delta: Delta<Tracked> }
  /** I have seen you up to here: tell me the rest. */
  | { readonly type: "request"; readonly from: string; readonly to: string; readonly since: number }
  /** I go, and don't come back. */
  | { readonly type: "leave"; readonly from: string; readonly to: null };

/** Entries, and clocks, one delta may hold. What has more is told in several. */
export const deltaItemsMax = 500;
/** Characters of a replica's name, a topic or a key: above every bound a node could sensibly have. */
const textMax = 65_536;
const version = 1;

/** The message as the bus carries it. */
export function writeMessage(message: TrackerMessage): unknown {
  const { from, to } = message;
  switch (message.type) {
    case "heartbeat":
      return [version, message.type, from, to, message.clock];
    case "request":
      return [version, message.type, from, to, message.since];
    case "leave":
      return [version, message.type, from, to];
    case "delta": {
      const { after, last, entries, kept, removed } = message.delta;
      return [version, message.type, from, to, after, last, entries.map(writeEntry), kept, removed];
    }
  }
}

function writeEntry({ clock, topic, key, value, at, first }: Entry<Tracked>): unknown {
  return [clock, topic, key, value.meta, value.silent, at, first];
}

/** The message somebody sent, or `null` for what is none: another version, a wrong shape, too much of anything. */
export function readMessage(data: unknown): TrackerMessage | null {
  if (!Array.isArray(data) || data[0] !== version) return null;
  const [, type, from, to, a, b] = data as unknown[];
  if (!isText(from) || !(to === null || isText(to))) return null;
  switch (type) {
    case "heartbeat":
      return isCount(a) ? { type, from, to, clock: a } : null;
    case "request":
      return isCount(a) && to !== null ? { type, from, to, since: a } : null;
    case "leave":
      return to === null ? { type, from, to } : null;
    case "delta": {
      const [entries, kept, removed] = (data as unknown[]).slice(6);
      if (!isCount(a) || !isCount(b) || b < a) return null;
      if (!isList(entries) || !isList(kept) || !isList(removed)) return null;
      if (!kept.every(isCount) || !removed.every(isCount)) return null;
      const read = entries.map((entry) => readEntry(from, entry));
      if (!read.every((entry) => entry !== null)) return null;
      return { type, from, to, delta: { replica: from, after: a, last: b, entries: read, kept, removed } };
    }
    default:
      return null;
  }
}

function readEntry(replica: string, data: unknown): Entry<Tracked> | null {
  if (!Array.isArray(data)) return null;
  const [clock, topic, key, meta, silent, at, first] = data as unknown[];
  if (!isCount(clock) || !isCount(first) || !isText(topic) || !isText(key)) return null;
  if (typeof silent !== "boolean" || typeof at !== "number") return null;
  if (typeof meta !== "object" || meta === null || Array.isArray(meta)) return null;
  if (typeof (meta as Readonly<Record<string, unknown>>)["phx_ref"] !== "string") return null;
  return { replica, clock, topic, key, value: { meta: bare(meta), silent }, at, first };
}

/** A frozen copy without a prototype: a client's `__proto__` is a key like any other. */
export function bare(fields: object): Readonly<Record<string, unknown>> {
  const copy = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of Object.entries(fields)) copy[name] = value;
  return Object.freeze(copy);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= textMax;
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length <= deltaItemsMax;
}
