/** Keys from somebody else's server: what it says, what it may say, and when it says nothing (security row 2.5). */

import { generateKeyPairSync } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type JwksOptions, jwks, jwt, type PublicAlgorithm } from "../../src/auth/jwt.ts";
import { defineEndpoint, defineSocket, type Endpoint } from "../../src/index.ts";
import { isRejection } from "../../src/outcome.ts";
import { JwksServer } from "./support/jwks-server.ts";
import { audience, issuer, makeKey, seconds, signerOf, type TestKey, token } from "./support/jws.ts";
import { identityOf, now, requestFor, secretKeyBase, verdict } from "./support/request.ts";

const rsa = makeKey("RS256", "rsa-1");
const ec = makeKey("ES256", "ec-1");
const ed = makeKey("EdDSA", "ed-1");
let server: JwksServer;
let failures: Error[];
beforeEach(async () => {
  server = await JwksServer.start(rsa, ec, ed);
  failures = [];
});
afterEach(() => server.stop());

const ttlMs = 600_000;
const staleMs = 3_600_000;
const cooldownMs = 30_000;

function remote(options: Partial<JwksOptions> = {}) {
  const keys = jwks({
    url: server.url,
    algorithms: ["RS256", "ES256", "EdDSA"],
    ttlMs,
    staleMs,
    cooldownMs,
    onFailure: (error) => void failures.push(error),
    ...options,
  });
  return jwt({ keys, issuer, audience, maxAgeSeconds: Number.POSITIVE_INFINITY });
}
const lasting = (key: TestKey, header: object = {}): string => token(key, { exp: seconds + 1e6 }, { ...header });

test("keys are fetched at the first token, once, and kept", async () => {
  const authenticate = remote();
  expect(server.asked).toEqual([]);
  for (const key of [rsa, ec, ed, rsa]) expect((await identityOf(authenticate, lasting(key))).keyId).toBe(key.kid);
  expect(await verdict(authenticate, lasting(rsa), { now: now + ttlMs - 1 })).toBe("ok");
  expect(server.asked).toEqual(["/jwks.json"]);
  expect(await verdict(authenticate, lasting(rsa), { now: now + ttlMs })).toBe("ok");
  expect(server.asked).toHaveLength(2);
});

test("a hundred who come at once share one fetch", async () => {
  const authenticate = remote();
  const verdicts = await Promise.all(Array.from({ length: 100 }, () => verdict(authenticate, lasting(ec))));
  expect(new Set(verdicts)).toEqual(new Set(["ok"]));
  expect(server.asked).toHaveLength(1);
});

test("a key that was taken away is refused once the set is old, and a new one is found at once", async () => {
  const authenticate = remote();
  expect(await verdict(authenticate, lasting(rsa))).toBe("ok");
  const fresh = makeKey("RS256", "rsa-2");
  server.publish(fresh.jwk);
  expect(await verdict(authenticate, lasting(fresh), { now: now + cooldownMs })).toBe("ok");
  expect(await verdict(authenticate, lasting(rsa), { now: now + cooldownMs })).toBe("invalid");
  expect(server.asked).toHaveLength(2);
});

test("a key that was exchanged under its old id counts from when the set is old", async () => {
  const authenticate = remote();
  expect(await verdict(authenticate, lasting(rsa))).toBe("ok");
  const exchanged = makeKey("RS256", "rsa-1");
  server.publish(exchanged.jwk);
  expect(await verdict(authenticate, lasting(exchanged), { now: now + ttlMs - 1 })).toBe("invalid");
  expect(await verdict(authenticate, lasting(exchanged), { now: now + ttlMs })).toBe("ok");
  expect(await verdict(authenticate, lasting(rsa), { now: now + ttlMs })).toBe("invalid");
});

test("a set with nothing in it is an answer: nobody's key counts", async () => {
  const authenticate = remote();
  expect(await verdict(authenticate, lasting(rsa))).toBe("ok");
  server.publish();
  expect(await verdict(authenticate, lasting(rsa), { now: now + ttlMs })).toBe("invalid");
  expect(failures).toEqual([]);
});

