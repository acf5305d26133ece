/** No string but a genuine token is taken, and no string makes verifying throw. */

import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { createTokens } from "../../src/token/token.ts";
import { terms } from "./arbitrary-terms.ts";

// Thousands of random tokens take a while on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const SALT = "user socket";
const tokens = createTokens({ secretKeyBase: "a secret of the tests, which is long enough to pass", keyIterations: 1 });
const forger = createTokens({ secretKeyBase: "some other secret, which is long enough as well", keyIterations: 1 });
const INVALID = { ok: false, reason: "invalid" };
const ALPHABET = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0é"];

const PAIRS = [
  ["sign", "verify"],
  ["encrypt", "decrypt"],
] as const;

/** The bytes a token's parts stand for: two texts with the same are spellings of one token. */
function bytesOf(token: string): string {
  return token
    .split(".")
    .map((part) => (/^[\w-]*={0,2}$/.test(part) ? Buffer.from(part, "base64url").toString("hex") : part))
    .join(".");
}

describe.each(PAIRS)("%s and %s", (write, read) => {
  const token = tokens[write](SALT, { userId: 1, roles: ["admin"] });

  test("any bit changed, in any byte of any part, makes it invalid", () => {
    const parts = token.split(".");
    for (const [index, part] of parts.entries()) {
      // The header of an encrypted token is a word, not base64.
      if (part === "XCP") continue;
      const bytes = Buffer.from(part, "base64url");
      for (let position = 0; position < bytes.length * 8; position++) {
        const changed = Buffer.from(bytes);
        changed[position >> 3] = (changed[position >> 3] ?? 0) ^ (1 << (position & 7));
        const forged = parts.with(index, changed.toString("base64url")).join(".");
        expect(tokens[read](SALT, forged)).toEqual(INVALID);
      }
    }
  });

  test("any character replaced, taken out or put in makes it invalid, unless it spells the same bytes", () => {
    fc.assert(
      fc.property(
        fc.nat({ max: token.length - 1 }),
        fc.integer({ min: 0, max: 1 }),
        fc.constantFrom("", ...ALPHABET),
        (at, removed, character) => {
          const forged = token.slice(0, at) + character + token.slice(at + removed);
          const result = tokens[read](SALT, forged);
          if (result.ok) expect(bytesOf(forged)).toBe(bytesOf(token));
          else expect(result).toEqual(INVALID);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("cut short or continued it is invalid", () => {
    for (let length = 0; length < token.length; length++)
      expect(tokens[read](SALT, token.slice(0, length))).toEqual(INVALID);
    for (const more of ["A", "AA", "AAAA", ".", ".AAAA", "==", "===", "\n", " ", "\0"])
      expect(tokens[read](SALT, token + more)).toEqual(INVALID);
  });

  test("the same data under another secret is invalid", () => {
    fc.assert(
      fc.property(terms, (data) => {
        expect(tokens[read](SALT, forger[write](SALT, data))).toEqual(INVALID);
      }),
    );
  });

  test("any data that is signed comes back ok", () => {
    fc.assert(
      fc.property(terms, (data) => {
        expect(tokens[read](SALT, tokens[write](SALT, data)).ok).toBe(true);
      }),
    );
  });

  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom(...ALPHABET), maxLength: 200 }),
    fc
      .array(fc.string({ unit: fc.constantFrom(...ALPHABET) }), { minLength: 2, maxLength: 6 })
      .map((parts) => parts.join(".")),
    fc.string({ unit: fc.constantFrom(...ALPHABET), maxLength: 100 }).map((rest) => `SFMyNTY.${rest}`),
    fc.string({ unit: fc.constantFrom(...ALPHABET), maxLength: 100 }).map((rest) => `XCP.${rest}`),
    fc.string({ unit: fc.constantFrom(...ALPHABET), maxLength: 100 }).map((rest) => `QTEyOEdDTQ.${rest}`),
    fc.uint8Array({ maxLength: 100 }).map((bytes) => `XCP.${Buffer.from(bytes).toString("base64url")}`),
    fc.constantFrom(
      "\ud800",
      "SFMyNTY.\ud800.AAAA",
      ".".repeat(131_072),
      "A".repeat(131_073),
      "XCP.".repeat(30_000),
      "QTEyOEdDTQ.".repeat(10_000),
    ),
  );

  test("any text is invalid, and nothing is thrown", () => {
    fc.assert(
      fc.property(text, (received) => {
        expect(tokens[read](SALT, received)).toEqual(INVALID);
      }),
      { numRuns: 1000 },
    );
  });

  test("anything that isn't text is missing or invalid, and nothing is thrown", () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withNullPrototype: true }).filter((received) => typeof received !== "string"),
        (received) => {
          expect(tokens[read](SALT, received)).toEqual({
            ok: false,
            reason: received === undefined || received === null ? "missing" : "invalid",
          });
        },
      ),
    );
  });
});
