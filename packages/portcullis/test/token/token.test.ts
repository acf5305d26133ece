/** Tokens as their user sees them. */

import { createHmac } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { encodeTerm } from "../../src/token/etf-encode.ts";
import { deriveKey } from "../../src/token/key.ts";
import {
  type Atom,
  atom,
  createTokens,
  type Tokens,
  type TokensOptions,
  tokenId,
  tuple,
} from "../../src/token/token.ts";
import { isSignedBy, type SignedParts, signMessage, splitMessage } from "../../src/token/verifier.ts";

const SECRET = "a secret of the tests, which is long enough to pass";
const OLD_SECRET = "the secret before it, which is long enough as well";
const SALT = "user socket";
const SIGNED_AT = 1_700_000_000_000;
const BOUNDS = { termBytesMax: 1_000_000, depthMax: 100, elementsMax: 100_000 };
const KEY = deriveKey(SECRET, SALT, { keyIterations: 1000, keyLength: 32, keyDigest: "sha256" });
const PAIRS = [
  ["sign", "verify"],
  ["encrypt", "decrypt"],
] as const;

function tokensAt(nowMs: number, options: Partial<TokensOptions> = {}): Tokens {
  return createTokens({ secretKeyBase: SECRET, now: () => nowMs, ...options });
}

/** A genuine token over whatever bytes. */
function genuine(message: Uint8Array): string {
  return signMessage(message, KEY);
}

