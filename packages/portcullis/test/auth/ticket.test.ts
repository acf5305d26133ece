/** Tickets are good for one use, by one holder, for some seconds (security row 2.14). */

import { once } from "node:events";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { memoryCredentialStore } from "../../src/auth/memory.ts";
import type { CredentialStore } from "../../src/auth/store.ts";
import { createTickets, type TicketsOptions } from "../../src/auth/ticket.ts";
import { defineEndpoint, defineSocket, type Endpoint, reject } from "../../src/index.ts";
import { afterwards, listener } from "../security/support/arena.ts";
import { knock } from "../security/support/raw.ts";
import { brokenStore } from "./support/broken-store.ts";
import { identityOf, now, requestFor, secretKeyBase, tokensAt, verdict } from "./support/request.ts";
import { libsqlShelf } from "./support/stores.ts";

const endpoint = { tokens: tokensAt() };
const made = (options: Partial<TicketsOptions> = {}) =>
  createTickets<{ role: string } | null>({
    store: memoryCredentialStore({ now: () => now }),
    lifetimeSeconds: 3_600,
    now: () => now,
    ...options,
  });

test("a ticket lets in whom it was issued for, with a life of the connection's own", async () => {
  const tickets = made();
  const ticket = await tickets.issue(endpoint, { subject: "ada", tenant: "acme", claims: { role: "admin" } });
  const identity = await identityOf(tickets.authenticate, ticket, { now: now + 29_999 });
  expect(identity).toEqual({
    authenticator: "ticket",
    issuer: null,
    tenant: "acme",
    subject: "ada",
    claims: { role: "admin" },
    tokenId: expect.stringMatching(/^[\w-]{24}$/),
    keyId: expect.any(String),
    issuedAt: now,
    expiresAt: now + 3_600_000,
  });
});

test("its text says nothing of whom it is for, and no two are alike", async () => {
  const tickets = made();
  const holder = { subject: "subject-mark", tenant: "tenant-mark", claims: { role: "role-mark" } };
  const texts = [await tickets.issue(endpoint, holder), await tickets.issue(endpoint, holder)];
  for (const text of texts) expect(Buffer.from(text.slice(4), "base64url").toString("latin1")).not.toMatch(/mark/);
  const ids = [];
  for (const text of texts) ids.push((await identityOf(tickets.authenticate, text)).tokenId);
  expect(new Set(ids).size).toBe(2);
});

test("a second use is refused, and can't be told from a forged ticket", async () => {
  const tickets = made();
  const ticket = await tickets.issue(endpoint, { subject: "ada" });
  expect(await verdict(tickets.authenticate, ticket)).toBe("ok");
  expect(await tickets.authenticate(requestFor(ticket))).toEqual(reject("invalid"));
  expect(await tickets.authenticate(requestFor("forged"))).toEqual(reject("invalid"));
});

test("of a hundred uses at once one succeeds", async () => {
  const tickets = made();
  const ticket = await tickets.issue(endpoint, { subject: "ada" });
  const verdicts = await Promise.all(Array.from({ length: 100 }, () => verdict(tickets.authenticate, ticket)));
  expect(verdicts.filter((one) => one === "ok")).toHaveLength(1);
  expect(verdicts.filter((one) => one === "invalid")).toHaveLength(99);
});

test("another spelling of a used ticket is the same ticket", async () => {
  const tickets = made();
  for (const [first, second] of await Promise.all(["a", "ab", "abc"].map(spellingsOf))) {
    expect(first).not.toBe(second);
    expect(await verdict(tickets.authenticate, second as string)).toBe("ok");
    expect(await verdict(tickets.authenticate, first as string)).toBe("invalid");
  }

  /** With and without padding, where its length leaves room for that. */
  async function spellingsOf(subject: string): Promise<readonly [string, string]> {
    for (let pad = 0; ; pad += 1) {
      const ticket = await tickets.issue(endpoint, { subject: subject + "x".repeat(pad) });
      const padding = "=".repeat((4 - ((ticket.length - 4) % 4)) % 4);
      if (padding !== "") return [ticket, ticket + padding];
    }
  }
});

test.each([
  [29_999, "ok"],
  [30_000, "expired"],
  [86_400_000, "expired"],
  [-2_000, "ok"],
  [-2_001, "invalid"],
])("%i ms after it was issued a ticket is %s", async (age, expected) => {
  const tickets = made();
  const ticket = await tickets.issue(endpoint, { subject: "ada" });
  expect(await verdict(tickets.authenticate, ticket, { now: now + age })).toBe(expected);
});

