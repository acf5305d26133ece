/** No token but one that a configured key signed, for this socket, is taken (security rows 2.4 to 2.7). */

import {
  createHash,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  type webcrypto,
} from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type JwtAlgorithm, type JwtKey, jwt } from "../../src/auth/jwt.ts";
import {
  audience,
  encode,
  goodClaims,
  issuer,
  makeKey,
  otherSignature,
  rawToken,
  signerOf,
  type TestKey,
  token,
} from "./support/jws.ts";
import { identityOf, requestFor, verdict } from "./support/request.ts";

const rsa = makeKey("RS256", "rsa-1");
const ec = makeKey("ES256", "ec-1");
const hs = makeKey("HS256", "hs-1");
const asOption = ({ alg, kid, verifying }: TestKey): JwtKey => ({ alg: alg as JwtAlgorithm, kid, key: verifying });
const maxAgeSeconds = 86_400;
const authenticate = jwt({ keys: [rsa, ec, hs].map(asOption), issuer, audience, maxAgeSeconds });

const ALGORITHMS = [
  ...["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

describe.each(ALGORITHMS)("%s", (alg) => {
  const key = makeKey(alg);
  const only = jwt({ keys: asOption(key), issuer, audience, maxAgeSeconds });

  test("a token of the key is taken, with and without its key id", async () => {
    expect(await identityOf(only, token(key))).toMatchObject({ subject: "ada", keyId: key.kid });
    expect(await verdict(only, token(key, {}, { kid: undefined }))).toBe("ok");
  });

  test("a token of another key, or of this key for another id, is not", async () => {
    expect(await verdict(only, token({ ...makeKey(alg), kid: key.kid }))).toBe("invalid");
    expect(await verdict(only, token(key, {}, { kid: "another" }))).toBe("invalid");
  });

  test("the same signature under any other algorithm's name is not", async () => {
    for (const other of [...ALGORITHMS, "none", "None", "hs256", "", "HS1", "ES256K", "RSA-OAEP"]) {
      if (other === alg) continue;
      expect(await verdict(only, token(key, {}, { alg: other })), other).toBe("invalid");
    }
  });
});

test("an identity says who vouches, for whom, for how long and by which key", async () => {
  const signed = token(rsa);
  expect(await identityOf(authenticate, signed)).toEqual({
    authenticator: "jwt",
    issuer,
    tenant: null,
    subject: "ada",
    claims: goodClaims,
    tokenId: createHash("sha256")
      .update(signed.slice(0, signed.lastIndexOf(".")))
      .digest("base64url"),
    keyId: "rsa-1",
    issuedAt: (goodClaims["iat"] as number) * 1_000,
    expiresAt: (goodClaims["exp"] as number) * 1_000,
  });
});

test("without a credential it is missing, not invalid", async () => {
  expect(await verdict(authenticate, null)).toBe("missing");
  expect(await verdict(authenticate, "")).toBe("invalid");
});

describe("algorithms", () => {
  test.each(["none", "None", "NONE", "nOnE"])("alg %s is refused, signed or not", async (alg) => {
    const unsigned = `${encode(JSON.stringify({ alg, typ: "JWT" }))}.${encode(JSON.stringify(goodClaims))}.`;
    expect(await verdict(authenticate, unsigned)).toBe("invalid");
    expect(await verdict(authenticate, `${unsigned}AAAA`)).toBe("invalid");
    expect(await verdict(authenticate, token(rsa, {}, { alg }))).toBe("invalid");
  });

  test.each([
    ["PEM", "spki", "pem"],
    ["DER", "spki", "der"],
    ["PKCS#1", "pkcs1", "pem"],
  ] as const)("a public key is no HMAC secret: signed with its %s", async (_name, type, format) => {
    const text = (rsa.verifying as KeyObject).export({ type, format } as never);
    for (const secret of [text, typeof text === "string" ? text.trimEnd() : text]) {
      for (const [alg, digest] of [
        ["HS256", "sha256"],
        ["HS512", "sha512"],
      ] as const) {
        const signer = (input: string): Buffer => createHmac(digest, secret).update(input).digest();
        for (const kid of ["rsa-1", "hs-1", undefined])
          expect(await verdict(authenticate, token({ ...rsa, alg, signer }, {}, { kid }))).toBe("invalid");
      }
    }
  });

  test("a key serves its own algorithm only, even within one family", async () => {
    const pair = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const pinned = jwt({ keys: { alg: "RS256", key: pair.publicKey }, issuer, audience, maxAgeSeconds });
    const signed = (alg: string): string =>
      token({ ...rsa, kid: "any", alg, signer: signerOf(alg, pair.privateKey) }, {}, { kid: undefined });
    expect(await verdict(pinned, signed("RS256"))).toBe("ok");
    for (const alg of ["RS384", "RS512", "PS256", "PS384", "PS512"])
      expect(await verdict(pinned, signed(alg)), alg).toBe("invalid");
  });

  test.each(["P-384", "P-521", "secp256k1"])("ES256 with a key on %s is refused before any token comes", (curve) => {
    const key = makeKey("ES256", "k", { curve }).verifying as KeyObject;
    expect(() => jwt({ keys: { alg: "ES256", key }, issuer, audience, maxAgeSeconds })).toThrow("curve");
  });

  test("an ES256 header over a signature of another curve is refused", async () => {
    for (const curve of ["P-384", "secp256k1"])
      expect(await verdict(authenticate, token({ ...makeKey("ES256", "ec-1", { curve }) }))).toBe("invalid");
  });

  test("an ECDSA signature in DER, or of zeros, is refused", async () => {
    const input = `${encode(JSON.stringify({ alg: "ES256", kid: "ec-1" }))}.${encode(JSON.stringify(goodClaims))}`;
    for (const signature of [Buffer.alloc(64), Buffer.alloc(0), Buffer.alloc(70, 0x30), Buffer.alloc(128)])
      expect(await verdict(authenticate, `${input}.${encode(signature)}`)).toBe("invalid");
  });
});

describe("what a header asks for", () => {
  const stranger = makeKey("RS256", "rsa-1");
  test.each([
    ["an embedded key", { jwk: stranger.jwk }],
    ["an embedded key under its own id", { jwk: stranger.jwk, kid: "theirs" }],
    ["a set elsewhere", { jku: "http://127.0.0.1:1/jwks.json" }],
    ["a certificate", { x5c: ["MIIB"], x5u: "http://127.0.0.1:1/cert.pem", x5t: "AAAA" }],
  ])("is no key to verify with: %s", async (_name, header) => {
    expect(await verdict(authenticate, token(stranger, {}, header))).toBe("invalid");
    // With our own key's signature it is a token like any other: nothing is looked up.
    const { kid: _kid, ...rest } = header as Record<string, unknown>;
    expect(await verdict(authenticate, token(rsa, {}, rest))).toBe("ok");
  });

  test.each([
    ["an unknown extension", { crit: ["exp2"], exp2: 1 }],
    ["b64 as RFC 7797 has it", { crit: ["b64"], b64: false }],
    ["b64 that changes nothing", { crit: ["b64"], b64: true }],
    ["b64 without crit", { b64: false }],
    ["an empty list", { crit: [] }],
    ["no list", { crit: "exp" }],
    ["null", { crit: null }],
  ])("crit is refused: %s", async (_name, header) => {
    expect(await verdict(authenticate, token(rsa, {}, header))).toBe("invalid");
  });

  test("an unencoded payload (RFC 7797) is refused", async () => {
    const header = encode(JSON.stringify({ alg: "RS256", kid: "rsa-1", b64: false, crit: ["b64"] }));
    const payload = JSON.stringify({ ...goodClaims, iss: issuer.replaceAll(".", "") }).replaceAll(".", "");
    const signature = encode(rsa.signer(`${header}.${payload}`));
    expect(await verdict(authenticate, `${header}.${payload}.${signature}`)).toBe("invalid");
  });

  test.each([
    "../../../../dev/null",
    "/dev/null",
    "' OR 1=1; --",
    "http://127.0.0.1:1/",
    "__proto__",
    "constructor",
    "rsa-1\u0000",
    " rsa-1",
    "RSA-1",
    "k".repeat(5_000),
    "",
  ])("the key id %j is a name nobody knows", async (kid) => {
    expect(await verdict(authenticate, token(rsa, {}, { kid }))).toBe("invalid");
    // The empty file and the empty secret, which a path or a query may come down to.
    const empty = (input: string): Buffer => createHmac("sha256", "").update(input).digest();
    expect(await verdict(authenticate, token({ ...hs, signer: empty }, {}, { kid }))).toBe("invalid");
  });

  test.each([[null], [1], [["rsa-1"]], [{ toString: "rsa-1" }], [true]])("a key id that is %j is none", async (kid) => {
    const expected = kid === null ? "ok" : "invalid";
    expect(await verdict(authenticate, token(rsa, {}, { kid }))).toBe(expected);
  });

  test("of a field that is there twice the last counts, for everybody alike", async () => {
    const header = '{"alg":"none","alg":"RS256","kid":"nobody","kid":"rsa-1"}';
    expect(await verdict(authenticate, rawToken(header, JSON.stringify(goodClaims), rsa.signer))).toBe("ok");
    const reverse = '{"alg":"RS256","alg":"none","kid":"rsa-1"}';
    expect(await verdict(authenticate, rawToken(reverse, JSON.stringify(goodClaims), rsa.signer))).toBe("invalid");
  });

  test.each([
    ["JWT", "ok"],
    ["jwt", "ok"],
    ["application/jwt", "ok"],
    ["at+jwt", "invalid"],
    ["application/x/jwt", "invalid"],
    [undefined, "invalid"],
    [1, "invalid"],
  ])("where typ has to be JWT, %j is %s", async (typ, expected) => {
    const typed = jwt({ keys: asOption(rsa), issuer, audience, maxAgeSeconds, typ: "JWT" });
    expect(await verdict(typed, token(rsa, {}, { typ }))).toBe(expected);
  });

  test("any typ will do where none was asked for", async () => {
    expect(await verdict(authenticate, token(rsa, {}, { typ: "at+jwt" }))).toBe("ok");
    expect(await verdict(authenticate, token(rsa, {}, { typ: undefined }))).toBe("ok");
  });
});

describe("what is no token", () => {
  const good = token(ec);
  test.each([
    ["garbage", "garbage"],
    ["dots", ".."],
    ["many dots", ".".repeat(60_000)],
    ["a part too few", good.slice(0, good.lastIndexOf("."))],
    ["a part too many", `${good}.AAAA`],
    ["an encrypted token's parts", `${good}.AAAA.AAAA`],
    ["a header of null", `${encode("null")}.${encode("{}")}.AAAA`],
    ["a header of a list", `${encode("[]")}.${encode("{}")}.AAAA`],
    ["a header that is no UTF-8", `${encode(Buffer.from([0xff]))}.${encode("{}")}.AAAA`],
    ["the JSON serialization", JSON.stringify({ payload: "", signatures: [] })],
    ["a space behind it", `${good} `],
    ["a line break in it", good.replace(".", ".\n")],
    ["genuine, and longer than 65,536 characters", token(ec, { pad: "x".repeat(50_000) })],
    ["prototypes", "__proto__.constructor.prototype"],
  ])("%s", async (_name, text) => {
    expect(await verdict(authenticate, text)).toBe("invalid");
  });

  test.each([
    ["no JSON", "sub=ada"],
    ["null", "null"],
    ["a list", "[]"],
    ["a string", '"ada"'],
    ["cut short", JSON.stringify(goodClaims).slice(0, -1)],
    ["nothing", ""],
    ["no UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
  ])("a genuine signature over %s", async (_name, payload) => {
    const header = JSON.stringify({ alg: "ES256", kid: "ec-1" });
    expect(await verdict(authenticate, rawToken(header, payload, ec.signer))).toBe("invalid");
  });

  test("a token of more than a mount reads by default is taken where it gets here", async () => {
    const large = token(ec, { roles: Array.from({ length: 1_000 }, (_, index) => `role ${index}`) });
    expect(large.length).toBeGreaterThan(8_192);
    expect(await verdict(authenticate, large)).toBe("ok");
  });

  test("any bit of a genuine token changed makes it invalid, and nothing makes it throw", async () => {
    const short = jwt({ keys: [ec, hs].map(asOption), issuer, audience, maxAgeSeconds });
    for (const signed of [token(ec), token(hs)]) {
      const parts = signed.split(".");
      for (const [index, part] of parts.entries()) {
        const bytes = Buffer.from(part, "base64url");
        for (let at = 0; at < bytes.length; at += 3) {
          const changed = Buffer.from(bytes);
          changed[at] = (changed[at] as number) ^ (1 << (at % 8));
          expect(await verdict(short, parts.with(index, encode(changed)).join("."))).toBe("invalid");
        }
      }
    }
  });

  test("no text at all makes it throw", async () => {
    const part = fc.oneof(
      fc.string().map(encode),
      fc.json().map(encode),
      fc
        .record({ alg: fc.constantFrom("RS256", "ES256", "HS256", "none"), kid: fc.anything() })
        .map((header) => encode(JSON.stringify(header))),
      fc.string({ unit: fc.constantFrom(..."AZaz09-_=+/. \n\u0000é") }),
    );
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(part, { maxLength: 5 }).map((parts) => parts.join(".")),
    );
    await fc.assert(
      fc.asyncProperty(text, async (credential) => {
        expect(await verdict(authenticate, credential)).toBe("invalid");
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("a token's id", () => {
  test("is its own where it has one", async () => {
    expect((await identityOf(authenticate, token(rsa, { jti: "t-1" }))).tokenId).toBe("t-1");
    expect((await identityOf(authenticate, token(rsa, { jti: "" }))).tokenId).toHaveLength(43);
    for (const jti of [1, null, ["t-1"], {}]) expect(await verdict(authenticate, token(rsa, { jti }))).toBe("invalid");
  });

  test("is otherwise the same for every spelling and every signature of it", async () => {
    const signed = token(ec);
    const { tokenId } = await identityOf(authenticate, signed);
    const last = signed.at(-1) as string;
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // 64 bytes leave four bits of the last character without a meaning.
    const spellings = [...alphabet]
      .filter((character) => character !== last)
      .map((character) => signed.slice(0, -1) + character);
    const ids = new Set<string | null>();
    let taken = 0;
    for (const spelling of [...spellings, `${signed}=`, `${signed}==`, otherSignature(signed)]) {
      const said = await authenticate(requestFor(spelling));
      if (!("subject" in said)) continue;
      taken += 1;
      ids.add(said.tokenId);
    }
    expect(taken).toBeGreaterThan(0);
    expect([...ids]).toEqual([tokenId]);
  });

  test("is another for another token", async () => {
    const one = await identityOf(authenticate, token(ec));
    const other = await identityOf(authenticate, token(ec, { exp: (goodClaims["exp"] as number) + 1 }));
    expect(one.tokenId).not.toBe(other.tokenId);
  });
});

describe("keys a program was written with", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = { ...ec, kid: "k", signer: signerOf("ES256", privateKey) };

  test.each([
    ["PEM", publicKey.export({ type: "spki", format: "pem" }) as string],
    ["a JWK", publicKey.export({ format: "jwk" })],
    ["a KeyObject", publicKey],
  ])("may be %s", async (_name, material) => {
    const made = jwt({ keys: { alg: "ES256", key: material }, issuer, audience, maxAgeSeconds });
    expect(await verdict(made, token(key))).toBe("ok");
  });

  test("may be a CryptoKey", async () => {
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const crypto = (await globalThis.crypto.subtle.importKey(
      "jwk",
      publicKey.export({ format: "jwk" }),
      algorithm,
      false,
      ["verify"],
    )) as webcrypto.CryptoKey;
    const made = jwt({ keys: { alg: "ES256", key: crypto }, issuer, audience, maxAgeSeconds });
    expect(await verdict(made, token(key))).toBe("ok");
  });

  test.each([
    ["a string", "a secret of at least 32 bytes, as it stands"],
    ["bytes", Buffer.from("a secret of at least 32 bytes, as it stands")],
    ["a JWK", { kty: "oct", k: encode("a secret of at least 32 bytes, as it stands") }],
  ])("may be a secret: %s", async (_name, material) => {
    const signer = (input: string): Buffer =>
      createHmac("sha256", "a secret of at least 32 bytes, as it stands").update(input).digest();
    const made = jwt({ keys: { alg: "HS256", key: material }, issuer, audience, maxAgeSeconds });
    expect(await verdict(made, token({ ...hs, signer }))).toBe("ok");
  });

  const pem = publicKey.export({ type: "spki", format: "pem" }) as string;
  const privatePem = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  test.each([
    ["a public key as a secret", { alg: "HS256", key: pem }, "PEM"],
    ["a public KeyObject as a secret", { alg: "HS256", key: publicKey }, "public"],
    ["a public JWK as a secret", { alg: "HS256", key: publicKey.export({ format: "jwk" }) }, "oct"],
    ["a secret of 31 bytes", { alg: "HS256", key: "x".repeat(31) }, "at least 32"],
    ["a secret too short for HS512", { alg: "HS512", key: "x".repeat(63) }, "at least 64"],
    ["no secret", { alg: "HS256", key: "" }, "at least 32"],
    ["an unset secret", { alg: "HS256", key: undefined }, "secret"],
    ["a private PEM", { alg: "ES256", key: privatePem }, "private"],
    ["a private KeyObject", { alg: "ES256", key: privateKey }, "private"],
    ["a private JWK", { alg: "ES256", key: privateKey.export({ format: "jwk" }) }, "private"],
    ["a secret as a public key", { alg: "ES256", key: Buffer.alloc(64) }, "bytes"],
    ["an EC key for RS256", { alg: "RS256", key: publicKey }, "RSA"],
    ["an EC key for EdDSA", { alg: "EdDSA", key: publicKey }, "Ed25519"],
    ["1024 bits of RSA", { alg: "RS256", key: generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey }, "1024"],
    ["garbage", { alg: "RS256", key: "garbage that must not be shown" }, "can't be read"],
    ["alg none", { alg: "none", key: publicKey }, "none"],
    ["no alg", { key: publicKey }, "alg"],
    ["a number as id", { alg: "ES256", key: publicKey, kid: 1 }, "kid"],
  ])("are refused before any token comes: %s", (_name, made, message) => {
    let error: unknown;
    try {
      jwt({ keys: made as JwtKey, issuer, audience, maxAgeSeconds });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(message);
    expect(String(error)).not.toContain("must not be shown");
    expect(String(error)).not.toContain("-----BEGIN");
  });

  test("several of one algorithm are all tried for a token that names none", async () => {
    const keys = [makeKey("ES256", "a"), makeKey("ES256", "b"), makeKey("ES256", "c")];
    const made = jwt({ keys: keys.map(asOption), issuer, audience, maxAgeSeconds });
    for (const one of keys) {
      expect((await identityOf(made, token(one, {}, { kid: undefined }))).keyId).toBe(one.kid);
      expect(await verdict(made, token(one, {}, { kid: "another" }))).toBe("invalid");
    }
  });

  test("a key without an id verifies tokens that name one, and vouches under no name", async () => {
    const made = jwt({ keys: { alg: "ES256", key: publicKey }, issuer, audience, maxAgeSeconds });
    expect((await identityOf(made, token(key, {}, { kid: "whatever it says" }))).keyId).toBe(null);
  });
});

test("the key of a test is read back as the same", () => {
  expect(createPublicKey({ key: ec.jwk, format: "jwk" }).equals(ec.verifying as KeyObject)).toBe(true);
});
