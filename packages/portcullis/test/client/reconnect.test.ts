/** Coming back: when, how often, and what becomes of what was under way. */
import { errorTable } from "portcullis";
import { describe, expect, test } from "vitest";
import { adviceOf } from "../../src/client/advice.ts";
import { Inbox } from "../clients/inbox.ts";
import { server } from "./support/each-server.ts";
import type { Peer } from "./support/scripted-server.ts";
import { type Tested, testedClient } from "./support/tested-client.ts";

/** Sees that the next attempt is made after exactly so long. */
async function expectDelay(tested: Tested, delayMs: number): Promise<void> {
  await tested.next("waiting");
  tested.clock.advance(delayMs - 1);
  expect(tested.client.status.state).toBe("waiting");
  tested.clock.advance(1);
  expect(tested.client.status.state).toBe("connecting");
}

async function connected(tested: Tested): Promise<Peer> {
  tested.client.connect();
  const peer = await server.peers.next();
  await tested.next("open");
  return peer;
}

describe("the delay", () => {
  test("is a random part of a width that doubles up to its cap", async () => {
    server.refusal = null;
    const parts = [0.5, 0.25, 1, 0.5, 0.5, 0.5, 0.5, 0.5];
    const tested = testedClient(server.url, { random: () => parts.shift() ?? 0, retryBaseMs: 100, retryCapMs: 1_000 });
    tested.client.connect();
    for (const delayMs of [50, 50, 400, 400, 500, 500, 500]) await expectDelay(tested, delayMs);
    // One attempt, one question why it failed.
    await tested.next("waiting");
    expect([server.upgrades.all.length, server.probes.all.length]).toEqual([8, 8]);
  });

  test("grows on while connections only open, and begins anew once one has stayed for ten seconds", async () => {
    const tested = testedClient(server.url, { random: () => 1 });
    tested.client.connect();
    for (const delayMs of [1_000, 2_000, 4_000]) {
      const peer = await server.peers.next();
      await tested.next("open");
      tested.clock.advance(9_999);
      peer.close(1011);
      await expectDelay(tested, delayMs);
    }
    const peer = await server.peers.next();
    await tested.next("open");
    tested.clock.advance(10_000);
    peer.close(1011);
    await expectDelay(tested, 1_000);
  });

  test("begins anew once a channel is joined", async () => {
    const tested = testedClient(server.url, { random: () => 1 });
    (await connected(tested)).close(1011);
    await expectDelay(tested, 1_000);
    const joined = tested.client.channel("room").join();
    const peer = await server.peers.next();
    await joined;
    peer.close(1011);
    await expectDelay(tested, 1_000);
  });

  test("is no shorter than the server asks, with jitter on top, whatever wakes the page", async () => {
    const listeners = new Map<string, () => void>();
    const page = { addEventListener: (type: string, listener: () => void) => void listeners.set(type, listener) };
    Object.assign(globalThis, { document: page, ...page });
    try {
      server.refusal = { reason: "rate_limited", retry: { afterMs: 5_000 } };
      const tested = testedClient(server.url, { random: () => 0.5 });
      tested.client.connect();
      expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: "rate_limited" });
      tested.clock.advance(4_999);
      listeners.get("online")?.();
      expect(tested.client.status.state).toBe("waiting");
      tested.clock.advance(500);
      expect(tested.client.status.state).toBe("waiting");
      tested.clock.advance(1);
      expect(tested.client.status.state).toBe("connecting");
    } finally {
      for (const name of ["document", "addEventListener"]) Reflect.deleteProperty(globalThis, name);
    }
  });
});

