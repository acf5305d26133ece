/** What a genuine token claims, judged at one moment of a clock that stands still (security rows 2.3 and 2.4). */

import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type JwtOptions, jwt } from "../../src/auth/jwt.ts";
import { defineSocket } from "../../src/index.ts";
import { audience, goodClaims, issuer, makeKey, rawToken, seconds, token } from "./support/jws.ts";
import { identityOf, now, verdict } from "./support/request.ts";

const key = makeKey("EdDSA");
const keys = { alg: "EdDSA", kid: key.kid, key: key.jwk } as const;
const usual = { keys, issuer, audience, maxAgeSeconds: 86_400 };
const authenticate = jwt(usual);
const claimed = (claims: Record<string, unknown>, options: Partial<JwtOptions> = {}, at = now): Promise<string> =>
  verdict(jwt({ ...usual, ...options }), token(key, claims), { now: at });

describe("issuer and audience", () => {
  test.each([
    ["another issuer", { iss: "https://evil.example/" }],
    ["no issuer", { iss: undefined }],
    ["the issuer without its slash", { iss: issuer.slice(0, -1) }],
    ["the issuer in capitals", { iss: issuer.toUpperCase() }],
    ["a list with the issuer", { iss: [issuer] }],
    ["the issuer and more", { iss: `${issuer}evil` }],
    ["null as issuer", { iss: null }],
    ["another audience", { aud: "https://other.example" }],
    ["no audience", { aud: undefined }],
    ["an empty list as audience", { aud: [] }],
    ["a list without ours", { aud: ["a", "b"] }],
    ["a list with a number", { aud: [audience, 1] }],
    ["a nested list", { aud: [[audience]] }],
    ["an object as audience", { aud: { 0: audience } }],
    ["null as audience", { aud: null }],
    ["part of the audience", { aud: audience.slice(0, -1) }],
  ])("%s is refused", async (_name, claims) => {
    expect(await claimed(claims)).toBe("invalid");
  });

  test("one of several audiences is enough, and one of several issuers", async () => {
    expect(await claimed({ aud: ["https://other.example", audience] })).toBe("ok");
    expect(await claimed({}, { audience: ["a", audience] })).toBe("ok");
    expect(await claimed({}, { issuer: ["https://a.example", issuer] })).toBe("ok");
    expect(await claimed({ iss: "https://b.example" }, { issuer: ["https://a.example", issuer] })).toBe("invalid");
  });

  test("any will do only where that is written out", async () => {
    expect(await claimed({ iss: "https://evil.example" }, { issuer: false })).toBe("ok");
    expect(await claimed({ iss: undefined }, { issuer: false })).toBe("ok");
    expect(await claimed({ iss: 1 }, { issuer: false })).toBe("invalid");
    expect(await claimed({ aud: undefined }, { audience: false })).toBe("ok");
    expect(await claimed({ aud: 1 }, { audience: false })).toBe("invalid");
  });

  test("the identity has the issuer that was claimed, or none", async () => {
    const any = jwt({ ...usual, issuer: false });
    expect((await identityOf(any, token(key, { iss: "https://a.example" }))).issuer).toBe("https://a.example");
    expect((await identityOf(any, token(key, { iss: undefined }))).issuer).toBe(null);
  });
});

describe("subject", () => {
  test.each([[undefined], [""], [null], [7], [["ada"]], [{}], [true]])("%j is nobody", async (sub) => {
    expect(await claimed({ sub })).toBe("invalid");
  });

  test.each(["__proto__", "constructor", "auth0|1", "a b", "🎟️", "x".repeat(2_000)])("%j is somebody", async (sub) => {
    expect((await identityOf(authenticate, token(key, { sub }))).subject).toBe(sub);
  });
});

