/** Everything recorded from Phoenix.Token and Plug.Crypto, in both directions. */

import { createSecretKey } from "node:crypto";
import { describe, expect, test } from "vitest";
import { decryptMessage, encryptMessage } from "../../src/token/encryptor.ts";
import { encodeEnvelope } from "../../src/token/envelope.ts";
import { deriveKey } from "../../src/token/key.ts";
import { createTokens, type KeyDigest, type Tokens } from "../../src/token/token.ts";
import { signMessage, verifyMessage } from "../../src/token/verifier.ts";
import {
  loadVectors,
  toComparable,
  toExpected,
  toKeyOptions,
  toMaxAge,
  toRead,
  toSigned,
  toVerifyOptions,
  type VectorOptions,
} from "./vector-terms.ts";

const vectors = loadVectors("tokens.json");
const signed = [...vectors.sign, ...loadVectors("tokens_large.json").sign];
const BOUNDS = { termBytesMax: 1_000_000, depthMax: 64, elementsMax: 100_000 };

function tokensAt(secretKeyBase: string): { readonly tokens: Tokens; at(nowMs: number): Tokens } {
  let clock = 0;
  const tokens = createTokens({ secretKeyBase, now: () => clock });
  return {
    tokens,
    at(nowMs) {
      clock = nowMs;
      return tokens;
    },
  };
}

function signedAtMs(options: VectorOptions): number {
  return Math.trunc((options.signed_at ?? 0) * 1000);
}

function isProgrammersError(kind: string): boolean {
  return kind === "max_age nil option" || kind.startsWith("short key base");
}

test("the defaults are Phoenix's", () => {
  expect(vectors.defaults).toEqual({
    key_iterations: 1000,
    key_length: 32,
    key_digest: "sha256",
    max_age_when_absent: 86_400,
  });
  const key = deriveKey(vectors.secret_key_base, "salt", { keyIterations: 1000, keyLength: 32, keyDigest: "sha256" });
  const tokens = createTokens({ secretKeyBase: vectors.secret_key_base, now: () => 5_000 });
  expect(verifyMessage(tokens.sign("salt", "data"), key)).toEqual(
    Buffer.from(encodeEnvelope("data", 5_000, 86_400, BOUNDS)),
  );
});

describe.each(signed)("sign $id", (vector) => {
  const secret = vector.secret_key_base === "$default" ? vectors.secret_key_base : vector.secret_key_base;
  const { tokens, at } = tokensAt(secret);

  test("is signed byte for byte as Phoenix does", () => {
    const data = vector.term.t === "improper_list" ? toRead(vector.term) : toSigned(vector.term);
    const token = tokens.sign(vector.salt, data, {
      ...toKeyOptions(vector.opts),
      signedAt: signedAtMs(vector.opts),
      maxAgeSeconds: toMaxAge(vector.opts.max_age),
    });
    expect(token).toBe(vector.token);
  });

  test("is verified as Phoenix does", () => {
    for (const { opts, salt, now_ms, expect: expected } of vector.verify) {
      const result = at(now_ms).verify(salt, vector.token, toVerifyOptions(opts));
      expect(toComparable(result), JSON.stringify({ opts, now_ms })).toStrictEqual(toExpected(expected, vector.term));
      if (result.ok) expect(result.signedAt).toBe(signedAtMs(vector.opts));
    }
  });

  test("is refused when tampered with", () => {
    for (const { kind, token, expect: expected } of vector.tampered) {
      const result = at(signedAtMs(vector.opts)).verify(vector.salt, token, toKeyOptions(vector.opts));
      expect(toComparable(result), kind).toStrictEqual(toExpected(expected));
    }
  });
});

