/** A credential of one kind, salt, issuer or tenant is none of another (security row 2.4). */

import { expect, test } from "vitest";
import type { Authenticator } from "../../src/auth/authenticator.ts";
import { encryptedToken } from "../../src/auth/encrypted-token.ts";
import { jwt } from "../../src/auth/jwt.ts";
import { memoryCredentialStore } from "../../src/auth/memory.ts";
import { signedToken } from "../../src/auth/signed-token.ts";
import { createTickets } from "../../src/auth/ticket.ts";
import { defineSocket } from "../../src/index.ts";
import { createTokens } from "../../src/token/token.ts";
import { arena, secretKeyBase as arenaSecret } from "../security/support/arena.ts";
import { audience, issuer, makeKey, token } from "./support/jws.ts";
import { identityOf, now, tokensAt, verdict } from "./support/request.ts";

const salt = "user socket";
const maxAgeSeconds = 3_600;
const tokens = tokensAt();
const key = makeKey("HS256");
const jwtOf = (tenant: string) =>
  jwt({ keys: { alg: "HS256", key: key.verifying }, issuer, audience, maxAgeSeconds, tenant });
const store = memoryCredentialStore({ now: () => now });
const ticketsOf = (purpose?: string) =>
  createTickets({ store, lifetimeSeconds: 60, now: () => now, ...(purpose === undefined ? {} : { salt: purpose }) });

/** Kinds of credentials, each under a name and a secret of its own, or the same as others. */
const kinds: Record<string, { readonly authenticate: Authenticator; readonly make: () => Promise<string> | string }> = {
  "signed token": { authenticate: signedToken({ salt, maxAgeSeconds }), make: () => tokens.sign(salt, "ada") },
  "signed token of another salt": {
    authenticate: signedToken({ salt: "other", maxAgeSeconds }),
    make: () => tokens.sign("other", "ada"),
  },
  "encrypted token": { authenticate: encryptedToken({ salt, maxAgeSeconds }), make: () => tokens.encrypt(salt, "ada") },
  "encrypted token of another salt": {
    authenticate: encryptedToken({ salt: "other", maxAgeSeconds }),
    make: () => tokens.encrypt("other", "ada"),
  },
  ticket: { authenticate: ticketsOf().authenticate, make: () => ticketsOf().issue({ tokens }, { subject: "ada" }) },
  "ticket of a purpose": {
    authenticate: ticketsOf(salt).authenticate,
    make: () => ticketsOf(salt).issue({ tokens }, { subject: "ada" }),
  },
  "JSON Web Token": { authenticate: jwtOf("org"), make: () => token(key, { org: "acme", team: 1 }) },
  "JSON Web Token of another tenant claim": {
    authenticate: jwtOf("team"),
    make: () => token(key, { team: "acme", org: 1 }),
  },
};
const names = Object.keys(kinds);
const pairs = names.flatMap((one) => names.map((other) => [one, other] as const));

test.each(pairs)("a %s shown to the authenticator of a %s", async (shown, asked) => {
  const credential = (await kinds[shown]?.make()) ?? "";
  expect(await verdict(kinds[asked]?.authenticate as Authenticator, credential)).toBe(
    shown === asked ? "ok" : "invalid",
  );
});

test("an encrypted token is judged as a signed one is: subject, age, spelling", async () => {
  const authenticate = encryptedToken({ salt, maxAgeSeconds });
  const made = (data: unknown, signedAt = now): string => tokens.encrypt(salt, data, { signedAt });
  expect(await identityOf(authenticate, made({ user_id: 7, role: "admin" }, now - 1_000))).toMatchObject({
    authenticator: "encryptedToken",
    subject: "7",
    claims: { user_id: 7, role: "admin" },
    keyId: expect.any(String),
    issuedAt: now - 1_000,
    expiresAt: now - 1_000 + 3_600_000,
  });
  expect(await verdict(authenticate, null)).toBe("missing");
  expect(await verdict(authenticate, made({ role: "admin" }))).toBe("invalid");
  expect(await verdict(authenticate, made("ada", now - 3_600_000))).toBe("ok");
  expect(await verdict(authenticate, made("ada", now - 3_600_001))).toBe("expired");
  expect(await verdict(authenticate, made("ada", now + 2_000))).toBe("ok");
  expect(await verdict(authenticate, made("ada", now + 2_001))).toBe("invalid");
  const one = ["a", "ab", "abc"].map((subject) => made(subject)).find((text) => (text.length - 4) % 4 !== 0) as string;
  const padded = one + "=".repeat(4 - ((one.length - 4) % 4));
  expect((await identityOf(authenticate, padded)).tokenId).toBe((await identityOf(authenticate, one)).tokenId);
  expect(authenticate.maxAgeMs).toBe(3_602_000);
  for (const options of [{ salt: "", maxAgeSeconds }, { salt, maxAgeSeconds: 0 }, { salt }])
    expect(() => encryptedToken(options as never)).toThrow(TypeError);
});

test("a secret of another application makes nothing that counts here", async () => {
  const theirs = createTokens({ secretKeyBase: "the secret of another application, long enough", now: () => now });
  expect(await verdict(signedToken({ salt, maxAgeSeconds }), theirs.sign(salt, "ada"))).toBe("invalid");
  expect(await verdict(encryptedToken({ salt, maxAgeSeconds }), theirs.encrypt(salt, "ada"))).toBe("invalid");
  const ticket = await ticketsOf().issue({ tokens: theirs }, { subject: "ada" });
  expect(await verdict(ticketsOf().authenticate, ticket)).toBe("invalid");
});

test("the token of a long-poll session is no credential, nor a credential a session's token", async () => {
  const socket = defineSocket({
    authenticate: signedToken({ salt, maxAgeSeconds }),
    connect: ({ identity }) => ({ userId: identity.subject }),
  });
  const { port } = await arena({ sockets: { "/socket": { socket, channels: [], longpoll: true } } });
  const url = `http://127.0.0.1:${port}/socket/longpoll?vsn=2.0.0`;
  const own = createTokens({ secretKeyBase: arenaSecret });
  const credential = own.sign(salt, "ada");
  const poll = async (query: string, bearer: string): Promise<{ status: number; token?: string }> => {
    const response = await fetch(`${url}${query}`, { headers: { authorization: `Bearer ${bearer}` } });
    return (await response.json()) as { status: number; token?: string };
  };
  const { status, token: sessionToken = "" } = await poll("", credential);
  expect(status).toBe(410);
  expect(own.verify("portcullis longpoll", sessionToken).ok).toBe(true);
  // A session's token lets nobody open another.
  const refused = await poll("", sessionToken);
  expect(refused.token).toBeUndefined();
  expect(refused.status).toBe(403);
  // And whoever brings the credential as a session's token begins anew.
  const renewed = await poll(`&token=${encodeURIComponent(credential)}`, credential);
  expect(renewed.status).toBe(410);
  expect(renewed.token).not.toBe(sessionToken);
});
