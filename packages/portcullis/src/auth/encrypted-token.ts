/**
 * Encrypted tokens with an age, as Phoenix.Token makes them: for what the client itself is not to read.
 *
 * @module
 */

import type { Rejection } from "../outcome.ts";
import type { Authenticator, Identity } from "./authenticator.ts";
import { tokenAuthenticator } from "./token-authenticator.ts";

/** Options of {@link encryptedToken}. */
export interface EncryptedTokenOptions {
  /** What the token was encrypted for: one made under another salt is refused. */
  readonly salt: string;
  /** How old a token may be, in seconds. `Infinity` has to be written out. */
  readonly maxAgeSeconds: number;
  /** How far in the future a token may be encrypted, in milliseconds, for clocks that differ. Default 2,000. */
  readonly clockSkewMs?: number;
}

/** Refusals of {@link encryptedToken}. */
export type EncryptedTokenReason = "missing" | "invalid" | "expired";

/**
 * Authenticates by a token that `endpoint.tokens.encrypt(salt, data)`, or Phoenix.Token with the same secret, has made. A
 * token that was only signed is refused, whatever its salt.
 *
 * The subject is found in the data as `signedToken` finds it. Refuses with `missing`, `invalid` (not genuine, for another
 * salt, from the future, without a subject) or `expired`.
 *
 * @example
 * ```ts
 * defineSocket({
 *   authenticate: encryptedToken({ salt: "user socket", maxAgeSeconds: 86_400 }),
 *   connect: ({ identity }) => ({ userId: identity.subject }),
 * });
 * ```
 *
 * @throws TypeError when `salt` is empty or `maxAgeSeconds` is not a positive number.
 */
export function encryptedToken(
  options: EncryptedTokenOptions,
): Authenticator<Identity | Rejection<EncryptedTokenReason>> {
  return tokenAuthenticator("encryptedToken", options);
}