describe("times", () => {
  test.each([
    ["long ago", seconds - 1_000_000, "expired"],
    ["a millisecond ago", seconds - 0.001, "expired"],
    ["now", seconds, "expired"],
    ["in a millisecond", seconds + 0.001, "ok"],
    ["in 2038 and later", 2 ** 31 + 1, "ok"],
    ["in the year 9999", 253_402_300_799, "ok"],
    ["at the last moment there is", 8.64e12, "ok"],
    ["after that", 8.64e12 + 1, "invalid"],
    ["after anything", 1e300, "invalid"],
    ["in 1970", 0, "expired"],
    ["before that", -1, "invalid"],
  ])("a token whose exp is %s", async (_name, exp, expected) => {
    expect(await claimed({ exp, iat: Math.min(exp, seconds - 60) })).toBe(expected === "ok" ? "ok" : expected);
  });

  test("exp is exact, whatever clocks are allowed to differ by", async () => {
    expect(await claimed({ exp: seconds }, { clockSkewMs: 60_000 })).toBe("expired");
  });

  test.each([
    ["now", 0, "ok"],
    ["as far ahead as clocks may differ", 2, "ok"],
    ["further ahead", 2.001, "invalid"],
    ["tomorrow", 86_400, "invalid"],
  ])("iat and nbf %s", async (_name, ahead, expected) => {
    expect(await claimed({ iat: seconds + ahead })).toBe(expected);
    expect(await claimed({ nbf: seconds + ahead })).toBe(expected);
  });

  test("clocks may differ by what was said", async () => {
    expect(await claimed({ iat: seconds + 0.001 }, { clockSkewMs: 0 })).toBe("invalid");
    expect(await claimed({ nbf: seconds + 10 }, { clockSkewMs: 10_000 })).toBe("ok");
  });

  test.each([
    ["a second younger", 59, "ok"],
    ["exactly as old", 60, "ok"],
    ["a millisecond older", 60.001, "expired"],
    ["a day older", 86_460, "expired"],
  ])("a token %s than the age limit, which exp doesn't lift", async (_name, age, expected) => {
    expect(await claimed({ iat: seconds - age, exp: seconds + 1e9 }, { maxAgeSeconds: 60 })).toBe(expected);
  });

  const strange = ["1767225600", null, true, [], {}, "", "soon"];
  test.each(["exp", "iat", "nbf"])("%s that is no time is refused", async (claim) => {
    for (const value of [...strange, -1, -1e308, 8.64e12 + 1])
      expect(await claimed({ [claim]: value })).toBe("invalid");
    for (const text of ["1e999", "-1e999", "1E400"]) {
      const payload = JSON.stringify({ ...goodClaims, [claim]: "#" }).replace('"#"', text);
      const signed = rawToken(JSON.stringify({ alg: "EdDSA" }), payload, key.signer);
      expect(await verdict(authenticate, signed), `${claim} ${text}`).toBe("invalid");
    }
    const none = rawToken('{"alg":"EdDSA"}', JSON.stringify(goodClaims).replace(/"exp":\d+/, '"exp":NaN'), key.signer);
    expect(await verdict(authenticate, none)).toBe("invalid");
  });

  test("a token without iat or exp is refused unless that was written out", async () => {
    expect(await claimed({ iat: undefined })).toBe("invalid");
    expect(await claimed({ exp: undefined })).toBe("invalid");
    expect(await claimed({ iat: undefined }, { optional: ["iat"] })).toBe("ok");
    expect(await claimed({ exp: undefined }, { optional: ["exp"] })).toBe("ok");
    expect(await claimed({ iat: undefined }, { optional: ["exp"] })).toBe("invalid");
    const both = { optional: ["iat", "exp"], maxAgeSeconds: Number.POSITIVE_INFINITY } as const;
    expect(await claimed({ iat: undefined, exp: undefined }, both)).toBe("ok");
    expect(await claimed({ iat: "x" }, { optional: ["iat"] })).toBe("invalid");
  });

  test("of a claim that is there twice the last counts", async () => {
    const twice = (first: string, second: string): string =>
      rawToken(
        '{"alg":"EdDSA"}',
        JSON.stringify(goodClaims).replace(/"sub":"ada"/, `"sub":"${first}","sub":"${second}"`),
        key.signer,
      );
    expect((await identityOf(authenticate, twice("eve", "ada"))).subject).toBe("ada");
    expect(await verdict(authenticate, twice("ada", ""))).toBe("invalid");
  });

  test("the identity lapses at exp or when the token is too old, whichever is first", async () => {
    const lapse = async (options: Partial<JwtOptions>, claims: Record<string, unknown>): Promise<number> =>
      (await identityOf(jwt({ ...usual, ...options }), token(key, claims))).expiresAt - now;
    expect(await lapse({}, { exp: seconds + 10 })).toBe(10_000);
    expect(await lapse({ maxAgeSeconds: 100 }, { iat: seconds - 60, exp: seconds + 1e9 })).toBe(40_000);
    expect(await lapse({ maxAgeSeconds: 100, optional: ["iat"] }, { iat: undefined, exp: seconds + 1e9 })).toBe(
      100_000,
    );
    expect(await lapse({ maxAgeSeconds: 100, optional: ["exp"] }, { iat: seconds - 60, exp: undefined })).toBe(40_000);
    const ever = { maxAgeSeconds: Number.POSITIVE_INFINITY };
    expect(await lapse(ever, { exp: seconds + 1e9 })).toBe(1e12);
    expect(await lapse({ ...ever, optional: ["exp"] }, { exp: undefined })).toBe(Number.POSITIVE_INFINITY);
  });

  test("what a token is not for goes before how old it is: expired is said of what was good once", async () => {
    const old = { iat: seconds - 100_000, exp: seconds - 90_000 };
    expect(await claimed(old)).toBe("expired");
    for (const wrong of [
      { iss: "https://evil.example" },
      { aud: "other" },
      { sub: "" },
      { nbf: seconds + 60 },
      { jti: 1 },
    ])
      expect(await claimed({ ...old, ...wrong })).toBe("invalid");
    expect(await verdict(authenticate, token({ ...makeKey("EdDSA"), kid: key.kid }, old))).toBe("invalid");
  });

  test("it says for how long a revocation has to be remembered, where that can be said", () => {
    expect(authenticate.maxAgeMs).toBe(86_402_000);
    expect(jwt({ ...usual, maxAgeSeconds: 10, clockSkewMs: 0 }).maxAgeMs).toBe(10_000);
    expect(jwt({ ...usual, maxAgeSeconds: Number.POSITIVE_INFINITY }).maxAgeMs).toBe(Number.POSITIVE_INFINITY);
    expect(jwt({ ...usual, optional: ["iat"] }).maxAgeMs).toBe(undefined);
  });
});

