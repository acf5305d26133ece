/** A page's session as credential: only with its CSRF token, and only for as long as it may last (security row 1.1). */

import { describe, expect, test } from "vitest";
import { session } from "../../src/auth/session.ts";
import { cookieSession, createSessionCookies, csrf, defineSocket, type Session } from "../../src/index.ts";
import { arena, secretKeyBase } from "../security/support/arena.ts";
import { identityOf, now, verdict } from "./support/request.ts";

interface Content {
  readonly user?: string | number | bigint | null;
  readonly at?: unknown;
  readonly id?: string;
  readonly org?: string;
  readonly secret?: string;
}

const authenticate = session({
  subject: (content: Content) => content.user,
  issuedAt: (content) => content.at as number,
  maxAgeSeconds: 3_600,
  tokenId: ({ id }) => id,
  tenant: ({ org }) => org,
  claims: ({ id }) => ({ sessionId: id }),
});
const plain = session({ subject: (content: Content) => content.user, issuedAt: () => now, maxAgeSeconds: 60 });
const ask = (content: unknown): Promise<string> => verdict(authenticate, null, { session: content });

test("whoever is signed in is known, with what the session was asked for and nothing else", async () => {
  const content = { user: 42, at: now - 1_000, id: "s-1", org: "acme", secret: "kept" };
  expect(await identityOf(authenticate, null, { session: content })).toEqual({
    authenticator: "session",
    issuer: null,
    tenant: "acme",
    subject: "42",
    claims: { sessionId: "s-1" },
    tokenId: "s-1",
    issuedAt: now - 1_000,
    expiresAt: now + 3_599_000,
  });
  expect(await identityOf(plain, null, { session: content })).toMatchObject({
    tenant: null,
    tokenId: null,
    claims: null,
  });
});

test.each([
  ["no session", null],
  ["undefined", undefined],
  ["a string", "ada"],
  ["nobody signed in", { at: now }],
  ["null signed in", { at: now, user: null }],
  ["an empty name", { at: now, user: "" }],
])("%s is missing", async (_name, content) => {
  expect(await ask(content)).toBe("missing");
});

test.each([
  ["now", now, "ok"],
  ["as a Date", new Date(now - 1_000), "ok"],
  ["as long ago as may be", now - 3_600_000, "ok"],
  ["longer ago", now - 3_600_001, "expired"],
  ["a little ahead", now + 2_000, "ok"],
  ["further ahead", now + 2_001, "invalid"],
  ["never", undefined, "invalid"],
  ["null", null, "invalid"],
  ["NaN", Number.NaN, "invalid"],
  ["Infinity", Number.POSITIVE_INFINITY, "invalid"],
  ["before 1970", -1, "invalid"],
  ["a word", "yesterday", "invalid"],
  ["no date", new Date(Number.NaN), "invalid"],
])("somebody who signed in %s", async (_name, at, expected) => {
  expect(await ask({ user: "ada", at })).toBe(expected);
});

test("a credential in place of a session is nothing to it", async () => {
  expect(await verdict(authenticate, "token")).toBe("missing");
});

test("says for how long a revocation has to be remembered", () => {
  expect(authenticate.maxAgeMs).toBe(3_602_000);
});

test.each([
  ["no subject", { subject: undefined }, "subject"],
  ["no issuedAt", { issuedAt: "at" }, "issuedAt"],
  ["no age", { maxAgeSeconds: undefined }, "maxAgeSeconds"],
  ["age zero", { maxAgeSeconds: 0 }, "maxAgeSeconds"],
])("%s is a mistake told at once", (_name, options, message) => {
  const made = (): unknown => session({ subject: () => "a", issuedAt: () => 0, maxAgeSeconds: 1, ...options } as never);
  expect(made).toThrow(TypeError);
  expect(made).toThrow(message);
});

describe("over real sockets", () => {
  const key = "_my_app_key";
  const signingSalt = "a signing salt";
  const cookies = createSessionCookies({ secretKeyBase, key, signingSalt });
  const state = csrf.state();
  const cookie = (content: Record<string, unknown>): string =>
    `Cookie: ${key}=${cookies.seal({ _csrf_token: state, ...content } as Session)}`;

  async function serve() {
    const seen: string[] = [];
    const socket = defineSocket({
      connectInfo: [cookieSession({ key, signingSalt })],
      authenticate: session({
        subject: (content: Session) => content["user_id"] as string | undefined,
        issuedAt: (content: Session) => content["signed_in_at"] as number | undefined,
        maxAgeSeconds: 3_600,
      }),
      connect({ identity }) {
        seen.push(identity.subject);
        return { userId: identity.subject };
      },
    });
    const world = await arena({ sockets: { "/socket": { socket, channels: [] } } });
    const enter = async (token: string | null, ...headers: string[]): Promise<number> => {
      const query = token === null ? "" : `&_csrf_token=${encodeURIComponent(token)}`;
      return (await world.knock({ path: `/socket/websocket?vsn=2.0.0${query}`, headers })).status;
    };
    return { enter, seen };
  }

  test("the page that holds the session's token gets in, a cookie alone doesn't", async () => {
    const { enter, seen } = await serve();
    const signedIn = cookie({ user_id: "ada", signed_in_at: Date.now() });
    expect(await enter(csrf.token(state), signedIn)).toBe(101);
    expect(await enter(null, signedIn)).toBe(403);
    expect(await enter(csrf.token(csrf.state()), signedIn)).toBe(403);
    expect(await enter(csrf.token(state))).toBe(403);
    expect(await enter(csrf.token(state), cookie({ signed_in_at: Date.now() }))).toBe(403);
    expect(await enter(csrf.token(state), cookie({ user_id: "ada", signed_in_at: Date.now() - 3_700_000 }))).toBe(403);
    expect(await enter(csrf.token(state), cookie({ user_id: "ada" }))).toBe(403);
    expect(seen).toEqual(["ada"]);
  });

  test("a stranger's page doesn't, whatever the browser sends along", async () => {
    const { enter, seen } = await serve();
    const signedIn = cookie({ user_id: "ada", signed_in_at: Date.now() });
    expect(await enter(csrf.token(state), signedIn, "Origin: https://evil.example")).toBe(403);
    expect(seen).toEqual([]);
  });
});
