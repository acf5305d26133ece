/** Several kinds of credentials: one of them lets in, and a refusal says no more than one of them alone would. */

import { describe, expect, test } from "vitest";
import { anyOf } from "../../src/auth/any-of.ts";
import type { Identity } from "../../src/auth/authenticator.ts";
import { encryptedToken } from "../../src/auth/encrypted-token.ts";
import { jwks, jwt } from "../../src/auth/jwt.ts";
import { memoryCredentialStore } from "../../src/auth/memory.ts";
import { signedToken } from "../../src/auth/signed-token.ts";
import { createTickets } from "../../src/auth/ticket.ts";
import { defineSocket, type Rejection, reject } from "../../src/index.ts";
import { audience, issuer, makeKey, seconds, token } from "./support/jws.ts";
import { identityOf, now, requestFor, tokensAt, verdict } from "./support/request.ts";

const key = makeKey("ES256");
const tokens = tokensAt();
const user = signedToken({ salt: "user socket", maxAgeSeconds: 3_600 });
const service = jwt({
  keys: { alg: "ES256", kid: key.kid, key: key.jwk },
  issuer,
  audience,
  maxAgeSeconds: 86_400,
});
const both = anyOf({ user, service });
const signed = tokens.sign("user socket", "42");
const old = tokens.sign("user socket", "42", { signedAt: now - 3_600_001 });

const says = (said: Identity | Rejection) => (): Identity | Rejection => said;
const ada: Identity<string> = {
  authenticator: "own",
  issuer: "https://ada.example",
  tenant: null,
  subject: "42",
  claims: "of ada",
  tokenId: null,
  issuedAt: now,
  expiresAt: now + 1_000,
};

test("whoever one member knows gets in, under the member's name", async () => {
  expect(await identityOf(both, signed)).toMatchObject({ authenticator: "user", issuer: null, subject: "42" });
  expect(await identityOf(both, token(key, { sub: "42" }))).toMatchObject({
    authenticator: "service",
    issuer,
    subject: "42",
    keyId: key.kid,
  });
});

test("the same subject of two members is one only where that was said", async () => {
  const shared = anyOf({ user, service }, { sharedSubjects: true });
  const who = async (credential: string): Promise<unknown[]> => {
    const { authenticator, issuer: from, tenant, subject } = await identityOf(shared, credential);
    return [authenticator, from, tenant, subject];
  };
  expect(await who(signed)).toEqual(await who(token(key, { sub: "42" })));
  const apart = await Promise.all([signed, token(key, { sub: "42" })].map((one) => identityOf(both, one)));
  expect(new Set(apart.map(({ authenticator }) => authenticator)).size).toBe(2);
});

test("two of a kind are told apart by their names", async () => {
  const two = anyOf({ web: user, app: signedToken({ salt: "app socket", maxAgeSeconds: 3_600 }) });
  expect((await identityOf(two, signed)).authenticator).toBe("web");
  expect((await identityOf(two, tokens.sign("app socket", "42"))).authenticator).toBe("app");
});

test("members are asked in their order, one after the other, and not after one who knows", async () => {
  const asked: string[] = [];
  const member = (name: string, said: Identity | Rejection) => () => {
    asked.push(name);
    return said;
  };
  const members = { z: member("z", reject("invalid")), a: member("a", ada), m: member("m", ada) };
  expect((await identityOf(anyOf(members), "x")).authenticator).toBe("a");
  expect(asked).toEqual(["z", "a"]);
});

