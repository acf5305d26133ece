/**
 * Keys an issuer publishes (a JSON Web Key Set, RFC 7517): fetched when needed, kept for a while, and bounded in everything.
 *
 * @module
 */

import { isThenable } from "../outcome.ts";
import {
  type FoundKeys,
  isPublicAlgorithm,
  type JwtKeySource,
  keysFor,
  type PublicAlgorithm,
  publishedKey,
  type VerifyingKey,
  type WantedKey,
} from "./jwk.ts";

/** The part of `fetch` that is used. */
export type FetchJwks = (
  url: string,
  options: { readonly headers: Record<string, string>; readonly redirect: "manual"; readonly signal: AbortSignal },
) => Promise<Pick<Response, "status" | "body">>;

/** Options of {@link jwks}. */
export interface JwksOptions {
  /** Where the set is: `https`, or `http` on a loopback host. */
  readonly url: string | URL;
  /**
   * Which algorithms its keys may have; the set itself has no say. A key that doesn't name its algorithm gets the one of these
   * it fits, and is left out when it fits several.
   */
  readonly algorithms: readonly PublicAlgorithm[];
  /** For how long a set is taken as it is, in milliseconds. So late is the removal of a key noticed. Default 600,000. */
  readonly ttlMs?: number;
  /** For how much longer it serves while no newer one can be had. Then nobody is let in. Default 3,600,000. */
  readonly staleMs?: number;
  /** At most one fetch in so many milliseconds, however many tokens name a key nobody knows. Default 30,000. */
  readonly cooldownMs?: number;
  /** How long a fetch may take. Default 3,000: less than a connect may. */
  readonly timeoutMs?: number;
  /** Bytes of a set, unpacked. A longer one counts as not fetched. Default 262,144. */
  readonly bytesMax?: number;
  /** Keys of a set. One with more counts as not fetched. Default 100. */
  readonly keysMax?: number;
  /** Default: the platform's own. */
  readonly fetch?: FetchJwks;
  /** Told of every fetch that failed, and why, for an operator. */
  readonly onFailure?: (error: Error) => void;
}

/**
 * Takes keys from an issuer's set. Secrets, private keys, keys for encryption and keys of other algorithms are left out, and
 * redirects are not followed.
 *
 * While the set can't be fetched, keys that were fetched serve for `ttlMs + staleMs`. After that, and for keys nobody knows
 * meanwhile, `jwt` refuses with `unavailable`: nobody can say whether such a token is genuine.
 *
 * @example
 * ```ts
 * jwks({ url: "https://example.eu.auth0.com/.well-known/jwks.json", algorithms: ["RS256"] })
 * ```
 *
 * @throws TypeError for an address without TLS that is not this machine's, and for other options that can't be used.
 */
export function jwks(options: JwksOptions): JwtKeySource {
  const set = new RemoteKeys(options);
  return { "~find": (wanted, now) => set.find(wanted, now) };
}

const NONE: FoundKeys = { ok: true, keys: [] };

class RemoteKeys {
  readonly #url: URL;
  readonly #algorithms: readonly PublicAlgorithm[];
  readonly #ttlMs: number;
  readonly #staleMs: number;
  readonly #cooldownMs: number;
  readonly #timeoutMs: number;
  readonly #bytesMax: number;
  readonly #keysMax: number;
  readonly #fetch: FetchJwks;
  readonly #onFailure: (error: Error) => void;
  #set: { readonly keys: readonly VerifyingKey[]; readonly at: number } | null = null;
  #attempt: { readonly at: number; readonly ok: boolean } | null = null;
  #loading: Promise<boolean> | null = null;

  constructor(options: JwksOptions) {
    this.#url = checkedUrl(options.url);
    this.#algorithms = checkedAlgorithms(options.algorithms);
    this.#ttlMs = duration("ttlMs", options.ttlMs ?? 600_000, 1);
    this.#staleMs = duration("staleMs", options.staleMs ?? 3_600_000, 0);
    this.#cooldownMs = duration("cooldownMs", options.cooldownMs ?? 30_000, 1);
    this.#timeoutMs = duration("timeoutMs", options.timeoutMs ?? 3_000, 1);
    this.#bytesMax = duration("bytesMax", options.bytesMax ?? 262_144, 1);
    this.#keysMax = duration("keysMax", options.keysMax ?? 100, 1);
    this.#fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
    this.#onFailure = options.onFailure ?? (() => {});
  }

