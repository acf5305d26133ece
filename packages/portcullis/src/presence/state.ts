/**
 * What all nodes of a cluster agree on without asking each other: a delta-CRDT of who is present.
 *
 * An add-wins observed-remove set. Each replica adds and removes only entries of its own, each under a dot of its clock
 * (an update is a removal and an addition, and takes two), and remembers which dots of every other it has seen. A dot that
 * was seen and whose entry isn't there was removed: so no tombstones are kept, deltas may come in any order, twice or not at all, and a hole in what was seen
 * tells what to ask for again. After Almeida, Shoker and Baquero, "Delta state replicated data types" (2018), as
 * Phoenix.Tracker.State is.
 *
 * No timer, no time, no network, no randomness.
 *
 * @module
 */

import { DotSet } from "./clock.ts";
import { type Entry, Roster } from "./roster.ts";

/** A stretch of one replica's history: what is left of the dots `after < dot <= last`, and what they removed. */
export interface Delta<Value> {
  readonly replica: string;
  readonly after: number;
  readonly last: number;
  /** Entries of the stretch that are still there. */
  readonly entries: readonly Entry<Value>[];
  /** Clocks of entries of the stretch that are still there and whose values the receiver has already. */
  readonly kept: readonly number[];
  /** Clocks of entries from before the stretch that are gone. */
  readonly removed: readonly number[];
}

/** What a change means for those who look on: entries that appeared and entries that went. */
export interface Change<Value> {
  readonly joined: readonly Entry<Value>[];
  readonly left: readonly Entry<Value>[];
}

interface Replica<Value> {
  readonly seen: DotSet;
  readonly entries: Map<number, Entry<Value>>;
  /** Not heard of for a while: its entries are kept and not shown. */
  down: boolean;
}

/** What to put into deltas: values only of what came after `since`. */
interface Stretch {
  readonly after: number;
  readonly last: number;
  readonly since: number;
  readonly removals: readonly Removal[];
}

/** Under `dot`, the entry of `clock` went. */
interface Removal {
  readonly dot: number;
  readonly clock: number;
}

/** Holes in what was seen of one replica. A delta that would tear one more is left out: it is asked for again anyway. */
const rangesMax = 1_000;

/** One replica's view of everybody's presences. */
export class PresenceState<Value> {
  readonly replica: string;
  /** The entries of all replicas that are not down. */
  readonly visible: Roster<Value> = new Roster<Value>();
  readonly #replicas = new Map<string, Replica<Value>>();
  readonly #own: Replica<Value>;
  #clock = 0;
  /** Up to where deltas were taken, and what has been removed since of what is from before that. */
  #taken = 0;
  #removals: Removal[] = [];

  constructor(replica: string) {
    this.replica = replica;
    this.#own = this.#of(replica);
  }

  /** How many operations this replica has done. */
  get clock(): number {
    return this.#clock;
  }

  // --- operations of this replica -----------------------------------------------------------------------------------

  /** Adds an entry, tracked at `at` (epoch milliseconds). */
  add(topic: string, key: string, value: Value, at: number): Entry<Value> {
    const clock = this.#tick();
    return this.#put({ replica: this.replica, clock, topic, key, value, at, first: clock });
  }

  /** Gives an entry of this replica a new value: to others, the old one's end and the new one's beginning in one. */
  replace(entry: Entry<Value>, value: Value): Entry<Value> {
    this.remove(entry);
    return this.#put({ ...entry, clock: this.#tick(), value });
  }

  /** Removes an entry of this replica. Harmless for one that is gone. */
  remove({ clock }: Entry<Value>): void {
    const entry = this.#own.entries.get(clock);
    if (entry === undefined) return;
    this.#own.entries.delete(clock);
    this.visible.remove(entry);
    // A dot of its own: to have heard that `clock` is gone is not to have heard what went when it came.
    const dot = this.#tick();
    if (clock <= this.#taken) this.#removals.push({ dot, clock });
  }

  #tick(): number {
    this.#clock += 1;
    this.#own.seen.add(this.#clock - 1, this.#clock);
    return this.#clock;
  }

