/**
 * Members by key, for keys that mostly have one member.
 *
 * @module
 */

/** A map from a key to its members. A set is made only for the second member of a key; an empty key is forgotten. */
export class Groups<Member extends object> {
  readonly #groups = new Map<string, Member | Set<Member>>();

  /** How many keys have members. */
  get size(): number {
    return this.#groups.size;
  }

  /** The keys that have members. */
  keys(): Iterable<string> {
    return this.#groups.keys();
  }

  /** Adding twice is adding once. Whether `key` had no members until now. */
  add(key: string, member: Member): boolean {
    const present = this.#groups.get(key);
    if (present === undefined) this.#groups.set(key, member);
    else if (present instanceof Set) present.add(member);
    else if (present !== member) this.#groups.set(key, new Set([present, member]));
    return present === undefined;
  }

  /** Harmless for one that isn't there. Whether it was the last member of `key`. */
  remove(key: string, member: Member): boolean {
    const present = this.#groups.get(key);
    if (present === undefined) return false;
    if (present instanceof Set) {
      if (!present.delete(member) || present.size > 0) return false;
    } else if (present !== member) {
      return false;
    }
    return this.#groups.delete(key);
  }

  /** How many members `key` has. */
  count(key: string): number {
    const present = this.#groups.get(key);
    return present === undefined ? 0 : present instanceof Set ? present.size : 1;
  }

  /** Calls `visit` for each member of `key`. Members may leave meanwhile, and others join. */
  each(key: string, visit: (member: Member) => void): void {
    const present = this.#groups.get(key);
    if (present === undefined) return;
    if (!(present instanceof Set)) return visit(present);
    // A Set also yields what is added while it is gone through: one that leaves and joins in its turn would never end.
    let left = present.size;
    for (const member of present) {
      if (left === 0) return;
      left -= 1;
      visit(member);
    }
  }

  /** Calls `visit` for each member of every key. */
  all(visit: (member: Member) => void): void {
    for (const key of [...this.#groups.keys()]) this.each(key, visit);
  }
}