describe.each(PAIRS)("%s and %s", (write, read) => {
  test("data comes back with its times", () => {
    const tokens = tokensAt(SIGNED_AT);
    const token = tokens[write](SALT, { userId: 1 }, { maxAgeSeconds: 60 });
    expect(tokens[read](SALT, token)).toEqual({
      ok: true,
      data: { userId: 1 },
      signedAt: SIGNED_AT,
      expiresAt: SIGNED_AT + 60_000,
      keyId: expect.stringMatching(/^[\w-]{8}$/),
    });
  });

  test("the methods work off the object", () => {
    const { [write]: writing, [read]: reading } = tokensAt(SIGNED_AT);
    expect(reading(SALT, writing(SALT, 1))).toMatchObject({ ok: true, data: 1 });
  });

  test.each([undefined, null])("no token is missing: %s", (token) => {
    expect(tokensAt(SIGNED_AT)[read](SALT, token)).toEqual({ ok: false, reason: "missing" });
  });

  test.each([0, 1, true, {}, [], ["a"], () => "a", Symbol("a"), 1n, new String("a"), Buffer.from("a"), Number.NaN])(
    "what isn't a string is invalid: %s",
    (token) => {
      expect(tokensAt(SIGNED_AT)[read](SALT, token)).toEqual({ ok: false, reason: "invalid" });
    },
  );

  test("a token counts for its own salt, secret and key options only", () => {
    const tokens = tokensAt(SIGNED_AT);
    const token = tokens[write](SALT, 1, { keyIterations: 2 });
    const invalid = { ok: false, reason: "invalid" };
    expect(tokens[read](SALT, token, { keyIterations: 2 })).toMatchObject({ ok: true });
    expect(tokens[read](SALT, token)).toEqual(invalid);
    expect(tokens[read]("channel", token, { keyIterations: 2 })).toEqual(invalid);
    expect(tokens[read](SALT, token, { keyIterations: 2, keyDigest: "sha512" })).toEqual(invalid);
    expect(tokensAt(SIGNED_AT, { secretKeyBase: OLD_SECRET })[read](SALT, token, { keyIterations: 2 })).toEqual(
      invalid,
    );
    expect(tokensAt(SIGNED_AT, { keyIterations: 2 })[read](SALT, token)).toMatchObject({ ok: true });
  });

  test("a signed token isn't an encrypted one, nor the other way round", () => {
    const tokens = tokensAt(SIGNED_AT);
    const other = read === "verify" ? tokens.encrypt(SALT, 1) : tokens.sign(SALT, 1);
    expect(tokens[read](SALT, other)).toEqual({ ok: false, reason: "invalid" });
  });

  test("of several secrets the newest signs and all of them verify", () => {
    const old = tokensAt(SIGNED_AT, { secretKeyBase: OLD_SECRET });
    const rotated = tokensAt(SIGNED_AT, { secretKeyBase: [SECRET, OLD_SECRET] });
    const fresh = tokensAt(SIGNED_AT, { secretKeyBase: SECRET });
    expect(rotated[read](SALT, old[write](SALT, "old"))).toMatchObject({ ok: true, data: "old" });
    expect(rotated[read](SALT, fresh[write](SALT, "new"))).toMatchObject({ ok: true, data: "new" });
    expect(fresh[read](SALT, rotated[write](SALT, "new"))).toMatchObject({ ok: true });
    expect(old[read](SALT, rotated[write](SALT, "new"))).toEqual({ ok: false, reason: "invalid" });
    expect(fresh[read](SALT, old[write](SALT, "old"))).toEqual({ ok: false, reason: "invalid" });
  });

  test("a failure says nothing of the token", () => {
    const token = tokensAt(SIGNED_AT)[write](SALT, "u");
    for (const result of [
      tokensAt(SIGNED_AT + 86_400_001)[read](SALT, token),
      tokensAt(SIGNED_AT)[read]("other", token),
      tokensAt(SIGNED_AT)[read](SALT, undefined),
    ]) {
      expect(Object.keys(result)).toEqual(["ok", "reason"]);
    }
    expect(Object.keys(tokensAt(SIGNED_AT)[read](SALT, token))).toEqual([
      "ok",
      "data",
      "signedAt",
      "expiresAt",
      "keyId",
    ]);
  });

  describe("age", () => {
    const token = tokensAt(SIGNED_AT)[write](SALT, 1, { maxAgeSeconds: 60 });
    const forever = tokensAt(SIGNED_AT)[write](SALT, 1, { maxAgeSeconds: Number.POSITIVE_INFINITY });
    const unlimited = Number.POSITIVE_INFINITY;

    test.each([
      { what: "its own limit, to the millisecond", after: 60_000, reason: undefined },
      { what: "one millisecond more", after: 60_001, reason: "expired" },
      { what: "the verifier's longer limit wins", after: 90_000, options: { maxAgeSeconds: 90 }, reason: undefined },
      { what: "the verifier's shorter limit wins", after: 30_001, options: { maxAgeSeconds: 30 }, reason: "expired" },
      { what: "a fraction of a second counts", after: 1_500, options: { maxAgeSeconds: 1.5 }, reason: undefined },
      { what: "and ends", after: 1_501, options: { maxAgeSeconds: 1.5 }, reason: "expired" },
      {
        what: "a fraction of a millisecond doesn't count",
        after: 1,
        options: { maxAgeSeconds: 0.0009 },
        reason: "expired",
      },
      { what: "zero has always expired", after: 0, options: { maxAgeSeconds: 0 }, reason: "expired" },
      { what: "so has a negative limit", after: 0, options: { maxAgeSeconds: -1 }, reason: "expired" },
      { what: "and minus zero", after: 0, options: { maxAgeSeconds: -0 }, reason: "expired" },
      { what: "unlimited", after: 1e12, options: { maxAgeSeconds: unlimited }, reason: undefined },
      { what: "signed a millisecond ahead of the clock", after: -1, reason: "invalid" },
      { what: "skew allowed", after: -2_000, options: { clockSkewMs: 2_000 }, reason: undefined },
      { what: "more than the skew allowed", after: -2_001, options: { clockSkewMs: 2_000 }, reason: "invalid" },
      { what: "skew doesn't lengthen its life", after: 60_001, options: { clockSkewMs: 2_000 }, reason: "expired" },
      {
        what: "a limit of zero is looked at before the future",
        after: -1,
        options: { maxAgeSeconds: 0 },
        reason: "expired",
      },
      { what: "without a limit no time is", after: -1, options: { maxAgeSeconds: unlimited }, reason: undefined },
    ])("$what", ({ after, options, reason }) => {
      const result = tokensAt(SIGNED_AT + after)[read](SALT, token, options);
      expect(result).toMatchObject(reason === undefined ? { ok: true, signedAt: SIGNED_AT } : { ok: false, reason });
    });

    test("no limit was said when signing", () => {
      expect(tokensAt(SIGNED_AT + 1e12)[read](SALT, forever)).toMatchObject({ ok: true, expiresAt: unlimited });
      expect(tokensAt(SIGNED_AT + 60_001)[read](SALT, forever, { maxAgeSeconds: 60 })).toEqual({
        ok: false,
        reason: "expired",
      });
    });

    test("the end is told by the limit that counts", () => {
      expect(tokensAt(SIGNED_AT)[read](SALT, token)).toMatchObject({ expiresAt: SIGNED_AT + 60_000 });
      expect(tokensAt(SIGNED_AT)[read](SALT, token, { maxAgeSeconds: 0.5 })).toMatchObject({
        expiresAt: SIGNED_AT + 500,
      });
      expect(tokensAt(SIGNED_AT)[read](SALT, token, { maxAgeSeconds: unlimited })).toMatchObject({
        expiresAt: unlimited,
      });
    });

    test("a clock that answers NaN lets nobody in", () => {
      expect(tokensAt(Number.NaN)[read](SALT, token)).toEqual({ ok: false, reason: "invalid" });
    });

    test("without a clock of one's own, it is the wall clock", () => {
      const tokens = createTokens({ secretKeyBase: SECRET });
      const before = Date.now();
      const result = tokens[read](SALT, tokens[write](SALT, 1));
      expect(result.ok && result.signedAt).toBeGreaterThanOrEqual(before);
      expect(result.ok && result.signedAt).toBeLessThanOrEqual(Date.now());
    });

    test("a time of signing may be given, in whole milliseconds", () => {
      const early = tokensAt(0)[write](SALT, 1, { signedAt: SIGNED_AT + 0.9 });
      expect(tokensAt(SIGNED_AT)[read](SALT, early)).toMatchObject({ signedAt: SIGNED_AT });
    });
  });

  describe("the programmer's errors", () => {
    const tokens = tokensAt(SIGNED_AT);
    const token = tokens[write](SALT, 1);

    test.each([
      { maxAgeSeconds: Number.NaN },
      { maxAgeSeconds: Number.NEGATIVE_INFINITY },
      { maxAgeSeconds: 1e306 },
      { maxAgeSeconds: "60" as unknown as number },
      { maxAgeSeconds: null as unknown as number },
      { keyIterations: 0 },
      { keyLength: 1.5 },
      { keyDigest: "md5" as unknown as "sha256" },
    ])("%o", (options) => {
      expect(() => tokens[read](SALT, token, options)).toThrow(TypeError);
      // Thrown whatever the token, so that it shows in the first test and not in production.
      expect(() => tokens[read](SALT, undefined, options)).toThrow(TypeError);
      if (options.maxAgeSeconds !== null) expect(() => tokens[write](SALT, 1, options)).toThrow(TypeError);
    });

    test.each([{ clockSkewMs: -1 }, { clockSkewMs: Number.NaN }, { clockSkewMs: Number.POSITIVE_INFINITY }])(
      "%o",
      (options) => {
        expect(() => tokens[read](SALT, token, options)).toThrow(TypeError);
      },
    );

    test.each([{ signedAt: Number.NaN }, { signedAt: Number.POSITIVE_INFINITY }])("%o", (options) => {
      expect(() => tokens[write](SALT, 1, options)).toThrow(TypeError);
    });

    test("a salt that isn't a string", () => {
      expect(() => tokens[write](undefined as unknown as string, 1)).toThrow(TypeError);
      expect(() => tokens[read](undefined as unknown as string, token)).toThrow(TypeError);
    });

    test("data that can't be encoded, or is too large for the token to be read again", () => {
      expect(() => tokens[write](SALT, { now: new Date(0) })).toThrow(TypeError);
      expect(() => tokens[write](SALT, "x".repeat(100_000))).toThrow(/131072 characters/);
    });
  });

  test("what can be signed can be read, up to the bounds", () => {
    const tokens = tokensAt(SIGNED_AT, {
      bounds: { tokenCharactersMax: 300, elementsMax: 20, depthMax: 3, termBytesMax: 150 },
    });
    const candidates: readonly unknown[] = [
      ..."x"
        .repeat(14)
        .split("")
        .map((_, index) => "y".repeat(index * 10)),
      ...Array.from({ length: 25 }, (_, index) => new Array(index).fill(null)),
      [[]],
      [[[]]],
      [[[[]]]],
    ];
    const signed = candidates.flatMap((data) => {
      try {
        return [tokens[write](SALT, data)];
      } catch {
        return [];
      }
    });
    expect(signed.length).toBeGreaterThan(20);
    expect(signed.length).toBeLessThan(candidates.length);
    for (const token of signed) expect(tokens[read](SALT, token)).toMatchObject({ ok: true });
    const large = tokensAt(SIGNED_AT)[write](SALT, "x".repeat(400));
    expect(tokens[read](SALT, large)).toEqual({ ok: false, reason: "invalid" });
  });

  test("a token longer than allowed is invalid, though its data is small enough", () => {
    const token = tokensAt(SIGNED_AT)[write](SALT, "x".repeat(100));
    const bounded = (tokenCharactersMax: number): Tokens => tokensAt(SIGNED_AT, { bounds: { tokenCharactersMax } });
    expect(bounded(token.length)[read](SALT, token)).toMatchObject({ ok: true });
    expect(bounded(token.length - 1)[read](SALT, token)).toEqual({ ok: false, reason: "invalid" });
  });
});