test("an expired ticket stays expired, and is not taken", async () => {
  const taken: string[] = [];
  const store = memoryCredentialStore();
  const tickets = made({
    store: {
      ...store,
      takeTicket(id, at) {
        taken.push(id);
        return store.takeTicket(id, at);
      },
    },
  });
  const ticket = await tickets.issue(endpoint, { subject: "ada" });
  for (let ask = 0; ask < 2; ask += 1)
    expect(await verdict(tickets.authenticate, ticket, { now: now + 30_000 })).toBe("expired");
  expect(taken).toEqual([]);
});

test("issuing may ask for less than was agreed on, and not for more", async () => {
  const tickets = made();
  const short = await tickets.issue(endpoint, { subject: "ada" }, { ttlMs: 1_001, lifetimeSeconds: 60 });
  expect(await verdict(tickets.authenticate, short, { now: now + 1_001 })).toBe("expired");
  expect((await identityOf(tickets.authenticate, short, { now: now + 1_000 })).expiresAt).toBe(now + 60_000);
  for (const options of [
    { ttlMs: 30_001 },
    { ttlMs: 0 },
    { ttlMs: Number.NaN },
    { lifetimeSeconds: 3_601 },
    { lifetimeSeconds: Number.POSITIVE_INFINITY },
    { lifetimeSeconds: -1 },
  ])
    await expect(tickets.issue(endpoint, { subject: "ada" }, options)).rejects.toThrow(Object.keys(options)[0]);
});

test("a connection without an end has to be asked for in words", async () => {
  const tickets = made({ lifetimeSeconds: Number.POSITIVE_INFINITY });
  const ticket = await tickets.issue(endpoint, { subject: "ada" });
  expect((await identityOf(tickets.authenticate, ticket)).expiresAt).toBe(Number.POSITIVE_INFINITY);
  expect(tickets.authenticate.maxAgeMs).toBe(Number.POSITIVE_INFINITY);
  expect(made().authenticate.maxAgeMs).toBe(3_602_000);
});

test.each([
  ["no subject", { subject: undefined }],
  ["an empty subject", { subject: "" }],
  ["a number as subject", { subject: 1 }],
  ["a number as tenant", { subject: "ada", tenant: 1 }],
  ["claims that are no JSON", { subject: "ada", claims: { role: 1n } }],
])("a ticket for %s is not issued, nor kept", async (_name, holder) => {
  const kept: string[] = [];
  const store: CredentialStore = { ...memoryCredentialStore(), putTicket: async (id) => void kept.push(id) };
  await expect(made({ store }).issue(endpoint, holder as never)).rejects.toThrow(TypeError);
  expect(kept).toEqual([]);
});

test("a ticket in a param is found where that was asked for, and once only", async () => {
  const inParam = made({ param: "ticket" });
  const ask = async (credential: string | null, params: Record<string, unknown>, tickets = inParam): Promise<string> =>
    verdict(tickets.authenticate, credential, { params });
  const issue = (): Promise<string> => inParam.issue(endpoint, { subject: "ada" });
  expect(await ask(null, { ticket: await issue() })).toBe("ok");
  expect(await ask(await issue(), {})).toBe("ok");
  expect(await ask(null, {})).toBe("missing");
  expect(await ask(await issue(), { ticket: await issue() })).toBe("invalid");
  expect(await ask(null, { ticket: [await issue()] })).toBe("invalid");
  expect(await ask(null, { ticket: { a: await issue() } })).toBe("invalid");
  expect(await ask(null, { ticket: "" })).toBe("invalid");
  expect(await ask(null, { ticket: await made().issue(endpoint, { subject: "ada" }) }, made())).toBe("missing");
});

test("a store that is down lets nobody in, and issues nothing", async () => {
  const tickets = made();
  const ticket = await tickets.issue(endpoint, { subject: "ada" });
  const down = made({ store: brokenStore() });
  await expect(down.authenticate(requestFor(ticket))).rejects.toThrow("the store is down");
  await expect(down.issue(endpoint, { subject: "ada" })).rejects.toThrow("the store is down");
});

test.each([
  ["no store", { store: undefined }, "store"],
  ["no life", { lifetimeSeconds: undefined }, "lifetimeSeconds"],
  ["a life of zero", { lifetimeSeconds: 0 }, "lifetimeSeconds"],
  ["a time of zero", { ttlMs: 0 }, "ttlMs"],
  ["an endless time", { ttlMs: Number.POSITIVE_INFINITY }, "ttlMs"],
  ["an empty salt", { salt: "" }, "salt"],
  ["an empty param", { param: "" }, "param"],
  ["a negative skew", { clockSkewMs: -1 }, "clockSkewMs"],
])("%s is a mistake told at once", (_name, options, message) => {
  expect(() => made(options as never)).toThrow(TypeError);
  expect(() => made(options as never)).toThrow(message);
});