describe("a flood of unknown key ids", () => {
  test("costs one fetch in an interval, and the genuine get in meanwhile", async () => {
    const authenticate = remote();
    await verdict(authenticate, lasting(rsa));
    for (let index = 0; index < 300; index += 1) {
      const at = now + cooldownMs + index;
      expect(await verdict(authenticate, lasting(rsa, { kid: `unknown ${index}` }), { now: at })).toBe("invalid");
      if (index % 50 === 0) expect(await verdict(authenticate, lasting(rsa), { now: at })).toBe("ok");
    }
    expect(server.asked).toHaveLength(2);
    await verdict(authenticate, lasting(rsa, { kid: "unknown" }), { now: now + 2 * cooldownMs });
    expect(server.asked).toHaveLength(3);
  });

  test("all at once shares one fetch", async () => {
    const authenticate = remote();
    await verdict(authenticate, lasting(rsa));
    const flood = Array.from({ length: 200 }, (_, index) =>
      verdict(authenticate, lasting(rsa, { kid: `unknown ${index}` }), { now: now + cooldownMs + (index % 7) }),
    );
    expect(new Set(await Promise.all(flood))).toEqual(new Set(["invalid"]));
    expect(server.asked).toHaveLength(2);
  });

  test("while the server is down costs no more, and nobody is told that a token was forged", async () => {
    server.say(500, "");
    const authenticate = remote();
    for (let index = 0; index < 50; index += 1)
      expect(await verdict(authenticate, lasting(rsa, { kid: `unknown ${index}` }), { now: now + index })).toBe(
        "unavailable",
      );
    expect(server.asked).toHaveLength(1);
    expect(failures).toHaveLength(1);
  });

  test("of other algorithms, or of what is no token, costs nothing", async () => {
    const authenticate = remote();
    for (const alg of ["HS256", "none", "RS512", "PS256"]) await verdict(authenticate, lasting(rsa, { alg }));
    for (const text of ["garbage", "a.b.c", ""]) await verdict(authenticate, text);
    expect(server.asked).toEqual([]);
  });

  test("goes on costing that after a clock was set back", async () => {
    const authenticate = remote();
    await verdict(authenticate, lasting(rsa, { kid: "unknown" }));
    const past = now - 86_400_000;
    for (let index = 0; index < 20; index += 1)
      await verdict(authenticate, lasting(rsa, { kid: "unknown" }), { now: past + index });
    expect(server.asked).toHaveLength(2);
  });
});

describe("an outage", () => {
  test("is lived through on keys that were fetched, for a while, and then nobody is let in", async () => {
    const authenticate = remote();
    expect(await verdict(authenticate, lasting(rsa))).toBe("ok");
    server.say(503, "");
    for (const at of [ttlMs, ttlMs + cooldownMs, ttlMs + staleMs - 1])
      expect(await verdict(authenticate, lasting(rsa), { now: now + at })).toBe("ok");
    expect(await verdict(authenticate, lasting(rsa), { now: now + ttlMs + staleMs })).toBe("unavailable");
    server.publish(rsa.jwk);
    const over = now + ttlMs + staleMs + 2 * cooldownMs;
    expect(await verdict(authenticate, lasting(rsa), { now: over })).toBe("ok");
  });

  test("leaves in doubt what isn't known, and nothing else", async () => {
    const authenticate = remote();
    await verdict(authenticate, lasting(rsa));
    server.say(503, "");
    const at = { now: now + ttlMs };
    expect(await verdict(authenticate, lasting(makeKey("RS256", "rsa-9")), at)).toBe("unavailable");
    expect(await verdict(authenticate, lasting({ ...makeKey("RS256"), kid: "rsa-1" }), at)).toBe("invalid");
    expect(await verdict(authenticate, token(rsa, { aud: "other" }), at)).toBe("invalid");
    expect(await verdict(authenticate, token(rsa, { exp: seconds - 1 }), at)).toBe("expired");
    expect(await verdict(authenticate, null, at)).toBe("missing");
  });

  test("says when to come again", async () => {
    server.say(503, "");
    const authenticate = remote();
    const said = async (at: number): Promise<unknown> => {
      const answer = await authenticate(requestFor(lasting(rsa), { now: at }));
      return isRejection(answer) ? [answer.reason, answer.details] : answer;
    };
    expect(await said(now)).toEqual(["unavailable", { retry: { afterMs: cooldownMs } }]);
    expect(await said(now + 10_000)).toEqual(["unavailable", { retry: { afterMs: cooldownMs - 10_000 } }]);
    server.publish(rsa.jwk);
    expect(await said(now + cooldownMs)).toMatchObject({ subject: "ada" });
  });

  test("is told to the operator, in words and without what the address may hide", async () => {
    server.say(503, "");
    await verdict(remote({ url: `${server.url}?key=secret` }), lasting(rsa));
    expect(failures.map(({ message }) => message)).toEqual([
      `The keys at ${server.url} could not be fetched: it was answered 503.`,
    ]);
  });

  test("of a server that is not there at all", async () => {
    const gone = await JwksServer.start();
    const { url } = gone;
    await gone.stop();
    expect(await verdict(remote({ url }), lasting(rsa))).toBe("unavailable");
    expect(failures[0]?.message).toContain("could not be reached");
  });
});

