/**
 * Signed tokens with an age, as Phoenix.Token makes them: the credential of the lesson.
 *
 * @module
 */

import type { Rejection } from "../outcome.ts";
import type { Authenticator, Identity } from "./authenticator.ts";
import { tokenAuthenticator } from "./token-authenticator.ts";

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
  return tokenAuthenticator("signedToken", options);
}
