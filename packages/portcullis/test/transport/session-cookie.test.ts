/** Session cookies, in both directions, against what Plug made and makes. */
import { expect, test, vi } from "vitest";
import { createSessionCookies, csrf, isPortcullisError } from "../../src/index.ts";
import { readCookie } from "../../src/socket/session-cookie.ts";
import { decodeTerm } from "../../src/token/etf-decode.ts";
import { encodeTerm } from "../../src/token/etf-encode.ts";
import { atom, tuple } from "../../src/token/term.ts";
import { plugEncrypt, plugKey, plugSign, plugTerm, recordedSessions } from "./support/plug-session.ts";

vi.mock("../../src/token/etf-decode.ts", async (original) => {
  const real = await original<typeof import("../../src/token/etf-decode.ts")>();
  return { ...real, decodeTerm: vi.fn(real.decodeTerm) };
});

const secretKeyBase = "vector-secret-key-base-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const otherSecret = "another-secret-key-base-9876543210-zyxwvutsrqponmlkjihgfedcba-ZYXWVUTSRQPONMLKJIHGFEDCBA";
const options = { secretKeyBase, key: "_hello_key", signingSalt: "signing salt" };
const signed = createSessionCookies(options);
const encrypted = createSessionCookies({ ...options, encryptionSalt: "encryption salt" });
const signingKey = plugKey(secretKeyBase, "signing salt");
const encryptionKey = plugKey(secretKeyBase, "encryption salt");
const termBounds = { termBytesMax: 1_000_000, depthMax: 1_000, elementsMax: 100_000 };

test.each(recordedSessions)("the session that Plug was recorded to write is read ($state)", ({ term, state }) => {
  expect(signed.open(plugSign(term, signingKey))).toEqual({ _csrf_token: state, who: "me" });
  expect(encrypted.open(plugEncrypt(term, encryptionKey))).toEqual({ _csrf_token: state, who: "me" });
});

test.each(recordedSessions)("the same session is written in the same bytes ($state)", (recorded) => {
  const value = signed.seal({ who: "me", _csrf_token: recorded.state });
  expect(value.slice(0, value.lastIndexOf("."))).toBe(recorded.signed);
  expect(value).toBe(plugSign(recorded.term, signingKey));
});

test("what is sealed can be opened, and encrypted never looks the same twice", () => {
  const session = { _csrf_token: csrf.state(), user_id: 7, roles: ["admin"], cart: { "1": 2 }, none: null, ok: true };
  for (const cookies of [signed, encrypted]) expect(cookies.open(cookies.seal(session))).toEqual(session);
  expect(encrypted.seal(session)).not.toBe(encrypted.seal(session));
  expect(encrypted.seal(session)).not.toContain(Buffer.from("user_id").toString("base64url"));
});

test("a changed cookie is none, wherever it was changed", () => {
  for (const cookies of [signed, encrypted]) {
    const value = cookies.seal({ who: "me" });
    for (let at = 0; at < value.length; at += 1) {
      // The last character may have bits that stand for nothing: the same bytes have several spellings.
      if (at === value.length - 1) continue;
      const changed = value[at] === "A" ? "B" : "A";
      expect(cookies.open(value.slice(0, at) + changed + value.slice(at + 1)), `at ${at}`).toBeNull();
    }
  }
});

test.each<[what: string, value: unknown]>([
  ["none", undefined],
  ["null", null],
  ["nothing", ""],
  ["a word", "session"],
  ["another secret's", createSessionCookies({ ...options, secretKeyBase: otherSecret }).seal({ who: "me" })],
  ["another salt's", createSessionCookies({ ...options, signingSalt: "other" }).seal({ who: "me" })],
  ["an encrypted one", encrypted.seal({ who: "me" })],
  ["one without signature", signed.seal({ who: "me" }).split(".").slice(0, 2).join(".")],
  ["one that says it needs none", `bm9uZQ.${signed.seal({ who: "me" }).split(".")[1]}.`],
  ["no string", [signed.seal({ who: "me" })]],
  ["a huge one", plugSign(plugTerm([["a", "x".repeat(100_000)]]), signingKey)],
  ["a genuine term that is no map", plugSign(encodeTerm(["who", "me"], termBounds), signingKey)],
  ["a genuine token's content", plugSign(encodeTerm(tuple({ who: "me" }, 1, 2), termBounds), signingKey)],
  ["a genuine text", plugSign(encodeTerm("me", termBounds), signingKey)],
  ["an atom", plugSign(encodeTerm(atom("me"), termBounds), signingKey)],
  ["a map with other keys than strings", plugSign(encodeTerm(new Map([[1, "me"]]), termBounds), signingKey)],
  ["bytes that are no term", plugSign(Buffer.from("who=me"), signingKey)],
  ["a function", plugSign(Buffer.from([131, 116, 0, 0, 0, 1, 109, 0, 0, 0, 1, 97, 112, 0, 0, 0, 4]), signingKey)],
  ["a map that claims more than it holds", plugSign(Buffer.from([131, 116, 255, 255, 255, 255]), signingKey)],
  [
    "one key twice",
    plugSign(
      plugTerm([
        ["who", "me"],
        ["who", "you"],
      ]),
      signingKey,
    ),
  ],
  ["5000 elements", plugSign(encodeTerm({ list: new Array(5_000).fill(1) }, termBounds), signingKey)],
  ["200 levels", plugSign(encodeTerm(nested(200), termBounds), signingKey)],
])("what is no session gives none: %s", (_what, value) => {
  expect(signed.open(value)).toBeNull();
});

