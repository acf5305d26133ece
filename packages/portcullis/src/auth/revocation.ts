/**
 * What was taken away: asked at every connect and refresh without waiting, told to every node, and kept in a store that
 * outlives them.
 *
 * @module
 */

import type { Cancel, Clock } from "../clock.ts";
import { bounds } from "../limit/bounds.ts";
import type { ControlMessage, PubSub } from "../pubsub/pubsub.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { Identity } from "./authenticator.ts";
import { type CredentialStore, type Revocation, revocationKey } from "./store.ts";

export interface RevocationsOptions {
  readonly store: CredentialStore | null;
  readonly pubsub: PubSub;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Called for each revocation that is new here, from wherever it came. */
  readonly onRevoked: (revocation: Revocation) => void;
}

/** What can be taken away, as a program says it. */
export type Revoke =
  | {
      /** Everything this subject was given: a credential of theirs counts only when it was issued later. */
      readonly subject: string;
      /** Only what this authenticator, issuer or tenant vouches for. Default: any. */
      readonly authenticator?: string;
      readonly issuer?: string;
      readonly tenant?: string;
      /** Epoch milliseconds: what was issued earlier counts no more. Default: what was issued until now. */
      readonly issuedBefore?: number;
      readonly expiresAt?: number;
    }
  | {
      /** One credential: the `tokenId` of its identity. */
      readonly tokenId: string;
      /**
       * Epoch milliseconds after which no such credential can be valid any more, and the revocation is forgotten. Default: what
       * the mounted authenticators say of the ages they take; never where one of them, or a `connect` that authenticates by
       * itself, doesn't say.
       */
      readonly expiresAt?: number;
    };

/** What one node knows of what was taken away. Plain JSON. */
export interface KnownRevocations {
  readonly revocations: readonly Revocation[];
  /** Ids of keys. */
  readonly compromised: readonly string[];
}

/** While the bus is down nobody says what was revoked elsewhere: the store is asked again after this long. */
const staleMs = 1_000;
/** A store that doesn't answer for so long has failed, and is asked again. */
const readTimeoutMs = 5_000;
/** What was said so shortly before the bus was known to be down may not have been heard. */
const unheardMs = 60_000;

export class Revocations {
  readonly #options: RevocationsOptions;
  readonly #entries = new Map<string, Revocation>();
  /** Keys of revoked subjects, by subject. */
  readonly #subjects = new Map<string, Set<string>>();
  /** Ids of keys nobody is to be believed by any more. */
  readonly #compromised = new Set<string>();
  /** What this node has told the others lately, or while they could not hear it. */
  readonly #told = new Map<string, { readonly revocation: Revocation; readonly at: number }>();
  /** Keys that were given back while the store was being read, which may have been before. */
  readonly #givenBack = new Set<string>();
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<boolean> | null = null;
  #busDown = false;
  /** Grows when the bus comes and goes: what was read before that is not enough after it. */
  #busChanges = 0;
  #outdated: boolean;
  #cancelSweep: Cancel | null = null;
  #cancelRetry: Cancel | null = null;
  #stopped = false;