test("claims are of the type they were issued with", async () => {
  const tickets = createTickets<{ role: "admin" | "user" }>({ store: memoryCredentialStore(), lifetimeSeconds: 60 });
  // @ts-expect-error: claims that are promised have to be given
  const without = tickets.issue(endpoint, { subject: "ada" });
  await without;
  // @ts-expect-error: and as promised
  await tickets.issue(endpoint, { subject: "ada", claims: { role: "root" } });
  defineSocket({
    authenticate: tickets.authenticate,
    connect: ({ identity }) => ({ role: identity.claims.role satisfies "admin" | "user" }),
  });
});

/** A node of a cluster whose nodes share nothing but a store and a secret. */
async function node(store: CredentialStore) {
  const connects: string[] = [];
  const tickets = createTickets({ store, lifetimeSeconds: 3_600, param: "ticket" });
  const socket = defineSocket({
    authenticate: tickets.authenticate,
    connect({ identity }) {
      connects.push(identity.subject);
      return identity.subject === "banned" ? reject("banned") : { userId: identity.subject };
    },
  });
  const { said, logger } = listener();
  const itself = defineEndpoint({
    secretKeyBase,
    sockets: { "/socket": { socket, channels: [] } },
    logger,
  }) as Endpoint;
  const { port } = await itself.listen({ port: 0, host: "127.0.0.1" });
  afterwards(() => itself.close());
  const enter = async (ticket: string, headers: readonly string[] = []): Promise<number> => {
    const client = await knock(port, { path: `/socket/websocket?vsn=2.0.0&ticket=${ticket}`, headers });
    afterwards(() => client.destroy());
    return client.status;
  };
  return { endpoint: itself, tickets, connects, enter, port, said };
}

test("over real sockets a ticket lets in once in the whole cluster, before connect is asked", async () => {
  const shelf = libsqlShelf();
  afterwards(() => shelf.clear());
  const [one, two] = [await node(await shelf.open()), await node(await shelf.open())];
  const ticket = await one.tickets.issue(one.endpoint, { subject: "ada" });
  expect(await two.enter(ticket)).toBe(101);
  expect(await one.enter(ticket)).toBe(403);
  expect(await two.enter(ticket)).toBe(403);
  expect([one.connects, two.connects]).toEqual([[], ["ada"]]);

  const raced = await one.tickets.issue(one.endpoint, { subject: "ben" });
  const statuses = await Promise.all(Array.from({ length: 20 }, (_, index) => [one, two][index % 2]?.enter(raced)));
  expect(statuses.filter((status) => status === 101)).toHaveLength(1);
  expect(statuses.filter((status) => status === 403)).toHaveLength(19);
  expect([...one.connects, ...two.connects].filter((subject) => subject === "ben")).toHaveLength(1);
});

test("a ticket is spent although connect says no, or the page's origin does not", async () => {
  const { endpoint: here, tickets, enter, connects } = await node(memoryCredentialStore());
  const banned = await tickets.issue(here, { subject: "banned" });
  expect(await enter(banned)).toBe(403);
  expect(await enter(banned)).toBe(403);
  expect(connects).toEqual(["banned"]);
  const kept = await tickets.issue(here, { subject: "ada" });
  // A stranger's page doesn't get as far as the ticket.
  expect(await enter(kept, ["Origin: https://evil.example"])).toBe(403);
  expect(await enter(kept)).toBe(101);
});

test("a plain request spends a ticket as a handshake does, so that nobody can try one out", async () => {
  const { endpoint: here, tickets, enter, port } = await node(memoryCredentialStore());
  const ticket = await tickets.issue(here, { subject: "ada" });
  expect((await fetch(`http://127.0.0.1:${port}/socket/websocket?vsn=2.0.0&ticket=${ticket}`)).status).toBe(400);
  expect(await enter(ticket)).toBe(403);
});

test("a store that is down is answered 500 over a real socket, and connect is not asked", async () => {
  const healthy = await node(memoryCredentialStore());
  const { enter, connects, said } = await node(brokenStore());
  const ticket = await healthy.tickets.issue(healthy.endpoint, { subject: "ada" });
  expect(await enter(ticket)).toBe(500);
  expect(connects).toEqual([]);
  expect(JSON.stringify(said)).toContain("connect_failed");
  expect(JSON.stringify(said)).not.toContain(ticket);
});

test("an ordinary client gets in with a ticket among its params", async () => {
  const { endpoint: here, tickets, port } = await node(memoryCredentialStore());
  const ticket = await tickets.issue(here, { subject: "ada" });
  const client = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0&ticket=${ticket}`);
  await once(client, "open");
  client.terminate();
});
