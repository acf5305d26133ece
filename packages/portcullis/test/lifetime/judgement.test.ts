/** How a new credential is judged: exactly as the first was, for the same somebody, and never an older one. */

import { expect, test } from "vitest";
import type { Identity } from "../../src/auth/authenticator.ts";
import { memoryCredentialStore } from "../../src/auth/memory.ts";
import { defineSocket, signedToken } from "../../src/index.ts";
import { bounds } from "../../src/limit/bounds.ts";
import { accept, reject } from "../../src/outcome.ts";
import { memoryBus } from "../../src/testing/memory-bus.ts";
import { tokenId } from "../../src/token/token.ts";
import { settled } from "../support/clock.ts";
import { deferred } from "../support/world.ts";
import { Desk, type Office, type OpenOptions, open } from "./support/desk.ts";
import { connect, type Line, statusFor, type Told, tryToConnect } from "./support/line.ts";
import { epoch, hourMs } from "./support/lives.ts";

interface Judged {
  readonly status: string;
  readonly response: unknown;
}

async function judged(line: Line, token: unknown, ref = "auth"): Promise<Judged> {
  await line.send(ref, "phoenix", "auth", { token });
  const [answer] = await line.take(1);
  expect(answer?.[0]).toBe(ref);
  return answer?.[3] as Judged;
}

const no = (reason: string, retry: unknown = "reauth") => ({ status: "error", response: { reason, retry } });
const later = { afterMs: 1_000 };

/** Somebody in a room, and who they still are. */
async function inside(
  options: OpenOptions = {},
  own: Partial<Identity> = {},
): Promise<Office & { line: Line; who(): Promise<unknown> }> {
  const office = await open(options);
  const line = await connect(office.port, office.desk.issue(own));
  await line.send("join", "room:a", "phx_join", {});
  await line.take(1);
  return {
    ...office,
    line,
    async who() {
      await line.send("who", "room:a", "who", {});
      const [answer] = await line.take(1);
      return ((answer as Told)[3] as Judged).response;
    },
  };
}

test.each<[string, Partial<Identity>]>([
  ["subject", { subject: "bob" }],
  ["issuer", { issuer: "elsewhere" }],
  ["issuer, which is none", { issuer: null }],
  ["tenant", { tenant: "umbrella" }],
  ["tenant, which is none", { tenant: null }],
  ["authenticator", { authenticator: "another desk" }],
])("a credential of another %s is refused, and nobody is somebody else", async (_what, other) => {
  const { line, desk, who } = await inside();
  const before = await who();
  expect(await judged(line, desk.issue(other))).toEqual(no("other identity"));
  expect(await who()).toEqual(before);
});

test("tenants that are numbers are two tenants", async () => {
  const { line, desk } = await inside({}, { tenant: 7 as never });
  expect(await judged(line, desk.issue({ tenant: 8 as never }))).toEqual(no("other identity"));
  expect((await judged(line, desk.issue({ tenant: 7 as never }))).status).toBe("ok");
});

test("an older credential is stale, one as old is not", async () => {
  const { line, desk, who } = await inside();
  expect(await judged(line, desk.issue({ issuedAt: epoch - 1 }))).toEqual(no("stale"));
  expect((await judged(line, desk.issue({ issuedAt: epoch, tokenId: "as old" }))).status).toBe("ok");
  expect(await who()).toMatchObject({ tokenId: "as old" });
  expect((await judged(line, desk.issue({ issuedAt: epoch + 5 }))).status).toBe("ok");
  // The one that was good a moment ago isn't any more.
  expect(await judged(line, desk.issue({ issuedAt: epoch + 4 }))).toEqual(no("stale"));
});

test("what the authenticator says no to is refused as it would be at the door", async () => {
  const { line, desk, said } = await inside();
  expect(await judged(line, "nobody knows it")).toEqual(no("credential_invalid"));
  expect(
    await judged(
      line,
      desk.issue(() => reject("expired")),
    ),
  ).toEqual(no("credential_expired"));
  expect(
    await judged(
      line,
      desk.issue(() => reject("unavailable")),
    ),
  ).toEqual(no("credential_unverifiable", later));
  expect((await judged(line, desk.issue())).status).toBe("ok");
  expect(
    await judged(
      line,
      desk.issue(() => reject("banned")),
    ),
  ).toEqual(no("banned"));
  expect(
    await judged(
      line,
      desk.issue(() => null),
    ),
  ).toEqual(no("connect_failed", later));
  expect(
    await judged(
      line,
      desk.issue(() => {
        throw new Error("the desk is closed");
      }),
    ),
  ).toEqual(no("connect_failed", later));
  expect(said.filter(({ level }) => level === "error")).toHaveLength(1);
});