describe("tenant", () => {
  const ofTenant = jwt({ ...usual, tenant: "org_id" });

  test("is the claim that was named, without which nobody gets in", async () => {
    expect((await identityOf(ofTenant, token(key, { org_id: "acme" }))).tenant).toBe("acme");
    for (const org_id of [undefined, "", null, 1, ["acme"], {}])
      expect(await verdict(ofTenant, token(key, { org_id }))).toBe("invalid");
  });

  test("is no property every object has", async () => {
    for (const name of ["constructor", "__proto__", "toString"])
      expect(await claimed({}, { tenant: name })).toBe("invalid");
    const own = jwt({ ...usual, tenant: "__proto__" });
    const payload = JSON.stringify(goodClaims).replace("{", '{"__proto__":"acme",');
    expect((await identityOf(own, rawToken('{"alg":"EdDSA"}', payload, key.signer))).tenant).toBe("acme");
  });

  test("may be worked out from the claims, and be none", async () => {
    const worked = jwt({ ...usual, tenant: ({ sub }) => (sub === "ada" ? "acme" : null) });
    expect((await identityOf(worked, token(key))).tenant).toBe("acme");
    expect((await identityOf(worked, token(key, { sub: "ben" }))).tenant).toBe(null);
    const broken = jwt({ ...usual, tenant: () => undefined as never });
    await expect(verdict(broken, token(key))).rejects.toThrow("tenant");
  });
});

describe("a schema of the claims", () => {
  const schema = z.object({
    sub: z.string(),
    role: z.enum(["user", "admin"]),
    "https://example.com/plan": z.string().default("free"),
  });
  const typed = jwt({ ...usual, claims: schema });

  test("checks them, and types what is left of them", async () => {
    const { claims } = await identityOf(typed, token(key, { role: "admin" }));
    const role: "user" | "admin" = claims.role;
    expect({ ...claims, role }).toEqual({ sub: "ada", role: "admin", "https://example.com/plan": "free" });
    expect(await verdict(typed, token(key, { role: "root" }))).toBe("invalid");
    expect(await verdict(typed, token(key))).toBe("invalid");
  });

  test("types the identity that connect is given", () => {
    defineSocket({
      authenticate: jwt({ ...usual, claims: schema }),
      connect: ({ identity }) => ({ role: identity.claims.role satisfies "user" | "admin" }),
    });
  });

  test("may take its time", async () => {
    const slow = jwt({ ...usual, claims: schema.refine(async ({ sub }) => Promise.resolve(sub === "ada")) });
    expect(await verdict(slow, token(key, { role: "user" }))).toBe("ok");
    expect(await verdict(slow, token(key, { role: "user", sub: "ben" }))).toBe("invalid");
  });
});

test.each([
  ["no issuer", { issuer: undefined }, "issuer"],
  ["an empty issuer", { issuer: "" }, "issuer"],
  ["no issuers", { issuer: [] }, "issuer"],
  ["an unset one among them", { issuer: [issuer, undefined] }, "issuer"],
  ["true as issuer", { issuer: true }, "issuer"],
  ["no audience", { audience: undefined }, "audience"],
  ["an empty audience", { audience: [""] }, "audience"],
  ["no age", { maxAgeSeconds: undefined }, "maxAgeSeconds"],
  ["age zero", { maxAgeSeconds: 0 }, "maxAgeSeconds"],
  ["a negative age", { maxAgeSeconds: -1 }, "maxAgeSeconds"],
  ["age NaN", { maxAgeSeconds: Number.NaN }, "maxAgeSeconds"],
  ["a negative skew", { clockSkewMs: -1 }, "clockSkewMs"],
  ["an infinite skew", { clockSkewMs: Number.POSITIVE_INFINITY }, "clockSkewMs"],
  ["an unknown claim to do without", { optional: ["sub"] }, "optional"],
  ["neither iat nor exp, and an age", { optional: ["iat", "exp"] }, "never lapses"],
  ["no keys", { keys: [] }, "keys"],
  ["unset keys", { keys: undefined }, "keys"],
  ["a string as keys", { keys: "secret" }, "keys"],
  ["an empty typ", { typ: "" }, "typ"],
  ["a number as tenant", { tenant: 1 }, "tenant"],
  ["no schema", { claims: {} }, "claims"],
])("%s is a mistake told at once", (_name, options, message) => {
  expect(() => jwt({ ...usual, ...options } as never)).toThrow(TypeError);
  expect(() => jwt({ ...usual, ...options } as never)).toThrow(message);
});
