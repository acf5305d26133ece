/** Derived keys are remembered, and only so many. */

import type { KeyObject } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DerivedKeys, deriveKey } from "../../src/token/key.ts";
import { SecretRing } from "../../src/token/ring.ts";

const DERIVATION = { keyIterations: 1, keyLength: 32, keyDigest: "sha256" } as const;

const padded = (secret: string): string => secret.padEnd(20, "-");

function countingKeys(secrets: readonly string[], keysCachedMax: number): { keys: DerivedKeys; derived: string[] } {
  const derived: string[] = [];
  const ring = new SecretRing(secrets.map((id) => ({ id, secret: padded(id) })));
  const keys = new DerivedKeys(ring, keysCachedMax, (secret, salt, derivation): KeyObject => {
    derived.push(`${secret.replace(/-+$/, "")}/${salt}`);
    return deriveKey(secret, salt, derivation);
  });
  return { keys, derived };
}

describe("derived keys", () => {
  test("one derivation per secret, salt and options", () => {
    const { keys, derived } = countingKeys(["new", "old"], 100);
    const first = keys.get(0, "salt", DERIVATION);
    expect(keys.get(0, "salt", { ...DERIVATION })).toBe(first);
    expect(derived).toEqual(["new/salt"]);
    const others = [
      keys.get(1, "salt", DERIVATION),
      keys.get(0, "other", DERIVATION),
      keys.get(0, "salt", { ...DERIVATION, keyIterations: 2 }),
      keys.get(0, "salt", { ...DERIVATION, keyLength: 16 }),
      keys.get(0, "salt", { ...DERIVATION, keyDigest: "sha512" }),
    ];
    const distinct = new Set([first, ...others].map((key) => key.export().toString("hex")));
    expect(distinct.size).toBe(6);
    expect(derived).toHaveLength(6);
  });

  test("a salt that looks like options isn't mistaken for them", () => {
    const { keys } = countingKeys(["secret"], 100);
    const key = keys.get(0, "1.32.sha256.salt", DERIVATION);
    expect(keys.get(0, "salt", DERIVATION).equals(key)).toBe(false);
  });

  test("the longest unused goes first", () => {
    const { keys, derived } = countingKeys(["s"], 2);
    for (const salt of ["a", "b", "a", "c", "a", "b"]) keys.get(0, salt, DERIVATION);
    expect(derived).toEqual(["s/a", "s/b", "s/c", "s/b"]);
  });

  test("the bound holds for any salts, and the key is always the right one", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.constantFrom("a", "b", "c", "d", "e", "f")),
        (max, salts) => {
          const { keys } = countingKeys(["secret"], max);
          for (const salt of salts) {
            expect(keys.get(0, salt, DERIVATION).equals(deriveKey(padded("secret"), salt, DERIVATION))).toBe(true);
            expect(keys.cachedCount).toBeLessThanOrEqual(max);
          }
        },
      ),
    );
  });
});