describe("negative", () => {
  test.each(vectors.negative.filter(({ kind }) => !isProgrammersError(kind)))("$kind", (vector) => {
    const result = tokensAt(vector.secret_key_base)
      .at(vector.now_ms)
      .verify(vector.salt, vector.token, toVerifyOptions(vector.opts));
    expect(toComparable(result)).toStrictEqual(toExpected(vector.expect));
  });

  test("what a programmer got wrong throws, here as there", () => {
    const [nilMaxAge, shortSecret, ...others] = vectors.negative.filter(({ kind }) => isProgrammersError(kind));
    if (nilMaxAge === undefined || shortSecret === undefined) throw new Error("The vectors are gone.");
    expect(others).toEqual([]);
    const { tokens } = tokensAt(nilMaxAge.secret_key_base);
    expect(() => tokens.verify(nilMaxAge.salt, nilMaxAge.token, { maxAgeSeconds: null as unknown as number })).toThrow(
      TypeError,
    );
    expect(() => createTokens({ secretKeyBase: shortSecret.secret_key_base })).toThrow(TypeError);
  });
});

describe.each(vectors.encrypt)("encrypt $id", (vector) => {
  const key = Buffer.from(vector.derived_key_hex, "hex");

  test("is encrypted byte for byte as Phoenix does, given its random bytes", () => {
    const maxAge = toMaxAge(vector.opts.max_age) ?? 86_400;
    const message = encodeEnvelope(toSigned(vector.term), signedAtMs(vector.opts), maxAge, BOUNDS);
    expect(Buffer.from(message).toString("base64")).toBe(vector.plaintext_etf_b64);
    expect(encryptMessage(message, key, Buffer.from(vector.iv_hex, "hex"))).toBe(vector.token);
  });

  test("is decrypted as Phoenix does", () => {
    for (const {
      kind,
      opts = {},
      token = vector.token,
      now_ms = 1_700_000_001_000,
      expect: expected,
    } of vector.decrypt) {
      const secret = kind === "wrong secret" ? vectors.other_secret_key_base : vectors.secret_key_base;
      const salt = kind === "wrong salt" ? "other salt" : vector.salt;
      const received = kind === "nil" ? null : kind === "empty" ? "" : token;
      const result = tokensAt(secret)
        .at(now_ms)
        .decrypt(salt, received, { ...toKeyOptions(vector.opts), maxAgeSeconds: toMaxAge(opts.max_age) });
      expect(toComparable(result), JSON.stringify({ kind, opts, now_ms })).toStrictEqual(toExpected(expected));
    }
  });
});

test("the older AES-GCM form is read", () => {
  const vector = vectors.encrypt_legacy_a128gcm;
  const { at } = tokensAt(vectors.secret_key_base);
  expect(toComparable(at(vector.now_ms).decrypt(vector.salt, vector.token))).toStrictEqual(toExpected(vector.expect));
  expect(decryptMessage(vector.token, Buffer.from(vector.derived_key_hex, "hex"))).toBeDefined();
  expect(toComparable(at(vector.now_ms).decrypt("other salt", vector.token))).toStrictEqual({ reason: "invalid" });
});

test.each(vectors.encrypt_key_length_other_than_32)(
  "encryption refuses a key of $key_length bytes",
  ({ key_length }) => {
    const { tokens } = tokensAt(vectors.secret_key_base);
    expect(() => tokens.encrypt("salt", 1, { keyLength: key_length })).toThrow(TypeError);
    expect(() => tokens.decrypt("salt", "XCP.AAAA", { keyLength: key_length })).toThrow(TypeError);
  },
);

describe("message verifier", () => {
  test.each(vectors.message_verifier)(
    "signs and verifies with $alg",
    ({ signed: text, alg, message_b64, secret_b64 }) => {
      const key = createSecretKey(Buffer.from(secret_b64, "base64"));
      const message = Buffer.from(message_b64, "base64");
      expect(signMessage(message, key, alg)).toBe(text);
      expect(verifyMessage(text, key)).toEqual(message);
    },
  );

  test.each(vectors.message_verifier_negative)("$kind", ({ signed: text, secret, expect: expected }) => {
    const message = verifyMessage(text, createSecretKey(Buffer.from(secret)));
    expect(message?.toString("base64")).toBe(expected.result === "ok" ? expected.message_b64 : undefined);
  });
});

test.each(vectors.pbkdf2)("derives $length bytes with $digest", ({ secret, salt, iterations, length, digest, hex }) => {
  const keyDigest: KeyDigest = digest === "sha" ? "sha1" : digest;
  const key = deriveKey(secret, salt, { keyIterations: iterations, keyLength: length, keyDigest });
  expect(key.export().toString("hex")).toBe(hex);
});