describe("an answer that is none", () => {
  test.each([
    ["500", 500, "{}", {}, "answered 500"],
    ["404", 404, "{}", {}, "answered 404"],
    ["204", 204, "", {}, "answered 204"],
    ["a redirect to another path", 302, "", { location: "/other.json" }, "redirects are not followed"],
    ["a redirect to another host", 301, "", { location: "http://localhost:1/" }, "redirects are not followed"],
    ["a redirect for good", 308, "", { location: "https://evil.example/" }, "redirects are not followed"],
    ["nothing", 200, "", {}, "no JSON"],
    ["garbage", 200, "<html>sign in</html>", {}, "no JSON"],
    ["null", 200, "null", {}, "no JSON"],
    ["a list", 200, "[]", {}, "no JSON"],
    ["no keys", 200, "{}", {}, "no JSON"],
    ["keys that are no list", 200, '{"keys":{"0":{}}}', {}, "no JSON"],
    ["half a set", 200, '{"keys":[{"kty":"RSA"', {}, "no JSON"],
    ["a million bytes", 200, JSON.stringify({ keys: [], pad: "x".repeat(1_000_000) }), {}, "longer than 262144"],
    ["101 keys", 200, JSON.stringify({ keys: Array.from({ length: 101 }, () => ({})) }), {}, "more than 100 keys"],
    [
      "a million bytes packed into a thousand",
      200,
      gzipSync("x".repeat(1_000_000)),
      { "content-encoding": "gzip" },
      "longer than 262144",
    ],
  ])("%s", async (_name, status, body, headers, message) => {
    server.say(status, body, headers);
    const authenticate = remote();
    expect(await verdict(authenticate, lasting(rsa))).toBe("unavailable");
    expect(server.asked).toEqual(["/jwks.json"]);
    expect(failures.map((failure) => failure.message)).toEqual([expect.stringContaining(message)]);
  });

  test("a server that never answers, or never ends", async () => {
    server.answer = () => {};
    expect(await verdict(remote({ timeoutMs: 30 }), lasting(rsa))).toBe("unavailable");
    server.answer = (_request, response) => void response.writeHead(200).write('{"keys":[');
    expect(await verdict(remote({ timeoutMs: 30 }), lasting(rsa))).toBe("unavailable");
    for (const { message } of failures) expect(message).toContain("longer than 30 ms");
    expect(failures).toHaveLength(2);
  });

  test("a stream without an end is cut off where it gets too long", async () => {
    let sent = 0;
    server.answer = (_request, response) => {
      const more = (): void => {
        while (!response.destroyed && sent < 50_000_000) {
          sent += 65_536;
          if (!response.write(" ".repeat(65_536))) return void response.once("drain", more);
        }
      };
      more();
    };
    expect(await verdict(remote(), lasting(rsa))).toBe("unavailable");
    expect(failures[0]?.message).toContain("longer than 262144 bytes");
    expect(sent).toBeLessThan(50_000_000);
  });

  test("a fetch of one's own that pays no heed to its signal is not waited for", async () => {
    const fetch = vi.fn(() => new Promise<never>(() => {}));
    expect(await verdict(remote({ fetch, timeoutMs: 20 }), lasting(rsa))).toBe("unavailable");
    expect(fetch).toHaveBeenCalledOnce();
  });
});

