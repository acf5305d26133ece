/**
 * JSON Web Tokens, as identity providers issue them: Auth0, Supabase, Better Auth, Keycloak, your own. Needs the package
 * `jose`.
 *
 * ```ts
 * import { defineSocket } from "portcullis";
 * import { jwks, jwt } from "portcullis/auth/jwt";
 *
 * const socket = defineSocket({
 *   authenticate: jwt({
 *     keys: jwks({ url: "https://example.eu.auth0.com/.well-known/jwks.json", algorithms: ["RS256"] }),
 *     issuer: "https://example.eu.auth0.com/",
 *     audience: "https://api.example.com",
 *     maxAgeSeconds: 86_400,
 *   }),
 *   connect: ({ identity }) => ({ userId: identity.subject }),
 * });
 * ```
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { compactVerify, decodeProtectedHeader, errors } from "jose";
import { type Rejection, reject } from "../outcome.ts";
import type { AuthenticateRequest, Identity } from "./authenticator.ts";
import { type ClaimRules, type JwtClaims, judgeClaims } from "./claims.ts";
import type { GenericAuthenticator } from "./generic-authenticator.ts";
import { type JwtKey, type JwtKeySource, keysFor, type VerifyingKey, verifyingKey, type WantedKey } from "./jwk.ts";

export type { JwtClaims } from "./claims.ts";
export type { GenericAuthenticator } from "./generic-authenticator.ts";
export type { JwtAlgorithm, JwtKey, JwtKeySource, PublicAlgorithm, SecretAlgorithm } from "./jwk.ts";
export { type FetchJwks, type JwksOptions, jwks } from "./jwks.ts";

/** Options of {@link jwt}. */
export interface JwtOptions<Schema extends StandardSchemaV1 | undefined = undefined> {
  /** Keys to verify with, or where to find them: one or several, of both kinds. */
  readonly keys: JwtKey | JwtKeySource | readonly (JwtKey | JwtKeySource)[];
  /** Whose tokens are taken: `iss`, character by character. `false` for anybody's who has a key has to be written out. */
  readonly issuer: string | readonly string[] | false;
  /** Who they have to be meant for: one of `aud`. `false` for anybody has to be written out. */
  readonly audience: string | readonly string[] | false;
  /** How old a token may be, in seconds since `iat`, whatever it says of itself. `Infinity` has to be written out. */
  readonly maxAgeSeconds: number;
  /** How far in the future `iat` and `nbf` may be, in milliseconds, for clocks that differ. Default 2,000. `exp` is exact. */
  readonly clockSkewMs?: number;
  /** What kind of token it has to be, such as `"at+jwt"` for access tokens of RFC 9068. Default: any. */
  readonly typ?: string;
  /** The claim that names the tenant; a token without it is refused. Or a function of the claims. Default: no tenants. */
  readonly tenant?: string | ((claims: JwtClaims) => string | null);
  /** Checks the claims, and types `identity.claims` (any Standard Schema). What doesn't fit is `invalid`. */
  readonly claims?: Schema;
  /**
   * Which of the two a token may lack. Without `iat`, revoking its subject ends it however new it is; without both it never
   * lapses, for which `maxAgeSeconds` has to be `Infinity`. Default none.
   */
  readonly optional?: readonly ("iat" | "exp")[];
}

/** Refusals of {@link jwt}. */
export type JwtReason = "missing" | "invalid" | "expired" | "unavailable";

/** What {@link jwt} finds out. */
export type JwtIdentity<Schema extends StandardSchemaV1 | undefined = undefined> = Identity<
  Schema extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<Schema> : JwtClaims
>;

/** Characters of a token. A mount reads fewer; a function that calls the authenticator by itself may not. */
const TOKEN_CHARACTERS_MAX = 65_536;
/** Nothing between the parts and in them, not even padding (RFC 7515, section 2): decoders overlook more than that. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * Authenticates by a JSON Web Token in its compact form (RFC 7519, and RFC 8725 for what to beware of).
 *
 * Every key has one algorithm; what a token says of its own only picks among them. Whatever else its header says of keys
 * (`jwk`, `jku`, `x5c`, `x5u`) is not looked at, and a token with `crit` is refused. The identity's subject is `sub`, its
 * issuer `iss`, its `tokenId` the token's `jti`, or else the SHA-256 of what was signed, its `keyId` the id of the key that
 * verified it. It lapses at `exp`, and `maxAgeSeconds` after `iat`.
 *
 * Refuses with `missing`, `invalid` (everything that is not for this socket, without a why), `expired`, or `unavailable` when
 * the keys can't be had at the moment: then nobody knows, and the client is told when to come again.
 *
 * @throws TypeError for keys and other options that can't be used.
 */