  constructor(options: RevocationsOptions) {
    this.#options = options;
    this.#outdated = options.store !== null;
    options.pubsub.onControl((message) => this.#hear(message));
    options.pubsub.onStatus((status) => {
      this.#busDown = status === "down";
      this.#busChanges += 1;
      // Whatever was said meanwhile was not heard here, and what was said here was not heard elsewhere.
      this.#outdated = options.store !== null;
      if (this.#busDown) return;
      for (const { revocation } of this.#told.values()) options.pubsub.control({ kind: "revoke", data: revocation });
      for (const id of [...this.#compromised]) options.pubsub.control({ kind: "compromised", id });
      void this.ready();
    });
  }

  /** Whether what the store holds is known here. Asking has it read: who lets nobody in before it is would wait for ever. */
  get health(): "ok" | "unread" {
    if (this.#outdated) void this.ready();
    return this.#outdated ? "unread" : "ok";
  }

  /** How many are kept. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Whether {@link isRevoked} can be believed. Reads the store where it has not been read since nodes could last hear each
   * other. Never rejects.
   */
  ready(): boolean | Promise<boolean> {
    const { store, clock } = this.#options;
    if (store === null) return true;
    const now = clock.now();
    const isFresh = !this.#busDown || (now >= this.#readAt && now - this.#readAt < staleMs);
    return (!this.#outdated && isFresh) || this.#read(store, now - staleMs);
  }

  /** Whether the key that vouches for somebody was given up. */
  isCompromised({ keyId = null }: Identity): boolean {
    return keyId !== null && this.#compromised.has(keyId);
  }

  isRevoked(identity: Identity): boolean {
    const { authenticator, issuer, tenant, subject, tokenId, issuedAt } = identity;
    if (this.isCompromised(identity)) return true;
    if (this.#entries.size === 0) return false;
    if (tokenId !== null && this.#entries.has(`token:${tokenId}`)) return true;
    for (const key of this.#subjects.get(subject) ?? []) {
      const entry = this.#entries.get(key);
      if (
        entry?.kind === "subject" &&
        issuedAt < entry.issuedBefore &&
        matches(entry.authenticator, authenticator) &&
        matches(entry.issuer, issuer) &&
        matches(entry.tenant, tenant)
      ) {
        return true;
      }
    }
    return false;
  }

  /** Keeps it here and in the store, and tells every node. Rejects when the store does; this cluster has heard of it then all the same. */
  async revoke(what: Revoke, keepMs: number): Promise<void> {
    const { store, pubsub, clock } = this.#options;
    const now = clock.now();
    const revocation = toRevocation(what, now, keepMs);
    const key = revocationKey(revocation);
    if (this.#entries.size >= bounds.revocationsMax) this.#forgetExpired();
    if (this.#entries.size >= bounds.revocationsMax && !this.#entries.has(key)) {
      throw new RangeError(
        `Expected at most ${bounds.revocationsMax} revocations at a time. To shut out many subjects at once, rotate the key that vouches for them.`,
      );
    }
    this.#remember(key, revocation, now);
    pubsub.control({ kind: "revoke", data: revocation });
    if (store === null) return;
    // A stricter one that is there already, from another node or an earlier life of this one, is not to be replaced.
    await this.ready();
    const strictest = stricter(this.#entries.get(key) ?? revocation, revocation);
    await store.putRevocation(key, strictest);
    // Again, for nodes that began to hear after the first time, and had read the store before it was there.
    pubsub.control({ kind: "revoke", data: strictest });
  }

  #remember(key: string, revocation: Revocation, now: number): void {
    for (const [old, { at }] of this.#told) {
      if (this.#busDown || now - at <= unheardMs) break;
      this.#told.delete(old);
    }
    this.#told.delete(key);
    this.#told.set(key, { revocation, at: now });
  }

  /** What a node that comes has to know: everything, or what this one has told the others lately, which may not have arrived. */
  known(which: "all" | "told"): KnownRevocations {
    const revocations =
      which === "all" ? [...this.#entries.values()] : [...this.#told.values()].map(({ revocation }) => revocation);
    return { revocations, compromised: [...this.#compromised] };
  }

  /** Takes a revocation back, here, in the store and on every node. */
  async unrevoke(what: Revoke): Promise<void> {
    const { store, pubsub, clock } = this.#options;
    const key = revocationKey(toRevocation(what, clock.now(), 0));
    // The store first: who reads it between the two hears of it afterwards.
    await store?.deleteRevocation(key);
    pubsub.control({ kind: "unrevoke", id: key });
  }

  /** The endpoint is closed: the store isn't asked any more. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
    this.#cancelSweep?.();
  }

  /** Reads the store until what is known was read after `since`, with the bus as it is now. */
  async #read(store: CredentialStore, since: number): Promise<boolean> {
    // One that is under way may have begun too long ago; the next begins after whoever asks has come.
    for (let isEarlier = this.#reading !== null; ; isEarlier = false) {
      this.#reading ??= this.#readOnce(store).finally(() => {
        this.#reading = null;
        this.#givenBack.clear();
      });
      if (!(await this.#reading)) return false;
      if (!this.#outdated && (!isEarlier || this.#readAt > since)) return true;
    }
  }

  async #readOnce(store: CredentialStore): Promise<boolean> {
    const { clock, telemetry } = this.#options;
    const [began, busChanges] = [clock.now(), this.#busChanges];
    let cancel: Cancel = () => {};
    const late = new Promise<never>((_, giveUp) => {
      const error = new Error(`The store has not answered for ${readTimeoutMs} ms.`);
      cancel = clock.after(readTimeoutMs, () => giveUp(error));
    });
    try {
      const found = await Promise.race([store.revocations(began), late]);
      this.#readAt = began;
      if (this.#busChanges === busChanges) this.#outdated = false;
      for (const revocation of found) if (!this.#givenBack.has(revocationKey(revocation))) this.#take(revocation);
      return true;
    } catch (error) {
      this.#outdated = true;
      telemetry.error("revocations", "the store of revocations could not be read, and nobody is let in", error);
      // Somebody may be connected whom it would have ended.
      if (!this.#stopped) this.#cancelRetry ??= clock.after(staleMs, () => this.#retry());
      return false;
    } finally {
      cancel();
    }
  }

  #retry(): void {
    this.#cancelRetry = null;
    void this.ready();
  }

  #hear(message: ControlMessage): void {
    if (message.kind === "compromised") return void this.#compromised.add(message.id);
    if (message.kind === "unrevoke") {
      if (this.#reading !== null) this.#givenBack.add(message.id);
      this.#forget(message.id);
      // Whoever can write to the bus can say again what was said there once: the store has the last word.
      const { store, clock } = this.#options;
      if (store !== null && !this.#stopped) void this.#read(store, clock.now());
      return;
    }
    if (message.kind !== "revoke") return;
    const revocation = readRevocation(message.data);
    if (revocation !== null) this.#take(revocation);
  }

  #take(told: Revocation): void {
    const { clock, telemetry, onRevoked } = this.#options;
    if (told.expiresAt !== null && told.expiresAt <= clock.now()) return;
    const key = revocationKey(told);
    const known = this.#entries.get(key);
    if (known === undefined && this.#entries.size >= bounds.revocationsMax) {
      const error = new RangeError(`There are more than ${bounds.revocationsMax} revocations.`);
      telemetry.error("revocations max", "a revocation is not known here, and whom it concerns is let in", error);
      return;
    }
    // Two nodes may revoke at once: the later moment holds.
    const revocation = stricter(known ?? told, told);
    this.#entries.set(key, revocation);
    if (revocation.kind === "subject") {
      const keys = this.#subjects.get(revocation.subject) ?? new Set();
      this.#subjects.set(revocation.subject, keys.add(key));
    }
    this.#cancelSweep ??= clock.after(bounds.revocationSweepMs, () => this.#sweep());
    if (known === undefined || momentOf(known) < momentOf(revocation)) onRevoked(revocation);
  }

  #forget(key: string): void {
    this.#told.delete(key);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    if (entry.kind === "token") return;
    const keys = this.#subjects.get(entry.subject);
    keys?.delete(key);
    if (keys?.size === 0) this.#subjects.delete(entry.subject);
  }

  #forgetExpired(): void {
    const now = this.#options.clock.now();
    for (const [key, { expiresAt }] of this.#entries) if (expiresAt !== null && expiresAt <= now) this.#forget(key);
  }

  #sweep(): void {
    const { clock } = this.#options;
    this.#forgetExpired();
    this.#cancelSweep = this.#entries.size === 0 ? null : clock.after(bounds.revocationSweepMs, () => this.#sweep());
  }
}

function matches(wanted: string | null, given: string | null): boolean {
  return wanted === null || wanted === given;
}

function momentOf(revocation: Revocation): number {
  return revocation.kind === "subject" ? revocation.issuedBefore : 0;
}

/** Of two of the same thing: the later moment, for the longer time. */
function stricter(one: Revocation, other: Revocation): Revocation {
  const later = momentOf(one) < momentOf(other) ? other : one;
  const expiresAt =
    one.expiresAt === null || other.expiresAt === null ? null : Math.max(one.expiresAt, other.expiresAt);
  return { ...later, expiresAt };
}

/** Clocks differ, and a token may be signed a little ahead of ours: a revocation is remembered for so much longer. */
const slackMs = 60_000;

function toRevocation(what: Revoke, now: number, keepMs: number): Revocation {
  const from = "issuedBefore" in what ? Math.max(now, what.issuedBefore ?? now) : now;
  const expiresAt = what.expiresAt ?? (Number.isFinite(keepMs) ? from + keepMs + slackMs : null);
  if ("tokenId" in what) {
    if (typeof what.tokenId !== "string" || what.tokenId === "")
      throw new TypeError("Expected tokenId of a revocation to be a non-empty string: the one of the identity.");
    return { kind: "token", tokenId: what.tokenId, expiresAt };
  }
  const { subject, authenticator = null, issuer = null, tenant = null } = what;
  if (typeof subject !== "string" || subject === "")
    throw new TypeError('Expected a revocation to name a subject or a tokenId: { subject: "42" }.');
  // What was issued in this very millisecond may have been stolen as well.
  const issuedBefore = what.issuedBefore ?? now + 1;
  if (!Number.isFinite(issuedBefore))
    throw new TypeError("Expected issuedBefore of a revocation to be epoch milliseconds.");
  return { kind: "subject", subject, authenticator, issuer, tenant, issuedBefore, expiresAt };
}

/** It came signed, but perhaps from another version of this. */
function readRevocation(data: unknown): Revocation | null {
  if (typeof data !== "object" || data === null) return null;
  const { kind, tokenId, subject, authenticator, issuer, tenant, issuedBefore, expiresAt } = data as Record<
    string,
    unknown
  >;
  if (expiresAt !== null && typeof expiresAt !== "number") return null;
  if (kind === "token") return typeof tokenId === "string" ? { kind, tokenId, expiresAt } : null;
  if (kind !== "subject" || typeof subject !== "string" || typeof issuedBefore !== "number") return null;
  if (!isName(authenticator) || !isName(issuer) || !isName(tenant)) return null;
  return { kind, subject, authenticator, issuer, tenant, issuedBefore, expiresAt };
}

function isName(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}
