/**
 * Signed and encrypted tokens, interchangeable with Phoenix.Token in both directions: what a Phoenix application signs,
 * `verify` reads, and the other way round, given the same secret key base, salt and key options.
 *
 * ```ts
 * import { createTokens } from "portcullis/token";
 *
 * const tokens = createTokens({ secretKeyBase: process.env.SECRET_KEY_BASE ?? "" });
 * const token = tokens.sign("user socket", "user-1");
 * const claim = tokens.verify("user socket", token, { maxAgeSeconds: 86_400 });
 * if (claim.ok) console.log(claim.data, new Date(claim.signedAt));
 * ```
 */

import { createHash, hash, randomBytes } from "node:crypto";
import { fromBase64url } from "./base64url.ts";
import { decryptMessage, ENCRYPTION_IV_BYTES, ENCRYPTION_KEY_BYTES, encryptMessage } from "./encryptor.ts";
import { decodeEnvelope, encodeEnvelope, judgeAge, MAX_AGE_DEFAULT_SECONDS } from "./envelope.ts";
import { DerivedKeys, type KeyDerivation, type KeyDigest } from "./key.ts";
import { type SecretKeyBase, SecretRing } from "./ring.ts";
import type { TermBounds } from "./term.ts";
import { isSignedBy, signMessage, splitMessage } from "./verifier.ts";

export type { KeyDigest } from "./key.ts";
export { Atom, atom, Bitstring, Float, float, ImproperList, Opaque, Tuple, tuple } from "./term.ts";

/** The longest and deepest token taken on. A larger one is `invalid`; signing one throws. */
export interface TokenBounds extends TermBounds {
  /** Characters of a token's text. */
  readonly tokenCharactersMax: number;
}

/** How a key is derived from the secret key base; both sides must agree on it. */
export interface KeyOptions {
  /** PBKDF2 iterations. Default 1000, as in Phoenix: the secret is random, not a password. */
  readonly keyIterations?: number | undefined;
  /** Bytes of the key. Default 32; encryption takes nothing else. */
  readonly keyLength?: number | undefined;
  /** Digest of the derivation, not of the signature. Default `"sha256"`. */
  readonly keyDigest?: KeyDigest | undefined;
}

/** Options of {@link createTokens}. */
export interface TokensOptions extends KeyOptions {
  /**
   * The secret every key is derived from, at least 20 bytes, better 64 random ones; or several, the newest first: the first
   * signs and encrypts, all of them verify and decrypt, each until its `notAfter`.
   */
  readonly secretKeyBase: SecretKeyBase;
  /** The clock, epoch ms. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Derived keys remembered, one per secret, salt and key options in use. Default 100, at least 1. */
  readonly keysCachedMax?: number | undefined;
  /** Limits on what is read and signed. Default 128 Ki characters, 256 KiB of data, 64 levels, 16384 elements. */
  readonly bounds?: Partial<TokenBounds> | undefined;
}

/** Options of `sign` and `encrypt`. */
export interface SignOptions extends KeyOptions {
  /** When the token counts as signed, epoch ms. Default now. */
  readonly signedAt?: number | undefined;
  /** How long it counts, in seconds, unless the verifier says otherwise. Default 86400; `Infinity` for ever. */
  readonly maxAgeSeconds?: number | undefined;
}

/** Options of `verify` and `decrypt`. */
export interface VerifyOptions extends KeyOptions {
  /**
   * How old the token may be, in seconds; goes before what the token says of itself. Zero or less: always expired.
   * `Infinity`: never. Default: what the token says, 86400 where it says nothing.
   */
  readonly maxAgeSeconds?: number | undefined;
  /** How far ahead of this clock a token may have been signed. Default 0, as in Phoenix. */
  readonly clockSkewMs?: number | undefined;
}

/** What `verify` and `decrypt` answer. It never holds the token, nor says why one is invalid. */
export type TokenResult =
  | {
      readonly ok: true;
      /** What was signed. Check its shape: a token proves who wrote it, not what it looks like. */
      readonly data: unknown;
      /** Epoch ms. */
      readonly signedAt: number;
      /** Epoch ms, the last at which it counts; `Infinity` when it always does. */
      readonly expiresAt: number;
      /** The id of the secret it was made with. */
      readonly keyId: string;
    }
  | {
      readonly ok: false;
      /** `missing`: there was no token; `expired`: it was genuine once; `invalid`: everything else. */
      readonly reason: "missing" | "invalid" | "expired";
    };