describe("a genuine signature over nonsense is invalid", () => {
  test.each([
    ["not a term", Buffer.from("nonsense")],
    ["nothing", Buffer.alloc(0)],
    ["a string", encodeTerm("data", BOUNDS)],
    ["a tuple of one", encodeTerm(tuple(1), BOUNDS)],
    ["a tuple of four", encodeTerm(tuple(1, SIGNED_AT, 60, 0), BOUNDS)],
    ["a list", encodeTerm([1, SIGNED_AT, 60], BOUNDS)],
    ["signed at nil", encodeTerm(tuple(1, null, 60), BOUNDS)],
    ["signed at nil, for ever", encodeTerm(tuple(1, null, atom("infinity")), BOUNDS)],
    ["an unknown atom for the age", encodeTerm(tuple(1, SIGNED_AT, atom("forever")), BOUNDS)],
    ["a string for the age", encodeTerm(tuple(1, SIGNED_AT, "infinity"), BOUNDS)],
    ["a map of other keys", encodeTerm({ data: 1, signed: SIGNED_AT }, BOUNDS)],
    ["a map without the time", encodeTerm(new Map([[atom("data"), 1]]), BOUNDS)],
  ])("%s", (_, message) => {
    expect(tokensAt(SIGNED_AT).verify(SALT, genuine(message))).toEqual({ ok: false, reason: "invalid" });
  });

  test.each(["g2gD YQ", "g2gD\nYQ", "g2gD+Q==", "g2gDY", "g2gDYQ=", "g2gDYQ==="])(
    "with its payload spelt %j",
    (payload) => {
      const signed = `SFMyNTY.${payload}`;
      const token = `${signed}.${createHmac("sha256", KEY).update(signed).digest("base64url")}`;
      expect(isSignedBy(splitMessage(token) as SignedParts, KEY)).toBe(true);
      expect(tokensAt(SIGNED_AT).verify(SALT, token)).toEqual({ ok: false, reason: "invalid" });
    },
  );

  test("the older forms still count for a day", () => {
    const older = [
      encodeTerm(tuple("data", SIGNED_AT), BOUNDS),
      encodeTerm(
        new Map<Atom, unknown>([
          [atom("signed"), SIGNED_AT],
          [atom("data"), "data"],
        ]),
        BOUNDS,
      ),
    ];
    for (const message of older) {
      expect(tokensAt(SIGNED_AT).verify(SALT, genuine(message))).toMatchObject({
        ok: true,
        data: "data",
        expiresAt: SIGNED_AT + 86_400_000,
      });
      expect(tokensAt(SIGNED_AT + 86_400_001).verify(SALT, genuine(message))).toEqual({ ok: false, reason: "expired" });
    }
  });
});

