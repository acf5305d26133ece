/**
 * Values for the Erlang terms that have no JavaScript counterpart, and the bounds of the codec.
 *
 * | Erlang | JavaScript |
 * |---|---|
 * | `nil`, `true`, `false` | `null`, `true`, `false` |
 * | integer | `number` in the safe range, else `bigint` |
 * | float | `number`; a whole number is signed as a float only as `float(1)` |
 * | binary | `string` when it is UTF-8, else `Uint8Array` |
 * | other atom | {@link Atom} |
 * | tuple | {@link Tuple} |
 * | list, charlist | array (a charlist is an array of code points) |
 * | improper list | {@link ImproperList} |
 * | map whose keys are strings or atoms | object without prototype; an atom key becomes its name |
 * | any other map | `Map` |
 * | bitstring | {@link Bitstring} |
 * | pid, port, reference | {@link Opaque}, never signed again |
 * | function | refused |
 */

const LONE_SURROGATE = /\p{Surrogate}/u;
const ATOM_CHARACTERS_MAX = 255;

/** Whether a string has a UTF-8 form: a lone surrogate would silently become U+FFFD. */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}

/** Whether an atom may have this name: well-formed, at most 255 characters, as in Erlang. */
export function isAtomName(name: string): boolean {
  if (name.length > 2 * ATOM_CHARACTERS_MAX || !isWellFormed(name)) return false;
  return name.length <= ATOM_CHARACTERS_MAX || [...name].length <= ATOM_CHARACTERS_MAX;
}

/** An Erlang atom. Make one with {@link atom}. */
export class Atom {
  readonly name: string;

  /** @throws TypeError when the name is longer than 255 characters or not well-formed Unicode. */
  constructor(name: string) {
    if (typeof name !== "string" || !isAtomName(name)) {
      throw new TypeError("An atom's name must be a well-formed string of at most 255 characters.");
    }
    this.name = name;
  }
}

/** An Erlang tuple. Make one with {@link tuple}. */
export class Tuple {
  readonly items: readonly unknown[];

  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/** A float that happens to be a whole number. Make one with {@link float}; reading gives a plain number, except as a map key. */
export class Float {
  readonly value: number;

  /** @throws TypeError when the value is not finite: Erlang has no NaN and no infinity. */
  constructor(value: number) {
    if (!Number.isFinite(value))
      throw new TypeError("A float must be a finite number: Erlang has no NaN and no infinity.");
    this.value = value;
  }

  valueOf(): number {
    return this.value;
  }
}

/** An Erlang list whose tail is not the empty list, such as `[1 | 2]`. */
export class ImproperList {
  readonly items: readonly unknown[];
  readonly tail: unknown;

  constructor(items: readonly unknown[], tail: unknown) {
    this.items = items;
    this.tail = tail;
  }
}

/** A bitstring whose last byte is not full; its bits are the highest of that byte, the rest become 0. */
export class Bitstring {
  readonly bytes: Uint8Array;
  readonly lastByteBits: number;

  /** @throws TypeError unless there is a last byte of which 1 to 7 bits count. */
  constructor(bytes: Uint8Array, lastByteBits: number) {
    if (bytes.length === 0 || !Number.isInteger(lastByteBits) || lastByteBits < 1 || lastByteBits > 7) {
      throw new TypeError(
        "A bitstring needs at least one byte, of whose last 1 to 7 bits count; whole bytes are a Uint8Array.",
      );
    }
    this.bytes = Uint8Array.from(bytes);
    this.bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) & (0xff << (8 - lastByteBits));
    this.lastByteBits = lastByteBits;
  }
}

/**
 * A pid, port or reference out of a token that Phoenix signed. It means something on its own node only, so it says nothing
 * but its kind and can't be signed again.
 */
export class Opaque {
  readonly kind: "pid" | "port" | "reference";

  constructor(kind: "pid" | "port" | "reference") {
    this.kind = kind;
  }
}

/**
 * An Erlang atom, for tokens that Elixir code matches on.
 *
 * @example
 * tokens.sign("user auth", new Map([[atom("user_id"), 1]])); // Elixir reads %{user_id: 1}
 */
export function atom(name: string): Atom {
  return new Atom(name);
}

/**
 * An Erlang tuple.
 *
 * @example
 * tokens.sign("user auth", tuple(atom("user"), 1)); // Elixir reads {:user, 1}
 */
export function tuple(...items: readonly unknown[]): Tuple {
  return new Tuple(items);
}

/**
 * A number that is signed as a float even when it is whole.
 *
 * @example
 * tokens.sign("quota", float(1)); // Elixir reads 1.0
 */
export function float(value: number): Float {
  return new Float(value);
}

/** What the codec takes on; beyond it, reading answers `invalid` and signing throws. */
export interface TermBounds {
  /** Bytes of an encoded term, also after a compressed one is inflated. */
  readonly termBytesMax: number;
  /** Terms inside terms. */
  readonly depthMax: number;
  /** Terms in all: every element, key, value and character of a charlist counts. */
  readonly elementsMax: number;
}

/** Tags of the external term format, named as in the Erlang documentation ("External Term Format"). */
export const Tag = {
  VERSION: 131,
  COMPRESSED: 80,
  SMALL_INTEGER: 97,
  INTEGER: 98,
  SMALL_BIG: 110,
  LARGE_BIG: 111,
  FLOAT_TEXT: 99,
  NEW_FLOAT: 70,
  ATOM_LATIN1: 100,
  SMALL_ATOM_LATIN1: 115,
  ATOM_UTF8: 118,
  SMALL_ATOM_UTF8: 119,
  SMALL_TUPLE: 104,
  LARGE_TUPLE: 105,
  NIL: 106,
  STRING: 107,
  LIST: 108,
  BINARY: 109,
  BIT_BINARY: 77,
  MAP: 116,
  PID: 103,
  NEW_PID: 88,
  PORT: 102,
  NEW_PORT: 89,
  V4_PORT: 120,
  REFERENCE: 101,
  NEW_REFERENCE: 114,
  NEWER_REFERENCE: 90,
} as const;
