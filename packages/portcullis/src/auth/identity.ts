/**
 * An identity as a connection keeps it: whatever an authenticator returned, with every field there.
 *
 * @module
 */

import type { Identity } from "./authenticator.ts";

/** With no field left open. */
export interface FullIdentity extends Identity {
  readonly keyId: string | null;
}

/**
 * The identity in what an authenticator, or `accept` in `connect`, says of somebody; `null` when it names no subject. What
 * it leaves open is taken for the worst: issued long ago, so that a revocation of the subject always concerns it, and good
 * for ever, so that nothing ends it but the server.
 */
export function identityFrom(said: unknown): FullIdentity | null {
  if (typeof said !== "object" || said === null) return null;
  const given = said as Partial<Record<keyof Identity, unknown>>;
  if (typeof given.subject !== "string" || given.subject === "") return null;
  return {
    authenticator: textOr(given.authenticator, null) ?? "own",
    issuer: textOr(given.issuer, null),
    tenant: textOr(given.tenant, null),
    subject: given.subject,
    claims: given.claims,
    tokenId: textOr(given.tokenId, null),
    keyId: textOr(given.keyId, null),
    issuedAt: momentOr(given.issuedAt, 0),
    expiresAt: momentOr(given.expiresAt, Number.POSITIVE_INFINITY),
  };
}

/** Whether both are the same somebody: a credential may be renewed, never passed on. */
export function isSameIdentity(one: Identity, other: Identity): boolean {
  return (
    one.authenticator === other.authenticator &&
    one.issuer === other.issuer &&
    one.tenant === other.tenant &&
    one.subject === other.subject
  );
}

function textOr(value: unknown, otherwise: null): string | null {
  return typeof value === "string" ? value : otherwise;
}

function momentOr(value: unknown, otherwise: number): number {
  return typeof value === "number" && !Number.isNaN(value) ? value : otherwise;
}
