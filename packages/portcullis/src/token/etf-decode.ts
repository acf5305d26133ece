/**
 * The Erlang external term format to JavaScript values. It reads only what a signature already vouched for, and still
 * trusts no length in it: depth, elements and bytes are bounded and the work is linear in the bytes given.
 */

import { isUtf8 } from "node:buffer";
import { inflateSync } from "node:zlib";
import { Atom, Bitstring, Float, ImproperList, isAtomName, Opaque, Tag, type TermBounds, Tuple } from "./term.ts";

const FLOAT_TEXT = /^ *[+-]?\d+\.\d+(?:[eE][+-]?\d+)?\0*$/;
const COMPRESSED_HEADER_BYTES = 6;

/**
 * Decodes one value, version byte included. Bytes after the term are ignored, as Erlang does.
 *
 * @returns `undefined` (which no term decodes to) for anything malformed, beyond the bounds or holding a function.
 */
export function decodeTerm(bytes: Uint8Array, bounds: TermBounds): unknown {
  return readWith(bytes, bounds, (reader) => reader.read(0));
}

/** Runs `read` over the bytes of one term, inflated if need be; `undefined` when the bytes are refused. */
export function readWith<Result>(
  bytes: Uint8Array,
  bounds: TermBounds,
  read: (reader: TermReader) => Result,
): Result | undefined {
  try {
    const term = toTermBytes(bytes, bounds);
    return term === undefined ? undefined : read(new TermReader(term, bounds));
  } catch {
    return undefined;
  }
}

/** The bytes behind the version byte, inflated when the term is compressed. */
function toTermBytes(bytes: Uint8Array, bounds: TermBounds): Buffer | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 2 || buffer.length > bounds.termBytesMax || buffer[0] !== Tag.VERSION) return undefined;
  if (buffer[1] !== Tag.COMPRESSED) return buffer.subarray(1);
  if (buffer.length < COMPRESSED_HEADER_BYTES) return undefined;
  const inflatedBytes = buffer.readUInt32BE(2);
  if (inflatedBytes === 0 || inflatedBytes > bounds.termBytesMax) return undefined;
  const inflated = inflateSync(buffer.subarray(COMPRESSED_HEADER_BYTES), { maxOutputLength: inflatedBytes });
  return inflated.length === inflatedBytes ? inflated : undefined;
}

/** A place in the bytes of a term. Its methods throw at the first byte that can't be; {@link readWith} catches that. */
export class TermReader {
  readonly #buffer: Buffer;
  readonly #bounds: TermBounds;
  #at = 0;
  #elements = 0;

  constructor(buffer: Buffer, bounds: TermBounds) {
    this.#buffer = buffer;
    this.#bounds = bounds;
  }

  /** The tag of the next term, left unread. */
  peekTag(): number {
    return this.#buffer.readUInt8(this.#at);
  }

