/** The credential: asked for on every path that opens, told why, and left alone when it doesn't matter any more. */
import type { TokenRequest } from "portcullis/client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Inbox } from "../clients/inbox.ts";
import { deferred } from "../support/world.ts";
import { server } from "./support/each-server.ts";
import { openPage } from "./support/page.ts";
import { tokenOf } from "./support/scripted-server.ts";
import { type Tested, testedClient } from "./support/tested-client.ts";

interface Question extends TokenRequest {
  answer(token: string | null): void;
  fail(error: Error): void;
}

/** A client whose provider is the test. */
function questioned(): { tested: Tested; questions: Inbox<Question> } {
  const questions = new Inbox<Question>();
  const token = (request: TokenRequest): Promise<string | null> => {
    const { promise, resolve, reject } = deferred<string | null>();
    questions.add({ ...request, answer: resolve, fail: reject });
    return promise;
  };
  return { tested: testedClient(server.url, { token }), questions };
}

describe("every path that opens a connection awaits the provider first", () => {
  const paths: Record<string, (tested: Tested, questions: Inbox<Question>) => Promise<unknown>> = {
    async "the first one"(tested) {
      tested.client.connect();
    },
    async "a join's"(tested) {
      void tested.client.channel("room").join();
    },
    async "after a lost connection"(tested, questions) {
      await opened(tested, questions);
      (await server.peers.next()).cut();
      await tested.next("waiting");
      tested.clock.advance(0);
    },
    async "after a refusal"(tested, questions) {
      server.refusal = { reason: "credential_expired", retry: "reauth" };
      tested.client.connect();
      (await questions.next()).answer("earlier");
      await tested.next("waiting");
      server.refusal = undefined;
      tested.clock.advance(0);
    },
    async "after being closed"(tested, questions) {
      await opened(tested, questions);
      tested.client.close();
      tested.client.connect();
    },
    async "after signing out"(tested, questions) {
      await opened(tested, questions);
      tested.client.signOut();
      tested.client.connect();
    },
    async "when the network is back"(tested, questions) {
      await lost(tested, questions);
      page.dispatch("online");
    },
    async "when the page is looked at again"(tested, questions) {
      await lost(tested, questions);
      page.dispatch("visibilitychange", "hidden");
      expect(tested.client.status.state).toBe("waiting");
      page.dispatch("visibilitychange", "visible");
    },
    async "when the page comes out of the browser's cache"(tested, questions) {
      await lost(tested, questions);
      page.dispatch("pageshow");
    },
    async "when the program doesn't want to wait"(tested, questions) {
      await lost(tested, questions);
      tested.client.connect();
    },
  };
  let page: ReturnType<typeof openPage>;
  beforeEach(() => {
    page = openPage();
  });
  afterEach(() => page.remove());

  async function opened(tested: Tested, questions: Inbox<Question>): Promise<void> {
    tested.client.connect();
    (await questions.next()).answer("earlier");
    await tested.next("open");
  }

  async function lost(tested: Tested, questions: Inbox<Question>): Promise<void> {
    await opened(tested, questions);
    (await server.peers.next()).cut();
    await tested.next("waiting");
  }

  test.each(Object.entries(paths))("%s", async (_name, path) => {
    const { tested, questions } = questioned();
    await path(tested, questions);
    const question = await questions.next();
    const before = server.upgrades.all.length;
    expect(tested.client.status.state).toBe("connecting");
    // Whatever else happens meanwhile, nothing is opened.
    for (const type of ["online", "pageshow", "visibilitychange"] as const) page.dispatch(type);
    tested.client.connect();
    tested.clock.advance(29_999);
    expect(server.upgrades.all).toHaveLength(before);
    question.answer("fresh");
    await tested.next("open");
    expect(server.upgrades.all.slice(before).map(tokenOf)).toEqual(["fresh"]);
    await expect.poll(() => server.open).toBe(1);
    tested.client.close();
    expect([page.listening, tested.clock.pending]).toEqual([0, 0]);
  });

  test("and what slept is checked when it wakes", async () => {
    const { tested, questions } = questioned();
    await opened(tested, questions);
    const peer = await server.peers.next();
    peer.answers = false;
    page.dispatch("pageshow");
    await peer.next("heartbeat");
    tested.clock.advance(5_000);
    await tested.next("waiting");
  });

  test("and what lives when it wakes goes on", async () => {
    const { tested, questions } = questioned();
    await opened(tested, questions);
    const peer = await server.peers.next();
    page.dispatch("online");
    await peer.next("heartbeat");
    await tested.received.next();
    tested.clock.advance(5_000);
    expect(tested.client.status.state).toBe("open");
    tested.clock.advance(30_000);
    await peer.next("heartbeat");
  });
});

