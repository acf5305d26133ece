/**
 * What a verified JSON Web Token claims (RFC 7519, section 4.1), and whether that holds here and now.
 *
 * @module
 */

/** The claims of a token. What else is in it is as its issuer put it there. */
export interface JwtClaims {
  readonly sub: string;
  readonly iss?: string;
  readonly aud?: string | readonly string[];
  readonly exp?: number;
  readonly nbf?: number;
  readonly iat?: number;
  readonly jti?: string;
  readonly [claim: string]: unknown;
}

/** What is asked of claims. */
export interface ClaimRules {
  /** Issuers that are taken; `null`: any. */
  readonly issuers: readonly string[] | null;
  /** Of these a token has to be meant for one; `null`: for anybody. */
  readonly audiences: readonly string[] | null;
  readonly maxAgeMs: number;
  readonly clockSkewMs: number;
  readonly needsIat: boolean;
  readonly needsExp: boolean;
}

/** The verdict. */
export type JudgedClaims =
  | { readonly ok: true; readonly claims: JwtClaims; readonly issuedAt: number; readonly expiresAt: number }
  | { readonly ok: false; readonly reason: "invalid" | "expired" };

const INVALID: JudgedClaims = { ok: false, reason: "invalid" };
const EXPIRED: JudgedClaims = { ok: false, reason: "expired" };
/** The last moment a `Date` knows. A later one is a slip of somebody's milliseconds, or worse. */
const MOMENT_MAX = 8.64e15;

/**
 * Judges the claims of a token whose signature holds. Each comparison is written so that NaN lets nobody in. A token that
 * is for somebody else is `invalid`, however old it is; `expired` is said of one that would have been taken earlier.
 */
export function judgeClaims(payload: Uint8Array, rules: ClaimRules, now: number): JudgedClaims {
  const claims = parse(payload);
  if (claims === null) return INVALID;
  const { iss, aud, sub, jti } = claims;
  if (iss !== undefined && typeof iss !== "string") return INVALID;
  if (rules.issuers !== null && !(iss !== undefined && rules.issuers.includes(iss))) return INVALID;
  const audiences = aud === undefined ? [] : Array.isArray(aud) ? (aud as readonly unknown[]) : [aud];
  if (!audiences.every((name) => typeof name === "string")) return INVALID;
  if (rules.audiences !== null && !rules.audiences.some((name) => audiences.includes(name))) return INVALID;
  if (typeof sub !== "string" || sub === "") return INVALID;
  if (jti !== undefined && typeof jti !== "string") return INVALID;

  const iat = momentOf(claims["iat"]);
  const nbf = momentOf(claims["nbf"]);
  const exp = momentOf(claims["exp"]);
  if (iat === undefined || nbf === undefined || exp === undefined) return INVALID;
  if ((iat === null && rules.needsIat) || (exp === null && rules.needsExp)) return INVALID;
  const latest = now + rules.clockSkewMs;
  if (iat !== null && !(iat <= latest)) return INVALID;
  if (nbf !== null && !(nbf <= latest)) return INVALID;

  // RFC 7519, 4.1.4: on or after `exp` it must not be taken. An age is kept up to its last moment, as Phoenix keeps it.
  const lastMoment = (iat ?? now) + rules.maxAgeMs;
  if (!(exp === null || now < exp) || !(now <= lastMoment)) return EXPIRED;
  const expiresAt = Math.min(exp ?? Number.POSITIVE_INFINITY, lastMoment);
  return { ok: true, claims: claims as unknown as JwtClaims, issuedAt: iat ?? 0, expiresAt };
}

function parse(payload: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    // Of a claim that is there twice the last counts (RFC 7519, section 4).
    const claims: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
    const isObject = typeof claims === "object" && claims !== null && !Array.isArray(claims);
    return isObject ? (claims as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}

/** Epoch milliseconds of a NumericDate; `null` where there is none, `undefined` for what is none. */
function momentOf(seconds: unknown): number | null | undefined {
  if (seconds === undefined) return null;
  if (typeof seconds !== "number") return undefined;
  const ms = seconds * 1_000;
  return ms >= 0 && ms <= MOMENT_MAX ? ms : undefined;
}
