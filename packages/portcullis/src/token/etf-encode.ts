/** JavaScript values to the Erlang external term format, in the spelling that `:erlang.term_to_binary/1` gives. */

import { Atom, Bitstring, Float, ImproperList, isWellFormed, Opaque, Tag, type TermBounds, Tuple } from "./term.ts";

/** OTP writes a list of bytes as STRING_EXT only while it is shorter than this. */
const STRING_LENGTH_END = 0xffff;
/** Up to here OTP keeps a map's keys in term order; above, in the order of a hash that differs between its versions. */
const SORTED_MAP_KEYS_MAX = 32;

/**
 * Encodes one value, version byte included. Keys of a small plain object are put in Erlang's order, so that equal data
 * gives equal bytes. A property whose value is `undefined` is left out, as in JSON.
 *
 * @throws TypeError when the value has no Erlang counterpart (function, symbol, `undefined`, NaN, an instance of a class)
 *   or is larger than the bounds allow.
 */
export function encodeTerm(value: unknown, bounds: TermBounds): Uint8Array {
  const writer = new TermWriter(bounds);
  writer.write(value, 0);
  return writer.bytes();
}

class TermWriter {
  readonly #bounds: TermBounds;
  #buffer: Buffer = Buffer.allocUnsafe(128);
  #end = 0;
  #elements = 0;

  constructor(bounds: TermBounds) {
    this.#bounds = bounds;
    this.#byte(Tag.VERSION);
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#end);
  }

  write(value: unknown, depth: number): void {
    if (depth > this.#bounds.depthMax) {
      throw new TypeError(
        `The data is nested deeper than ${this.#bounds.depthMax} levels, or contains itself. Sign an id instead.`,
      );
    }
    this.#count(1);
    switch (typeof value) {
      case "string":
        this.#string(value);
        break;
      case "number":
        this.#number(value);
        break;
      case "bigint":
        this.#bigint(value);
        break;
      case "boolean":
        this.#atom(value ? "true" : "false");
        break;
      case "object":
        if (value === null) this.#atom("nil");
        else this.#object(value, depth);
        break;
      default:
        throw new TypeError(
          `Data of type ${typeof value} can't be put into a token. Use plain data: strings, numbers, lists, objects.`,
        );
    }
  }