describe("the provider", () => {
  test("is told why it is asked, and whether the last token is to blame", async () => {
    const { tested, questions } = questioned();
    const told = async () => {
      const { reason, previousFailed, answer } = await questions.next();
      answer(`token ${questions.all.length}`);
      return [reason, previousFailed];
    };
    tested.client.connect();
    expect(await told()).toEqual([null, false]);
    await tested.next("open");
    (await server.peers.next()).close(1012);
    await tested.next("waiting");
    tested.clock.advance(0);
    expect(await told()).toEqual(["close_1012", false]);
    await tested.next("open");
    server.refusal = { reason: "credential_expired", retry: "reauth" };
    (await server.peers.next()).close(4101);
    await tested.next("waiting");
    tested.clock.advance(0);
    expect(await told()).toEqual(["close_4101", true]);
    await tested.next("waiting");
    tested.clock.advance(0);
    expect(await told()).toEqual(["credential_expired", true]);
  });

  test("that throws, or returns what is no token, is asked again later", async () => {
    const answers: (() => unknown)[] = [
      () => {
        throw new Error("offline");
      },
      () => Promise.reject(new Error("offline")),
      () => undefined,
      () => "",
      () => 7,
    ];
    const count = answers.length;
    const tested = testedClient(server.url, { token: () => (answers.shift() ?? (() => "good"))() as string });
    tested.client.connect();
    for (let attempt = 0; attempt < count; attempt += 1) {
      expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: "credential_unavailable" });
      tested.clock.advance(0);
    }
    await tested.next("open");
    expect(server.upgrades.all.map(tokenOf)).toEqual(["good"]);
  });

  test("that fails is told of the same trouble again", async () => {
    server.refusal = { reason: "credential_expired", retry: "reauth" };
    const { tested, questions } = questioned();
    tested.client.connect();
    (await questions.next()).answer("old");
    await tested.next("waiting");
    tested.clock.advance(0);
    (await questions.next()).fail(new Error("offline"));
    expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: "credential_unavailable" });
    tested.clock.advance(0);
    expect(await questions.next()).toMatchObject({ reason: "credential_expired", previousFailed: true });
  });

  test("that takes longer than 30 s is told to stop, and what it says then is dropped", async () => {
    const { tested, questions } = questioned();
    tested.client.connect();
    const question = await questions.next();
    tested.clock.advance(30_000);
    expect(question.signal.aborted).toBe(true);
    await tested.next("waiting");
    tested.clock.advance(0);
    question.answer("late");
    (await questions.next()).answer("in time");
    await tested.next("open");
    expect(server.upgrades.all.map(tokenOf)).toEqual(["in time"]);
  });

  test("that returns null ends it: nobody is signed in", async () => {
    const tokens = ["first", null, "second"];
    const tested = testedClient(server.url, { token: () => tokens.shift() ?? null });
    const room = tested.client.channel("room");
    await room.join();
    (await server.peers.next()).cut();
    await tested.next("waiting");
    tested.clock.advance(0);
    expect(await tested.next("closed")).toEqual({ state: "closed", reason: "signed_out" });
    expect(room.status).toMatchObject({ state: "closed", reason: "signed_out" });
    await expect(room.join()).rejects.toMatchObject({ code: "closed", reason: "signed_out" });
    expect(tested.clock.pending).toBe(0);
    tested.client.connect();
    await room.join();
    expect(server.upgrades.all.map(tokenOf)).toEqual(["first", "second"]);
  });

  test("that isn't there means no credential, and no other can be had", async () => {
    const tested = testedClient(server.url);
    await tested.client.channel("room").join();
    expect(server.upgrades.all[0]?.headers).not.toHaveProperty("sec-websocket-protocol");
    server.refusal = { reason: "credential_missing", retry: "reauth" };
    (await server.peers.next()).cut();
    await tested.next("waiting");
    tested.clock.advance(0);
    expect(await tested.next("refused")).toEqual({ state: "refused", reason: "credential_missing" });
  });
});

