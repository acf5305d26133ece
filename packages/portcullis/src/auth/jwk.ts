/**
 * The keys JSON Web Tokens are verified with: each of one algorithm, and checked to be fit for it before any token comes.
 *
 * @module
 */

import { createPublicKey, createSecretKey, type JsonWebKey, KeyObject, type webcrypto } from "node:crypto";
import type { Awaitable } from "../outcome.ts";

const CURVES = { ES256: "prime256v1", ES384: "secp384r1", ES512: "secp521r1" } as const;
const SECRET_BYTES_MIN = { HS256: 32, HS384: 48, HS512: 64 } as const;
const RSA_BITS = { min: 2_048, max: 8_192 };

/** Algorithms with a secret both sides hold. */
export type SecretAlgorithm = keyof typeof SECRET_BYTES_MIN;
/** Algorithms with a pair of keys, of which a verifier has the public one. */
export type PublicAlgorithm =
  | keyof typeof CURVES
  | "RS256"
  | "RS384"
  | "RS512"
  | "PS256"
  | "PS384"
  | "PS512"
  | "EdDSA"
  | "Ed25519";
/** What tokens may be signed with (RFC 7518, 8037 and 9864). `EdDSA` is Ed25519, under the name most issuers use. */
export type JwtAlgorithm = SecretAlgorithm | PublicAlgorithm;

/** A key as a program has it. */
export interface JwtKey {
  /** The key's id. Tokens that name a key have to name this one; left out, the key is tried for any. */
  readonly kid?: string;
  /** The one algorithm it is used with, whatever a token says. */
  readonly alg: JwtAlgorithm;
  /**
   * For `HS…` the secret: bytes, or a string whose UTF-8 is them. For the others a public key: PEM, JWK, `KeyObject` or
   * `CryptoKey`.
   */
  readonly key: string | Uint8Array | KeyObject | webcrypto.CryptoKey | JsonWebKey;
}

/** A key that fits its algorithm. */
export interface VerifyingKey {
  readonly kid: string | null;
  readonly alg: string;
  readonly key: KeyObject;
}

/** What a token says of its key. */
export interface WantedKey {
  readonly alg: string;
  readonly kid: string | null;
}

/** The keys a token may have been signed with, or that nobody can say at the moment which there are. */
export type FoundKeys =
  | { readonly ok: true; readonly keys: readonly VerifyingKey[] }
  | { readonly ok: false; readonly afterMs: number };

/** Where keys come from; `jwks` makes one. */
export interface JwtKeySource {
  readonly "~find": (wanted: WantedKey, now: number) => Awaitable<FoundKeys>;
}

/**
 * Checks a key a program was written with.
 *
 * @throws TypeError, which never holds the key, for one that can't be used with its algorithm.
 */
export function verifyingKey({ kid, alg, key }: JwtKey): VerifyingKey {
  if (kid !== undefined && typeof kid !== "string") throw new TypeError("Expected `kid` of a key to be a string.");
  if (!isAlgorithm(alg)) {
    throw new TypeError(`Expected \`alg\` of a key to be one of ${algorithms.join(", ")}, got ${JSON.stringify(alg)}.`);
  }
  let made: KeyObject;
  try {
    made = isSecretAlgorithm(alg) ? secretKey(key) : publicKey(key);
  } catch (error) {
    throw new TypeError(`Expected \`key\` of a key for ${alg} to be ${shapeOf(alg)}. ${sentence(error)}`);
  }
  const problem = misfit(alg, made);
  if (problem !== null) throw new TypeError(`A key for ${alg} can't be used: ${problem}.`);
  return { kid: kid ?? null, alg, key: made };
}

/**
 * A key from a set that somebody published. `null` for what verifies no tokens here: secrets, private keys, keys for
 * encryption, other algorithms than `allowed`, and keys that don't fit theirs.
 */
export function publishedKey(jwk: unknown, allowed: readonly PublicAlgorithm[]): VerifyingKey | null {
  if (typeof jwk !== "object" || jwk === null) return null;
  const { kid, kty, use, key_ops: operations, alg, d, crv, n, e, x, y } = jwk as Readonly<Record<string, unknown>>;
  if (kty !== "RSA" && kty !== "EC" && kty !== "OKP") return null;
  // Whoever published the private half has no secret left that a signature could prove.
  if (d !== undefined) return null;
  if (kid !== undefined && typeof kid !== "string") return null;
  if (use !== undefined && use !== "sig") return null;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) return null;
  let key: KeyObject;
  try {
    key = createPublicKey({ key: { kty, crv, n, e, x, y } as JsonWebKey, format: "jwk" });
  } catch {
    return null;
  }
  // A key that doesn't name its algorithm has the one it fits. If it fits several, nobody has said which.
  const fitting = allowed.filter((name) => (alg === undefined || alg === name) && misfit(name, key) === null);
  const [only] = fitting;
  return fitting.length === 1 && only !== undefined ? { kid: kid ?? null, alg: only, key } : null;
}