  #put(entry: Entry<Value>): Entry<Value> {
    this.#own.entries.set(entry.clock, entry);
    this.visible.add(entry);
    return entry;
  }

  // --- exchange -----------------------------------------------------------------------------------------------------

  /** What this replica did since the last call, in deltas of at most `itemsMax` entries. */
  takeDeltas(itemsMax: number): Delta<Value>[] {
    const after = this.#taken;
    const removals = this.#removals;
    this.#taken = this.#clock;
    this.#removals = [];
    if (this.#clock === after) return [];
    return this.#stretches(this.replica, { after, last: this.#clock, since: after, removals }, itemsMax);
  }

  /** Everything known of `replica` without holes, for one who has seen it up to `since`, in deltas of `itemsMax` entries. */
  extract(replica: string, since: number, itemsMax: number): Delta<Value>[] {
    const last = this.seen(replica);
    return last === 0 ? [] : this.#stretches(replica, { after: 0, last, since, removals: [] }, itemsMax);
  }

  /** The dots `after < dot <= last` in pieces, each of which tells all there is to tell of its own dots. */
  #stretches(replica: string, { after, last, since, removals }: Stretch, itemsMax: number): Delta<Value>[] {
    const { entries } = this.#of(replica);
    const removed = new Map(removals.map(({ dot, clock }) => [dot, clock]));
    const dots = [...clocksWithin(entries, after, last), ...removed.keys()].sort((a, b) => a - b);
    const deltas: Delta<Value>[] = [];
    let from = after;
    for (let index = 0; index === 0 || index < dots.length; index += itemsMax) {
      const chunk = dots.slice(index, index + itemsMax);
      const to = index + itemsMax < dots.length ? (chunk.at(-1) as number) : last;
      const alive = chunk.filter((dot) => !removed.has(dot));
      deltas.push({
        replica,
        after: from,
        last: to,
        entries: alive.filter((clock) => clock > since).map((clock) => entries.get(clock) as Entry<Value>),
        kept: alive.filter((clock) => clock <= since),
        removed: chunk.flatMap((dot) => removed.get(dot) ?? []),
      });
      from = to;
    }
    return deltas;
  }

  /** Up to which dot everything of `replica` was seen. Less than its clock: there is something to ask for. */
  seen(replica: string): number {
    return this.#replicas.get(replica)?.seen.contiguous ?? 0;
  }

  /** The replicas something was seen of, this one among them. */
  get replicas(): readonly string[] {
    return [...this.#replicas.keys()];
  }

  /** Takes in what another replica did. Order doesn't matter, nor does how often; what is its own comes back unread. */
  merge(delta: Delta<Value>): Change<Value> {
    const joined: Entry<Value>[] = [];
    const left: Entry<Value>[] = [];
    const { after, last } = delta;
    if (delta.replica === this.replica) return { joined, left };
    const of = this.#of(delta.replica);
    if (of.seen.rangeCount >= rangesMax && after > of.seen.contiguous) return { joined, left };

    const alive = new Set(delta.kept);
    for (const { clock } of delta.entries) alive.add(clock);
    const gone = [...clocksWithin(of.entries, after, last).filter((clock) => !alive.has(clock)), ...delta.removed];
    for (const clock of gone) {
      const entry = of.entries.get(clock);
      if (entry === undefined) continue;
      of.entries.delete(clock);
      if (of.down) continue;
      this.visible.remove(entry);
      left.push(entry);
    }
    for (const entry of delta.entries) {
      // Seen and not there: removed, and that came first.
      if (entry.clock <= after || entry.clock > last || of.seen.has(entry.clock)) continue;
      of.entries.set(entry.clock, entry);
      if (of.down) continue;
      this.visible.add(entry);
      joined.push(entry);
    }

    // The sender took it for known, and it isn't (this replica forgot meanwhile): a hole, to be asked for again.
    const holes = delta.kept.filter((clock) => clock > after && clock <= last && !of.seen.has(clock));
    let from = after;
    for (const hole of holes.sort((a, b) => a - b)) {
      of.seen.add(from, hole - 1);
      from = hole;
    }
    of.seen.add(from, last);
    for (const clock of delta.removed) of.seen.add(clock - 1, clock);
    return { joined, left };
  }

  // --- other replicas as a whole ------------------------------------------------------------------------------------

  /** Hides the entries of a replica that is silent, and keeps them. */
  down(replica: string): Change<Value> {
    const of = this.#replicas.get(replica);
    if (of === undefined || of.down || of === this.#own) return { joined: [], left: [] };
    of.down = true;
    const left = [...of.entries.values()];
    for (const entry of left) this.visible.remove(entry);
    return { joined: [], left };
  }

  /** Shows them again: it was not dead, only away. */
  up(replica: string): Change<Value> {
    const of = this.#replicas.get(replica);
    if (of === undefined || !of.down) return { joined: [], left: [] };
    of.down = false;
    const joined = [...of.entries.values()];
    for (const entry of joined) this.visible.add(entry);
    return { joined, left: [] };
  }

  /** Removes a replica that won't come back, and all that was known of it. */
  forget(replica: string): Change<Value> {
    const change = this.down(replica);
    if (replica !== this.replica) this.#replicas.delete(replica);
    return change;
  }

  #of(name: string): Replica<Value> {
    let replica = this.#replicas.get(name);
    if (replica === undefined) {
      replica = { seen: new DotSet(), entries: new Map(), down: false };
      this.#replicas.set(name, replica);
    }
    return replica;
  }
}

/** The clocks `after < clock <= last` that have an entry: by looking through whichever is fewer. */
function clocksWithin(entries: ReadonlyMap<number, unknown>, after: number, last: number): number[] {
  if (last - after > entries.size) return [...entries.keys()].filter((clock) => clock > after && clock <= last);
  const clocks: number[] = [];
  for (let clock = after + 1; clock <= last; clock += 1) if (entries.has(clock)) clocks.push(clock);
  return clocks;
}
