/** An authenticator asked without a network. */

import type { AuthenticateRequest, Authenticator, IdentityOf } from "../../../src/auth/authenticator.ts";
import { isRejection } from "../../../src/outcome.ts";
import { createTokens, type Tokens } from "../../../src/token/token.ts";

export const secretKeyBase = "a secret of the tests that is long enough to be taken, 64 characters or so";
/** The moment most tests happen at. */
export const now: number = Date.UTC(2026, 0, 1);

/** Tokens whose clock stands at `now`, or where it is put. */
export function tokensAt(moment: number | (() => number) = now, secret = secretKeyBase): Tokens {
  return createTokens({ secretKeyBase: secret, now: typeof moment === "function" ? moment : () => moment });
}

export function requestFor(credential: string | null, given: Partial<AuthenticateRequest> = {}): AuthenticateRequest {
  return {
    credential,
    params: Object.create(null) as Record<string, unknown>,
    session: null,
    tokens: tokensAt(given.now ?? now),
    now,
    signal: new AbortController().signal,
    ...given,
  };
}

/** The reason of a refusal, `"ok"` of an identity. */
export async function verdict(
  authenticate: Authenticator,
  credential: string | null,
  given: Partial<AuthenticateRequest> = {},
): Promise<string> {
  const said: unknown = await authenticate(requestFor(credential, given));
  if (isRejection(said)) return String(said.reason);
  return typeof said === "object" && said !== null ? "ok" : `nothing: ${String(said)}`;
}

/** The identity, where there has to be one. */
export async function identityOf<Result>(
  authenticate: Authenticator<Result>,
  credential: string | null,
  given: Partial<AuthenticateRequest> = {},
): Promise<IdentityOf<Result>> {
  const said = await authenticate(requestFor(credential, given));
  if (isRejection(said)) throw new Error(`Expected an identity, got a refusal: ${String(said.reason)}`);
  return said as IdentityOf<Result>;
}
