/**
 * What changed on one topic and has not been announced yet.
 *
 * @module
 */

import type { Tracked } from "./message.ts";
import type { Entry } from "./roster.ts";

/** Presences by key, as clients get them. Without a prototype: `__proto__` is a key like any other. */
export type PresenceMap = Record<string, { readonly metas: readonly Readonly<Record<string, unknown>>[] }>;

interface Joined {
  readonly entry: Entry<Tracked>;
  readonly number: number;
}

/**
 * Joins and leaves by ref. Several changes make one diff: who came and went in between isn't mentioned, unless somebody
 * was shown a list with it meanwhile.
 */
export class Diff {
  readonly #joins = new Map<string, Joined>();
  readonly #leaves = new Map<string, Entry<Tracked>>();
  #number = 0;
  /** Joins up to this number stand in a list that somebody got. */
  #listed = 0;

  get isEmpty(): boolean {
    return this.#joins.size === 0 && this.#leaves.size === 0;
  }

  joined(entry: Entry<Tracked>): void {
    const ref = refOf(entry);
    this.#number += 1;
    // Back before anybody was told it went.
    if (!this.#leaves.delete(ref)) this.#joins.set(ref, { entry, number: this.#number });
  }

  left(entry: Entry<Tracked>): void {
    const ref = refOf(entry);
    const join = this.#joins.get(ref);
    this.#joins.delete(ref);
    if (join === undefined || join.number <= this.#listed) this.#leaves.set(ref, entry);
  }

  /** Somebody gets a list in which everything up to now is contained. */
  listed(): void {
    this.#listed = this.#number;
  }

  get joins(): readonly Entry<Tracked>[] {
    return [...this.#joins.values()].map(({ entry }) => entry);
  }

  get leaves(): readonly Entry<Tracked>[] {
    return [...this.#leaves.values()];
  }
}

/** Entries as clients get them, by key and in the given order. */
export function toPresenceMap(entries: Iterable<Entry<Tracked>>): PresenceMap {
  const metas = new Map<string, Readonly<Record<string, unknown>>[]>();
  for (const { key, value } of entries) {
    const others = metas.get(key);
    if (others === undefined) metas.set(key, [value.meta]);
    else others.push(value.meta);
  }
  const map = Object.create(null) as PresenceMap;
  for (const [key, list] of metas) map[key] = { metas: list };
  return map;
}

function refOf({ value }: Entry<Tracked>): string {
  return value.meta["phx_ref"] as string;
}
