/**
 * The session of the page's own server as a credential: for pages that are rendered by it and hold no token.
 *
 * @module
 */

import { type Rejection, reject } from "../outcome.ts";
import type { AuthenticateRequest, Identity } from "./authenticator.ts";
import type { GenericAuthenticator } from "./generic-authenticator.ts";

/** Options of {@link session}. */
export interface SessionAuthOptions<Content extends object, Claims> {
  /** Who is signed in; nothing where nobody is. */
  readonly subject: (session: Content) => string | number | bigint | null | undefined;
  /** When they signed in: epoch milliseconds, or a `Date`. Write it into the session where they do. */
  readonly issuedAt: (session: Content) => number | Date | null | undefined;
  /** How old a session may be, in seconds since `issuedAt`. `Infinity` has to be written out. */
  readonly maxAgeSeconds: number;
  /** How far in the future `issuedAt` may be, in milliseconds, for clocks that differ. Default 2,000. */
  readonly clockSkewMs?: number;
  /** The session's id, by which it alone can be revoked. Default none. */
  readonly tokenId?: (session: Content) => string | null | undefined;
  readonly tenant?: (session: Content) => string | null | undefined;
  /** What of the session is `identity.claims`. Default `null`: a session holds its CSRF state, which is not to be kept. */
  readonly claims?: (session: Content) => Claims;
}

/** Refusals of {@link session}. */
export type SessionReason = "missing" | "invalid" | "expired";

/**
 * Authenticates by the session that the socket's `connectInfo` asks for, which is there only for a page that has sent the
 * session's CSRF token: a cookie alone authenticates nobody.
 *
 * Refuses with `missing` (no session, a CSRF token that doesn't fit, nobody signed in), `invalid` (no `issuedAt`, or one in
 * the future) or `expired`. A connection of a session can't be renewed in place, because cookies come with a request: it
 * ends with the session's age, and the client connects anew.
 *
 * @example
 * ```ts
 * const socket = defineSocket({
 *   connectInfo: [cookieSession({ key: "_my_app_key", signingSalt: "a salt" })],
 *   authenticate: session({
 *     subject: (session: Session) => session["user_id"] as string | undefined,
 *     issuedAt: (session: Session) => session["signed_in_at"] as number | undefined,
 *     maxAgeSeconds: 86_400,
 *   }),
 *   connect: ({ identity }) => ({ userId: identity.subject }),
 * });
 * ```
 *
 * @throws TypeError for hooks that are missing, and when `maxAgeSeconds` is not a positive number.
 */
export function session<Content extends object, Claims = null>(
  options: SessionAuthOptions<Content, Claims>,
): GenericAuthenticator<Identity<Claims> | Rejection<SessionReason>> {
  const { maxAgeSeconds, clockSkewMs = 2_000 } = options;
  for (const hook of ["subject", "issuedAt"] as const) {
    if (typeof options[hook] !== "function")
      throw new TypeError(
        `Expected \`${hook}\` of session to be a function of the session, got ${typeof options[hook]}.`,
      );
  }
  if (!(maxAgeSeconds > 0)) {
    throw new TypeError(
      `Expected \`maxAgeSeconds\` of session to be a positive number of seconds, got ${String(maxAgeSeconds)}. Write Infinity if sessions are never to lapse.`,
    );
  }
  const authenticate = ({ session: found, now }: AuthenticateRequest): Identity<Claims> | Rejection<SessionReason> => {
    if (typeof found !== "object" || found === null) return reject("missing");
    const content = found as Content;
    const subject = String(options.subject(content) ?? "");
    if (subject === "") return reject("missing");
    const issuedAt = Number(options.issuedAt(content) ?? Number.NaN);
    if (!(issuedAt >= 0 && issuedAt <= now + clockSkewMs)) return reject("invalid");
    const expiresAt = issuedAt + maxAgeSeconds * 1_000;
    if (!(now <= expiresAt)) return reject("expired");
    return {
      authenticator: "session",
      issuer: null,
      tenant: options.tenant?.(content) ?? null,
      subject,
      claims: (options.claims?.(content) ?? null) as Claims,
      tokenId: options.tokenId?.(content) ?? null,
      issuedAt,
      expiresAt,
    };
  };
  return Object.assign(authenticate, { maxAgeMs: maxAgeSeconds * 1_000 + clockSkewMs, readsSession: true });
}