describe("a poisoned set", () => {
  const secret = makeKey("HS256", "secret");
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const own: TestKey = { ...rsa, kid: "own", signer: signerOf("RS256", privateKey) };
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "own", alg: "RS256", use: "sig" };

  test.each([
    ["as it should be", jwk, "ok"],
    ["with a certificate beside it", { ...jwk, x5c: ["MIIB"], x5t: "AAAA", x5u: "http://127.0.0.1:1/" }, "ok"],
    ["without a use", { ...jwk, use: undefined }, "ok"],
    ["with key_ops", { ...jwk, use: undefined, key_ops: ["verify"] }, "ok"],
    ["for encryption", { ...jwk, use: "enc" }, "invalid"],
    ["with key_ops for signing", { ...jwk, key_ops: ["sign"] }, "invalid"],
    ["with key_ops that are no list", { ...jwk, key_ops: "verify" }, "invalid"],
    ["with its private half", privateKeyJwk(), "invalid"],
    ["of another algorithm", { ...jwk, alg: "RS512" }, "invalid"],
    ["of no signature's algorithm", { ...jwk, alg: "RSA-OAEP" }, "invalid"],
    ["of another kind", { ...jwk, kty: "oct", k: "AAAA" }, "invalid"],
    ["with an id that is no string", { ...jwk, kid: 1 }, "invalid"],
    ["without its modulus", { ...jwk, n: undefined }, "invalid"],
    ["with a modulus of nonsense", { ...jwk, n: {} }, "invalid"],
    ["that is too short", { ...makeKey("RS256", "own", { bits: 1_024 }).jwk }, "invalid"],
    ["that is a curve's", { ...ec.jwk, kid: "own" }, "invalid"],
  ])("a key %s is %3$s", async (_name, published, expected) => {
    server.publish(null as never, "text" as never, [], {}, published);
    expect(await verdict(remote(), lasting(own))).toBe(expected);
    expect(failures).toEqual([]);
  });

  function privateKeyJwk(): object {
    return { ...privateKey.export({ format: "jwk" }), kid: "own", alg: "RS256", use: "sig" };
  }

  test("a published secret verifies nothing", async () => {
    server.publish(secret.jwk, { ...secret.jwk, alg: "RS256" });
    const authenticate = remote();
    expect(await verdict(authenticate, lasting(secret))).toBe("invalid");
    expect(await verdict(authenticate, lasting({ ...secret, alg: "RS256" }))).toBe("invalid");
  });

  test("a key on the wrong curve verifies nothing", async () => {
    for (const curve of ["P-384", "secp256k1"]) {
      const wrong = makeKey("ES256", "wrong", { curve });
      server.publish(wrong.jwk);
      expect(await verdict(remote(), lasting(wrong))).toBe("invalid");
    }
  });

  test("a key without an algorithm has the one it fits, unless it fits several", async () => {
    server.publish({ ...jwk, alg: undefined });
    const among = (...algorithms: PublicAlgorithm[]): Promise<string> => verdict(remote({ algorithms }), lasting(own));
    expect(await among("RS256", "ES256")).toBe("ok");
    expect(await among("RS256", "PS256")).toBe("invalid");
    expect(await among("PS256")).toBe("invalid");
  });

  test("a token without a key id is taken where only one key can be meant", async () => {
    const nameless = lasting(own, { kid: undefined });
    server.publish(jwk, ec.jwk);
    expect((await identityOf(remote(), nameless)).keyId).toBe("own");
    server.publish(jwk, rsa.jwk);
    expect(await verdict(remote(), nameless)).toBe("invalid");
  });

  test("ids that are properties of every object are ids", async () => {
    server.publish({ ...jwk, kid: "__proto__" }, { ...rsa.jwk, kid: "constructor" });
    const authenticate = remote();
    expect(await verdict(authenticate, lasting(own, { kid: "__proto__" }))).toBe("ok");
    expect(await verdict(authenticate, lasting(rsa, { kid: "constructor" }))).toBe("ok");
    expect(await verdict(authenticate, lasting(own, { kid: "toString" }))).toBe("invalid");
  });
});

test("keys of one's own go before published ones, and cost no fetch", async () => {
  const legacy = makeKey("HS256", "legacy");
  const both = jwt({
    keys: [jwks({ url: server.url, algorithms: ["ES256"] }), { alg: "HS256", key: legacy.verifying }],
    issuer,
    audience,
    maxAgeSeconds: 1e9,
  });
  expect(await verdict(both, lasting(legacy, { kid: undefined }))).toBe("ok");
  expect(server.asked).toEqual([]);
  expect(await verdict(both, lasting(ec))).toBe("ok");
  expect(server.asked).toHaveLength(1);
  server.say(500, "");
  expect(await verdict(both, lasting(legacy))).toBe("ok");
});