describe("a refusal", () => {
  test("of the same token for the same reason is final the third time", async () => {
    server.refusal = { reason: "credential_expired", retry: "reauth" };
    const tested = testedClient(server.url, { token: () => "the only one" });
    const joining = tested.client.channel("room").join();
    for (const _attempt of [1, 2]) {
      await tested.next("waiting");
      tested.clock.advance(0);
    }
    expect(await tested.next("refused")).toEqual({ state: "refused", reason: "credential_expired" });
    await expect(joining).rejects.toMatchObject({ code: "closed", reason: "credential_expired" });
    tested.clock.advance(3_600_000);
    expect(server.upgrades.all).toHaveLength(3);
  });

  test("of ever new tokens is not", async () => {
    server.refusal = { reason: "credential_invalid", retry: "reauth" };
    let number = 0;
    const tested = testedClient(server.url, { token: () => `token ${++number}` });
    tested.client.connect();
    for (const attempt of [1, 2, 3, 4, 5]) {
      await tested.next("waiting");
      if (attempt === 5) server.refusal = undefined;
      tested.clock.advance(0);
    }
    await tested.next("open");
  });

  test("for good stops the client until the program connects again", async () => {
    server.refusal = { reason: "banned", retry: "never" };
    const tested = testedClient(server.url, { token: () => "good" });
    tested.client.connect();
    expect(await tested.next("refused")).toEqual({ state: "refused", reason: "banned" });
    tested.clock.advance(3_600_000);
    expect(server.upgrades.all).toHaveLength(1);
    expect(tested.clock.pending).toBe(0);
    server.refusal = undefined;
    tested.client.connect();
    await tested.next("open");
  });

  test("is asked for with the token in a header, at the same address", async () => {
    server.refusal = { reason: "banned", retry: "never" };
    const tested = testedClient(`${server.url}/?locale=de#part`, { token: () => "ключ", params: { beta: true } });
    tested.client.connect();
    await tested.next("waiting");
    // A header holds no such letter: nobody could be asked, so it counts as the network's fault.
    expect(server.probes.all).toEqual([]);
    const plain = testedClient(`${server.url}/?locale=de#part`, { token: () => "plain", params: { beta: true } });
    plain.client.connect();
    await plain.next("refused");
    const [probe] = server.probes.all;
    expect(probe?.url).toBe("/socket/websocket?locale=de&beta=true&vsn=2.0.0");
    expect(server.upgrades.all.at(-1)?.url).toBe(probe?.url);
    expect(probe?.headers).toMatchObject({ "x-phoenix-authtoken": "plain", accept: "application/json" });
  });

  test.each(["no JSON", "[]", '{"reason":"x"}', '{"reason":"x","retry":{"afterMs":-1}}', '{"retry":"never"}'])(
    "that is answered %s is the network's",
    async (body) => {
      server.refusal = null;
      const tested = testedClient(server.url, { fetch: async () => ({ text: async () => body }) });
      tested.client.connect();
      expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: "network" });
    },
  );

  test("that nobody explains within ten seconds is the network's", async () => {
    server.refusal = null;
    const asked = new Inbox<AbortSignal>();
    const tested = testedClient(server.url, {
      fetch: (_url, { signal }) => {
        asked.add(signal);
        return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    tested.client.connect();
    await asked.next();
    tested.clock.advance(10_000);
    expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: "network" });
  });
});

test.each(["???>>>~~~", "ключ 🔑", "a b,c;d=e/f+g", "x", "xy", "xyz"])(
  "the token %j arrives as it is",
  async (token) => {
    const tested = testedClient(server.url, { token: () => token });
    tested.client.connect();
    expect((await server.peers.next()).token).toBe(token);
  },
);

describe("an address", () => {
  test.each(["/socket", "example.com", "ftp://example.com/socket", ""])("%j is none outside of a page", (url) => {
    expect(() => testedClient(url)).toThrow(/Expected the address of a socket/);
  });

  test("holds no token", () => {
    expect(() => testedClient(server.url, { params: { token: "secret" } })).toThrow(/^(?!.*secret).*no param/);
    expect(() => testedClient(`${server.url}?token=secret`)).toThrow(/^(?!.*secret).*no param/);
    expect(() => testedClient("no address?token=secret")).toThrow(/^(?!.*secret).*Expected the address/);
  });
});
