/**
 * Sessions kept in a cookie, as Plug.Session's cookie store writes them: an Erlang map with string keys, signed, or
 * encrypted when there is an encryption salt. Nothing in a cookie is decoded before it is known to be genuine.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import { definitionError } from "../errors.ts";
import { bounds } from "../limit/bounds.ts";
import { fromBase64url } from "../token/base64url.ts";
import { decryptMessage, ENCRYPTION_IV_BYTES, ENCRYPTION_KEY_BYTES, encryptMessage } from "../token/encryptor.ts";
import { decodeTerm } from "../token/etf-decode.ts";
import { encodeTerm } from "../token/etf-encode.ts";
import { DerivedKeys, type KeyDerivation, type KeyDigest } from "../token/key.ts";
import { SecretRing } from "../token/ring.ts";
import { isSignedBy, signMessage, splitMessage } from "../token/verifier.ts";

/** What a session holds. Read from a cookie it has no prototype: `__proto__` is a key like any other. */
export type Session = Readonly<Record<string, unknown>>;

/** How a session cookie is made: the options of `plug Plug.Session, store: :cookie`, under the same names. */
export interface SessionCookieOptions {
  /** The cookie's name, such as `"_my_app_key"`. */
  readonly key: string;
  /** Plug's `signing_salt`. */
  readonly signingSalt: string;
  /** Plug's `encryption_salt`; with it the cookie is encrypted. Default: signed only, readable by whoever holds it. */
  readonly encryptionSalt?: string;
  /** Rounds of the key derivation. Default 1000. */
  readonly keyIterations?: number;
  /** Bytes of the key. Default 32; encryption takes nothing else. */
  readonly keyLength?: number;
  /** Digest of the derivation. Default `"sha256"`. */
  readonly keyDigest?: KeyDigest;
}

/** Reads and writes session cookies for the pages; made by {@link createSessionCookies}. */
export interface SessionCookies {
  /**
   * The cookie's value for a session: strings, numbers, booleans, lists and maps of them.
   *
   * @throws TypeError for data Erlang has no counterpart for, and for a cookie browsers would drop: over 4096 bytes.
   */
  seal(session: Session): string;
  /** The session in a cookie's value; `null` for everything that wasn't sealed with one of the secrets. Never throws. */
  open(value: unknown): Session | null;
}

const keyDigests: readonly string[] = ["sha1", "sha224", "sha256", "sha384", "sha512"] satisfies readonly KeyDigest[];
const secretBytesMin = 20;
/** RFC 6265bis, 5.6: browsers ignore a cookie whose name and value together have more. */
const cookieBytesMax = 4_096;

/**
 * Makes what pages need to keep a session in a cookie that Phoenix, and `cookieSession` on a socket, read too.
 *
 * @example
 * ```ts
 * const cookies = createSessionCookies({ secretKeyBase, key: "_my_app_key", signingSalt: "a salt" });
 * const value = cookies.seal({ _csrf_token: csrf.state(), userId: 1 });
 * response.setHeader("set-cookie", `_my_app_key=${value}; Path=/; HttpOnly; Secure; SameSite=Lax`);
 * ```
 *
 * @throws PortcullisError `definition_invalid` for options that can't be used.
 */
export function createSessionCookies(
  options: SessionCookieOptions & {
    /** The endpoint's secret, at least 20 bytes (Plug wants 64); or several: the first seals, all open. */
    readonly secretKeyBase: string | readonly string[];
  },
): SessionCookies {
  const codec = new SessionCodec(options);
  const secrets = [options.secretKeyBase].flat();
  for (const secret of secrets) {
    if (typeof secret !== "string" || Buffer.byteLength(secret) < secretBytesMin)
      throw definitionError(
        `Expected secretKeyBase to be a string of at least ${secretBytesMin} bytes, or a list of such strings. It is often unset in the environment.`,
      );
  }
  if (secrets.length === 0) throw definitionError("Expected secretKeyBase to hold a secret, got an empty list.");
  const keys = new DerivedKeys(new SecretRing(secrets), 2 * secrets.length);
  return Object.freeze({
    seal: (session: Session) => codec.seal(session, keys),
    open: (value: unknown) => codec.open(value, keys),
  });
}

/** One kind of session cookie, without its secrets. */
export class SessionCodec {
  readonly key: string;
  readonly #salt: string;
  readonly #encrypts: boolean;
  readonly #derivation: KeyDerivation;