test("one that has lapsed is refused at the door and at a refresh, whatever the authenticator makes of it", async () => {
  const { line, desk, port, clock } = await inside();
  expect(await judged(line, desk.issue({ expiresAt: epoch - 1 }))).toEqual(no("credential_expired"));
  expect(await statusFor(port, desk.issue({ expiresAt: epoch - 1 }))).toBe(403);
  expect(await statusFor(port, desk.issue({ expiresAt: Number.NEGATIVE_INFINITY }))).toBe(403);
  // At its very end it still counts.
  expect(await statusFor(port, desk.issue({ expiresAt: clock.now() }))).toBe(101);
});

test.each(["expiresAt", "tokenId"])(
  "who is given %s and no subject is nobody's, and told to the operator",
  async (field) => {
    const { desk, port, said } = await open();
    expect(await statusFor(port, desk.issue({ subject: "", [field]: 1 }))).toBe(500);
    expect(said).toMatchObject([
      { level: "error", details: { error: { message: expect.stringContaining("subject") } } },
    ]);
  },
);

test("a token that is too long is not shown to the authenticator", async () => {
  const { line, desk } = await inside();
  const asked = desk.asked.length;
  expect(await judged(line, "x".repeat(bounds.credentialBytesMax + 1))).toEqual(no("credential_invalid"));
  expect(desk.asked).toHaveLength(asked);
  expect(await judged(line, "x".repeat(bounds.credentialBytesMax))).toEqual(no("credential_invalid"));
});

test("an authenticator that never answers has its time, and what it says later counts for nothing", async () => {
  const { line, desk, clock, who } = await inside();
  const answer = deferred<Identity>();
  const signals: AbortSignal[] = [];
  const slow = desk.issue(({ signal }) => {
    signals.push(signal);
    return answer.promise;
  });
  await line.send("slow", "phoenix", "auth", { token: slow });
  await expect.poll(() => signals).toHaveLength(1);
  clock.advance(bounds.connectTimeoutMs - 1);
  expect(signals[0]?.aborted).toBe(false);
  clock.advance(1);
  expect(await line.take(1)).toMatchObject([["slow", "phoenix", "phx_reply", no("connect_timeout", later)]]);
  expect(signals[0]?.aborted).toBe(true);
  const before = await who();
  answer.resolve({ subject: "ada", authenticator: "desk", issuer: "here", tenant: "acme" } as Identity);
  await settled();
  expect(await who()).toEqual(before);
});

/** An endpoint whose `connect` lets the first one in, and does something else afterwards. */
function afterTheFirst(then: (call: { readonly identity: Identity }) => unknown): OpenOptions {
  let calls = 0;
  return {
    onConnect(call) {
      calls += 1;
      return calls === 1 ? undefined : then(call);
    },
  };
}

test.each<[string, (call: { readonly identity: Identity }) => unknown, ReturnType<typeof no>]>([
  ["rejects", () => reject("full"), no("full", "never")],
  ["rejects with advice", () => reject("full", { retry: { afterMs: 5 } }), no("full", { afterMs: 5 })],
  ["is rejected", () => Promise.reject(new Error("no database")), no("connect_failed", later)],
  ["returns what is no assigns", () => "assigns", no("connect_refused", "never")],
  ["forgets to return", () => null, no("connect_refused", "never")],
  ["makes another id of it", () => ({ subject: "bob", may: ["a"] }), no("other identity")],
  ["makes no id of it", () => accept({ assigns: { subject: undefined as never } }), no("other identity")],
])("a connect that %s at a refresh changes nothing", async (_what, then, answer) => {
  const { line, desk, who } = await inside(afterTheFirst(then));
  const before = await who();
  expect(await judged(line, desk.issue())).toEqual(answer);
  expect(await who()).toEqual(before);
});

test("a connect that takes too long at a refresh changes nothing", async () => {
  const { line, desk, clock, who } = await inside(afterTheFirst(() => new Promise(() => {})));
  const asked = desk.asked.length;
  await line.send("slow", "phoenix", "auth", { token: desk.issue() });
  await expect.poll(() => desk.asked).toHaveLength(asked + 1);
  await settled();
  clock.advance(bounds.connectTimeoutMs);
  expect(await line.take(1)).toMatchObject([["slow", "phoenix", "phx_reply", no("connect_timeout", later)]]);
  expect(await who()).toMatchObject({ tokenId: "id-1" });
});

