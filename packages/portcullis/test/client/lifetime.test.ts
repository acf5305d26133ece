/** The credential's life, with the real server: refused at the edge, warned of, refreshed, lapsed, revoked, disconnected. */
import type { TokenRequest } from "portcullis/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Inbox } from "../clients/inbox.ts";
import { type App, maxAgeSeconds, type RealServer, startServer } from "./support/server.ts";
import { closeClients, type Tested, testedClient } from "./support/tested-client.ts";

let server: RealServer;
beforeEach(async () => {
  server = await startServer();
});
afterEach(async () => {
  closeClients();
  await server.close();
});

/** What the provider was asked, without the signal. */
type Asked = readonly [reason: string | null, previousFailed: boolean];

function clientWith(provider: () => string | null): { tested: Tested<App["/private"]>; asked: Inbox<Asked> } {
  const asked = new Inbox<Asked>();
  const token = ({ reason, previousFailed }: TokenRequest) => {
    asked.add([reason, previousFailed]);
    return provider();
  };
  // Time jumps here: the answer to one heartbeat couldn't come before the next.
  return { tested: testedClient<App["/private"]>(server.privateUrl, { token, heartbeatMs: 3_600_000 }), asked };
}

/** Lets time pass for both ends. */
function pass(tested: Tested<App["/private"]>, ms: number): void {
  tested.clock.advance(ms);
  server.clock.advance(ms);
}

const warnedAtMs = maxAgeSeconds * 900;

test("who is known is let in, and the token is nowhere in the address", async () => {
  const { tested } = clientWith(() => server.token("ada"));
  const me = tested.client.channel("me");
  await me.join();
  expect(await me.push("whoami")).toEqual({ userId: "ada" });
  const [[address]] = tested.sent.all.map((line) => JSON.parse(line) as [string]) as [[string]];
  expect(address).toBe(`${server.privateUrl}/websocket?vsn=2.0.0`);
});

test("a token that is too old is told apart, and the provider asked for another", async () => {
  const old = server.token("ada");
  server.clock.advance(maxAgeSeconds * 1_000 + 1);
  const tokens = [old];
  const { tested, asked } = clientWith(() => tokens.shift() ?? server.token("ada"));
  tested.client.connect();
  expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: "credential_expired" });
  tested.clock.advance(0);
  await tested.next("open");
  expect(asked.all).toEqual([
    [null, false],
    ["credential_expired", true],
  ]);
});

test("whom the application refuses is refused for good, with its reason", async () => {
  const { tested } = clientWith(() => server.token("mallory"));
  const joining = tested.client.channel("me").join();
  expect(await tested.next("refused")).toEqual({ state: "refused", reason: "banned" });
  await expect(joining).rejects.toMatchObject({ code: "closed", reason: "banned" });
});

test("whom the application asks to come later comes later", async () => {
  const { tested } = clientWith(() => server.token("busy"));
  tested.client.connect();
  expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: "overloaded" });
  tested.clock.advance(4_999);
  expect(tested.client.status.state).toBe("waiting");
  tested.clock.advance(1);
  expect(tested.client.status.state).toBe("connecting");
});

test("a credential is renewed before it lapses, and nothing else happens", async () => {
  const { tested, asked } = clientWith(() => server.token("ada"));
  const me = tested.client.channel("me");
  await me.join();
  for (const renewal of [1, 2, 3]) {
    pass(tested, warnedAtMs);
    await tested.received.find((frame) => frame.includes("phx_expiring") && count(tested, "phx_expiring") === renewal);
    tested.clock.advance(0);
    await tested.received.find((frame) => frame.includes("expiresAt") && count(tested, "expiresAt") === renewal);
  }
  expect(asked.all).toEqual([[null, false], ...Array(3).fill(["expiring", false])]);
  expect(await me.push("whoami")).toEqual({ userId: "ada" });
  expect(tested.statuses.all.map(({ state }) => state)).toEqual(["connecting", "open"]);
});

