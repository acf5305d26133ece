/** Keys for signing and encrypting, derived from the secret key base and a salt, and remembered up to a bound. */

import { createSecretKey, type KeyObject, pbkdf2Sync } from "node:crypto";
import type { SecretRing } from "./ring.ts";

/** Digest of the key derivation. It has no say in how tokens are signed. */
export type KeyDigest = "sha1" | "sha224" | "sha256" | "sha384" | "sha512";

/** How a key is derived (PBKDF2-HMAC, RFC 8018 section 5.2). */
export interface KeyDerivation {
  readonly keyIterations: number;
  readonly keyLength: number;
  readonly keyDigest: KeyDigest;
}

/** Derives one key: some 0.3 ms for the default 1000 iterations, on the calling thread. */
export function deriveKey(secretKeyBase: string, salt: string, derivation: KeyDerivation): KeyObject {
  const { keyIterations, keyLength, keyDigest } = derivation;
  return createSecretKey(pbkdf2Sync(secretKeyBase, salt, keyIterations, keyLength, keyDigest));
}

/**
 * The secrets of one `createTokens`, and the keys derived from them. At most `keysCachedMax` keys are kept, the longest
 * unused goes first, so that salts which come from outside can cost time but not memory.
 */
export class DerivedKeys {
  readonly #ring: SecretRing;
  readonly #keysCachedMax: number;
  readonly #derive: typeof deriveKey;
  readonly #keys: Map<string, KeyObject> = new Map();

  constructor(ring: SecretRing, keysCachedMax: number, derive: typeof deriveKey = deriveKey) {
    this.#ring = ring;
    this.#keysCachedMax = keysCachedMax;
    this.#derive = derive;
  }

  /** How many secrets there are; the one at 0 is the newest. */
  get secretCount(): number {
    return this.#ring.size;
  }

  /** Whether what the secret signed is still believed. */
  isUsable(secretIndex: number): boolean {
    return this.#ring.isUsable(secretIndex);
  }

  /** The secret's name. */
  idOf(secretIndex: number): string {
    return this.#ring.at(secretIndex).id;
  }

  /** How many keys are remembered. */
  get cachedCount(): number {
    return this.#keys.size;
  }

  /** The key of one secret for one salt, derived at its first use. */
  get(secretIndex: number, salt: string, derivation: KeyDerivation): KeyObject {
    const { keyIterations, keyLength, keyDigest } = derivation;
    const name = `${this.#ring.version}.${secretIndex}.${keyIterations}.${keyLength}.${keyDigest}.${salt}`;
    const cached = this.#keys.get(name);
    if (cached !== undefined) {
      // A Map keeps insertion order: putting a key back makes it the most recently used. Pointless while there is room.
      if (this.#keys.size === this.#keysCachedMax) {
        this.#keys.delete(name);
        this.#keys.set(name, cached);
      }
      return cached;
    }
    const key = this.#derive(this.#ring.at(secretIndex).secret, salt, derivation);
    if (this.#keys.size >= this.#keysCachedMax) {
      for (const oldest of this.#keys.keys()) {
        this.#keys.delete(oldest);
        break;
      }
    }
    this.#keys.set(name, key);
    return key;
  }
}