test("connect is told what it was told the first time, but for the credential: that is the new one", async () => {
  const told: unknown[] = [];
  const desk = new Desk();
  const socket = defineSocket({
    authenticate: desk.authenticate,
    connectInfo: ["authToken", "userAgent"],
    connect({ params, info, identity }) {
      told.push({ params: { ...params }, info: { ...info }, tokenId: identity.tokenId });
      return {};
    },
  });
  const { port } = await open({
    desk,
    sockets: { "/socket": { socket, channels: [], from: ["params", "subprotocol"] } },
  });
  const [first, second, third] = [desk.issue(), desk.issue(), desk.issue()];
  const inParams = await tryToConnect(port, null, {
    path: `/socket/websocket?vsn=2.0.0&lang=de&token=${first}`,
    headers: ["User-Agent: a test"],
  });
  const inSubprotocol = await tryToConnect(port, first, { path: "/socket/websocket?vsn=2.0.0&lang=fr" });
  for (const client of [inParams, inSubprotocol]) {
    expect((await client.push("phoenix", "auth", { token: second }, "1")).status).toBe("ok");
    expect((await client.push("phoenix", "auth", { token: third }, "2")).status).toBe("ok");
  }
  const lang = (lang: string) => ({ vsn: "2.0.0", lang });
  expect(told).toEqual([
    { params: { ...lang("de"), token: first }, info: { authToken: null, userAgent: "a test" }, tokenId: "id-1" },
    { params: lang("fr"), info: { authToken: first, userAgent: null }, tokenId: "id-1" },
    { params: lang("de"), info: { authToken: second, userAgent: "a test" }, tokenId: "id-2" },
    { params: lang("de"), info: { authToken: third, userAgent: "a test" }, tokenId: "id-3" },
    { params: lang("fr"), info: { authToken: second, userAgent: null }, tokenId: "id-2" },
    { params: lang("fr"), info: { authToken: third, userAgent: null }, tokenId: "id-3" },
  ]);
});

test("an authenticator is asked at a refresh with the credential alone", async () => {
  const { line, desk } = await inside();
  const asked: unknown[] = [];
  const token = desk.issue(({ credential, params, session }) => {
    asked.push({ credential, params: { ...params }, session });
    return reject("invalid");
  });
  await judged(line, token);
  expect(asked).toEqual([{ credential: token, params: {}, session: null }]);
});

test("what was revoked is not refreshed with, whenever it was", async () => {
  const gate = deferred();
  let waits = false;
  const { line, desk, endpoint, who } = await inside({
    onConnect: async () => {
      if (waits) await gate.promise;
    },
  });
  await endpoint.revoke({ tokenId: "revoked before" });
  expect(await judged(line, desk.issue({ tokenId: "revoked before" }))).toEqual(no("credential_revoked"));
  waits = true;
  const asked = desk.asked.length;
  await line.send("race", "phoenix", "auth", { token: desk.issue({ tokenId: "revoked meanwhile" }) });
  await expect.poll(() => desk.asked).toHaveLength(asked + 1);
  await settled();
  await endpoint.revoke({ tokenId: "revoked meanwhile" });
  gate.resolve();
  expect(await line.take(1)).toMatchObject([["race", "phoenix", "phx_reply", no("credential_revoked")]]);
  expect(await who()).toMatchObject({ tokenId: "id-1" });
});

test("a credential that is revoked after it was looked up, and before it counts, ends the connection", async () => {
  const office: { current: Office | null } = { current: null };
  const revokeSoon = (turns: number): void => {
    // One turn of the microtask queue after the other, until there is no gap left to fall into.
    if (turns === 0) void office.current?.endpoint.revoke({ tokenId: "at the last moment" });
    else queueMicrotask(() => revokeSoon(turns - 1));
  };
  for (let turns = 0; turns < 24; turns += 1) {
    const here = await inside(afterTheFirst(() => void revokeSoon(turns)));
    office.current = here;
    const { line, desk, endpoint } = here;
    await line.send("race", "phoenix", "auth", { token: desk.issue({ tokenId: "at the last moment" }) });
    const [first] = (await line.take(1)) as readonly [Told];
    // Refused, or let in and ended; never left in.
    if ((first[3] as { status?: string }).status === "error") {
      expect(first, `${turns} turns`).toMatchObject(["race", "phoenix", "phx_reply", no("credential_revoked")]);
      continue;
    }
    const { closeCode } = await line.rest();
    expect(closeCode, `${turns} turns`).toBe(4101);
    await expect.poll(() => endpoint.connectionCount).toBe(0);
  }
});

test("while the store of revocations can't be read nobody is refreshed, and nothing changes", async () => {
  const store = memoryCredentialStore({ now: () => epoch });
  let broken = false;
  const failing = {
    ...store,
    revocations: (now: number) => (broken ? Promise.reject(new Error("gone")) : store.revocations(now)),
  };
  const pubsub = memoryBus();
  const { line, desk, clock, who } = await inside({ store: failing, pubsub });
  pubsub.cut();
  broken = true;
  clock.advance(1_000);
  expect(await judged(line, desk.issue())).toEqual(no("revocations_unread", later));
  broken = false;
  expect((await judged(line, desk.issue({ tokenId: "read" }))).status).toBe("ok");
  expect(await who()).toMatchObject({ tokenId: "read" });
});

