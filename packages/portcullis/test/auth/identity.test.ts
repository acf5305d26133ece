/** Who somebody is, in what an authenticator says of them: nothing that is said is taken for less than it means. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { identityFrom, isSameIdentity } from "../../src/auth/identity.ts";
import { accept } from "../../src/outcome.ts";

const full = {
  authenticator: "jwt",
  issuer: "https://issuer.example",
  tenant: "acme",
  subject: "ada",
  claims: { admin: true },
  tokenId: "t1",
  keyId: "k1",
  issuedAt: 1_000,
  expiresAt: 2_000,
};

test("what is said in full is kept in full, and nothing else of it", () => {
  expect(identityFrom({ ...full, token: "secret" })).toEqual(full);
});

test("what is left open is the worst: issued long ago, and good until somebody ends it", () => {
  const open = { authenticator: "own", issuer: null, tenant: null, tokenId: null, keyId: null, claims: undefined };
  const worst = { ...open, subject: "ada", issuedAt: 0, expiresAt: Number.POSITIVE_INFINITY };
  expect(identityFrom({ subject: "ada" })).toEqual(worst);
  expect(identityFrom({ subject: "ada", issuedAt: null, expiresAt: undefined })).toEqual(worst);
  expect(identityFrom(accept({ subject: "ada" }))).toEqual(worst);
});

test.each([[undefined], [null], ["ada"], [true], [{}], [{ subject: "" }], [{ userId: "ada" }], [accept()]])(
  "%o names nobody",
  (said) => {
    expect(identityFrom(said)).toBeNull();
  },
);

test("numbers are names: two tenants, or two users, must not be one because a database counts them", () => {
  expect(identityFrom({ subject: 42, tenant: 7n, tokenId: 1, issuer: 0, keyId: 3 })).toMatchObject({
    subject: "42",
    tenant: "7",
    tokenId: "1",
    issuer: "0",
    keyId: "3",
  });
});

test("a Date is a moment", () => {
  expect(identityFrom({ subject: "ada", issuedAt: new Date(5), expiresAt: new Date(9) })).toMatchObject({
    issuedAt: 5,
    expiresAt: 9,
  });
});

test.each([
  ["expiresAt", "2026-01-01T00:00:00Z"],
  ["expiresAt", Number.NaN],
  ["expiresAt", new Date("no date")],
  ["expiresAt", 1_000n],
  ["issuedAt", "yesterday"],
  ["subject", { id: "ada" }],
  ["subject", 1.5],
  ["tenant", ["acme"]],
  ["tokenId", false],
])("%s %o is a mistake that is told, and not taken for nothing said", (field, value) => {
  expect(() => identityFrom({ subject: "ada", [field]: value })).toThrow(
    new RegExp(`Expected ${field} of an identity`),
  );
});

test.each([{ expiresAt: 2_000 }, { tokenId: "t1" }])(
  "%o without a subject would never be found, and is told",
  (said) => {
    expect(() => identityFrom(said)).toThrow("to name its subject");
    expect(() => identityFrom(accept(said))).toThrow("to name its subject");
  },
);

test("the same somebody has the same authenticator, issuer, tenant and subject, whatever else differs", () => {
  const name = fc.constantFrom("a", "b", "");
  const who = fc.record({
    authenticator: name,
    issuer: fc.option(name),
    tenant: fc.option(name),
    subject: name,
    tokenId: name,
    issuedAt: fc.nat(),
  });
  fc.assert(
    fc.property(who, who, (one, other) => {
      const same = (["authenticator", "issuer", "tenant", "subject"] as const).every((key) => one[key] === other[key]);
      expect(isSameIdentity({ ...full, ...one }, { ...full, ...other })).toBe(same);
    }),
    { numRuns: 500 },
  );
});
