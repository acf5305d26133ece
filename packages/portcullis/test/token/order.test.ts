/** In which order verifying does its work: no key derived twice, nothing decoded before its signature holds. */

import { beforeEach, expect, test, vi } from "vitest";

const calls = vi.hoisted(() => ({ derived: 0, decoded: 0, compared: [] as [number, number][] }));

vi.mock("node:crypto", async (importOriginal) => {
  const crypto = await importOriginal<typeof import("node:crypto")>();
  return {
    ...crypto,
    pbkdf2Sync: (...given: Parameters<typeof crypto.pbkdf2Sync>) => {
      calls.derived++;
      return crypto.pbkdf2Sync(...given);
    },
    timingSafeEqual: (left: Uint8Array, right: Uint8Array) => {
      calls.compared.push([left.length, right.length]);
      return crypto.timingSafeEqual(left, right);
    },
  };
});

vi.mock("../../src/token/etf-decode.ts", async (importOriginal) => {
  const decode = await importOriginal<typeof import("../../src/token/etf-decode.ts")>();
  return {
    ...decode,
    readWith: (...given: Parameters<typeof decode.readWith>) => {
      calls.decoded++;
      return decode.readWith(...given);
    },
  };
});

const { createTokens } = await import("../../src/token/token.ts");

const SECRETS = [
  "a secret of the tests, which is long enough to pass",
  "the secret before it, which is long enough as well",
];
const SALT = "user socket";

beforeEach(() => {
  calls.derived = 0;
  calls.decoded = 0;
  calls.compared = [];
});

test("a key is derived at its first use and never again", () => {
  const tokens = createTokens({ secretKeyBase: SECRETS });
  expect(calls.derived).toBe(0);
  const token = tokens.sign(SALT, 1);
  expect(calls.derived).toBe(1);
  for (let index = 0; index < 100; index++) expect(tokens.verify(SALT, token).ok).toBe(true);
  expect(calls.derived).toBe(1);
  for (let index = 0; index < 100; index++) expect(tokens.verify(SALT, `${token.slice(0, -4)}AAAA`).ok).toBe(false);
  expect(calls.derived).toBe(2);
  for (let index = 0; index < 100; index++) tokens.decrypt(SALT, tokens.encrypt(SALT, 1));
  expect(calls.derived).toBe(2);
});

test("two makers of tokens share no keys", () => {
  for (let index = 0; index < 2; index++) createTokens({ secretKeyBase: SECRETS }).sign(SALT, 1);
  expect(calls.derived).toBe(2);
});

test("what isn't a token at all costs no key", () => {
  const tokens = createTokens({ secretKeyBase: SECRETS });
  for (const received of [undefined, null, 1, "", "garbage", "a.b.c", "bm9uZQ.g2gDYQ."]) tokens.verify(SALT, received);
  expect(calls.derived).toBe(0);
});

test("nothing is decoded unless its signature holds", () => {
  const tokens = createTokens({ secretKeyBase: SECRETS });
  const token = tokens.sign(SALT, 1);
  const [header, payload, signature] = token.split(".");
  for (const forged of [
    `${header}.${payload}.${"A".repeat(43)}`,
    `${header}.g1AAAAIJ.${signature}`,
    `${header}.${payload}.AAAA`,
    "SFMyNTY.g2gD.AAAA",
  ]) {
    expect(tokens.verify(SALT, forged).ok).toBe(false);
  }
  expect(tokens.decrypt(SALT, `XCP.${"A".repeat(100)}`).ok).toBe(false);
  expect(calls.decoded).toBe(0);
  expect(tokens.verify(SALT, token).ok).toBe(true);
  expect(tokens.decrypt(SALT, tokens.encrypt(SALT, 1)).ok).toBe(true);
  expect(calls.decoded).toBe(2);
});

test("signatures are compared in constant time, digest against digest of one length", () => {
  const tokens = createTokens({ secretKeyBase: SECRETS });
  const token = tokens.sign(SALT, 1);
  const early = `${token.slice(0, -43)}A${token.slice(-42)}`;
  for (const received of [token, early, token.slice(0, -2)]) tokens.verify(SALT, received);
  expect(calls.compared.length).toBeGreaterThanOrEqual(2);
  expect(new Set(calls.compared.flat())).toEqual(new Set([32]));
});
