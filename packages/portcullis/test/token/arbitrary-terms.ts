/** Random data for tokens, and what it becomes on its way through one. */

import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { Atom, Bitstring, Float, ImproperList, Tuple } from "../../src/token/term.ts";

const text = fc.string({ unit: "binary", maxLength: 12 });
const name = fc.oneof(
  text,
  fc.constantFrom("__proto__", "constructor", "toString", "hasOwnProperty", "0", "-1", "4294967295", ""),
);
const atoms = text.filter((value) => !["nil", "true", "false"].includes(value)).map((value) => new Atom(value));
const bytes = fc.uint8Array({ maxLength: 12 });

const scalars = fc.oneof(
  fc.constantFrom(null, true, false, -0, 0, 255, 256, -1, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 53),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt(),
  fc.bigInt({ min: 2n ** 2036n, max: 2n ** 2050n }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => new Float(value)),
  text,
  bytes,
  atoms,
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 7 }))
    .map(([value, bits]) => new Bitstring(value, bits)),
);

const { term } = fc.letrec<{ term: unknown }>((tie) => {
  const items = fc.array(tie("term"), { maxLength: 5 });
  return {
    term: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      scalars,
      items,
      fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 20 }),
      items.map((value) => new Tuple(value)),
      fc.array(fc.tuple(name, tie("term")), { maxLength: 5 }).map(toPlainObject),
      fc
        .uniqueArray(fc.tuple(fc.oneof(fc.integer(), fc.bigInt()), tie("term")), {
          maxLength: 5,
          selector: ([key]) => Number(key),
        })
        .map((entries) => new Map(entries)),
      fc
        .uniqueArray(fc.tuple(atoms, tie("term")), { maxLength: 5, selector: ([key]) => key.name })
        .map((entries) => new Map(entries)),
      fc
        .tuple(fc.array(tie("term"), { minLength: 1, maxLength: 4 }), scalars)
        .map(([value, tail]) => new ImproperList(value, tail)),
    ),
  };
});

/** Data of every kind that can be signed. */
export const terms: fc.Arbitrary<unknown> = term;

/** What comes back: Erlang knows no difference between some of JavaScript's values, and the other way round. */
export function afterReading(value: unknown): unknown {
  if (typeof value === "bigint")
    return BigInt(Number.MIN_SAFE_INTEGER) <= value && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  if (typeof value !== "object" || value === null || value instanceof Atom) return value;
  if (Array.isArray(value)) return value.map(afterReading);
  if (value instanceof Float) return value.value;
  if (value instanceof Uint8Array) return isUtf8(value) ? Buffer.from(value).toString("utf8") : value;
  if (value instanceof Tuple) return new Tuple(value.items.map(afterReading));
  if (value instanceof ImproperList) return new ImproperList(value.items.map(afterReading), afterReading(value.tail));
  if (value instanceof Bitstring) return value;
  if (value instanceof Map) {
    // A whole float stays one as a key: 1 and 1.0 are two keys of one Erlang map.
    const entries = [...value].map(([key, entry]): [unknown, unknown] => [
      key instanceof Float ? key : afterReading(key),
      afterReading(entry),
    ]);
    if (!entries.every(([key]) => key instanceof Atom)) return new Map(entries);
    return toPlainObject(entries.map(([key, entry]): [string, unknown] => [(key as Atom).name, entry]));
  }
  return toPlainObject(Object.entries(value).map(([key, entry]): [string, unknown] => [key, afterReading(entry)]));
}

function toPlainObject(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const object = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of entries) object[key] = value;
  return object;
}
