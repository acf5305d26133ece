/** CSRF states and tokens, against those a real Phoenix made. */
import * as crypto from "node:crypto";
import { beforeEach, expect, test, vi } from "vitest";
import { csrf } from "../../src/index.ts";
import { maskState } from "../../src/transport/csrf.ts";
import { recordedSessions } from "./support/plug-session.ts";

vi.mock("node:crypto", async (original) => {
  const real = await original<typeof import("node:crypto")>();
  return { ...real, timingSafeEqual: vi.fn(real.timingSafeEqual) };
});
beforeEach(() => {
  vi.mocked(crypto.timingSafeEqual).mockClear();
});

test.each(recordedSessions)(
  "the token a page was given fits its session, and only its ($state)",
  ({ state, token }) => {
    expect(csrf.fits(state, token)).toBe(true);
    for (const other of recordedSessions) {
      if (other.state !== state) expect(csrf.fits(other.state, token)).toBe(false);
    }
  },
);

test.each(recordedSessions)(
  "the same state under the same mask is the same token, byte for byte ($state)",
  (recorded) => {
    expect(maskState(recorded.state, recorded.token.slice(32))).toBe(recorded.token);
  },
);

test("a state is 24 characters of base64url, and no two are alike", () => {
  const states = Array.from({ length: 200 }, () => csrf.state());
  for (const state of states) expect(state).toMatch(/^[\w-]{24}$/);
  expect(new Set(states).size).toBe(200);
});

test("tokens of one state all fit, and none is like another", () => {
  const state = csrf.state();
  const tokens = Array.from({ length: 200 }, () => csrf.token(state));
  for (const token of tokens) {
    expect(token).toMatch(/^[\w-]{56}$/);
    expect(csrf.fits(state, token)).toBe(true);
    expect(token).not.toContain(state);
  }
  expect(new Set(tokens.map((token) => token.slice(0, 32))).size).toBe(200);
});

test("a token changed anywhere fits no more", () => {
  const state = csrf.state();
  const token = csrf.token(state);
  for (let at = 0; at < token.length; at += 1) {
    const changed = token[at] === "A" ? "B" : "A";
    expect(csrf.fits(state, token.slice(0, at) + changed + token.slice(at + 1)), `at ${at}`).toBe(false);
  }
});

const state = csrf.state();
const token = csrf.token(state);

test.each<[what: string, token: unknown]>([
  ["none", undefined],
  ["null", null],
  ["nothing", ""],
  ["a word", "bad"],
  ["the state itself", state],
  ["the state twice and a bit", `${state}${state}12345678`],
  ["one character less", token.slice(1)],
  ["one character more", `${token}A`],
  ["characters that are not base64url", `+/${token.slice(2)}`],
  ["padding inside", `${token.slice(0, 30)}==${token.slice(32)}`],
  ["a space at the end", `${token.slice(0, 55)} `],
  ["as many characters, more bytes", `${token.slice(0, 55)}é`],
  ["as many bytes, fewer characters", `${token.slice(0, 54)}é`],
  ["a lone surrogate", `${token.slice(0, 53)}\ud800`],
  ["a list", [token]],
  ["a map", { token }],
  ["an object that becomes one", { toString: () => token, length: 56 }],
  ["bytes", Buffer.from(token)],
  ["a very long one", "A".repeat(1_000_000)],
])("what is no token fits nothing: %s", (_what, given) => {
  expect(csrf.fits(state, given)).toBe(false);
});

test.each([undefined, null, "", "short", state.slice(1), `${state}A`, [state], 24, Buffer.from(state)])(
  "what is no state is fitted by nothing, and gets no token: %j",
  (given) => {
    expect(csrf.fits(given, token)).toBe(false);
    expect(() => csrf.token(given as never)).toThrow(/put csrf\.state\(\) into it/);
  },
);

test("the error shows nothing of the state", () => {
  const secret = "almost-a-state-and-secret";
  expect(() => csrf.token(secret)).toThrow(expect.not.objectContaining({ message: expect.stringContaining(secret) }));
});

test("state and token are compared in constant time, whole", () => {
  for (const given of [token, csrf.token(csrf.state())]) {
    vi.mocked(crypto.timingSafeEqual).mockClear();
    csrf.fits(state, given);
    expect(
      vi.mocked(crypto.timingSafeEqual).mock.calls.map((call) => call.map(({ byteLength }) => byteLength)),
    ).toEqual([[24, 24]]);
  }
});

test("a token for another host, which Plug signs in place of masking, is none on a socket, as in Phoenix", () => {
  const message = Buffer.from(`${csrf.state()}example.com`);
  const signed = `SFMyNTY.${message.toString("base64url")}`;
  const key = crypto.pbkdf2Sync("secret key base ".repeat(5), state, 1000, 32, "sha256");
  const perHost = `${signed}.${crypto.createHmac("sha256", key).update(signed).digest("base64url")}`;
  expect(csrf.fits(state, perHost)).toBe(false);
});
