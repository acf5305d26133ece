/** Signing out: from that moment on nothing that leaves the client holds the old token, whatever was under way. */
import { inspect } from "node:util";
import type { TokenProvider } from "portcullis/client";
import { describe, expect, test, vi } from "vitest";
import { settled } from "../support/clock.ts";
import { deferred } from "../support/world.ts";
import { server } from "./support/each-server.ts";
import { type Tested, testedClient } from "./support/tested-client.ts";

const oldToken = "SFMyNTY.old-token-of-ada.signature";
const newToken = "SFMyNTY.new-token-of-bob.signature";
/** As it is, and as it travels in subprotocols. */
const spellings = [oldToken, Buffer.from(oldToken).toString("base64url"), Buffer.from(oldToken).toString("base64")];

interface Session {
  readonly tested: Tested;
  /** What the provider returns from now on. */
  provide: TokenProvider;
}

function start(): Session {
  const session: Session = {
    tested: testedClient(server.url, { token: (request) => session.provide(request) }),
    provide: () => oldToken,
  };
  return session;
}

function expectNone(text: string): void {
  for (const spelling of spellings) expect(text).not.toContain(spelling);
}

/** What was going on at the moment of signing out; what it returns is done after. */
type Situation = (session: Session) => Promise<(() => void) | undefined>;

async function opened({ tested }: Session): Promise<void> {
  tested.client.connect();
  await tested.next("open");
}

const situations: Record<string, Situation> = {
  async "before anything"() {
    return undefined;
  },
  async "while the provider is thinking"(session) {
    const { promise, resolve } = deferred<string>();
    session.provide = () => promise;
    session.tested.client.connect();
    return () => resolve(oldToken);
  },
  async "while the connection opens"(session) {
    server.silent = true;
    session.tested.client.connect();
    await server.upgrades.next();
    return () => {
      server.silent = false;
    };
  },
  async "while asking why it didn't open"(session) {
    server.refusal = { reason: "credential_expired", retry: "reauth" };
    session.tested.client.connect();
    await server.probes.next();
    return () => {
      server.refusal = undefined;
    };
  },
  async "while waiting to try again"(session) {
    server.refusal = { reason: "credential_expired", retry: "reauth" };
    session.tested.client.connect();
    await session.tested.next("waiting");
    return () => {
      server.refusal = undefined;
    };
  },
  async "while connected"(session) {
    await opened(session);
    return undefined;
  },
  async "with joins and pushes that hold the token under way, and others that wait"(session) {
    const { client } = session.tested;
    const room = client.channel("room");
    await room.join({ access_token: oldToken });
    room.push("sent", { access_token: oldToken }).catch(() => {});
    const other = client.channel("other");
    (await server.peers.next()).answers = false;
    void other.join(() => ({ access_token: oldToken }));
    other.push("waiting", { access_token: oldToken }).catch(() => {});
    return undefined;
  },
  async "with a channel that is about to be joined again"(session) {
    const { client, clock, received } = session.tested;
    const room = client.channel("room");
    await room.join({ access_token: oldToken });
    const peer = await server.peers.next();
    peer.send(null, null, "room", "phx_error", {});
    await received.find((frame) => frame.includes("phx_error"));
    return () => clock.advance(60_000);
  },
  async "before a warning is followed"(session) {
    await opened(session);
    (await server.peers.next()).send(null, null, "phoenix", "phx_expiring", { inMs: 60_000 });
    await session.tested.received.find((frame) => frame.includes("phx_expiring"));
    return undefined;
  },
  async "while the provider is thinking about a refresh"(session) {
    await opened(session);
    const { promise, resolve } = deferred<string>();
    session.provide = () => promise;
    session.tested.client.refresh().catch(() => {});
    return () => resolve(oldToken);
  },
  async "while a refresh is being answered"(session) {
    await opened(session);
    session.tested.client.refresh().catch(() => {});
    const peer = await server.peers.next();
    const auth = await peer.next("auth");
    return () => peer.reply(auth, "error", { reason: "credential_invalid", retry: "reauth" });
  },
};

describe.each(Object.entries(situations))("%s", (_name, situation) => {
  test("nothing is sent any more, and nothing of it after signing in again", async () => {
    const session = start();
    const { client, clock, sent, sockets } = session.tested;
    const after = await situation(session);
    const before = sent.all.length;
    client.signOut();
    expect(client.status).toEqual({ state: "closed", reason: "signed_out" });
    expect(clock.pending).toBe(0);
    after?.();
    await settled();
    clock.advance(120_000);
    expect(client.status).toEqual({ state: "closed", reason: "signed_out" });
    await expect.poll(() => sockets.size).toBe(0);
    expect(sent.all).toHaveLength(before);

    session.provide = () => newToken;
    client.connect();
    const room = client.channel("room");
    await room.join({ of: "bob" });
    room.push("hello").catch(() => {});
    client.refresh().catch(() => {});
    const peer = await server.peers.find(({ token }) => token === newToken);
    await peer.next("auth");
    const later = sent.all.slice(before);
    expect(later.length).toBeGreaterThanOrEqual(4);
    expectNone(later.join("\n"));
    expectNone(JSON.stringify([peer.token, peer.frames.all]));
  });
});

test("no error, no status and no line of the console ever holds a token", async () => {
  const methods = ["debug", "error", "info", "log", "trace", "warn"] as const;
  const consoles = methods.map((method) => vi.spyOn(console, method).mockImplementation(() => {}));
  const errors: unknown[] = [];
  const rejected = (error: unknown): void => void errors.push(error);
  const session = start();
  const { client, clock, statuses } = session.tested;
  const room = client.channel("room");
  room.onStatus((status) => errors.push(status));
  await room.join({ access_token: oldToken });
  const peer = await server.peers.next();
  peer.answers = false;
  const unanswered = [
    room.push("refused", { access_token: oldToken }).catch(rejected),
    room.push("unanswered", { access_token: oldToken }).catch(rejected),
    client.refresh().catch(rejected),
    client.channel("other").join({ access_token: oldToken }).catch(rejected),
  ];
  peer.reply(await peer.next("refused"), "error", { reason: "no" });
  await peer.next("auth");
  clock.advance(10_000);
  await Promise.all(unanswered);
  server.refusal = { reason: "credential_expired", retry: "reauth" };
  peer.cut();
  for (const _attempt of [1, 2, 3]) {
    await session.tested.next("waiting");
    clock.advance(0);
  }
  await session.tested.next("refused");
  await client.channel("third").join({ access_token: oldToken }).catch(rejected);
  const written = consoles.flatMap((spy) => spy.mock.calls);
  vi.restoreAllMocks();
  expect(written).toEqual([]);
  expect(errors.filter((error) => error instanceof Error)).toHaveLength(5);
  expectNone(inspect([errors, statuses.all, client, room], { depth: 20, showHidden: true }));
});