function count({ received }: Tested<App["/private"]>, text: string): number {
  return received.all.filter((frame) => frame.includes(text)).length;
}

test("a refresh with fewer rights closes what they don't reach, and says why", async () => {
  let rights: object = { admin: true };
  const { tested } = clientWith(() => server.token("ada", rights));
  const [me, admin] = [tested.client.channel("me"), tested.client.channel("admin")];
  await Promise.all([me.join(), admin.join()]);
  rights = { admin: false };
  expect(await tested.client.refresh()).toEqual({
    expiresAt: server.clock.now() + maxAgeSeconds * 1_000,
    closed: ["admin"],
  });
  expect(admin.status).toMatchObject({ state: "closed", reason: "unauthorized" });
  expect(await me.push("whoami")).toEqual({ userId: "ada" });
  await expect(admin.join()).rejects.toMatchObject({ code: "refused", reason: "unauthorized" });
});

test("a refresh for somebody else is refused, and changes nothing", async () => {
  const names = ["ada", "bob"];
  const { tested } = clientWith(() => server.token(names.shift() ?? "ada"));
  const me = tested.client.channel("me");
  await me.join();
  await expect(tested.client.refresh()).rejects.toMatchObject({ code: "refused" });
  expect(await me.push("whoami")).toEqual({ userId: "ada" });
});

test("a credential that isn't renewed lapses, and the client comes back with another", async () => {
  const tokens = [server.token("ada"), null, null];
  const { tested, asked } = clientWith(() => {
    const token = tokens.length > 0 ? tokens.shift() : server.token("ada");
    if (typeof token !== "string") throw new Error("offline");
    return token;
  });
  const me = tested.client.channel("me");
  await me.join();
  pass(tested, warnedAtMs);
  await tested.received.find((frame) => frame.includes("phx_expiring"));
  tested.clock.advance(0);
  await asked.find(([reason]) => reason === "expiring");
  server.clock.advance(maxAgeSeconds * 100 + 5_000);
  expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: "credential_lapsed" });
  expect(me.status).toMatchObject({ state: "waiting", reason: "disconnected" });
  tokens.length = 0;
  tested.clock.advance(0);
  await tested.next("open");
  expect(asked.all.at(-1)).toEqual(["credential_lapsed", true]);
  await me.join();
  expect(await me.push("whoami")).toEqual({ userId: "ada" });
});

test("a revoked credential ends the connection, and the same one is refused three times at most", async () => {
  const token = server.token("ada");
  const { tested, asked } = clientWith(() => token);
  await tested.client.channel("me").join();
  server.clock.advance(1);
  await server.endpoint.revoke({ subject: "ada" });
  expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: "revoked" });
  for (const _refusal of [1, 2]) {
    tested.clock.advance(0);
    expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: "credential_revoked" });
  }
  tested.clock.advance(0);
  expect(await tested.next("refused")).toEqual({ state: "refused", reason: "credential_revoked" });
  expect(asked.all.map(([reason]) => reason)).toEqual([null, "revoked", "credential_revoked", "credential_revoked"]);
});

test("whoever is disconnected comes back with a credential of that moment", async () => {
  const { tested, asked } = clientWith(() => server.token("ada"));
  const me = tested.client.channel("me");
  await me.join();
  server.endpoint.disconnect("users:ada");
  await tested.next("waiting");
  tested.clock.advance(0);
  await tested.next("open");
  expect(asked.all).toHaveLength(2);
  await me.join();
  expect(await me.push("whoami")).toEqual({ userId: "ada" });
});

test("whoever is drained comes back to whoever is there then", async () => {
  const { tested } = clientWith(() => server.token("ada"));
  tested.client.connect();
  await tested.next("open");
  const drained = server.endpoint.drain();
  server.clock.advance(60_000);
  expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: "close_1012" });
  server.clock.advance(60_000);
  await drained;
});