  async find(wanted: WantedKey, now: number): Promise<FoundKeys> {
    if (!(this.#algorithms as readonly string[]).includes(wanted.alg)) return NONE;
    const known = this.#pick(wanted, now, this.#ttlMs);
    if (known.length > 0) return { ok: true, keys: known };
    const current = await this.#update(now);
    const found = this.#pick(wanted, now, this.#ttlMs + this.#staleMs);
    if (found.length > 0) return { ok: true, keys: found };
    return current ? NONE : { ok: false, afterMs: this.#cooldownLeft(now) };
  }

  /** Of a set that is no older than `ageMaxMs`. A token that names no key has to leave no doubt which it means. */
  #pick(wanted: WantedKey, now: number, ageMaxMs: number): readonly VerifyingKey[] {
    if (this.#set === null || !(Math.abs(now - this.#set.at) < ageMaxMs)) return [];
    const keys = keysFor(this.#set.keys, wanted);
    return wanted.kid === null && keys.length > 1 ? [] : keys;
  }

  /** Whether the set is as new as it may be asked for. False: it can't be had, and nobody knows what is in it by now. */
  #update(now: number): boolean | Promise<boolean> {
    if (this.#loading !== null) return this.#loading;
    if (this.#attempt !== null && this.#cooldownLeft(now) > 0) return this.#attempt.ok;
    const done = (ok: boolean): boolean => {
      this.#attempt = { at: now, ok };
      this.#loading = null;
      return ok;
    };
    this.#loading = this.#load().then(
      (keys) => {
        this.#set = { keys, at: now };
        return done(true);
      },
      (error: Error) => {
        done(false);
        this.#tell(error);
        return false;
      },
    );
    return this.#loading;
  }

  /** Who is told of an outage must not make it worse. */
  #tell(error: Error): void {
    try {
      const told: unknown = this.#onFailure(error);
      if (isThenable(told)) Promise.resolve(told).catch(() => {});
    } catch {
      // There is nobody left to tell.
    }
  }

  /** Both ways, because a clock may be set back: it must not be asked all the time until that has caught up. */
  #cooldownLeft(now: number): number {
    return this.#attempt === null ? 0 : Math.max(0, this.#cooldownMs - Math.abs(now - this.#attempt.at));
  }

  async #load(): Promise<readonly VerifyingKey[]> {
    const { origin, pathname } = this.#url;
    try {
      const keys = await this.#withinTime((signal) => this.#download(signal));
      return keys.flatMap((jwk) => publishedKey(jwk, this.#algorithms) ?? []);
    } catch (cause) {
      // Its query may hold what is not meant for a log.
      const why = cause instanceof JwksProblem ? cause.message : "it could not be reached";
      throw new Error(`The keys at ${origin}${pathname} could not be fetched: ${why}.`, { cause });
    }
  }

  /** Also for a `fetch` that pays no heed to its signal. */
  async #withinTime<Value>(task: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    let late = (): void => {};
    const tooLate = new Promise<never>((_resolve, reject) => {
      late = () => reject(new JwksProblem(`it took longer than ${this.#timeoutMs} ms`));
      signal.addEventListener("abort", late, { once: true });
    });
    try {
      return await Promise.race([task(signal), tooLate]);
    } finally {
      signal.removeEventListener("abort", late);
    }
  }

  async #download(signal: AbortSignal): Promise<readonly unknown[]> {
    const headers = { accept: "application/jwk-set+json, application/json" };
    const response = await this.#fetch(this.#url.href, { headers, redirect: "manual", signal });
    if (response.status !== 200) {
      await response.body?.cancel();
      const redirect = response.status === 0 || (response.status >= 300 && response.status < 400);
      throw new JwksProblem(`it was answered ${response.status}${redirect ? ", and redirects are not followed" : ""}`);
    }
    const set: unknown = parse(await readText(response.body, this.#bytesMax));
    const keys: unknown = typeof set === "object" && set !== null && "keys" in set ? set.keys : null;
    if (!Array.isArray(keys)) throw new JwksProblem("it was no JSON with a list of keys");
    if (keys.length > this.#keysMax) throw new JwksProblem(`it held more than ${this.#keysMax} keys`);
    return keys;
  }
}

/** Whose message is fit for a log. */
class JwksProblem extends Error {}

async function readText(body: Pick<Response, "body">["body"], bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Counted as it comes, and no more of it is read: what it says of its length is not believed.
  for await (const chunk of body ?? []) {
    bytes += (chunk as Uint8Array).byteLength;
    if (bytes > bytesMax) throw new JwksProblem(`it was longer than ${bytesMax} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function checkedUrl(given: string | URL): URL {
  if (!URL.canParse(String(given))) throw new TypeError("Expected `url` of jwks to be an absolute URL.");
  const url = new URL(given);
  const { protocol, hostname, username, password } = url;
  const loopback = hostname === "[::1]" || /^(.+\.)?localhost$/.test(hostname) || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  if (protocol !== "https:" && !(protocol === "http:" && loopback)) {
    throw new TypeError(
      `Expected \`url\` of jwks to begin with https://, got ${protocol}//${hostname}. Whoever is between here and there could put in keys of their own.`,
    );
  }
  if (username !== "" || password !== "") throw new TypeError("Expected `url` of jwks to hold no name and password.");
  return url;
}

function checkedAlgorithms(given: readonly PublicAlgorithm[]): readonly PublicAlgorithm[] {
  if (Array.isArray(given) && given.length > 0 && given.every(isPublicAlgorithm)) return [...given];
  throw new TypeError(
    'Expected `algorithms` of jwks to be a list such as ["RS256"] or ["ES256"], and none of HS…: a published secret is none.',
  );
}

function duration(name: string, value: number, least: number): number {
  if (typeof value === "number" && value >= least) return value;
  throw new TypeError(`Expected \`${name}\` of jwks to be a number of at least ${least}, got ${String(value)}.`);
}