  /** Reads the next term; `depth` counts the terms around it. */
  read(depth: number): unknown {
    if (depth > this.#bounds.depthMax) refuse();
    this.#count(1);
    const tag = this.#uint8();
    switch (tag) {
      case Tag.SMALL_INTEGER:
        return this.#uint8();
      case Tag.INTEGER:
        return this.#buffer.readInt32BE(this.#take(4));
      case Tag.SMALL_BIG:
        return this.#big(this.#uint8());
      case Tag.LARGE_BIG:
        return this.#big(this.#uint32());
      case Tag.NEW_FLOAT:
        return finite(this.#buffer.readDoubleBE(this.#take(8)));
      case Tag.FLOAT_TEXT:
        return this.#floatText();
      case Tag.ATOM_UTF8:
        return this.#atom(this.#uint16(), "utf8");
      case Tag.SMALL_ATOM_UTF8:
        return this.#atom(this.#uint8(), "utf8");
      case Tag.ATOM_LATIN1:
        return this.#atom(this.#uint16(), "latin1");
      case Tag.SMALL_ATOM_LATIN1:
        return this.#atom(this.#uint8(), "latin1");
      case Tag.BINARY:
        return this.#binary();
      case Tag.BIT_BINARY:
        return this.#bitstring();
      case Tag.NIL:
        return [];
      case Tag.STRING:
        return this.#charlist();
      case Tag.LIST:
        return this.#list(depth);
      case Tag.SMALL_TUPLE:
        return new Tuple(this.#items(this.#uint8(), depth));
      case Tag.LARGE_TUPLE:
        return new Tuple(this.#items(this.#uint32(), depth));
      case Tag.MAP:
        return this.#map(depth);
      default:
        return this.#opaque(tag);
    }
  }

  /** Reads a map as its entries, keys as they are on the wire. Refuses a key that occurs twice, as Erlang does. */
  readEntries(depth: number): readonly (readonly [key: unknown, value: unknown])[] {
    if (this.#uint8() !== Tag.MAP) refuse();
    const size = this.#arity(2);
    const entries: (readonly [unknown, unknown])[] = [];
    const seen = new Set<string>();
    for (let index = 0; index < size; index++) {
      const start = this.#at;
      const isFloat = this.peekTag() === Tag.NEW_FLOAT || this.peekTag() === Tag.FLOAT_TEXT;
      const read = this.read(depth + 1);
      // 1 and 1.0 are two keys of one Erlang map and would be a single key of a JavaScript one.
      const key = isFloat && Number.isInteger(read) ? new Float(read as number) : read;
      seen.add(toIdentity(key) ?? this.#buffer.toString("latin1", start, this.#at));
      entries.push([key, this.read(depth + 1)]);
    }
    if (seen.size !== size) refuse();
    return entries;
  }

  #map(depth: number): unknown {
    this.#at -= 1;
    const entries = this.readEntries(depth);
    const object: Record<string, unknown> = Object.create(null);
    for (const [key, value] of entries) {
      const name = key instanceof Atom ? key.name : key;
      if (typeof name !== "string" || Object.hasOwn(object, name)) return new Map(entries);
      object[name] = value;
    }
    return object;
  }

  #big(length: number): number | bigint {
    const negative = this.#uint8() !== 0;
    const start = this.#take(length);
    if (length <= 6) {
      const small = length === 0 ? 0 : this.#buffer.readUIntLE(start, length);
      return negative && small !== 0 ? -small : small;
    }
    const magnitude = Buffer.from(this.#buffer.subarray(start, start + length)).reverse();
    // A hexadecimal string converts in linear time, other bases and shifting don't.
    const value = BigInt(`0x${magnitude.toString("hex")}`);
    const signed = negative ? -value : value;
    return value <= Number.MAX_SAFE_INTEGER ? Number(signed) : signed;
  }

  #floatText(): number {
    const start = this.#take(31);
    const text = this.#buffer.toString("latin1", start, start + 31);
    return FLOAT_TEXT.test(text) ? finite(Number.parseFloat(text)) : refuse();
  }

  #atom(length: number, encoding: "utf8" | "latin1"): Atom | boolean | null {
    const start = this.#take(length);
    if (encoding === "utf8" && !isUtf8(this.#buffer.subarray(start, start + length))) refuse();
    const name = this.#buffer.toString(encoding, start, start + length);
    if (name === "nil") return null;
    if (name === "true") return true;
    if (name === "false") return false;
    return isAtomName(name) ? new Atom(name) : refuse();
  }

  #binary(): string | Uint8Array {
    const length = this.#uint32();
    const start = this.#take(length);
    const bytes = this.#buffer.subarray(start, start + length);
    // Copied: a view would keep the whole token's memory alive, and let its holder write into it.
    return isUtf8(bytes) ? bytes.toString("utf8") : Uint8Array.from(bytes);
  }

  #bitstring(): string | Uint8Array | Bitstring {
    const length = this.#uint32();
    const lastByteBits = this.#uint8();
    const start = this.#take(length);
    const bytes = this.#buffer.subarray(start, start + length);
    if (lastByteBits === 8 && length > 0) return isUtf8(bytes) ? bytes.toString("utf8") : Uint8Array.from(bytes);
    return new Bitstring(bytes, lastByteBits);
  }

  #charlist(): number[] {
    const length = this.#uint16();
    const start = this.#take(length);
    this.#count(length);
    return Array.from(this.#buffer.subarray(start, start + length));
  }

  #list(depth: number): unknown[] | ImproperList {
    const items = this.#items(this.#uint32(), depth);
    if (this.peekTag() === Tag.NIL) {
      this.#take(1);
      return items;
    }
    const tail = this.read(depth + 1);
    // The tail may be a list written apart: the term is then one list.
    if (Array.isArray(tail)) return items.concat(tail);
    if (tail instanceof ImproperList) return new ImproperList(items.concat(tail.items), tail.tail);
    return items.length === 0 ? refuse() : new ImproperList(items, tail);
  }

  #items(length: number, depth: number): unknown[] {
    if (length > this.#buffer.length - this.#at) refuse();
    const items: unknown[] = [];
    for (let index = 0; index < length; index++) items.push(this.read(depth + 1));
    return items;
  }

  #opaque(tag: number): Opaque {
    switch (tag) {
      case Tag.PID:
        return this.#skipNode("pid", 9);
      case Tag.NEW_PID:
        return this.#skipNode("pid", 12);
      case Tag.PORT:
        return this.#skipNode("port", 5);
      case Tag.NEW_PORT:
        return this.#skipNode("port", 8);
      case Tag.V4_PORT:
        return this.#skipNode("port", 12);
      case Tag.REFERENCE:
        return this.#skipNode("reference", 5);
      case Tag.NEW_REFERENCE:
        return this.#skipNode("reference", 4 * this.#uint16() + 1);
      case Tag.NEWER_REFERENCE:
        return this.#skipNode("reference", 4 * this.#uint16() + 4);
      default:
        // Functions, atom cache references and whatever a later OTP may add.
        return refuse();
    }
  }

  #skipNode(kind: Opaque["kind"], numberBytes: number): Opaque {
    const tag = this.#uint8();
    if (tag === Tag.SMALL_ATOM_UTF8) this.#atom(this.#uint8(), "utf8");
    else if (tag === Tag.ATOM_UTF8) this.#atom(this.#uint16(), "utf8");
    else if (tag === Tag.SMALL_ATOM_LATIN1) this.#atom(this.#uint8(), "latin1");
    else if (tag === Tag.ATOM_LATIN1) this.#atom(this.#uint16(), "latin1");
    else refuse();
    this.#take(numberBytes);
    return new Opaque(kind);
  }