test.each([
  "SFMyNTY.g2gDYQ",
  "SFMyNTY",
  ".",
  "..",
  "...",
  "SFMyNTY..",
  "SFMyNTY...",
  "bm9uZQ.g2gDYQFuBgAAaOXPiwFiAAFRgA.",
  "XCP.",
  "XCP..",
  "QTEyOEdDTQ.",
  "QTEyOEdDTQ....",
  "QTEyOEdDTQ.AAAA.AAAA.AAAA.AAAA",
])("%j is invalid", (text) => {
  expect(tokensAt(SIGNED_AT).verify(SALT, text)).toEqual({ ok: false, reason: "invalid" });
  expect(tokensAt(SIGNED_AT).decrypt(SALT, text)).toEqual({ ok: false, reason: "invalid" });
});

describe("createTokens", () => {
  test.each([
    { secretKeyBase: "" },
    { secretKeyBase: "nineteen bytes long" },
    { secretKeyBase: [] },
    { secretKeyBase: [SECRET, "short"] },
    { secretKeyBase: undefined as unknown as string },
    { secretKeyBase: 1234567890 as unknown as string },
    { secretKeyBase: SECRET, keysCachedMax: 0 },
    { secretKeyBase: SECRET, keyIterations: Number.NaN },
    { secretKeyBase: SECRET, bounds: { depthMax: -1 } },
  ])("refuses %o", (options) => {
    expect(() => createTokens(options)).toThrow(TypeError);
    expect(() => createTokens(options)).toThrow(
      new RegExp(`^${Object.keys(options.bounds ?? options).at(-1)} must be`),
    );
  });

  test("the refusal doesn't show the secret", () => {
    expect(() => createTokens({ secretKeyBase: "my short secret" })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("my short secret") }),
    );
  });

  test("the length of a secret is counted in bytes", () => {
    expect(() => createTokens({ secretKeyBase: "✓✓✓✓✓✓✓" })).not.toThrow();
  });

  test("neither inspecting nor serialising it shows a secret or a key", () => {
    const tokens = createTokens({ secretKeyBase: [SECRET, OLD_SECRET] });
    tokens.sign(SALT, 1);
    const shown = inspect(tokens, { showHidden: true, depth: null, getters: true }) + JSON.stringify(tokens);
    expect(shown).not.toContain(SECRET);
    expect(shown).not.toContain(OLD_SECRET);
    expect(shown).not.toContain("KeyObject");
  });

  test("a list of secrets changed afterwards changes nothing", () => {
    const secrets = [SECRET];
    const tokens = createTokens({ secretKeyBase: secrets });
    secrets[0] = OLD_SECRET;
    expect(createTokens({ secretKeyBase: SECRET }).verify(SALT, tokens.sign(SALT, 1))).toMatchObject({ ok: true });
  });
});

describe("tokenId", () => {
  const tokens = tokensAt(SIGNED_AT);

  test("all spellings of a signed token have one id, another token has another", () => {
    const token = tokens.sign(SALT, 1);
    expect(tokens.verify(SALT, `${token}=`)).toMatchObject({ ok: true });
    expect(tokenId(`${token}=`)).toBe(tokenId(token));
    expect(tokenId(tokens.sign(SALT, 2))).not.toBe(tokenId(token));
    expect(tokenId(token)).toMatch(/^[\w-]{43}$/);
  });

  test("all spellings of an encrypted token have one id", () => {
    const token = [1, 22, 333].map((data) => tokens.encrypt(SALT, data)).find((text) => text.length % 4 !== 0);
    if (token === undefined) throw new Error("None of the tokens can be padded.");
    const body = token.slice(4);
    const padded = `XCP.${body}${"=".repeat((4 - (body.length % 4)) % 4)}`;
    expect(tokens.decrypt(SALT, padded)).toMatchObject({ ok: true });
    expect(tokenId(padded)).toBe(tokenId(token));
    expect(tokenId(tokens.encrypt(SALT, 1))).not.toBe(tokenId(tokens.encrypt(SALT, 1)));
  });
});
