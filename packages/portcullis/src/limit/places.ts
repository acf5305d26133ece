/**
 * Places: how many connections there may be at a time, on a node, from an address and of a subject. Whoever connects holds
 * one from the first look at the request until the connection is gone, or never comes to be.
 *
 * @module
 */

/** What there can be too many of. */
export type PlaceLimit = "connectionsMax" | "connectionsPerAddressMax" | "connectionsPerSubjectMax";

export type PlaceLimits = Readonly<Record<PlaceLimit, number>>;

/** Hears of every count that has grown. */
export type OnGrown = (limit: PlaceLimit, count: number) => void;

export class Places {
  readonly #limits: PlaceLimits;
  #count = 0;
  readonly #addresses = new Map<string, number>();
  /** Kind of identity -> subject -> count: a key made of both would be one more text for each connection. */
  readonly #kinds = new Map<string, Map<string, number>>();

  constructor(limits: PlaceLimits) {
    this.#limits = limits;
  }

  /** How many are taken, and by how many addresses and subjects. */
  get taken(): { readonly connections: number; readonly addresses: number; readonly subjects: number } {
    const subjects = [...this.#kinds.values()].reduce((sum, { size }) => sum + size, 0);
    return { connections: this.#count, addresses: this.#addresses.size, subjects };
  }

  /** A place for somebody of whom no more than the address is known; or which limit there is. */
  take(address: string | null, onGrown: OnGrown): Place | PlaceLimit {
    const { connectionsMax, connectionsPerAddressMax } = this.#limits;
    if (this.#count >= connectionsMax) return "connectionsMax";
    const key = connectionsPerAddressMax === Number.POSITIVE_INFINITY ? null : address;
    if (key !== null && (this.#addresses.get(key) ?? 0) >= connectionsPerAddressMax) return "connectionsPerAddressMax";
    this.#count += 1;
    onGrown("connectionsMax", this.#count);
    if (key !== null) onGrown("connectionsPerAddressMax", grow(this.#addresses, key));
    return new Place(this, key);
  }

  /** Whether there was room for one more of the subject. Its count; `null` for none. */
  takeSubject({ kind, subject }: Named): number | null {
    const { connectionsPerSubjectMax: max } = this.#limits;
    let subjects = this.#kinds.get(kind);
    if (subjects === undefined) {
      subjects = new Map();
      this.#kinds.set(kind, subjects);
    }
    return (subjects.get(subject) ?? 0) >= max ? null : grow(subjects, subject);
  }

  free(address: string | null, named: Named | null): void {
    this.#count -= 1;
    if (address !== null) shrink(this.#addresses, address);
    const subjects = named === null ? undefined : this.#kinds.get(named.kind);
    if (named === null || subjects === undefined) return;
    shrink(subjects, named.subject);
    if (subjects.size === 0) this.#kinds.delete(named.kind);
  }
}

/** Whose place it is. */
interface Named {
  /** What is to be equal beside the subject. */
  readonly kind: string;
  readonly subject: string;
}

/** One place. */
export class Place {
  readonly #places: Places;
  readonly #address: string | null;
  #kind: string | null = null;
  #subject = "";
  #kept = false;
  #free = false;

  constructor(places: Places, address: string | null) {
    this.#places = places;
    this.#address = address;
  }

  /** Who it is, known by now. False where there is no room for one more of them; then nothing has changed. */
  name(named: Named, onGrown: OnGrown): boolean {
    // Given up while they were being looked at: nobody would free what is taken now.
    if (this.#free || this.#kind !== null) return true;
    const count = this.#places.takeSubject(named);
    if (count === null) return false;
    this.#kind = named.kind;
    this.#subject = named.subject;
    onGrown("connectionsPerSubjectMax", count);
    return true;
  }

  /** There is a connection, and its end is the place's. */
  keep(): void {
    this.#kept = true;
  }

  /** The attempt is over: a place without a connection is free again. */
  settle(): void {
    if (!this.#kept) this.release();
  }

  /** Idempotent. */
  release(): void {
    if (this.#free) return;
    this.#free = true;
    this.#places.free(this.#address, this.#kind === null ? null : { kind: this.#kind, subject: this.#subject });
  }
}

function grow(counts: Map<string, number>, key: string): number {
  const count = (counts.get(key) ?? 0) + 1;
  counts.set(key, count);
  return count;
}

function shrink(counts: Map<string, number>, key: string): void {
  const count = counts.get(key) ?? 0;
  if (count > 1) counts.set(key, count - 1);
  else counts.delete(key);
}
