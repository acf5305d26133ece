/** What is inside a token: the data, when it was signed and how long it counts; and the verdict on its age. */

import { readWith, type TermReader } from "./etf-decode.ts";
import { encodeTerm } from "./etf-encode.ts";
import { Atom, Tag, type TermBounds, Tuple } from "./term.ts";

/** Phoenix's age limit for tokens that carry none. */
export const MAX_AGE_DEFAULT_SECONDS = 86_400;
const INFINITY: Atom = new Atom("infinity");

/** A token's content. `signedAt` and `maxAgeSeconds` are whatever the signer put there. */
export interface Envelope {
  readonly data: unknown;
  readonly signedAt: unknown;
  readonly maxAgeSeconds: unknown;
}

/** Encodes a token's content. @throws TypeError when the data can't be encoded, see {@link encodeTerm}. */
export function encodeEnvelope(
  data: unknown,
  signedAtMs: number,
  maxAgeSeconds: number,
  bounds: TermBounds,
): Uint8Array {
  const maxAge = maxAgeSeconds === Number.POSITIVE_INFINITY ? INFINITY : maxAgeSeconds;
  return encodeTerm(new Tuple([data, signedAtMs, maxAge]), bounds);
}

/**
 * Decodes a token's content: `{data, signed_at_ms, max_age}`, or the older `{data, signed_at_ms}` and
 * `%{data: _, signed: _}` that Phoenix still reads. `undefined` for anything else.
 */
export function decodeEnvelope(bytes: Uint8Array, bounds: TermBounds): Envelope | undefined {
  return readWith(bytes, bounds, (reader) =>
    reader.peekTag() === Tag.MAP ? fromMap(reader) : fromTuple(reader.read(0)),
  );
}

function fromTuple(term: unknown): Envelope | undefined {
  if (!(term instanceof Tuple)) return undefined;
  const [data, signedAt, maxAge] = term.items;
  if (term.items.length === 2) return { data, signedAt, maxAgeSeconds: MAX_AGE_DEFAULT_SECONDS };
  if (term.items.length !== 3) return undefined;
  const isUnlimited = maxAge instanceof Atom && maxAge.name === INFINITY.name;
  return { data, signedAt, maxAgeSeconds: isUnlimited ? Number.POSITIVE_INFINITY : maxAge };
}

function fromMap(reader: TermReader): Envelope | undefined {
  const byName = new Map<string, unknown>();
  for (const [key, value] of reader.readEntries(0)) {
    // Only atoms: Phoenix does not take the strings "data" and "signed" for them.
    if (key instanceof Atom) byName.set(key.name, value);
  }
  if (!byName.has("data") || !byName.has("signed")) return undefined;
  return { data: byName.get("data"), signedAt: byName.get("signed"), maxAgeSeconds: MAX_AGE_DEFAULT_SECONDS };
}

/** The verdict on a token's age. */
export type Age =
  | { readonly ok: true; readonly signedAt: number; readonly expiresAt: number }
  | { readonly ok: false; readonly reason: "invalid" | "expired" };

const INVALID: Age = { ok: false, reason: "invalid" };
const EXPIRED: Age = { ok: false, reason: "expired" };

/**
 * Judges a token's age in Phoenix's order: unlimited passes without a look at the clock, an age limit of zero or less has
 * always expired, then a signing time ahead of the clock is invalid, then the age counts. Each test is written so that a
 * clock that answers NaN lets nobody in.
 */
export function judgeAge(signed: unknown, maxAge: unknown, nowMs: number, clockSkewMs: number): Age {
  const signedAt = toNumber(signed);
  const maxAgeSeconds = toNumber(maxAge);
  if (signedAt === undefined || maxAgeSeconds === undefined) return INVALID;
  if (maxAge === Number.POSITIVE_INFINITY) return { ok: true, signedAt, expiresAt: Number.POSITIVE_INFINITY };
  if (maxAgeSeconds <= 0) return EXPIRED;
  if (!(signedAt <= nowMs + clockSkewMs)) return INVALID;
  const expiresAt = signedAt + Math.trunc(maxAgeSeconds * 1000);
  return expiresAt >= nowMs ? { ok: true, signedAt, expiresAt } : EXPIRED;
}

function toNumber(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "bigint" ? Number(value) : undefined;
}
