/** The secrets of one application: the newest signs, all of them verify, each until its end; exchanged without a restart. */

import { createHash } from "node:crypto";

/** A secret with a name and, if it is on its way out, an end. */
export interface SecretKey {
  /** What `rotate({ compromised })` calls it. Not secret. */
  readonly id: string;
  /** At least 20 bytes, better 64 random characters. */
  readonly secret: string;
  /** Epoch milliseconds after which nothing it signed is believed any more. Default: none. */
  readonly notAfter?: number;
}

/** A secret, or several: the first signs, all of them verify. One without a name is named after its SHA-256. */
export type SecretKeyBase = string | readonly (string | SecretKey)[];

const SECRET_BYTES_MIN = 20;
const ID_CHARACTERS = 8;

export class SecretRing {
  readonly #now: () => number;
  #keys: readonly SecretKey[];
  #version = 0;
  /** Ids nobody is to be believed by any more, whoever puts them back. */
  readonly #compromised = new Set<string>();

  /** @throws TypeError for a secret that is missing or too short, and for two of one name. */
  constructor(given: SecretKeyBase, now: () => number = Date.now) {
    this.#now = now;
    this.#keys = checkedKeys(given);
  }

  /** Another number whenever the secrets are others: what was derived from those before is not taken for theirs. */
  get version(): number {
    return this.#version;
  }

  /** How many secrets there are; the one at 0 signs. */
  get size(): number {
    return this.#keys.length;
  }

  at(index: number): SecretKey {
    const key = this.#keys[index];
    if (key === undefined) throw new RangeError(`There is no secret ${index}.`);
    return key;
  }

  /** Whether what the secret signed is still believed. */
  isUsable(index: number): boolean {
    const { notAfter } = this.at(index);
    return notAfter === undefined || this.#now() <= notAfter;
  }

  /**
   * Takes other secrets from here on.
   *
   * @throws TypeError as the constructor does, and when one of them was given up.
   */
  replace(given: SecretKeyBase): void {
    const keys = checkedKeys(given);
    const back = keys.find(({ id }) => this.#compromised.has(id));
    if (back !== undefined) throw new TypeError(`The secret "${back.id}" was given up as compromised. Make a new one.`);
    this.#keys = keys;
    this.#version += 1;
  }

  /** Believes nothing any more that this secret signed. Without another one everything it would vouch for is refused. */
  giveUp(id: string): void {
    this.#compromised.add(id);
    const left = this.#keys.filter((key) => key.id !== id);
    // Something has to sign; nothing of what the given-up one signs is believed, `isUsable` sees to that.
    this.#version += 1;
    this.#keys = left.length > 0 ? left : this.#keys.map((key) => ({ ...key, notAfter: Number.NEGATIVE_INFINITY }));
  }
}

function checkedKeys(given: SecretKeyBase): readonly SecretKey[] {
  const list = typeof given === "string" ? [given] : given;
  if (!Array.isArray(list) || list.length === 0 || !list.every(isSecret)) {
    throw new TypeError(
      `secretKeyBase must be a string of at least ${SECRET_BYTES_MIN} bytes, or a list of such strings. It is often unset in the environment. ` +
        "Generate one with: node -e \"console.log(require('node:crypto').randomBytes(48).toString('base64'))\"",
    );
  }
  const keys = (list as readonly (string | SecretKey)[]).map((key) =>
    typeof key === "string" ? { id: idOf(key), secret: key } : key,
  );
  for (const { id, notAfter } of keys) {
    if (typeof id !== "string" || id === "") throw new TypeError("Expected each secret of a list to have an id.");
    if (notAfter !== undefined && !Number.isFinite(notAfter))
      throw new TypeError(`Expected notAfter of the secret "${id}" to be epoch milliseconds.`);
  }
  if (new Set(keys.map(({ id }) => id)).size !== keys.length)
    throw new TypeError("Expected each secret to have an id of its own, and none to be there twice.");
  return keys;
}

function isSecret(key: unknown): boolean {
  const secret: unknown = typeof key === "object" && key !== null ? (key as Partial<SecretKey>).secret : key;
  return typeof secret === "string" && Buffer.byteLength(secret) >= SECRET_BYTES_MIN;
}

/** Of a secret as random as it should be, a few characters of its hash give nothing away. */
function idOf(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url").slice(0, ID_CHARACTERS);
}
