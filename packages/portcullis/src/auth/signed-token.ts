/**
 * Signed tokens with an age, as Phoenix.Token makes them: the credential of the lesson.
 *
 * @module
 */

import { type Rejection, reject } from "../outcome.ts";
import { tokenId } from "../token/token.ts";
import type { AuthenticateRequest, Authenticator, Identity } from "./authenticator.ts";

/** Options of {@link signedToken}. */
export interface SignedTokenOptions {
  /** What the token was signed for: one made under another salt is refused. */
  readonly salt: string;
  /** How old a token may be, in seconds. `Infinity` has to be written out. */
  readonly maxAgeSeconds: number;
  /** How far in the future a token may be signed, in milliseconds, for clocks that differ. Default 2,000. */
  readonly clockSkewMs?: number;
}

/** Refusals of {@link signedToken}. */
export type SignedTokenReason = "missing" | "invalid" | "expired";

/**
 * Authenticates by a token that `endpoint.tokens.sign(salt, data)`, or Phoenix.Token with the same secret, has made.
 *
 * The subject is the signed data where that is a string or an integer, or its `sub`, `subject`, `user_id` or `id`. Refuses
 * with `missing`, `invalid` (not genuine, for another salt, from the future, without a subject) or `expired`.
 *
 * @example
 * ```ts
 * defineSocket({
 *   authenticate: signedToken({ salt: "user socket", maxAgeSeconds: 86_400 }),
 *   connect: ({ identity }) => ({ userId: identity.subject }),
 * });
 * ```
 *
 * @throws TypeError when `salt` is empty or `maxAgeSeconds` is not a positive number.
 */
export function signedToken(options: SignedTokenOptions): Authenticator<Identity | Rejection<SignedTokenReason>> {
  const { salt, maxAgeSeconds, clockSkewMs = 2_000 } = options;
  if (typeof salt !== "string" || salt === "")
    throw new TypeError("Expected `salt` of signedToken to be a non-empty string.");
  if (!(maxAgeSeconds > 0)) {
    throw new TypeError(
      `Expected \`maxAgeSeconds\` of signedToken to be a positive number of seconds, got ${String(maxAgeSeconds)}. Write Infinity if tokens are never to lapse.`,
    );
  }
  const authenticate = ({ credential, tokens }: AuthenticateRequest): Identity | Rejection<SignedTokenReason> => {
    const verified = tokens.verify(salt, credential, { maxAgeSeconds, clockSkewMs });
    if (!verified.ok) return reject(verified.reason);
    const subject = subjectOf(verified.data);
    if (subject === null || credential === null) return reject("invalid");
    return {
      authenticator: "signedToken",
      issuer: null,
      tenant: null,
      subject,
      claims: verified.data,
      tokenId: tokenId(credential),
      keyId: verified.keyId,
      issuedAt: verified.signedAt,
      expiresAt: verified.expiresAt,
    };
  };
  return Object.assign(authenticate, { maxAgeMs: maxAgeSeconds * 1_000 + clockSkewMs });
}

/** The subject in what a token of ours holds; `null` without one. */
export function subjectOf(data: unknown): string | null {
  if (typeof data === "string") return data === "" ? null : data;
  if (typeof data === "bigint" || (typeof data === "number" && Number.isInteger(data))) return String(data);
  if (typeof data !== "object" || data === null) return null;
  for (const key of ["sub", "subject", "user_id", "userId", "id"]) {
    const value =
      data instanceof Map
        ? data.get(key)
        : Object.hasOwn(data, key)
          ? (data as Record<string, unknown>)[key]
          : undefined;
    if (typeof value === "string" || typeof value === "number" || typeof value === "bigint") return subjectOf(value);
  }
  return null;
}
