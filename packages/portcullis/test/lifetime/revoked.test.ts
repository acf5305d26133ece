/** Thrown out, and kept out: whoever is on their way in, in whatever place, on whatever node (security row 4.9). */

import { expect, test } from "vitest";
import type { Identity } from "../../src/auth/authenticator.ts";
import { type Endpoint, signedToken } from "../../src/index.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { tokenId } from "../../src/token/token.ts";
import { settled } from "../support/clock.ts";
import { Poller } from "../support/poller.ts";
import { deferred } from "../support/world.ts";
import { cluster, Desk, open } from "./support/desk.ts";
import { connect, statusFor, tryToConnect } from "./support/line.ts";
import { epoch, hourMs } from "./support/lives.ts";

/** The ways somebody can be thrown out. */
const ways: readonly (readonly [string, (endpoint: Endpoint) => Promise<void> | void, number])[] = [
  ["their subject was revoked", (endpoint) => endpoint.revoke({ subject: "ada" }), 4101],
  ["their token was revoked", (endpoint) => endpoint.revoke({ tokenId: "id-1" }), 4101],
  ["their key was given up", (endpoint) => endpoint.rotate({ compromised: "key-1" }), 4103],
  ["their id was disconnected", (endpoint) => endpoint.disconnect("users:ada"), 1001],
  ["their id was disconnected as in Phoenix", (endpoint) => endpoint.broadcast("users:ada", "disconnect", {}), 1001],
];

test.each(ways)("whoever is connected when %s is ended, on this node and on another", async (_how, throwOut, code) => {
  const { desk, here, there } = await cluster();
  const token = desk.issue({ keyId: "key-1" });
  const lines = [await connect(here.port, token), await connect(there.port, token)];
  const others = [await connect(here.port, desk.issue({ subject: "bob", keyId: "key-2" }))];
  await throwOut(here.endpoint);
  for (const line of lines) expect((await line.rest()).closeCode).toBe(code);
  await others[0]?.send("beat", "phoenix", "heartbeat", {});
  expect(await others[0]?.take(1)).toHaveLength(1);
});

test.each(ways)(
  "whoever is being authenticated when %s gets no further, wherever it was said",
  async (_how, throwOut, code) => {
    for (const from of ["here", "there"] as const) {
      const nodes = await cluster();
      const gate = deferred();
      const somebody = {
        authenticator: "desk",
        issuer: null,
        tenant: null,
        subject: "ada",
        tokenId: "id-1",
        keyId: "key-1",
        issuedAt: epoch,
        expiresAt: epoch + hourMs,
      };
      const token = nodes.desk.issue(() => gate.promise.then(() => somebody));
      const knocking = tryToConnect(nodes.here.port, token);
      await expect.poll(() => nodes.desk.asked).toHaveLength(1);
      await throwOut(nodes[from].endpoint);
      gate.resolve();
      const client = await knocking;
      // A disconnect names an id that isn't known before connect: they get in, and are ended at once.
      if (code === 1001) expect([client.status, await client.closed()]).toEqual([101, code]);
      else expect(client.status).toBe(403);
    }
  },
);

test.each(ways)(
  "whoever is in connect when %s is ended before anything is read or said",
  async (_how, throwOut, code) => {
    for (const from of ["here", "there"] as const) {
      const gate = deferred();
      let inside = 0;
      const nodes = await cluster({
        onConnect: async () => {
          inside += 1;
          await gate.promise;
        },
      });
      const token = nodes.desk.issue({ keyId: "key-1" });
      const knocking = tryToConnect(nodes.here.port, token);
      await expect.poll(() => inside).toBe(1);
      await throwOut(nodes[from].endpoint);
      gate.resolve();
      const client = await knocking;
      client.message("1", "1", "room:a", "phx_join", {});
      expect(await client.closed()).toBe(code);
      expect(client.messages.map((message) => (message as unknown[])[3])).toEqual(code === 1001 ? [] : ["phx_closing"]);
      expect(nodes.here.reported("channel.joined")).toEqual([]);
    }
  },
);

test.each(ways)(
  "whoever comes over long-poll and is in connect when %s is told at their first poll",
  async (_how, throwOut, code) => {
    const gate = deferred();
    let inside = 0;
    const { desk, endpoint, port } = await open({
      onConnect: async () => {
        inside += 1;
        await gate.promise;
      },
    });
    const headers = { "x-phoenix-authtoken": desk.issue({ keyId: "key-1" }) };
    const opening = Poller.open(port, { headers });
    await expect.poll(() => inside).toBe(1);
    await throwOut(endpoint);
    gate.resolve();
    const poller = await opening;
    expect(endpoint.connectionCount).toBe(0);
    expect((await poller.send("[]").answer).status).toBe(410);
    if (code !== 1001) expect((await poller.fetch()).map(([, , , event]) => event)).toEqual(["phx_closing"]);
  },
);

test("a revocation at any turn of a connect leaves nobody in", async () => {
  const outcomes = new Set<string>();
  for (let turns = 0; turns < 60; turns += 1) {
    const holder: { endpoint: Endpoint | null } = { endpoint: null };
    const revokeSoon = (left: number): void => {
      if (left === 0) void holder.endpoint?.revoke({ tokenId: "id-1" });
      else queueMicrotask(() => revokeSoon(left - 1));
    };
    const desk = new Desk();
    const somebody = {
      authenticator: "desk",
      issuer: null,
      tenant: null,
      subject: "ada",
      tokenId: "id-1",
      issuedAt: epoch,
      expiresAt: epoch + hourMs,
    };
    const token = desk.issue(() => {
      revokeSoon(turns);
      return somebody;
    });
    const office = await open({ desk });
    holder.endpoint = office.endpoint;
    const client = await tryToConnect(office.port, token);
    outcomes.add(client.status === 101 ? String(await client.closed()) : String(client.status));
  }
  // Refused before there was a connection, or ended as soon as there was.
  expect([...outcomes].sort()).toEqual(["403", "4101"]);
});

