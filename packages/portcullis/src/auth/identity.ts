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
 *
 * @throws TypeError for what can't be meant: a moment that is none would be taken for "never", and an end without a subject
 * would be nobody's.
 */
export function identityFrom(said: unknown): FullIdentity | null {
  if (typeof said !== "object" || said === null) return null;
  const given = said as Partial<Record<keyof Identity, unknown>>;
  const subject = nameIn(given, "subject");
  const tokenId = nameIn(given, "tokenId");
  const expiresAt = momentIn(given, "expiresAt");
  if (subject === null || subject === "") {
    if (tokenId === null && expiresAt === null) return null;
    throw new TypeError(
      "Expected an identity with expiresAt or tokenId to name its subject: nobody else could be found.",
    );
  }
  return {
    authenticator: nameIn(given, "authenticator") ?? "own",
    issuer: nameIn(given, "issuer"),
    tenant: nameIn(given, "tenant"),
    subject,
    claims: given.claims,
    tokenId,
    keyId: nameIn(given, "keyId"),
    issuedAt: momentIn(given, "issuedAt") ?? 0,
    expiresAt: expiresAt ?? Number.POSITIVE_INFINITY,
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

type Given = Partial<Record<keyof Identity, unknown>>;

/** Databases count users, and tenants: two of them must not become one by having no name. */
function nameIn(given: Given, field: keyof Identity): string | null {
  const value = given[field];
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return String(value);
  throw new TypeError(`Expected ${field} of an identity to be a string, got ${typeof value}.`);
}

function momentIn(given: Given, field: keyof Identity): number | null {
  const value = given[field];
  if (value === null || value === undefined) return null;
  const moment = value instanceof Date ? value.getTime() : value;
  if (typeof moment === "number" && !Number.isNaN(moment)) return moment;
  throw new TypeError(`Expected ${field} of an identity to be epoch milliseconds, got ${typeof value}.`);
}
