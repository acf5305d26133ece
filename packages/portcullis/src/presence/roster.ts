/**
 * Who is there, by topic and key, in the order in which they were tracked.
 *
 * @module
 */

/** One presence: a value under a key of a topic. */
export interface Entry<Value> {
  /** The replica (one endpoint's life) it was tracked at. */
  readonly replica: string;
  /** The dot it came with: replica and clock are its identity. */
  readonly clock: number;
  readonly topic: string;
  readonly key: string;
  readonly value: Value;
  /** When it was tracked first, in epoch milliseconds of its replica: an update doesn't lose its place. */
  readonly at: number;
  /** The clock it was tracked with first: settles the order within a millisecond. */
  readonly first: number;
}

interface TopicRoster<Value> {
  readonly keys: Map<string, Entry<Value>[]>;
  metas: number;
}

/** How many there are. */
export interface Counts {
  /** Distinct keys: people. */
  readonly keys: number;
  /** Presences: their devices and tabs. */
  readonly metas: number;
}

/** Entries by topic and key. Every replica that holds the same entries lists them in the same order. */
export class Roster<Value> {
  readonly #topics = new Map<string, TopicRoster<Value>>();

  add(entry: Entry<Value>): void {
    let topic = this.#topics.get(entry.topic);
    if (topic === undefined) {
      topic = { keys: new Map(), metas: 0 };
      this.#topics.set(entry.topic, topic);
    }
    topic.metas += 1;
    const entries = topic.keys.get(entry.key);
    if (entries === undefined) {
      topic.keys.set(entry.key, [entry]);
      return;
    }
    let index = entries.length;
    while (index > 0 && isBefore(entry, entries[index - 1] as Entry<Value>)) index -= 1;
    entries.splice(index, 0, entry);
  }

  /** Removes the entry of this replica and clock. Harmless for one that isn't there. */
  remove(entry: Entry<Value>): void {
    const topic = this.#topics.get(entry.topic);
    const entries = topic?.keys.get(entry.key);
    const index = entries?.findIndex(({ replica, clock }) => replica === entry.replica && clock === entry.clock) ?? -1;
    if (topic === undefined || entries === undefined || index < 0) return;
    entries.splice(index, 1);
    topic.metas -= 1;
    if (entries.length === 0) topic.keys.delete(entry.key);
    if (topic.metas === 0) this.#topics.delete(entry.topic);
  }

  /** The entries of one key, oldest first. */
  get(topic: string, key: string): readonly Entry<Value>[] {
    return this.#topics.get(topic)?.keys.get(key) ?? [];
  }

  /** The keys of a topic with their entries. */
  keys(topic: string): Iterable<readonly [string, readonly Entry<Value>[]]> {
    return this.#topics.get(topic)?.keys ?? [];
  }

  counts(topic: string): Counts {
    const found = this.#topics.get(topic);
    return { keys: found?.keys.size ?? 0, metas: found?.metas ?? 0 };
  }
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  if (a.at !== b.at) return a.at < b.at;
  if (a.replica !== b.replica) return a.replica < b.replica;
  return a.first < b.first;
}