test("a kicked client that comes back at once with the same token is refused on every node, one with a new token is not", async () => {
  const { desk, here, there } = await cluster();
  const token = desk.issue();
  const line = await connect(here.port, token);
  await here.endpoint.revoke({ subject: "ada" });
  const knocks = [here, there, here, there].map(({ port }) => statusFor(port, token));
  expect(await Promise.all(knocks)).toEqual([403, 403, 403, 403]);
  expect((await line.rest()).closeCode).toBe(4101);
  // In the millisecond of the revocation nothing new counts either; in the next one it does.
  expect(await statusFor(there.port, desk.issue())).toBe(403);
  desk.clock.advance(1);
  expect(await statusFor(there.port, desk.issue())).toBe(101);
});

test("what is given back is believed again, on every node", async () => {
  const { desk, here, there } = await cluster();
  const token = desk.issue();
  await here.endpoint.revoke({ subject: "ada" });
  expect(await statusFor(there.port, token)).toBe(403);
  await there.endpoint.unrevoke({ subject: "ada" });
  expect([await statusFor(here.port, token), await statusFor(there.port, token)]).toEqual([101, 101]);
});

test("long-poll: somebody whose poll is under way is told by it, and somebody between polls by the next", async () => {
  const { desk, endpoint, port } = await open();
  const headers = { "x-phoenix-authtoken": desk.issue() };
  const [polling, between] = [await Poller.open(port, { headers }), await Poller.open(port, { headers })];
  const poll = polling.poll();
  await settled();
  await endpoint.revoke({ subject: "ada" });
  const closing = [[null, null, "phoenix", "phx_closing", { reason: "revoked", retry: "reauth" }]];
  expect((await poll.answer).messages).toEqual(closing);
  expect(await between.fetch()).toEqual(closing);
  for (const poller of [polling, between]) {
    // The session is gone, and its credential begins no new one.
    expect(await poller.poll().answer).toMatchObject({ status: 403 });
    expect(await poller.post(null, "1", "phoenix", "heartbeat", {})).toMatchObject({ status: 410 });
  }
  expect(endpoint.connectionCount).toBe(0);
});

test("a session on another node is ended like any other, and its messages are fetched through this one", async () => {
  const { desk, here, there } = await cluster();
  const headers = { "x-phoenix-authtoken": desk.issue() };
  const poller = (await Poller.open(there.port, { headers })).at(here.port);
  await here.endpoint.revoke({ tokenId: "id-1" });
  expect((await poller.fetch()).map(([, , , event]) => event)).toEqual(["phx_closing"]);
});

test("one connection with a renewed credential is found under its new token and its new key, not its old ones", async () => {
  const { desk, endpoint, port } = await open();
  const line = await connect(port, desk.issue({ keyId: "old" }));
  await line.send("1", "phoenix", "auth", { token: desk.issue({ keyId: "new" }) });
  await line.take(1);
  await endpoint.revoke({ tokenId: "id-1" });
  endpoint.rotate({ compromised: "old" });
  await line.send("2", "phoenix", "heartbeat", {});
  expect(await line.take(1)).toMatchObject([["2", "phoenix", "phx_reply", { status: "ok" }]]);
  endpoint.rotate({ compromised: "new" });
  expect((await line.rest()).closeCode).toBe(4103);
  expect(await statusFor(port, desk.issue({ keyId: "new" }))).toBe(403);
  expect(await statusFor(port, desk.issue({ keyId: "newer" }))).toBe(101);
});

test("revocations of one authenticator don't concern another's, nor one tenant's another's", async () => {
  const { desk, endpoint, port } = await open();
  const identities: readonly Partial<Identity>[] = [
    {},
    { tenant: "umbrella" },
    { authenticator: "other" },
    { issuer: "far" },
  ];
  const lines = [];
  for (const own of identities) lines.push(await connect(port, desk.issue(own)));
  await endpoint.revoke({ subject: "ada", tenant: "umbrella" });
  expect((await lines[1]?.rest())?.closeCode).toBe(4101);
  await endpoint.revoke({ subject: "ada", authenticator: "other" });
  expect((await lines[2]?.rest())?.closeCode).toBe(4101);
  await endpoint.revoke({ subject: "ada", issuer: "far" });
  expect((await lines[3]?.rest())?.closeCode).toBe(4101);
  await lines[0]?.send("1", "phoenix", "heartbeat", {});
  expect(await lines[0]?.take(1)).toHaveLength(1);
});

test("a signed token is revoked by its id on a node that has never seen it, and its bearer on the one that has", async () => {
  const socket = defineSocket({
    authenticate: signedToken({ salt: "user", maxAgeSeconds: 600 }),
    connect: ({ identity }) => ({ tokenId: identity.tokenId }),
  });
  const { here, there } = await cluster({ sockets: { "/socket": { socket, channels: [] } } });
  const token = here.endpoint.tokens.sign("user", "ada");
  const other = here.endpoint.tokens.sign("user", "ada", { signedAt: epoch - 1 });
  const lines = [await connect(there.port, token), await connect(there.port, other)];
  await here.endpoint.revoke({ tokenId: tokenId(token) });
  expect((await lines[0]?.rest())?.closeCode).toBe(4101);
  expect([await statusFor(there.port, token), await statusFor(there.port, other)]).toEqual([403, 101]);
});