/** Signs, verifies, encrypts and decrypts; made by {@link createTokens}. The methods may be taken off the object. */
export interface Tokens {
  /**
   * Signs data. Anyone who holds the token can read it, nobody can change it. Strings, numbers, lists and objects become
   * binaries, numbers, lists and maps with string keys in Elixir; see {@link atom} and {@link tuple} for the rest.
   *
   * @throws TypeError when the data or an option can't be used.
   */
  sign(salt: string, data: unknown, options?: SignOptions): string;
  /**
   * Verifies a token. The signature is checked before anything in the token is decoded. Whatever the token is, the answer
   * is a value.
   *
   * @throws TypeError when an option can't be used; never for a token.
   */
  verify(salt: string, token: unknown, options?: VerifyOptions): TokenResult;
  /**
   * Signs and encrypts data: nobody without the secret can read it.
   *
   * @throws TypeError when the data or an option can't be used.
   */
  encrypt(salt: string, data: unknown, options?: SignOptions): string;
  /**
   * Decrypts and verifies what `encrypt`, or Phoenix in this or its older form, encrypted.
   *
   * @throws TypeError when an option can't be used; never for a token.
   */
  decrypt(salt: string, token: unknown, options?: VerifyOptions): TokenResult;
}

const DIGESTS: readonly string[] = ["sha1", "sha224", "sha256", "sha384", "sha512"] satisfies readonly KeyDigest[];
const MISSING: TokenResult = Object.freeze({ ok: false, reason: "missing" });
const INVALID: TokenResult = Object.freeze({ ok: false, reason: "invalid" });
const BOUNDS_DEFAULT: TokenBounds = {
  tokenCharactersMax: 128 * 1024,
  termBytesMax: 256 * 1024,
  depthMax: 64,
  elementsMax: 16_384,
};

/**
 * Makes tokens for one secret key base.
 *
 * @throws TypeError for a secret shorter than 20 bytes, as Phoenix refuses it, and for other options out of range.
 *
 * @example
 * const tokens = createTokens({ secretKeyBase: [newSecret, oldSecret] });
 * const token = tokens.sign("user socket", { userId: 1 });
 * tokens.verify("user socket", token); // { ok: true, data: { userId: 1 }, signedAt, expiresAt }
 * tokens.verify("other salt", token); // { ok: false, reason: "invalid" }
 */
export function createTokens(options: TokensOptions): Tokens {
  return createTokensOf(new SecretRing(options.secretKeyBase, options.now), options);
}

/** Tokens of secrets that are exchanged elsewhere. Throws as {@link createTokens} does. */
export function createTokensOf(ring: SecretRing, options: Omit<TokensOptions, "secretKeyBase">): Tokens {
  const keys = new DerivedKeys(ring, checkedInteger("keysCachedMax", options.keysCachedMax ?? 100, 1));
  const bounds = checkedBounds(options.bounds);
  const now = options.now ?? Date.now;
  const derivationDefault = derivationOf(options, { keyIterations: 1000, keyLength: 32, keyDigest: "sha256" });

  function seal(data: unknown, signing: SignOptions): Uint8Array {
    const signedAt = Math.trunc(checkedFinite("signedAt", signing.signedAt ?? now()));
    const maxAgeSeconds = checkedMaxAge(signing.maxAgeSeconds ?? MAX_AGE_DEFAULT_SECONDS);
    return encodeEnvelope(data, signedAt, maxAgeSeconds, bounds);
  }

  function open(message: Uint8Array | undefined, keyId: string, verifying: VerifyOptions): TokenResult {
    const envelope = message === undefined ? undefined : decodeEnvelope(message, bounds);
    if (envelope === undefined) return INVALID;
    const age = judgeAge(
      envelope.signedAt,
      verifying.maxAgeSeconds ?? envelope.maxAgeSeconds,
      now(),
      verifying.clockSkewMs ?? 0,
    );
    if (!age.ok) return age;
    return { ok: true, data: envelope.data, signedAt: age.signedAt, expiresAt: age.expiresAt, keyId };
  }

  function checkLength(token: string): string {
    if (token.length <= bounds.tokenCharactersMax) return token;
    throw new TypeError(`The token would be longer than ${bounds.tokenCharactersMax} characters. Sign an id instead.`);
  }

  return Object.freeze({
    sign(salt: string, data: unknown, signing: SignOptions = {}): string {
      const key = keys.get(0, checkedSalt(salt), derivationOf(signing, derivationDefault));
      return checkLength(signMessage(seal(data, signing), key));
    },

    verify(salt: string, token: unknown, verifying: VerifyOptions = {}): TokenResult {
      const derivation = derivationOf(verifying, derivationDefault);
      checkVerifying(salt, verifying);
      if (token === undefined || token === null) return MISSING;
      if (typeof token !== "string" || token.length > bounds.tokenCharactersMax) return INVALID;
      const parts = splitMessage(token);
      if (parts === undefined) return INVALID;
      for (let index = 0; index < keys.secretCount; index++) {
        if (!keys.isUsable(index) || !isSignedBy(parts, keys.get(index, salt, derivation))) continue;
        return open(fromBase64url(parts.payload), keys.idOf(index), verifying);
      }
      return INVALID;
    },

    encrypt(salt: string, data: unknown, signing: SignOptions = {}): string {
      const derivation = encryptionOf(signing, derivationDefault);
      const key = keys.get(0, checkedSalt(salt), derivation).export();
      return checkLength(encryptMessage(seal(data, signing), key, randomBytes(ENCRYPTION_IV_BYTES)));
    },

    decrypt(salt: string, token: unknown, verifying: VerifyOptions = {}): TokenResult {
      const derivation = encryptionOf(verifying, derivationDefault);
      checkVerifying(salt, verifying);
      if (token === undefined || token === null) return MISSING;
      if (typeof token !== "string" || token.length > bounds.tokenCharactersMax) return INVALID;
      for (let index = 0; index < keys.secretCount; index++) {
        if (!keys.isUsable(index)) continue;
        const message = decryptMessage(token, keys.get(index, salt, derivation).export());
        if (message !== undefined) return open(message, keys.idOf(index), verifying);
      }
      return INVALID;
    },
  });
}