test("two authenticators may share a set, and don't otherwise", async () => {
  const keys = jwks({ url: server.url, algorithms: ["ES256"] });
  const options = { issuer, audience, maxAgeSeconds: 1e9 };
  for (const authenticate of [jwt({ ...options, keys }), jwt({ ...options, keys })])
    expect(await verdict(authenticate, lasting(ec))).toBe("ok");
  expect(server.asked).toHaveLength(1);
  expect(await verdict(remote(), lasting(ec))).toBe("ok");
  expect(server.asked).toHaveLength(2);
});

test.each([
  ["plain http", { url: "http://issuer.example/jwks.json" }, "https://"],
  ["a host that only looks local", { url: "http://127.0.0.1.evil.example/" }, "https://"],
  ["a host that only ends local", { url: "http://evillocalhost/" }, "https://"],
  ["a file", { url: "file:///etc/passwd" }, "https://"],
  ["data", { url: "data:application/json,{}" }, "https://"],
  ["a path", { url: "/jwks.json" }, "absolute"],
  ["nothing", { url: undefined }, "absolute"],
  ["a password in it", { url: "https://user:secret@issuer.example/" }, "password"],
  ["no algorithms", { algorithms: [] }, "algorithms"],
  ["algorithms unset", { algorithms: undefined }, "algorithms"],
  ["a secret's algorithm", { algorithms: ["HS256"] }, "algorithms"],
  ["none", { algorithms: ["none"] }, "algorithms"],
  ["no ttl", { ttlMs: 0 }, "ttlMs"],
  ["a negative one", { staleMs: -1 }, "staleMs"],
  ["NaN", { cooldownMs: Number.NaN }, "cooldownMs"],
  ["no timeout", { timeoutMs: 0 }, "timeoutMs"],
  ["no bytes", { bytesMax: 0 }, "bytesMax"],
])("%s is a mistake told at once", (_name, options, message) => {
  const made = (): unknown =>
    jwks({ url: "https://issuer.example/", algorithms: ["RS256"], ...options } as JwksOptions);
  expect(made).toThrow(TypeError);
  expect(made).toThrow(message);
  expect(made).not.toThrow("user:secret");
});

test.each([
  "https://issuer.example/jwks.json",
  "http://localhost:1/",
  "http://a.localhost:1/",
  "http://[::1]:1/",
  "http://127.9.9.9:1/",
])("%s may be asked", (url) => {
  expect(() => jwks({ url, algorithms: ["RS256"] })).not.toThrow();
});

describe("over a real socket", () => {
  let endpoint: Endpoint;
  let origin: string;
  beforeEach(async () => {
    const socket = defineSocket({
      authenticate: jwt({
        keys: jwks({ url: server.url, algorithms: ["RS256"] }),
        issuer,
        audience,
        maxAgeSeconds: 60,
      }),
      connect: ({ identity }) => ({ userId: identity.subject }),
    });
    endpoint = defineEndpoint({
      secretKeyBase,
      sockets: { "/socket": { socket, channels: [] } },
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    }) as Endpoint;
    ({ url: origin } = await endpoint.listen({ port: 0, host: "127.0.0.1" }));
  });
  afterEach(() => endpoint.close());

  async function ask(credential: string): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await fetch(`${origin}/socket/websocket?vsn=2.0.0`, {
      headers: { authorization: `Bearer ${credential}`, accept: "application/json" },
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? "" : JSON.parse(text) };
  }
  const recent = (): Record<string, unknown> => ({ iat: Date.now() / 1_000, exp: Date.now() / 1_000 + 60 });

  test("a genuine token passes the gate, and what is left to do is the handshake", async () => {
    const { status, body } = await ask(token(rsa, recent()));
    expect({ status, reason: (body as { readonly reason?: unknown }).reason }).toEqual({
      status: 400,
      reason: "upgrade_required",
    });
  });

  test("an outage is answered 503 and when to come again, a forged token 403", async () => {
    server.say(500, "");
    expect(await ask(token(rsa, recent()))).toEqual({
      status: 503,
      body: { reason: "credential_unverifiable", retry: { afterMs: 30_000 } },
    });
    expect(await ask("forged")).toEqual({ status: 403, body: { reason: "credential_invalid", retry: "reauth" } });
  });
});
