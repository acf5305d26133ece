/** Reads the recorded Phoenix vectors: their terms as values to sign, and as the values that reading must give. */

import { readFileSync } from "node:fs";
import { Atom, Bitstring, Float, ImproperList, Opaque, Tuple } from "../../src/token/term.ts";
import type { KeyDigest, TokenResult, VerifyOptions } from "../../src/token/token.ts";

export interface VectorTerm {
  readonly t: string;
  readonly v?: unknown;
  readonly b64?: string;
  readonly repeat?: { readonly unit: string; readonly n: number };
  readonly bits?: string;
  readonly inspect?: string;
  readonly ieee754_hex?: string;
}

export interface VectorOptions {
  readonly max_age?: number | "infinity" | null;
  readonly signed_at?: number;
  readonly key_iterations?: number;
  readonly key_length?: number;
  readonly key_digest?: KeyDigest;
}

export interface VectorExpectation {
  readonly result: "ok" | "error" | "raise";
  readonly reason?: "missing" | "invalid" | "expired";
  readonly term?: VectorTerm | "=input";
}

export interface SignVector {
  readonly id: string;
  readonly opts: VectorOptions;
  readonly term: VectorTerm;
  readonly token: string;
  readonly salt: string;
  readonly secret_key_base: string;
  readonly message_etf_b64: string;
  readonly derived_key_hex: string;
  readonly verify: readonly {
    readonly opts: VectorOptions;
    readonly salt: string;
    readonly now_ms: number;
    readonly expect: VectorExpectation;
  }[];
  readonly tampered: readonly { readonly kind: string; readonly token: string; readonly expect: VectorExpectation }[];
}

export interface EncryptVector {
  readonly id: string;
  readonly opts: VectorOptions;
  readonly term: VectorTerm;
  readonly token: string;
  readonly salt: string;
  readonly derived_key_hex: string;
  readonly iv_hex: string;
  readonly plaintext_etf_b64: string;
  readonly decrypt: readonly {
    readonly kind?: string;
    readonly opts?: VectorOptions;
    readonly token?: string;
    readonly now_ms?: number;
    readonly expect: VectorExpectation;
  }[];
}

export interface TokenVectors {
  readonly secret_key_base: string;
  readonly other_secret_key_base: string;
  readonly defaults: VectorOptions & { readonly max_age_when_absent: number };
  readonly sign: readonly SignVector[];
  readonly encrypt: readonly EncryptVector[];
  readonly negative: readonly {
    readonly kind: string;
    readonly opts: VectorOptions;
    readonly token: string | null;
    readonly salt: string;
    readonly secret_key_base: string;
    readonly now_ms: number;
    readonly expect: VectorExpectation;
  }[];
  readonly message_verifier: readonly {
    readonly signed: string;
    readonly alg: "sha256" | "sha384" | "sha512";
    readonly message_b64: string;
    readonly secret_b64: string;
  }[];
  readonly message_verifier_negative: readonly {
    readonly kind: string;
    readonly signed: string;
    readonly secret: string;
    readonly expect: { readonly result: "ok" | "error"; readonly message_b64?: string };
  }[];
  readonly encrypt_legacy_a128gcm: {
    readonly token: string;
    readonly salt: string;
    readonly now_ms: number;
    readonly derived_key_hex: string;
    readonly expect: VectorExpectation;
  };
  readonly encrypt_key_length_other_than_32: readonly { readonly key_length: number; readonly encrypt: string }[];
  readonly pbkdf2: readonly {
    readonly secret: string;
    readonly salt: string;
    readonly iterations: number;
    readonly length: number;
    readonly digest: "sha" | KeyDigest;
    readonly hex: string;
  }[];
}

/** Loads a file of test/vectors. */
export function loadVectors(name: "tokens.json" | "tokens_large.json"): TokenVectors {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8")) as TokenVectors;
}

