/**
 * The contract of an authenticator: from a credential to an identity, or a refusal.
 *
 * @module
 */

import type { Awaitable, Rejection } from "../outcome.ts";
import type { Tokens } from "../token/token.ts";

/** Who somebody is, as an authenticator found out. `Claims` is what the credential itself carries. */
export interface Identity<Claims = unknown> {
  /** Name of the authenticator that vouches for this. */
  readonly authenticator: string;
  readonly issuer: string | null;
  readonly tenant: string | null;
  readonly subject: string;
  readonly claims: Claims;
  readonly tokenId: string | null;
  /** Which key vouches for it: what `rotate({ compromised })` names. */
  readonly keyId?: string | null;
  /** Epoch milliseconds. */
  readonly issuedAt: number;
  /** Epoch milliseconds; `Infinity` when it never lapses. */
  readonly expiresAt: number;
}

/** What an authenticator is given. */
export interface AuthenticateRequest {
  /** The credential found at one of the places the mount reads, or `null`. */
  readonly credential: string | null;
  /** The connection's params, unchecked: a null-prototype object of strings, lists and maps. */
  readonly params: Readonly<Record<string, unknown>>;
  /**
   * The session of the page's server, on sockets whose `connectInfo` asks for one; `null` without, where its CSRF token
   * doesn't fit, and at a refresh, which comes over a connection and not with a cookie.
   */
  readonly session: unknown;
  readonly tokens: Tokens;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Aborted when the time for connecting is over, or the client has gone. */
  readonly signal: AbortSignal;
}

/**
 * Finds out who is connecting, or says `reject(reason)`. {@link signedToken} makes one; a function of your own is one.
 * `connect` gets what it returns as `identity`.
 *
 * @example
 * ```ts
 * const apiKey = async ({ credential }: AuthenticateRequest) =>
 *   (await keys.find(credential)) ?? reject("unknown key");
 * ```
 */
export interface Authenticator<Result = unknown> {
  (request: AuthenticateRequest): Awaitable<Result>;
  /**
   * The longest life of a credential it takes, in milliseconds: for so long a revocation has to be remembered. Left out: for
   * ever.
   */
  readonly maxAgeMs?: number;
  /** It knows nobody without a session: the socket has to ask for one, and it has to be guarded. */
  readonly readsSession?: boolean;
}

/** The identity in what an authenticator returns: everything but refusals. */
export type IdentityOf<Result> = Exclude<Awaited<Result>, Rejection>;