describe("a refusal", () => {
  const [missing, invalid, expired, unavailable] = (["missing", "invalid", "expired", "unavailable"] as const).map(
    (reason) => reject(reason),
  ) as [Rejection, Rejection, Rejection, Rejection];

  test.each([
    [[missing, missing], "missing"],
    [[missing, invalid], "invalid"],
    [[invalid, missing], "invalid"],
    [[invalid, expired], "expired"],
    [[expired, invalid], "expired"],
    [[expired, missing, invalid], "expired"],
    [[invalid, unavailable], "unavailable"],
    [[unavailable, invalid, missing], "unavailable"],
    // Whoever says expired had verified it.
    [[unavailable, expired], "expired"],
    [[expired, unavailable], "expired"],
  ] as [Rejection[], string][])("is the one that says most", async (refusals, expected) => {
    const members = Object.fromEntries(refusals.map((refusal, index) => [`m${index}`, says(refusal)]));
    expect(await verdict(anyOf(members), "x")).toBe(expected);
  });

  test("for want of one member's keys keeps nobody out whom another knows", async () => {
    expect((await identityOf(anyOf({ down: says(unavailable), up: says(ada) }), "x")).authenticator).toBe("up");
    expect((await identityOf(anyOf({ old: says(expired), up: says(ada) }), "x")).authenticator).toBe("up");
  });

  test("for a reason of a member's own ends it: nobody else is asked", async () => {
    const banned = reject("banned", { until: "tomorrow" });
    expect(await anyOf({ a: says(invalid), b: says(banned), c: says(ada) })(requestFor("x"))).toBe(banned);
    const bytes = reject(new Uint8Array([1]));
    expect(await anyOf({ a: says(bytes), c: says(ada) })(requestFor("x"))).toBe(bytes);
  });

  test("doesn't say whose it is, and was made after all were asked", async () => {
    for (const reason of ["missing", "invalid", "expired"] as const) {
      const answers = [];
      for (const at of [0, 1, 2]) {
        const asked: number[] = [];
        const members = Object.fromEntries(
          [0, 1, 2].map((index) => [
            `m${index}`,
            () => {
              asked.push(index);
              return index === at ? reject(reason, { member: index }) : reject("missing", { member: index });
            },
          ]),
        );
        answers.push(await anyOf(members)(requestFor("x")));
        expect(asked).toEqual([0, 1, 2]);
      }
      expect(answers).toEqual([reject(reason), reject(reason), reject(reason)]);
    }
  });

  test("says when to come again, and nothing else that was said", async () => {
    const later = reject("unavailable", { retry: { afterMs: 5 }, host: "keys.internal" });
    expect(await anyOf({ a: says(invalid), b: says(later) })(requestFor("x"))).toEqual(
      reject("unavailable", { retry: { afterMs: 5 } }),
    );
  });

  test("of real members: expired before invalid, unavailable before invalid", async () => {
    expect(await verdict(both, null)).toBe("missing");
    expect(await verdict(both, "forged")).toBe("invalid");
    expect(await verdict(both, old)).toBe("expired");
    expect(await verdict(both, token(key, { exp: seconds - 1 }))).toBe("expired");
    const keys = jwks({
      url: "https://issuer.example/jwks.json",
      algorithms: ["ES256"],
      fetch: () => Promise.reject(new Error("down")),
    });
    const down = anyOf({ user, service: jwt({ keys, issuer, audience, maxAgeSeconds: 60 }) });
    expect(await verdict(down, token(key))).toBe("unavailable");
    expect(await verdict(down, signed)).toBe("ok");
    expect(await verdict(down, old)).toBe("expired");
    expect(await verdict(down, "forged")).toBe("invalid");
  });
});

test("a ticket among others is spent by nobody but the ticket's own member", async () => {
  const store = memoryCredentialStore();
  const tickets = createTickets({ store, lifetimeSeconds: 60, now: () => now });
  const all = anyOf({ user, service, ticket: tickets.authenticate });
  const ticket = await tickets.issue({ tokens }, { subject: "42" });
  expect((await identityOf(all, ticket)).authenticator).toBe("ticket");
  expect(await verdict(all, ticket)).toBe("invalid");
});

test.each([
  ["undefined", undefined],
  ["null", null],
  ["false", false],
  ["a string", "42"],
])("a member that returns %s is an error, not an identity", async (_name, said) => {
  await expect(verdict(anyOf({ user, broken: () => said as never }), "x")).rejects.toThrow("broken of anyOf");
});

test("a member that throws is not passed over", async () => {
  const broken = (): never => {
    throw new Error("no database");
  };
  await expect(verdict(anyOf({ broken, user }), signed)).rejects.toThrow("no database");
});

test("revocations are remembered as long as the longest-lived member asks for", () => {
  expect(anyOf({ user, service }).maxAgeMs).toBe(86_402_000);
  expect(anyOf({ user, own: says(ada) }).maxAgeMs).toBe(Number.POSITIVE_INFINITY);
});

test("the member's name tells the types of claims apart", () => {
  const socket = defineSocket({
    authenticate: anyOf({ own: () => ada as Identity<string> | Rejection<"unknown">, service }),
    connect({ identity }) {
      if (identity.authenticator === "own") return { claims: identity.claims satisfies string };
      return { claims: identity.claims.sub satisfies string };
    },
  });
  expect(socket.authenticated).toBe(true);
  const shared = anyOf({ user, encrypted: encryptedToken({ salt: "s", maxAgeSeconds: 1 }) }, { sharedSubjects: true });
  defineSocket({
    authenticate: shared,
    connect: ({ identity }) => ({ by: identity.authenticator satisfies "anyOf", subject: identity.subject }),
  });
});

test.each([
  ["nothing", undefined, "authenticators"],
  ["nobody", {}, "authenticators"],
  ["something that is no function", { a: "secret" }, "authenticator"],
  ["a number as name", { 1: user }, "names"],
  ["an empty name", { "": user }, "names"],
  ["anyOf itself", { a: both }, "list all"],
])("%s is a mistake told at once", (_name, members, message) => {
  expect(() => anyOf(members as never)).toThrow(TypeError);
  expect(() => anyOf(members as never)).toThrow(message);
});