describe("a close code", () => {
  type Closing = { readonly closeCode: number; readonly retry: string };
  const closes = Object.entries(errorTable as Readonly<Record<string, object>>).filter(
    (entry): entry is [string, Closing] => "closeCode" in entry[1],
  );

  // 1001 stands for an endpoint that closes too: that a new credential helps is said beforehand, or not at all.
  test.each(closes.filter(([code]) => code !== "disconnected"))("says what the table says of %s", (_code, entry) => {
    expect(adviceOf(entry.closeCode).retry).toBe(entry.retry);
  });

  test.each([1000, 1001, 1006, 1011, 1012, 1013, 4000, 4321])("%d brings the client back later", async (code) => {
    const tested = testedClient(server.url);
    const peer = await connected(tested);
    if (code === 1006) peer.cut();
    else peer.close(code);
    expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: `close_${code}` });
    tested.clock.advance(0);
    await server.peers.next();
    await tested.next("open");
  });

  test("of 42xx keeps it away until the program connects again", async () => {
    const tested = testedClient(server.url);
    const { peer, channel } = await joined(tested);
    peer.close(4200);
    expect(await tested.next("refused")).toEqual({ state: "refused", reason: "close_4200" });
    tested.clock.advance(3_600_000);
    expect(server.upgrades.all).toHaveLength(1);
    await expect(tested.client.channel("other").join()).rejects.toMatchObject({ code: "closed", reason: "close_4200" });
    expect(channel.status.state).toBe("waiting");
    await connected(tested);
    expect(await channel.join()).toEqual({});
    expect(channel.status.state).toBe("joined");
  });

  test("gives way to what the server said before it", async () => {
    const tested = testedClient(server.url);
    const peer = await connected(tested);
    peer.send(null, null, "phoenix", "phx_closing", { reason: "moved away", retry: "never" });
    peer.close(1001);
    expect(await tested.next("refused")).toEqual({ state: "refused", reason: "moved away" });
  });

  test("says nothing new after a farewell nobody understands", async () => {
    const tested = testedClient(server.url);
    const peer = await connected(tested);
    peer.send(null, null, "phoenix", "phx_closing", { reason: 7, retry: { afterMs: "soon" } });
    peer.close(1012);
    expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: "close_1012" });
  });
});

async function joined(tested: Tested, topic = "room") {
  const channel = tested.client.channel(topic);
  const joining = channel.join();
  const peer = await server.peers.next();
  await joining;
  return { peer, channel };
}

describe("what was under way", () => {
  test("is joined again, with the same params", async () => {
    const tested = testedClient(server.url);
    const channel = tested.client.channel("room");
    const joining = channel.join({ since: 1 });
    const first = await server.peers.next();
    await joining;
    first.cut();
    await tested.next("waiting");
    expect(channel.status).toMatchObject({ state: "waiting", reason: "disconnected" });
    tested.clock.advance(0);
    const second = await server.peers.next();
    expect((await second.next("phx_join"))[4]).toEqual({ since: 1 });
    expect(await channel.join()).toEqual({});
  });

  test("and sent is given up; what still waited is sent, once", async () => {
    const tested = testedClient(server.url);
    const { peer, channel } = await joined(tested);
    const sent = channel.push("sent", { n: 1 });
    await peer.next("sent");
    peer.cut();
    await expect(sent).rejects.toMatchObject({ code: "closed", reason: "disconnected" });
    const waiting = channel.push("waiting", { n: 2 });
    tested.clock.advance(0);
    const second = await server.peers.next();
    const frame = await second.next("waiting");
    expect(frame[0]).toBe(second.frames.all[0]?.[0]);
    second.reply(frame, "ok", { done: true });
    expect(await waiting).toEqual({ done: true });
    expect(second.frames.all.map(([, , , event]) => event)).toEqual(["phx_join", "waiting"]);
  });

  test("is not joined again where the server has second thoughts", async () => {
    const tested = testedClient(server.url);
    const { peer, channel } = await joined(tested);
    peer.cut();
    await tested.next("waiting");
    tested.clock.advance(0);
    const second = await server.peers.next();
    second.answers = false;
    second.reply(await second.next("phx_join"), "error", { reason: "unauthorized" });
    const statuses = new Inbox<unknown>();
    channel.onStatus((status) => statuses.add(status));
    expect(await statuses.next()).toMatchObject({ state: "closed", reason: "unauthorized" });
    tested.clock.advance(25_000);
    expect(second.frames.all.filter(([, , , event]) => event === "phx_join")).toHaveLength(1);
  });

  test("is joined again and again where the server crashes over it", async () => {
    const tested = testedClient(server.url);
    const { peer, channel } = await joined(tested);
    peer.answers = false;
    const [joinRef] = await peer.next("phx_join");
    peer.send(joinRef, null, "room", "phx_error", { reason: "channel_crash" });
    await tested.received.find((frame) => frame.includes("phx_error"));
    expect(channel.status).toMatchObject({ state: "waiting", reason: "channel_crash" });
    for (const attempt of [1, 2]) {
      tested.clock.advance(0);
      peer.reply(await peer.next("phx_join"), "error", { reason: "join crashed", attempt });
      await tested.received.find((frame) => frame.includes(`"attempt":${attempt}`));
    }
    tested.clock.advance(0);
    peer.reply(await peer.next("phx_join"), "ok", { at: "last" });
    await tested.received.find((frame) => frame.includes("last"));
    expect(channel.status).toEqual({ state: "joined", reason: null, reply: { at: "last" } });
    expect(await channel.join()).toEqual({ at: "last" });
  });

  test("hears nothing of a join that is over", async () => {
    const tested = testedClient(server.url);
    const { peer, channel } = await joined(tested);
    const heard = new Inbox<unknown>();
    channel.on("news", (payload) => heard.add(payload));
    peer.reply(await peer.next("phx_join"), "error", { reason: "second thoughts" });
    peer.send("stale", null, "room", "news", { n: 1 });
    peer.send("stale", null, "room", "phx_close", {});
    peer.send("stale", null, "room", "phx_error", {});
    peer.send("stale", "999", "room", "phx_reply", { status: "ok", response: {} });
    peer.send(null, null, "elsewhere", "news", { n: 2 });
    peer.send(null, null, "room", "news", { n: 3 });
    expect(await heard.next()).toEqual({ n: 3 });
    expect(channel.status.state).toBe("joined");
  });

  test("and isn't answered in time is left, so that the server doesn't keep it", async () => {
    const tested = testedClient(server.url);
    const channel = tested.client.channel("room");
    const joining = channel.join();
    const peer = await server.peers.next();
    peer.answers = false;
    const join = await peer.next("phx_join");
    tested.clock.advance(10_000);
    await expect(joining).rejects.toMatchObject({ code: "timeout" });
    expect((await peer.next("phx_leave"))[0]).toBe(join[0]);
    expect(channel.status).toMatchObject({ state: "closed", reason: "timeout" });
  });
});

