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

/** While the bus is down nobody says what was revoked elsewhere: the store is asked again after this long. */
const staleMs = 1_000;

export class Revocations {
  readonly #options: RevocationsOptions;
  readonly #entries = new Map<string, Revocation>();
  /** Keys of revoked subjects, by subject. */
  readonly #subjects = new Map<string, Set<string>>();
  #loadedAt = Number.NEGATIVE_INFINITY;
  #loading: Promise<boolean> | null = null;
  #busDown = false;
  #outdated: boolean;
  #cancelSweep: Cancel | null = null;

  constructor(options: RevocationsOptions) {
    this.#options = options;
    this.#outdated = options.store !== null;
    options.pubsub.onControl((message) => this.#hear(message));
    options.pubsub.onStatus((status) => {
      this.#busDown = status === "down";
      // Whatever was said meanwhile was not heard here.
      this.#outdated = options.store !== null;
      if (!this.#busDown) void this.ready();
    });
  }

  /** Whether what the store holds is known here. */
  get health(): "ok" | "unread" {
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
    if (store === null || (!this.#outdated && !this.#busDown)) return true;
    if (this.#busDown && !this.#outdated && clock.now() - this.#loadedAt < staleMs) return true;
    this.#loading ??= this.#load(store).finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  isRevoked({ authenticator, issuer, tenant, subject, tokenId, issuedAt }: Identity): boolean {
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
    if (this.#entries.size >= bounds.revocationsMax && !this.#entries.has(revocationKey(revocation))) {
      throw new RangeError(
        `Expected at most ${bounds.revocationsMax} revocations at a time. To shut out many subjects at once, rotate the key that vouches for them.`,
      );
    }
    pubsub.control({ kind: "revoke", data: revocation });
    await store?.putRevocation(revocationKey(revocation), revocation);
  }

  /** Takes a revocation back, here, in the store and on every node. */
  async unrevoke(what: Revoke): Promise<void> {
    const { store, pubsub, clock } = this.#options;
    const key = revocationKey(toRevocation(what, clock.now(), 0));
    pubsub.control({ kind: "unrevoke", id: key });
    await store?.deleteRevocation(key);
  }

  async #load(store: CredentialStore): Promise<boolean> {
    const { clock, telemetry } = this.#options;
    try {
      const found = await store.revocations(clock.now());
      this.#loadedAt = clock.now();
      this.#outdated = false;
      for (const revocation of found) this.#take(revocation);
      return true;
    } catch (error) {
      this.#outdated = true;
      telemetry.error("revocations", "the store of revocations could not be read, and nobody is let in", error);
      return false;
    }
  }

  #hear(message: ControlMessage): void {
    if (message.kind === "unrevoke") return this.#forget(message.id);
    if (message.kind !== "revoke") return;
    const revocation = readRevocation(message.data);
    if (revocation !== null) this.#take(revocation);
  }

  #take(revocation: Revocation): void {
    const { clock, onRevoked } = this.#options;
    if (revocation.expiresAt !== null && revocation.expiresAt <= clock.now()) return;
    const key = revocationKey(revocation);
    const known = this.#entries.get(key);
    // Two nodes may revoke at once: the later moment holds.
    if (known?.kind === "subject" && revocation.kind === "subject" && known.issuedBefore >= revocation.issuedBefore) {
      return;
    }
    if (known === undefined && this.#entries.size >= bounds.revocationsMax) return;
    this.#entries.set(key, revocation);
    if (revocation.kind === "subject") {
      const keys = this.#subjects.get(revocation.subject) ?? new Set();
      this.#subjects.set(revocation.subject, keys.add(key));
    }
    this.#cancelSweep ??= clock.after(bounds.revocationSweepMs, () => this.#sweep());
    if (known === undefined || known.kind === "subject") onRevoked(revocation);
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    if (entry.kind === "token") return;
    const keys = this.#subjects.get(entry.subject);
    keys?.delete(key);
    if (keys?.size === 0) this.#subjects.delete(entry.subject);
  }

  #sweep(): void {
    const { clock } = this.#options;
    const now = clock.now();
    for (const [key, { expiresAt }] of this.#entries) if (expiresAt !== null && expiresAt <= now) this.#forget(key);
    this.#cancelSweep = this.#entries.size === 0 ? null : clock.after(bounds.revocationSweepMs, () => this.#sweep());
  }
}

function matches(wanted: string | null, given: string | null): boolean {
  return wanted === null || wanted === given;
}

function toRevocation(what: Revoke, now: number, keepMs: number): Revocation {
  const expiresAt = what.expiresAt ?? (Number.isFinite(keepMs) ? now + keepMs : null);
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
