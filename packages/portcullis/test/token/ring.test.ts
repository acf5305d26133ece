/** Secrets come, end and are given up. */

import { expect, test } from "vitest";
import { type SecretKeyBase, SecretRing } from "../../src/token/ring.ts";
import { createTokensOf } from "../../src/token/token.ts";

const secret = (name: string): string => name.padEnd(32, ".");
const SALT = "user socket";

function rung(given: SecretKeyBase) {
  let at = 1_000;
  const ring = new SecretRing(given, () => at);
  const pass = (ms: number): void => {
    at += ms;
  };
  return { ring, tokens: createTokensOf(ring, { now: () => at }), pass };
}

test("the first signs, all verify, each says which it was", () => {
  const old = rung([{ id: "2026", secret: secret("old") }]);
  const both = rung([
    { id: "2027", secret: secret("new") },
    { id: "2026", secret: secret("old") },
  ]);
  expect(both.tokens.verify(SALT, old.tokens.sign(SALT, 1))).toMatchObject({ ok: true, keyId: "2026" });
  expect(both.tokens.verify(SALT, both.tokens.sign(SALT, 1))).toMatchObject({ ok: true, keyId: "2027" });
  expect(old.tokens.verify(SALT, both.tokens.sign(SALT, 1))).toEqual({ ok: false, reason: "invalid" });
  expect(both.tokens.decrypt(SALT, old.tokens.encrypt(SALT, 1))).toMatchObject({ ok: true, keyId: "2026" });
});

test("an old one is believed until its end, to the millisecond", () => {
  const old = rung([secret("old")]);
  const [signed, encrypted] = [old.tokens.sign(SALT, 1), old.tokens.encrypt(SALT, 1)];
  const both = rung([secret("new"), { id: "old", secret: secret("old"), notAfter: 5_000 }]);
  both.pass(4_000);
  expect(both.tokens.verify(SALT, signed).ok).toBe(true);
  expect(both.tokens.decrypt(SALT, encrypted).ok).toBe(true);
  both.pass(1);
  expect(both.tokens.verify(SALT, signed)).toEqual({ ok: false, reason: "invalid" });
  expect(both.tokens.decrypt(SALT, encrypted)).toEqual({ ok: false, reason: "invalid" });
});

test("secrets are exchanged under tokens that go on", () => {
  const { ring, tokens } = rung([{ id: "a", secret: secret("a") }]);
  const before = tokens.sign(SALT, 1);
  ring.replace([
    { id: "b", secret: secret("b") },
    { id: "a", secret: secret("a") },
  ]);
  expect(tokens.verify(SALT, before)).toMatchObject({ ok: true, keyId: "a" });
  expect(tokens.verify(SALT, tokens.sign(SALT, 2))).toMatchObject({ ok: true, keyId: "b" });
  ring.replace(secret("c"));
  expect(tokens.verify(SALT, before).ok).toBe(false);
  // The same name for another secret: a key that is remembered must not answer for it.
  ring.replace([{ id: "b", secret: secret("another b") }]);
  const other = rung([{ id: "b", secret: secret("b") }]).tokens.sign(SALT, 1);
  expect(tokens.verify(SALT, other).ok).toBe(false);
});

test("one that is given up vouches for nothing, not even as the last, and does not come back", () => {
  const { ring, tokens } = rung([
    { id: "b", secret: secret("b") },
    { id: "a", secret: secret("a") },
  ]);
  const byA = rung([{ id: "a", secret: secret("a") }]).tokens.sign(SALT, 1);
  const byB = tokens.sign(SALT, 1);
  ring.giveUp("a");
  expect(tokens.verify(SALT, byA).ok).toBe(false);
  expect(tokens.verify(SALT, byB).ok).toBe(true);
  expect(() => ring.replace([{ id: "a", secret: secret("a") }])).toThrow(/"a" was given up/);
  ring.giveUp("b");
  expect(tokens.verify(SALT, byB).ok).toBe(false);
  expect(tokens.verify(SALT, tokens.sign(SALT, 1)).ok).toBe(false);
  ring.replace([{ id: "c", secret: secret("c") }]);
  expect(tokens.verify(SALT, tokens.sign(SALT, 1))).toMatchObject({ ok: true, keyId: "c" });
});

test.each<[what: string, given: unknown, message: RegExp]>([
  ["nothing", undefined, /secretKeyBase must be/],
  ["an empty list", [], /secretKeyBase must be/],
  ["a short one", ["short"], /at least 20 bytes/],
  ["a short one with an id", [{ id: "a", secret: "short" }], /at least 20 bytes/],
  ["none with an id", [{ id: "", secret: secret("a") }], /to have an id/],
  ["an end that is none", [{ id: "a", secret: secret("a"), notAfter: Number.NaN }], /notAfter of the secret "a"/],
  [
    "two of one name",
    [
      { id: "a", secret: secret("a") },
      { id: "a", secret: secret("b") },
    ],
    /an id of its own/,
  ],
  ["one twice", [secret("a"), secret("a")], /an id of its own/],
])("%s is refused, and never shown", (_what, given, message) => {
  const make = (): SecretRing => new SecretRing(given as SecretKeyBase);
  expect(make).toThrow(message);
  expect(make).toThrow(expect.not.objectContaining({ message: expect.stringContaining("....") }));
});