/** The value that is signed to get exactly this term: maps keep their recorded order, floats stay floats. */
export function toSigned(term: VectorTerm): unknown {
  switch (term.t) {
    case "float":
      return new Float(fromIeee(term));
    case "atom":
      return new Atom(String(term.v));
    case "tuple":
      return new Tuple((term.v as VectorTerm[]).map(toSigned));
    case "list":
      return (term.v as VectorTerm[]).map(toSigned);
    case "map":
      return new Map((term.v as [VectorTerm, VectorTerm][]).map(([key, value]) => [toSigned(key), toSigned(value)]));
    case "pid":
    case "reference":
      throw new Error(`A ${term.t} can't be signed.`);
    default:
      return toRead(term);
  }
}

/** The value that reading this term must give. */
export function toRead(term: VectorTerm): unknown {
  switch (term.t) {
    case "integer": {
      const value = BigInt(String(term.v));
      return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    }
    case "float":
      return fromIeee(term);
    case "binary":
      if (term.repeat !== undefined) return term.repeat.unit.repeat(term.repeat.n);
      return term.b64 === undefined ? term.v : Uint8Array.from(Buffer.from(term.b64, "base64"));
    case "bitstring": {
      const bits = term.bits ?? "";
      return new Bitstring(Uint8Array.of(Number.parseInt(bits.padEnd(8, "0"), 2)), bits.length);
    }
    case "atom":
      return term.v === "nil" ? null : atomOrBoolean(term);
    case "tuple":
      return new Tuple((term.v as VectorTerm[]).map(toRead));
    case "list":
      return (term.v as VectorTerm[]).map(toRead);
    case "improper_list":
      if (term.inspect !== "[1 | 2]") throw new Error(`Unknown improper list ${term.inspect}`);
      return new ImproperList([1], 2);
    case "map":
      return mapToRead(term.v as [VectorTerm, VectorTerm][]);
    case "pid":
    case "reference":
      return new Opaque(term.t);
    default:
      throw new Error(`Unknown kind of term ${term.t}`);
  }
}

/** Key options of a vector as ours. */
export function toKeyOptions(options: VectorOptions): VerifyOptions {
  return { keyIterations: options.key_iterations, keyLength: options.key_length, keyDigest: options.key_digest };
}

/** Verifier's options of a vector as ours. */
export function toVerifyOptions(options: VectorOptions): VerifyOptions {
  return { ...toKeyOptions(options), maxAgeSeconds: toMaxAge(options.max_age) };
}

/** A recorded age limit as ours. `null` stays what it is: the programmer's error. */
export function toMaxAge(maxAge: VectorOptions["max_age"]): number | undefined {
  return maxAge === "infinity" ? Number.POSITIVE_INFINITY : (maxAge as number | undefined);
}

/** What ours answers, in the vectors' words; where Phoenix raises, ours answers `invalid`. */
export function toComparable(result: TokenResult): unknown {
  return result.ok ? { data: result.data } : { reason: result.reason };
}

export function toExpected(expectation: VectorExpectation, input?: VectorTerm): unknown {
  if (expectation.result === "raise") return { reason: "invalid" };
  if (expectation.result === "error") return { reason: expectation.reason };
  const term = expectation.term === "=input" ? input : expectation.term;
  if (term === undefined) throw new Error("The vector names no term.");
  return { data: toRead(term as VectorTerm) };
}

function atomOrBoolean(term: VectorTerm): unknown {
  return term.v === "true" || term.v === "false" ? term.v === "true" : new Atom(String(term.v));
}

function mapToRead(entries: readonly (readonly [VectorTerm, VectorTerm])[]): unknown {
  const areNames = entries.every(([key]) => key.t === "atom" || key.t === "binary");
  if (!areNames) return new Map(entries.map(([key, value]) => [toRead(key), toRead(value)]));
  const object = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of entries) object[String(key.v)] = toRead(value);
  return object;
}

function fromIeee(term: VectorTerm): number {
  return Buffer.from(term.ieee754_hex ?? "", "hex").readDoubleBE(0);
}