export function jwt<Schema extends StandardSchemaV1 | undefined = undefined>(
  options: JwtOptions<Schema>,
): GenericAuthenticator<JwtIdentity<Schema> | Rejection<JwtReason>> {
  const { typ, tenant, claims: schema } = options;
  const rules = checkedRules(options);
  const sources = checkedKeys(options.keys);
  if (typ !== undefined && (typeof typ !== "string" || typ === ""))
    throw new TypeError('Expected `typ` of jwt to be a string such as "at+jwt".');
  if (tenant !== undefined && typeof tenant !== "function" && (typeof tenant !== "string" || tenant === ""))
    throw new TypeError("Expected `tenant` of jwt to be the name of a claim, or a function of the claims.");
  if (schema !== undefined && typeof schema?.["~standard"]?.validate !== "function")
    throw new TypeError("Expected `claims` of jwt to be a Standard Schema.");

  const authenticate = async ({
    credential,
    now,
  }: AuthenticateRequest): Promise<JwtIdentity<Schema> | Rejection<JwtReason>> => {
    if (credential === null) return reject("missing");
    const wanted = credential.length > TOKEN_CHARACTERS_MAX ? null : headerOf(credential, typ);
    if (wanted === null) return reject("invalid");
    const verified = await verify(credential, wanted, sources, now);
    if (!verified.ok) return verified.rejection;
    const judged = judgeClaims(verified.payload, rules, now);
    if (!judged.ok) return reject(judged.reason);
    const { claims, issuedAt, expiresAt } = judged;
    const itsTenant = tenantOf(claims, tenant);
    if (itsTenant === undefined) return reject("invalid");
    let checked: unknown = claims;
    if (schema !== undefined) {
      const result = await schema["~standard"].validate(claims);
      if (result.issues !== undefined) return reject("invalid");
      checked = result.value;
    }
    return {
      authenticator: "jwt",
      issuer: claims.iss ?? null,
      tenant: itsTenant,
      subject: claims.sub,
      claims: checked as JwtIdentity<Schema>["claims"],
      tokenId: claims.jti !== undefined && claims.jti !== "" ? claims.jti : signingInputId(credential),
      keyId: verified.keyId,
      issuedAt,
      expiresAt,
    };
  };
  // How old a token without `iat` is can't be told: what revokes it has to be remembered for ever.
  return rules.needsIat ? Object.assign(authenticate, { maxAgeMs: rules.maxAgeMs + rules.clockSkewMs }) : authenticate;
}

type Verified =
  | { readonly ok: true; readonly payload: Uint8Array; readonly keyId: string | null }
  | { readonly ok: false; readonly rejection: Rejection<"invalid" | "unavailable"> };

/** Looks for the key that signed the token. */
async function verify(
  token: string,
  wanted: WantedKey,
  sources: readonly JwtKeySource[],
  now: number,
): Promise<Verified> {
  let afterMs: number | null = null;
  for (const source of sources) {
    const found = await source["~find"](wanted, now);
    if (!found.ok) afterMs = Math.max(afterMs ?? 0, found.afterMs);
    for (const key of found.ok ? found.keys : []) {
      const payload = await payloadOf(token, key);
      if (payload !== null) return { ok: true, payload, keyId: key.kid };
    }
  }
  const rejection = afterMs === null ? reject("invalid") : reject("unavailable", { retry: { afterMs } });
  return { ok: false, rejection };
}