test("signed tokens: genuine, of the same subject, for the same use, not expired, not older", async () => {
  const desk = new Desk();
  const socket = defineSocket({
    authenticate: signedToken({ salt: "user", maxAgeSeconds: 600 }),
    connect: ({ identity }) => ({ userId: identity.subject }),
  });
  const { endpoint, port, clock } = await open({ desk, sockets: { "/socket": { socket, channels: [] } } });
  const { tokens } = endpoint;
  const line = await connect(port, tokens.sign("user", "ada"));
  clock.advance(1_000);
  const genuine = tokens.sign("user", "ada");
  expect(await judged(line, tokens.sign("other use", "ada"))).toEqual(no("credential_invalid"));
  expect(await judged(line, `${genuine.slice(0, -2)}AA`)).toEqual(no("credential_invalid"));
  expect(await judged(line, tokens.sign("user", "bob"))).toEqual(no("other identity"));
  expect(await judged(line, tokens.sign("user", "ada", { signedAt: epoch - 1 }))).toEqual(no("stale"));
  expect(await judged(line, genuine)).toEqual({
    status: "ok",
    response: { expiresAt: epoch + 1_000 + 600_000, closed: [] },
  });
  expect(await judged(line, tokens.sign("user", "ada", { signedAt: epoch - 600_000 }))).toEqual(
    no("credential_expired"),
  );
});

test.each<[string, (token: string) => string]>([
  ["padding", (token) => `${token}=`],
  ["padding twice", (token) => `${token}==`],
  ["a dot", (token) => `${token}.`],
  ["a space before it", (token) => ` ${token}`],
  ["another last character that decodes to the same bytes", sameBytes],
  ["the other alphabet", (token) => token.replaceAll("-", "+").replaceAll("_", "/")],
  ["a part repeated", (token) => `${token}.${token.split(".")[2]}`],
])("a revoked token in another spelling, with %s, is not let in, and refreshes nobody", async (_what, respell) => {
  const socket = defineSocket({ authenticate: signedToken({ salt: "user", maxAgeSeconds: 600 }) });
  const { endpoint, port } = await open({ sockets: { "/socket": { socket, channels: [] } } });
  const { tokens } = endpoint;
  const line = await connect(port, tokens.sign("user", "ada"));
  // Until one has both characters of the alphabets that differ.
  let revoked = "";
  for (let n = 1; !/[-].*[_]|[_].*[-]/.test(revoked.split(".")[2] ?? ""); n += 1)
    revoked = tokens.sign("user", "ada", { signedAt: epoch + n });
  expect(await statusFor(port, revoked)).toBe(101);
  await endpoint.revoke({ tokenId: tokenId(revoked) });
  for (const text of [revoked, respell(revoked)]) {
    expect(await statusFor(port, text)).toBe(403);
    expect(await judged(line, text)).toMatchObject({ status: "error" });
  }
});

/** Of 32 bytes the last of 43 characters holds four bits: the other two may be anything. */
function sameBytes(token: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(token.at(-1) as string);
  return token.slice(0, -1) + alphabet[(last & ~3) | ((last + 1) & 3)];
}

test("a socket that says by itself who it is lapses and is revoked, and is not refreshed", async () => {
  const desk = new Desk();
  const socket = defineSocket({
    connect: () => accept({ assigns: {}, subject: "ada", tokenId: "own", issuedAt: epoch, expiresAt: epoch + hourMs }),
  });
  const { endpoint, port, clock } = await open({
    desk,
    sockets: { "/socket": { socket, channels: [], websocket: { idleTimeoutMs: 2 * hourMs } } },
  });
  const line = await connect(port, "whatever");
  expect(await judged(line, "whatever")).toEqual({ status: "error", response: { reason: "unmatched topic" } });
  const lapsing = await connect(port, "whatever");
  await endpoint.revoke({ tokenId: "own" });
  expect((await line.rest()).closeCode).toBe(4101);
  expect((await lapsing.rest()).closeCode).toBe(4101);
  expect(await statusFor(port, null)).toBe(403);
  await endpoint.unrevoke({ tokenId: "own" });
  const again = await connect(port, "whatever");
  clock.advance(hourMs + bounds.refreshGraceMs);
  expect((await again.rest()).closeCode).toBe(4100);
  expect(await statusFor(port, null)).toBe(403);
});

test("a socket without either knows no event of that name", async () => {
  const { port } = await open({ sockets: { "/socket": { socket: defineSocket(), channels: [] } } });
  expect(await judged(await connect(port, "whatever"), "whatever")).toEqual({
    status: "error",
    response: { reason: "unmatched topic" },
  });
});
