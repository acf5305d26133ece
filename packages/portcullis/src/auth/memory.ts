/**
 * A credential store in the memory of one process: for one node, for development and for tests.
 *
 * @module
 */

import type { CredentialStore, Revocation } from "./store.ts";

/** Options of {@link memoryCredentialStore}. */
export interface MemoryCredentialStoreOptions {
  /** Revocations kept at a time. Over it: keeping another rejects. Default 100,000. */
  readonly revocationsMax?: number;
  /** Tickets kept at a time. Over it: keeping another rejects. Default 100,000. */
  readonly ticketsMax?: number;
  /** The clock by which room is made, epoch milliseconds. Default `Date.now`. */
  readonly now?: () => number;
}

const ENTRIES_MAX = 100_000;

/**
 * Keeps revocations and tickets for as long as the process lives. A restart forgets them: tickets that were not used yet
 * are refused then, but **what was revoked is let in again**. Where that matters, and wherever there is more than one node,
 * use `portcullis/auth/libsql` or `portcullis/auth/redis`.
 *
 * @example
 * ```ts
 * const tickets = createTickets({ store: memoryCredentialStore(), lifetimeSeconds: 3_600 });
 * ```
 *
 * @throws TypeError for a maximum that is not a positive integer.
 */
export function memoryCredentialStore(options: MemoryCredentialStoreOptions = {}): CredentialStore {
  const now = options.now ?? Date.now;
  const revocations = new ExpiringMap<Revocation>("revocations", options.revocationsMax ?? ENTRIES_MAX, now);
  const tickets = new ExpiringMap<true>("tickets", options.ticketsMax ?? ENTRIES_MAX, now);
  return {
    revocations: async (at) => revocations.valuesAt(at),
    putRevocation: async (key, revocation) => revocations.put(key, revocation, revocation.expiresAt ?? Infinity),
    deleteRevocation: async (key) => void revocations.take(key, -Infinity),
    putTicket: async (id, expiresAt) => tickets.put(id, true, expiresAt),
    takeTicket: async (id, at) => tickets.take(id, at),
    close: async () => {},
  };
}

/** Entries with an end. Those that are over are swept away when there are twice as many as the last sweep left. */
class ExpiringMap<Value> {
  readonly #name: string;
  readonly #entriesMax: number;
  readonly #now: () => number;
  readonly #entries: Map<string, { readonly value: Value; readonly expiresAt: number }> = new Map();
  #sweepAt: number;

  constructor(name: string, entriesMax: number, now: () => number) {
    if (!Number.isSafeInteger(entriesMax) || entriesMax < 1)
      throw new TypeError(`Expected \`${name}Max\` of memoryCredentialStore to be a positive integer.`);
    this.#name = name;
    this.#entriesMax = entriesMax;
    this.#now = now;
    this.#sweepAt = Math.min(1_000, entriesMax);
  }

  put(key: string, value: Value, expiresAt: number): void {
    if (!this.#entries.has(key) && this.#entries.size >= this.#sweepAt) this.#sweep();
    this.#entries.set(key, { value, expiresAt });
  }

  /** Whether there was such an entry that is not over. It is gone either way. */
  take(key: string, now: number): boolean {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    return entry !== undefined && now < entry.expiresAt;
  }

  valuesAt(now: number): readonly Value[] {
    const found: Value[] = [];
    for (const { value, expiresAt } of this.#entries.values()) if (now < expiresAt) found.push(value);
    return found;
  }

  #sweep(): void {
    const now = this.#now();
    for (const [key, { expiresAt }] of this.#entries) if (!(now < expiresAt)) this.#entries.delete(key);
    const left = this.#entries.size;
    this.#sweepAt = Math.min(this.#entriesMax, Math.max(1_000, left * 2));
    if (left >= this.#entriesMax) {
      throw new Error(
        `The memory store already keeps ${left} ${this.#name}, as many as \`${this.#name}Max\` allows. Raise it, or use a store outside of the process.`,
      );
    }
  }
}
