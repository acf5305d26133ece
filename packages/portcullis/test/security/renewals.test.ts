/** A connection shown somebody else's credential, or a lesser one of its own: it stays whose it is (rows 2.4, 2.9). */

import { expect, test } from "vitest";
import {
  type AuthenticateRequest,
  anyOf,
  createTickets,
  defineSocket,
  memoryCredentialStore,
  reject,
  signedToken,
} from "../../src/index.ts";
import { arena, tokenSalt } from "./support/arena.ts";

const ada = { authenticator: "own", issuer: "one", tenant: "acme", subject: "ada", issuedAt: 1_000 };
const lastingMs = 3_600_000;

/** Credentials are what they say, once they are signed. */
async function connected() {
  const connects: unknown[] = [];
  const tickets = createTickets({ store: memoryCredentialStore(), lifetimeSeconds: 60 });
  const own = ({ credential, tokens }: AuthenticateRequest) => {
    const verified = tokens.verify("own", credential, { maxAgeSeconds: 60 });
    if (!verified.ok) return reject(verified.reason);
    const said = verified.data as typeof ada;
    return { ...said, claims: null, tokenId: null, expiresAt: Date.now() + lastingMs };
  };
  const socket = defineSocket({
    authenticate: anyOf({
      own,
      user: signedToken({ salt: tokenSalt, maxAgeSeconds: 60 }),
      ticket: tickets.authenticate,
    }),
    connect({ identity }) {
      connects.push(identity.subject);
      return { userId: identity.subject };
    },
    id: ({ userId }) => `users:${userId}`,
  });
  const channel = socket
    .channel("me", { authorize: "everyone" })
    .on({ who: (_payload, { assigns }) => ({ ...assigns }) });
  const plain = defineSocket({ authenticate: signedToken({ salt: "other", maxAgeSeconds: 60 }), connect: () => ({}) });
  const { endpoint, enter } = await arena({
    sockets: { "/socket": { socket, channels: [channel] }, "/other": { socket: plain, channels: [] } },
  });
  const sign = (said: object): string => endpoint.tokens.sign("own", said);
  const client = await enter({ headers: [`X-Phoenix-AuthToken: ${sign(ada)}`] });
  await client.join("me");
  connects.length = 0;
  return { client, endpoint, sign, connects, tickets };
}

type Connected = Awaited<ReturnType<typeof connected>>;

test.each<[what: string, credential: (made: Connected) => string | Promise<string>, reason: string]>([
  ["of another subject", ({ sign }) => sign({ ...ada, subject: "eve" }), "other identity"],
  ["of another tenant", ({ sign }) => sign({ ...ada, tenant: "umbrella" }), "other identity"],
  ["of no tenant", ({ sign }) => sign({ ...ada, tenant: null }), "other identity"],
  ["of another issuer", ({ sign }) => sign({ ...ada, issuer: "two" }), "other identity"],
  ["that is older", ({ sign }) => sign({ ...ada, issuedAt: 999 }), "stale"],
  [
    "of another authenticator for the same subject",
    ({ endpoint }) => endpoint.tokens.sign(tokenSalt, "ada"),
    "other identity",
  ],
  [
    "that is a ticket for the same subject",
    ({ endpoint, tickets }) => tickets.issue(endpoint, { subject: "ada", tenant: "acme" }),
    "other identity",
  ],
  ["of another mount", ({ endpoint }) => endpoint.tokens.sign("other", "ada"), "credential_invalid"],
  ["of another kind", ({ endpoint }) => endpoint.tokens.encrypt("own", ada), "credential_invalid"],
  ["of a session's cookie", () => "SFMyNTY.g3QAAAAA.AAAA", "credential_invalid"],
])("a credential %s is refused, five times, and then it is over", async (_what, make, reason) => {
  const made = await connected();
  const { client, connects } = made;
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const { status, response } = await client.push("phoenix", "auth", { token: await make(made) }, `r${attempt}`);
    expect([status, response]).toMatchObject(["error", { reason, retry: "reauth" }]);
    if (attempt < 4) expect((await client.push("me", "who", {}, `w${attempt}`)).response).toEqual({ userId: "ada" });
  }
  expect(await client.closed()).toBe(4102);
  expect(connects).toEqual([]);
});

test("what is no text is missing, and asked of nobody", async () => {
  const { client } = await connected();
  for (const [index, token] of [undefined, null, 7, {}, ["a"]].entries()) {
    const { response } = await client.push("phoenix", "auth", { token }, `r${index}`);
    expect(response).toMatchObject({ reason: "missing" });
  }
  expect(await client.closed()).toBe(4102);
});