  #object(value: object, depth: number): void {
    if (Array.isArray(value)) this.#list(value, depth);
    else if (value instanceof Uint8Array) this.#binary(value);
    else if (value instanceof Atom) this.#atom(value.name);
    else if (value instanceof Tuple) this.#tuple(value.items, depth);
    else if (value instanceof Float) this.#float(value.value);
    else if (value instanceof Map) this.#map(value, depth);
    else if (value instanceof ImproperList) this.#improperList(value, depth);
    else if (value instanceof Bitstring) this.#bitstring(value);
    else if (value instanceof Opaque) refuseOpaque(value);
    else this.#plainObject(value as Readonly<Record<string, unknown>>, depth);
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.#float(value);
    else if (value >= -0x8000_0000 && value <= 0x7fff_ffff) this.#int32(value);
    else this.#big(BigInt(value));
  }

  #bigint(value: bigint): void {
    if (value >= -0x8000_0000n && value <= 0x7fff_ffffn) this.#int32(Number(value));
    else this.#big(value);
  }

  #int32(value: number): void {
    if (value >= 0 && value <= 0xff) {
      this.#byte(Tag.SMALL_INTEGER);
      this.#byte(value);
    } else {
      this.#byte(Tag.INTEGER);
      this.#uint32(value >>> 0);
    }
  }

  #big(value: bigint): void {
    const digits = (value < 0n ? -value : value).toString(16);
    const magnitude = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex").reverse();
    if (magnitude.length <= 0xff) {
      this.#byte(Tag.SMALL_BIG);
      this.#byte(magnitude.length);
    } else {
      this.#byte(Tag.LARGE_BIG);
      this.#uint32(magnitude.length);
    }
    this.#byte(value < 0n ? 1 : 0);
    this.#raw(magnitude);
  }

  #float(value: number): void {
    if (!Number.isFinite(value))
      throw new TypeError("NaN and Infinity can't be put into a token: Erlang has no such numbers.");
    this.#byte(Tag.NEW_FLOAT);
    const at = this.#reserve(8);
    this.#buffer.writeDoubleBE(value, at);
  }

  #string(value: string): void {
    if (!isWellFormed(value))
      throw new TypeError("A string with a lone surrogate can't be put into a token: it has no UTF-8 form.");
    const length = Buffer.byteLength(value);
    this.#byte(Tag.BINARY);
    this.#uint32(length);
    const at = this.#reserve(length);
    this.#buffer.write(value, at, length, "utf8");
  }

  #binary(value: Uint8Array): void {
    this.#byte(Tag.BINARY);
    this.#uint32(value.length);
    this.#raw(value);
  }

  #bitstring(value: Bitstring): void {
    this.#byte(Tag.BIT_BINARY);
    this.#uint32(value.bytes.length);
    this.#byte(value.lastByteBits);
    this.#raw(value.bytes);
  }

  #atom(name: string): void {
    const length = Buffer.byteLength(name);
    this.#byte(length <= 0xff ? Tag.SMALL_ATOM_UTF8 : Tag.ATOM_UTF8);
    if (length > 0xff) this.#byte(length >>> 8);
    this.#byte(length & 0xff);
    const at = this.#reserve(length);
    this.#buffer.write(name, at, length, "utf8");
  }

  #tuple(items: readonly unknown[], depth: number): void {
    if (items.length <= 0xff) {
      this.#byte(Tag.SMALL_TUPLE);
      this.#byte(items.length);
    } else {
      this.#byte(Tag.LARGE_TUPLE);
      this.#uint32(items.length);
    }
    for (const item of items) this.write(item, depth + 1);
  }

  #list(items: readonly unknown[], depth: number): void {
    if (items.length > 0) {
      if (items.length < STRING_LENGTH_END && areBytes(items)) {
        this.#count(items.length);
        this.#byte(Tag.STRING);
        this.#byte(items.length >>> 8);
        this.#byte(items.length & 0xff);
        this.#raw(Uint8Array.from(items));
        return;
      }
      this.#byte(Tag.LIST);
      this.#uint32(items.length);
      for (const item of items) this.write(item, depth + 1);
    }
    this.#byte(Tag.NIL);
  }

  #improperList({ items, tail }: ImproperList, depth: number): void {
    if (items.length === 0 || Array.isArray(tail)) {
      throw new TypeError("An improper list needs at least one item and a tail that isn't a list; use an array.");
    }
    this.#byte(Tag.LIST);
    this.#uint32(items.length);
    for (const item of items) this.write(item, depth + 1);
    this.write(tail, depth + 1);
  }

  #plainObject(value: Readonly<Record<string, unknown>>, depth: number): void {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      throw new TypeError(
        "An instance of a class can't be put into a token. Pass plain data, such as a string, number or object.",
      );
    }
    const keys = Object.keys(value).filter((key) => value[key] !== undefined);
    if (keys.length <= SORTED_MAP_KEYS_MAX) keys.sort(byUtf8);
    this.#byte(Tag.MAP);
    this.#uint32(keys.length);
    for (const key of keys) {
      this.write(key, depth + 1);
      this.write(value[key], depth + 1);
    }
  }

  #map(value: ReadonlyMap<unknown, unknown>, depth: number): void {
    this.#byte(Tag.MAP);
    this.#uint32(value.size);
    const seen = new Set<string>();
    for (const [key, entry] of value) {
      const start = this.#end;
      this.write(key, depth + 1);
      // Distinct JavaScript keys may be one Erlang key, such as two atoms of a name; Erlang refuses a map that has a key twice.
      const written = this.#buffer.toString("latin1", start, this.#end);
      if (seen.has(written)) throw new TypeError("Two keys of a Map are the same Erlang term. Remove one of them.");
      seen.add(written);
      this.write(entry, depth + 1);
    }
  }

  #byte(value: number): void {
    const at = this.#reserve(1);
    this.#buffer[at] = value;
  }

  #uint32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.writeUInt32BE(value, at);
  }

  #raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }

  #count(elements: number): void {
    this.#elements += elements;
    if (this.#elements > this.#bounds.elementsMax) {
      throw new TypeError(`The data has more than ${this.#bounds.elementsMax} elements. Sign an id instead.`);
    }
  }

  /** Makes room for `length` more bytes and returns where they begin. */
  #reserve(length: number): number {
    const start = this.#end;
    const end = start + length;
    if (end > this.#bounds.termBytesMax) {
      throw new TypeError(
        `The data takes more than ${this.#bounds.termBytesMax} bytes in a token. Sign an id instead.`,
      );
    }
    if (end > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(end, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, start));
      this.#buffer = grown;
    }
    this.#end = end;
    return start;
  }
}

function areBytes(items: readonly unknown[]): items is readonly number[] {
  // Not `every`, which would take the holes of a sparse array for bytes.
  for (const item of items) {
    if (typeof item !== "number" || !Number.isInteger(item) || item < 0 || item > 0xff || Object.is(item, -0))
      return false;
  }
  return true;
}

/** Erlang orders binaries by their bytes; JavaScript's own order, by UTF-16 units, differs above U+D800. */
function byUtf8(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

function refuseOpaque({ kind }: Opaque): never {
  throw new TypeError(`A ${kind} read from a token can't be signed again: it belongs to the Erlang node that made it.`);
}