  /** A number of elements of at least `elementBytes` each: more than there are bytes for is refused before anything is read. */
  #arity(elementBytes: number): number {
    const arity = this.#uint32();
    return arity * elementBytes > this.#buffer.length - this.#at ? refuse() : arity;
  }

  #uint8(): number {
    return this.#buffer.readUInt8(this.#take(1));
  }

  #uint16(): number {
    return this.#buffer.readUInt16BE(this.#take(2));
  }

  #uint32(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }

  #count(elements: number): void {
    this.#elements += elements;
    if (this.#elements > this.#bounds.elementsMax) refuse();
  }

  /** Steps over `length` bytes and returns where they began. */
  #take(length: number): number {
    const start = this.#at;
    if (length > this.#buffer.length - start) refuse();
    this.#at = start + length;
    return start;
  }
}

/** What tells a map's key from others however it was spelt; `undefined` where its bytes have to do. */
function toIdentity(key: unknown): string | undefined {
  if (key instanceof Atom) return `atom ${key.name}`;
  // Decimal digits of a long bigint take time that grows faster than their number; a power of two doesn't.
  if (typeof key === "bigint") return `bigint ${key.toString(32)}`;
  return typeof key === "object" && key !== null ? undefined : `${typeof key} ${String(key)}`;
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : refuse();
}

/** One error for all, made once: a stack trace per malformed token would be work given away. */
const malformed: Error = new Error("malformed term");

function refuse(): never {
  throw malformed;
}