describe("the heartbeat", () => {
  test("goes out every 30 s, and any message is a sign of life", async () => {
    const tested = testedClient(server.url);
    const { peer } = await joined(tested);
    peer.answers = false;
    tested.clock.advance(30_000);
    expect(await peer.next("heartbeat")).toEqual([null, expect.any(String), "phoenix", "heartbeat", {}]);
    peer.send(null, null, "room", "news", {});
    await tested.received.find((frame) => frame.includes("news"));
    tested.clock.advance(30_000);
    await peer.next("heartbeat");
    expect(tested.client.status.state).toBe("open");
    tested.clock.advance(30_000);
    expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: "close_1006" });
    await server.peers.next();
  });
});

test("a handshake nobody answers is given up after ten seconds", async () => {
  server.silent = true;
  const tested = testedClient(server.url);
  tested.client.connect();
  await server.upgrades.next();
  tested.clock.advance(10_000);
  expect(await tested.next("waiting")).toEqual({ state: "waiting", reason: "network" });
  await expect.poll(() => tested.sockets.size).toBe(0);
});

test("a frame that is no message costs the connection: what it said would be lost without a word", async () => {
  for (const garbage of ["{}", "[", "[null,null,7,7,{}]", Uint8Array.of(9, 9), Uint8Array.of(2, 255, 255, 1)]) {
    const tested = testedClient(server.url);
    (await connected(tested)).sendRaw(garbage);
    await tested.next("waiting");
    tested.client.close();
  }
});

test("a client that is closed leaves nothing behind: no timer, no listener, no socket", async () => {
  const tested = testedClient(server.url);
  const { peer, channel } = await joined(tested);
  const unanswered = channel.push("unanswered");
  tested.client.close();
  expect(tested.client.status).toEqual({ state: "closed", reason: "closed" });
  expect(channel.status).toMatchObject({ state: "closed", reason: "closed" });
  await expect(unanswered).rejects.toMatchObject({ code: "closed", reason: "closed" });
  await expect(channel.join()).rejects.toMatchObject({ code: "closed", reason: "closed" });
  expect(await peer.closed).toBe(1000);
  expect(tested.clock.pending).toBe(0);
});