/** Those of `keys` a token may have been signed with: of its algorithm, and with its key id where both name one. */
export function keysFor(keys: readonly VerifyingKey[], { alg, kid }: WantedKey): readonly VerifyingKey[] {
  return keys.filter((key) => key.alg === alg && (key.kid === null || kid === null || key.kid === kid));
}

const publicAlgorithms: readonly PublicAlgorithm[] = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];
const algorithms: readonly JwtAlgorithm[] = ["HS256", "HS384", "HS512", ...publicAlgorithms];

function isAlgorithm(alg: unknown): alg is JwtAlgorithm {
  return (algorithms as readonly unknown[]).includes(alg);
}

/** Whether it names an algorithm with a public key. */
export function isPublicAlgorithm(alg: unknown): alg is PublicAlgorithm {
  return (publicAlgorithms as readonly unknown[]).includes(alg);
}

function isSecretAlgorithm(alg: JwtAlgorithm): alg is SecretAlgorithm {
  return alg.startsWith("HS");
}

/** Why a key can't be used with an algorithm; `null` when it can. */
function misfit(alg: JwtAlgorithm, key: KeyObject): string | null {
  if (isSecretAlgorithm(alg)) {
    const bytes = key.symmetricKeySize ?? 0;
    const least = SECRET_BYTES_MIN[alg];
    return bytes >= least ? null : `the secret has ${bytes} bytes, and at least ${least} are needed (RFC 7518, 3.2)`;
  }
  const type = key.asymmetricKeyType ?? "no";
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (alg === "EdDSA" || alg === "Ed25519") return type === "ed25519" ? null : `it is ${type}, not Ed25519`;
  if (alg === "ES256" || alg === "ES384" || alg === "ES512")
    return namedCurve === CURVES[alg] ? null : `its curve is not ${CURVES[alg]}`;
  if (type !== "rsa") return `it is ${type}, not RSA`;
  return modulusLength >= RSA_BITS.min && modulusLength <= RSA_BITS.max
    ? null
    : `it has ${modulusLength} bits, and ${RSA_BITS.min} to ${RSA_BITS.max} are taken`;
}

function secretKey(key: JwtKey["key"]): KeyObject {
  if (typeof key === "string") {
    // The classic mix-up: everybody knows the public key, so everybody could sign.
    if (key.includes("-----BEGIN")) throw new TypeError("It is PEM, which holds no secret for HMAC.");
    return createSecretKey(key, "utf8");
  }
  if (key instanceof Uint8Array) return createSecretKey(key);
  const made = isKeyObject(key) ? key : isCryptoKey(key) ? KeyObject.from(key) : null;
  if (made?.type === "secret") return made;
  if (made !== null) throw new TypeError(`It is a ${made.type} key.`);
  const { kty, k } = key as JsonWebKey;
  if (kty !== "oct" || typeof k !== "string") throw new TypeError('It is no JWK with `kty` "oct".');
  return createSecretKey(k, "base64url");
}

function publicKey(key: JwtKey["key"]): KeyObject {
  if (typeof key === "string") {
    if (key.includes("PRIVATE KEY")) throw new TypeError("It is a private key, which whoever verifies needs none of.");
    return createPublicKey(key);
  }
  if (key instanceof Uint8Array) throw new TypeError("It is bytes.");
  const made = isKeyObject(key) ? key : isCryptoKey(key) ? KeyObject.from(key) : null;
  if (made?.type === "public") return made;
  if (made !== null) throw new TypeError(`It is a ${made.type} key.`);
  const jwk = key as JsonWebKey;
  if (jwk.d !== undefined) throw new TypeError("It is a private key, which whoever verifies needs none of.");
  return createPublicKey({ key: jwk, format: "jwk" });
}

function isKeyObject(key: unknown): key is KeyObject {
  return key instanceof KeyObject;
}

function isCryptoKey(key: unknown): key is webcrypto.CryptoKey {
  return Object.prototype.toString.call(key) === "[object CryptoKey]";
}

function shapeOf(alg: JwtAlgorithm): string {
  return isSecretAlgorithm(alg) ? "a secret (bytes, a string, a JWK)" : "a public key (PEM, JWK, KeyObject, CryptoKey)";
}

/** Why, as long as it is ours to say: what a parser throws may quote what it parsed. */
function sentence(error: unknown): string {
  return error instanceof TypeError && !("code" in error) ? error.message : "It can't be read.";
}
