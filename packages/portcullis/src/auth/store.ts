/**
 * The contract of a credential store: what has to outlive a process and be the same on every node, which is what was taken
 * away, and which tickets are still good for one use.
 *
 * @module
 */

/** Something taken away. Plain JSON. */
export type Revocation = SubjectRevocation | TokenRevocation;

/** Everything a subject was given before a moment. A field that is `null` matches any. */
export interface SubjectRevocation {
  readonly kind: "subject";
  readonly subject: string;
  readonly authenticator: string | null;
  readonly issuer: string | null;
  readonly tenant: string | null;
  /** Epoch milliseconds: what was issued earlier counts no more. */
  readonly issuedBefore: number;
  /** Epoch milliseconds after which nothing it concerns can still be valid; `null`: never. */
  readonly expiresAt: number | null;
}

/** One credential. */
export interface TokenRevocation {
  readonly kind: "token";
  readonly tokenId: string;
  readonly expiresAt: number | null;
}

/**
 * Where revocations and tickets are kept. Every method may reject: a revocation then rejects for its caller, and nobody is
 * let in whom an unread store might have refused.
 */
export interface CredentialStore {
  /** Every revocation that has not expired at `now`. MUST see what any node has put before. */
  revocations(now: number): Promise<readonly Revocation[]>;
  /** Keeps a revocation under its key, until it expires. The same key replaces what was there. */
  putRevocation(key: string, revocation: Revocation): Promise<void>;
  /** Forgets a revocation. Harmless for one that isn't there. */
  deleteRevocation(key: string): Promise<void>;
  /** Keeps a ticket until `expiresAt` (epoch milliseconds). */
  putTicket(id: string, expiresAt: number): Promise<void>;
  /**
   * Takes a ticket: true for exactly one of all who ever ask, on any node, and only before it expires. MUST be atomic.
   */
  takeTicket(id: string, now: number): Promise<boolean>;
  /** Lets go of what the store holds open; clients that were handed in stay open. */
  close(): Promise<void>;
}

/** The key a revocation is kept under: one for each thing that can be taken away. */
export function revocationKey(revocation: Revocation): string {
  if (revocation.kind === "token") return `token:${revocation.tokenId}`;
  const { subject, authenticator, issuer, tenant } = revocation;
  return `subject:${JSON.stringify([subject, authenticator, issuer, tenant])}`;
}