function nested(levels: number): unknown {
  let term: unknown = "me";
  for (let level = 0; level < levels; level += 1) term = { a: term };
  return term;
}

test("a compressed term inflates to so many bytes and no more", async () => {
  const { deflateSync } = await import("node:zlib");
  const compressed = (length: number): string => {
    const term = plugTerm([["a", "x".repeat(length)]]).subarray(1);
    const head = Buffer.from([131, 80, 0, 0, 0, 0]);
    head.writeUInt32BE(term.length, 2);
    return plugSign(Buffer.concat([head, deflateSync(term)]), signingKey);
  };
  expect(signed.open(compressed(60_000))).toEqual({ a: "x".repeat(60_000) });
  expect(signed.open(compressed(70_000))).toBeNull();
});

test("nothing of a cookie is decoded before it is known to be genuine", () => {
  const term = plugTerm([["who", "me"]]);
  const otherKey = plugKey(otherSecret, "signing salt");
  vi.mocked(decodeTerm).mockClear();
  for (const cookies of [signed, encrypted]) {
    for (const forged of [
      plugSign(term, otherKey),
      plugEncrypt(term, otherKey),
      `SFMyNTY.${term.toString("base64url")}.`,
    ])
      expect(cookies.open(forged)).toBeNull();
  }
  expect(decodeTerm).not.toHaveBeenCalled();
  expect(signed.open(plugSign(term, signingKey))).toEqual({ who: "me" });
  expect(decodeTerm).toHaveBeenCalledOnce();
});

test("names like __proto__ are keys like any other", () => {
  const entries = [
    ["__proto__", "polluted"],
    ["constructor", "mine"],
    ["toString", "too"],
  ] as const;
  const session = signed.open(plugSign(plugTerm(entries), signingKey));
  expect(Object.entries(session ?? {})).toEqual(entries);
  expect(Object.getPrototypeOf(session)).toBeNull();
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test("of several secrets the first seals and all open", () => {
  const both = createSessionCookies({ ...options, secretKeyBase: [otherSecret, secretKeyBase] });
  expect(both.open(signed.seal({ who: "me" }))).toEqual({ who: "me" });
  expect(signed.open(both.seal({ who: "me" }))).toBeNull();
});

test("what browsers would drop, or Erlang can't hold, is refused before it is sent", () => {
  expect(() => signed.seal({ text: "x".repeat(3_100) })).toThrow(/4096 bytes that browsers keep/);
  expect(() => signed.seal({ run: () => 1 })).toThrow(TypeError);
  for (const nothing of [null, "text", ["list"]]) {
    expect(() => signed.seal(nothing as never)).toThrow(/Expected a session to be an object/);
  }
});

test.each<[change: object, message: RegExp]>([
  [{ key: "" }, /key of a session cookie/],
  [{ key: "a b" }, /key of a session cookie/],
  [{ key: "a=b" }, /key of a session cookie/],
  [{ key: undefined }, /key of a session cookie/],
  [{ signingSalt: undefined }, /signingSalt.*got undefined/],
  [{ signingSalt: "" }, /signingSalt.*an empty one/],
  [{ encryptionSalt: "" }, /encryptionSalt.*an empty one/],
  [{ encryptionSalt: "a salt", keyLength: 64 }, /keyLength of an encrypted session cookie to be 32/],
  [{ keyLength: 0 }, /keyLength.*positive integer/],
  [{ keyIterations: 1.5 }, /keyIterations.*positive integer/],
  [{ keyDigest: "md5" }, /keyDigest/],
  [{ secretKeyBase: "short and secret" }, /at least 20 bytes/],
  [{ secretKeyBase: undefined }, /often unset/],
  [{ secretKeyBase: [] }, /empty list/],
])("mistakes in the options are told, and no secret with them: %j", (change, message) => {
  let caught: unknown;
  try {
    createSessionCookies({ ...options, ...change } as never);
  } catch (error) {
    caught = error;
  }
  expect(isPortcullisError(caught) && caught.code).toBe("definition_invalid");
  expect((caught as Error).message).toMatch(message);
  expect((caught as Error).message).not.toMatch(/short and secret|vector-secret/);
});

test.each<[header: string | undefined, value: string | null]>([
  [undefined, null],
  ["", null],
  ["_hello_key=a", "a"],
  ["a=1; _hello_key=a; b=2", "a"],
  ["a=1;_hello_key=a;b=2", "a"],
  ["_hello_key=a=b=", "a=b="],
  ["_hello_key=", ""],
  ["_hello_key=a  ; b=1", "a"],
  ["_hello_key=first; _hello_key=second", "first"],
  ["_hello_key", null],
  ["_hello_key =a", null],
  ["_HELLO_KEY=a", null],
  ["x_hello_key=a; _hello_key2=b", null],
  ["__proto__=a; constructor=b", null],
  ["_hello_key=a\tb; _hello_key=c", "c"],
  [`${";".repeat(10_000)}_hello_key=a`, "a"],
])("one cookie of a header, as Plug finds it: %j", (header, value) => {
  expect(readCookie(header, "_hello_key")).toBe(value);
});