  /** @throws PortcullisError `definition_invalid` for options that can't be used. */
  constructor(options: SessionCookieOptions) {
    const { key, signingSalt, encryptionSalt, keyIterations = 1000, keyLength = 32, keyDigest = "sha256" } = options;
    if (typeof key !== "string" || !/^[\w!#$%&'*+.^`|~-]+$/.test(key))
      throw definitionError('Expected key of a session cookie to be the cookie\'s name, such as "_my_app_key".');
    assertSalt("signingSalt", signingSalt);
    if (encryptionSalt !== undefined) assertSalt("encryptionSalt", encryptionSalt);
    for (const [name, value] of Object.entries({ keyIterations, keyLength })) {
      if (!Number.isSafeInteger(value) || value < 1)
        throw definitionError(`Expected ${name} of a session cookie to be a positive integer, got ${String(value)}.`);
    }
    if (!keyDigests.includes(keyDigest))
      throw definitionError(`Expected keyDigest of a session cookie to be one of ${keyDigests.join(", ")}.`);
    if (encryptionSalt !== undefined && keyLength !== ENCRYPTION_KEY_BYTES)
      throw definitionError(`Expected keyLength of an encrypted session cookie to be ${ENCRYPTION_KEY_BYTES}.`);
    this.key = key;
    // Encrypted cookies are authenticated by the cipher: the signing salt has had no part in them since Plug.Crypto 2.
    this.#salt = encryptionSalt ?? signingSalt;
    this.#encrypts = encryptionSalt !== undefined;
    this.#derivation = { keyIterations, keyLength, keyDigest };
  }

  /** @throws TypeError as {@link SessionCookies.seal} does. */
  seal(session: Session, keys: DerivedKeys): string {
    if (typeof session !== "object" || session === null || Array.isArray(session))
      throw new TypeError("Expected a session to be an object.");
    const term = encodeTerm(session, termBounds);
    const key = keys.get(0, this.#salt, this.#derivation);
    const value = this.#encrypts
      ? encryptMessage(term, key.export(), randomBytes(ENCRYPTION_IV_BYTES))
      : signMessage(term, key);
    if (this.key.length + value.length > cookieBytesMax) {
      throw new TypeError(
        `The session's cookie would have more than the ${cookieBytesMax} bytes that browsers keep. Keep an id in the session, and the rest in a store.`,
      );
    }
    return value;
  }

  open(value: unknown, keys: DerivedKeys): Session | null {
    if (typeof value !== "string" || value.length > bounds.credentialBytesMax) return null;
    const term = this.#encrypts ? this.#decrypt(value, keys) : this.#verify(value, keys);
    const session = term === undefined ? undefined : decodeTerm(term, termBounds);
    return isSession(session) ? session : null;
  }

  #verify(value: string, keys: DerivedKeys): Uint8Array | undefined {
    const parts = splitMessage(value);
    if (parts === undefined) return undefined;
    for (let index = 0; index < keys.secretCount; index += 1) {
      if (!keys.isUsable(index)) continue;
      if (isSignedBy(parts, keys.get(index, this.#salt, this.#derivation))) return fromBase64url(parts.payload);
    }
    return undefined;
  }

  #decrypt(value: string, keys: DerivedKeys): Uint8Array | undefined {
    for (let index = 0; index < keys.secretCount; index += 1) {
      if (!keys.isUsable(index)) continue;
      const message = decryptMessage(value, keys.get(index, this.#salt, this.#derivation).export());
      if (message !== undefined) return message;
    }
    return undefined;
  }
}

const termBounds = {
  termBytesMax: bounds.sessionBytesMax,
  depthMax: bounds.depthMax,
  elementsMax: bounds.sessionElementsMax,
};

/** A map with string keys. Any other term is no session, whoever signed it. */
function isSession(term: unknown): term is Session {
  return typeof term === "object" && term !== null && Object.getPrototypeOf(term) === null;
}

function assertSalt(name: string, salt: unknown): void {
  if (typeof salt !== "string" || salt === "")
    throw definitionError(
      `Expected ${name} of a session cookie to be a string, the one your pages use, got ${typeof salt === "string" ? "an empty one" : typeof salt}.`,
    );
}

/**
 * One cookie of a `Cookie` header. Of several with one name the first counts, as in Plug: whatever made the page that is
 * asking has read the same one.
 */
export function readCookie(header: string | undefined, name: string): string | null {
  for (const pair of header === undefined ? [] : header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals === -1 || pair.slice(0, equals).replace(/^[ \t]+/, "") !== name) continue;
    const value = withoutSpacesBehind(pair.slice(equals + 1));
    if (!/[\t\v\f]/.test(value)) return value;
  }
  return null;
}

/** A pattern would look at each run of spaces once for every space in it. */
function withoutSpacesBehind(text: string): string {
  let end = text.length;
  while (text[end - 1] === " ") end -= 1;
  return text.slice(0, end);
}