/**
 * A name for a token by which it can be revoked: the SHA-256, as base64url, of what its signature covers. It does not give
 * the token away, and all spellings of one token have the same. Meaningful only for a token that has been verified.
 *
 * @example
 * revoked.add(tokenId(token));
 */
export function tokenId(token: string): string {
  const signed = splitMessage(token)?.signed;
  if (signed !== undefined) return hash("sha256", signed, "base64url");
  const sum = createHash("sha256");
  // An encrypted token is authenticated as bytes, which base64 spells in several ways; none has more than five parts.
  for (const part of token.split(".", 6)) sum.update(fromBase64url(part) ?? part);
  return sum.digest("base64url");
}

function checkedSalt(salt: string): string {
  if (typeof salt === "string") return salt;
  throw new TypeError('The salt must be a string that names the purpose of the token, such as "user socket".');
}

function checkVerifying(salt: string, { maxAgeSeconds, clockSkewMs }: VerifyOptions): void {
  checkedSalt(salt);
  if (maxAgeSeconds !== undefined) checkedMaxAge(maxAgeSeconds);
  if (clockSkewMs !== undefined && checkedFinite("clockSkewMs", clockSkewMs) < 0) {
    throw new TypeError("clockSkewMs must not be negative.");
  }
}

function checkedMaxAge(maxAgeSeconds: number): number {
  const isUsable = maxAgeSeconds === Number.POSITIVE_INFINITY || Number.isFinite(maxAgeSeconds * 1000);
  if (typeof maxAgeSeconds === "number" && isUsable) return maxAgeSeconds;
  throw new TypeError("maxAgeSeconds must be a number of seconds, or Infinity for a token that never expires.");
}

function checkedFinite(name: string, value: number): number {
  if (Number.isFinite(value)) return value;
  throw new TypeError(`${name} must be a finite number of milliseconds.`);
}

function checkedInteger(name: string, value: number, min: number): number {
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new TypeError(`${name} must be an integer of at least ${min}.`);
}

function checkedBounds(given: Partial<TokenBounds> = {}): TokenBounds {
  const bounds = { ...BOUNDS_DEFAULT };
  for (const name of ["tokenCharactersMax", "termBytesMax", "depthMax", "elementsMax"] as const) {
    bounds[name] = checkedInteger(name, given[name] ?? bounds[name], 1);
  }
  return bounds;
}

function derivationOf(given: KeyOptions, otherwise: KeyDerivation): KeyDerivation {
  const { keyIterations, keyLength, keyDigest } = given;
  // The usual case, on every verify: nothing given, nothing made.
  if (keyIterations === undefined && keyLength === undefined && keyDigest === undefined) return otherwise;
  if (keyDigest !== undefined && !DIGESTS.includes(keyDigest)) {
    throw new TypeError(`keyDigest must be one of ${DIGESTS.join(", ")}.`);
  }
  return {
    keyIterations: checkedInteger("keyIterations", keyIterations ?? otherwise.keyIterations, 1),
    keyLength: checkedInteger("keyLength", keyLength ?? otherwise.keyLength, 1),
    keyDigest: keyDigest ?? otherwise.keyDigest,
  };
}

function encryptionOf(given: KeyOptions, otherwise: KeyDerivation): KeyDerivation {
  const derivation = derivationOf(given, otherwise);
  if (derivation.keyLength === ENCRYPTION_KEY_BYTES) return derivation;
  throw new TypeError(`Encryption takes a keyLength of ${ENCRYPTION_KEY_BYTES}, as in Phoenix.`);
}