/** What was signed, if it was signed with this key. */
async function payloadOf(token: string, { alg, key }: VerifyingKey): Promise<Uint8Array | null> {
  try {
    return (await compactVerify(token, key, { algorithms: [alg] })).payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

/** The key a token says it was signed with; `null` for what is no token, or one that asks for more than is understood. */
function headerOf(token: string, typ: string | undefined): WantedKey | null {
  if (!COMPACT.test(token)) return null;
  let header: Readonly<Record<string, unknown>>;
  try {
    header = { ...decodeProtectedHeader(token) };
  } catch {
    return null;
  }
  const { alg, kid = null } = header;
  if (typeof alg !== "string" || (kid !== null && typeof kid !== "string")) return null;
  // An extension that must be understood. None is; and `b64` (RFC 7797) has no business in a JWT.
  if ("crit" in header || "b64" in header) return null;
  if (typ !== undefined && mediaType(header["typ"]) !== mediaType(typ)) return null;
  return { alg, kid };
}

/** RFC 7515, 4.1.9: `application/` may be left out, and case doesn't count. */
function mediaType(typ: unknown): string | null {
  return typeof typ === "string" ? typ.toLowerCase().replace(/^application\/(?=[^/]*$)/, "") : null;
}

function tenantOf(claims: JwtClaims, tenant: JwtOptions["tenant"]): string | null | undefined {
  if (tenant === undefined) return null;
  const found: unknown =
    typeof tenant === "function" ? tenant(claims) : Object.hasOwn(claims, tenant) ? claims[tenant] : undefined;
  if (typeof tenant === "function" && (found === null || typeof found === "string")) return found;
  if (typeof tenant === "function") throw new TypeError("Expected `tenant` of jwt to return a string or null.");
  return typeof found === "string" && found !== "" ? found : undefined;
}

/** The same for every signature of one token: of ECDSA there are several for each text, and of base64 several spellings. */
function signingInputId(token: string): string {
  return createHash("sha256")
    .update(token.slice(0, token.lastIndexOf(".")))
    .digest("base64url");
}

function checkedKeys(given: JwtOptions["keys"]): readonly JwtKeySource[] {
  const list = Array.isArray(given) ? (given as readonly (JwtKey | JwtKeySource)[]) : [given as JwtKey | JwtKeySource];
  if (list.length === 0 || list.some((item) => typeof item !== "object" || item === null))
    throw new TypeError("Expected `keys` of jwt to hold { alg, key } or jwks({ … }), or a list of such.");
  const own = list.filter((item): item is JwtKey => !isSource(item)).map(verifyingKey);
  const ownSource: JwtKeySource = { "~find": (wanted) => ({ ok: true, keys: keysFor(own, wanted) }) };
  // Keys that are here go first: they cost nobody a question.
  return [...(own.length > 0 ? [ownSource] : []), ...list.filter(isSource)];
}

function isSource(item: JwtKey | JwtKeySource): item is JwtKeySource {
  return "~find" in item;
}

function checkedRules({
  issuer,
  audience,
  maxAgeSeconds,
  clockSkewMs = 2_000,
  optional = [],
}: JwtOptions<StandardSchemaV1 | undefined>): ClaimRules {
  if (!(maxAgeSeconds > 0)) {
    throw new TypeError(
      `Expected \`maxAgeSeconds\` of jwt to be a positive number of seconds, got ${String(maxAgeSeconds)}. Write Infinity if their own exp is all that is to end them.`,
    );
  }
  if (!(Number.isFinite(clockSkewMs) && clockSkewMs >= 0))
    throw new TypeError("Expected `clockSkewMs` of jwt to be a number of milliseconds, zero or more.");
  if (!Array.isArray(optional) || !optional.every((name) => name === "iat" || name === "exp"))
    throw new TypeError('Expected `optional` of jwt to be a list of "iat" and "exp".');
  const needsIat = !optional.includes("iat");
  const needsExp = !optional.includes("exp");
  if (!needsIat && !needsExp && maxAgeSeconds !== Number.POSITIVE_INFINITY) {
    throw new TypeError(
      "A token that has neither `iat` nor `exp` never lapses: write maxAgeSeconds: Infinity, or take one of them off `optional` of jwt.",
    );
  }
  return {
    issuers: checkedNames("issuer", issuer),
    audiences: checkedNames("audience", audience),
    maxAgeMs: maxAgeSeconds * 1_000,
    clockSkewMs,
    needsIat,
    needsExp,
  };
}

function checkedNames(option: string, given: string | readonly string[] | false): readonly string[] | null {
  if (given === false) return null;
  const names = Array.isArray(given) ? (given as readonly string[]) : [given as string];
  if (names.length > 0 && names.every((name) => typeof name === "string" && name !== "")) return [...names];
  throw new TypeError(
    `Expected \`${option}\` of jwt to be a string or a list of strings; it is often unset in the environment. false for any has to be written out.`,
  );
}
