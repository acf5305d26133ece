/** Joining, pushing, hearing and leaving, against the real server over real sockets. */
import { ChannelError, PushError } from "portcullis/client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Inbox } from "../clients/inbox.ts";
import { type App, type RealServer, startServer } from "./support/server.ts";
import { closeClients, type Tested, testedClient } from "./support/tested-client.ts";

let server: RealServer;
let tested: Tested<App["/open"]>;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());
beforeEach(() => {
  tested = testedClient<App["/open"]>(server.openUrl);
});
afterEach(closeClients);

/** Frames with this event that the client has sent. */
function sentEvents(event: string): readonly string[] {
  return tested.sent.all.filter((line) => line.includes(`"${event}"`));
}

describe("joining", () => {
  test("connects by itself and resolves with the reply", async () => {
    const lobby = tested.client.channel("room:lobby");
    expect(tested.client.status).toEqual({ state: "idle", reason: null });
    expect(lobby.status).toEqual({ state: "idle", reason: null, reply: null });
    const reply = await lobby.join({ since: 7 });
    expect(reply).toEqual({ welcome: "lobby", since: 7, at: "1970-01-01T00:00:00.000Z" });
    expect(lobby.status).toEqual({ state: "joined", reason: null, reply });
    expect(tested.client.status).toEqual({ state: "open", reason: null });
  });

  test("rejects with the server's reason and what it says besides", async () => {
    const locked = tested.client.channel("room:locked");
    const error = await locked.join().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ChannelError);
    expect(error).toMatchObject({ code: "refused", reason: "locked", details: { until: "noon" } });
    expect(locked.status).toMatchObject({ state: "closed", reason: "locked" });
    await expect(tested.client.channel("room:broken").join()).rejects.toMatchObject({ reason: "join crashed" });
  });

  test("rejects with what the schema has against the params", async () => {
    const params = { since: "yesterday" as unknown as number };
    await expect(tested.client.channel("room:lobby").join(params)).rejects.toMatchObject({
      code: "refused",
      reason: "invalid payload",
      details: { issues: [{ path: ["since"] }] },
    });
  });

  test("asks a function for the params at every join", async () => {
    let since = 0;
    const lobby = tested.client.channel("room:lobby");
    const params = () => ({ since: ++since });
    expect(await lobby.join(params)).toMatchObject({ since: 1 });
    lobby.leave();
    expect(await lobby.join(params)).toMatchObject({ since: 2 });
  });

  test("rejects where the params can't be encoded, or asking for them throws", async () => {
    const lobby = tested.client.channel("room:lobby");
    await expect(lobby.join({ since: 1n as unknown as number })).rejects.toBeInstanceOf(TypeError);
    const failing = tested.client.channel("room:other").join(() => {
      throw new RangeError("none");
    });
    await expect(failing).rejects.toBeInstanceOf(RangeError);
    expect(await lobby.join()).toMatchObject({ welcome: "lobby" });
  });

  test("twice is once, also on the way", async () => {
    const lobby = tested.client.channel("room:lobby");
    const [one, other] = await Promise.all([lobby.join(), lobby.join()]);
    expect(one).toBe(other);
    expect(await lobby.join()).toBe(one);
    expect(sentEvents("phx_join")).toHaveLength(1);
  });

  test("of a topic named like a property of every object is like any other", async () => {
    expect(await tested.client.channel("room:__proto__").join()).toMatchObject({ welcome: "__proto__" });
    const lobby = tested.client.channel("room:constructor");
    await lobby.join();
    expect(await lobby.push("echo", { __proto__: null, toString: 1 })).toEqual({ echo: { toString: 1 } });
  });
});

describe("several handles of one topic", () => {
  test("share one join, and the topic is left with the last", async () => {
    const one = tested.client.channel("room:lobby");
    const other = tested.client.channel("room:lobby");
    await Promise.all([one.join(), other.join()]);
    expect(sentEvents("phx_join")).toHaveLength(1);
    one.leave();
    expect(one.status).toMatchObject({ state: "closed", reason: "left" });
    expect(sentEvents("phx_leave")).toEqual([]);
    expect(await other.push("echo", 1)).toEqual({ echo: 1 });
    other.leave();
    expect(sentEvents("phx_leave")).toHaveLength(1);
  });

  test("hear each for itself, and only while joined", async () => {
    const one = tested.client.channel("room:lobby");
    const other = tested.client.channel("room:lobby");
    const heard = new Inbox<string>();
    one.on("shouted", (payload) => heard.add(`one ${JSON.stringify(payload)}`));
    const stop = other.on("shouted", (payload) => heard.add(`other ${JSON.stringify(payload)}`));
    await one.join();
    one.send("shout", { n: 1 });
    await heard.find((line) => line === 'one {"n":1}');
    await other.join();
    one.send("shout", { n: 2 });
    await heard.find((line) => line === 'other {"n":2}');
    stop();
    one.send("shout", { n: 3 });
    await heard.find((line) => line === 'one {"n":3}');
    one.leave();
    other.send("shout", { n: 4 });
    await other.push("echo");
    expect(heard.all).toEqual(['one {"n":1}', 'one {"n":2}', 'other {"n":2}', 'one {"n":3}']);
  });

  test("a listener that throws silences nobody else", async () => {
    const uncaught = new Inbox<unknown>();
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (error) => uncaught.add(error));
    try {
      const lobby = tested.client.channel("room:lobby");
      const heard = new Inbox<unknown>();
      lobby.on("poked", () => {
        throw new Error("a listener's own");
      });
      lobby.on("poked", (payload) => heard.add(payload));
      await lobby.join();
      lobby.send("poke", { n: 1 });
      expect(await heard.next()).toEqual({ n: 1 });
      expect(await uncaught.next()).toMatchObject({ message: "a listener's own" });
    } finally {
      process.removeAllListeners("uncaughtException");
      for (const listener of others) process.on("uncaughtException", listener);
    }
  });
});

describe("pushing", () => {
  test("resolves with the reply, of whatever status but error", async () => {
    const lobby = tested.client.channel("room:lobby");
    await lobby.join();
    expect(await lobby.push("echo", { a: [1, null, "ä"] })).toEqual({ echo: { a: [1, null, "ä"] } });
    expect(await lobby.push("echo")).toEqual({ echo: {} });
    expect(await lobby.push("queue")).toEqual({ position: 4 });
  });

  test("rejects with the server's reason", async () => {
    const lobby = tested.client.channel("room:lobby");
    await lobby.join();
    const error = await lobby.push("fail").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PushError);
    expect(error).toMatchObject({ code: "refused", reason: "not today", details: { code: 42 } });
  });

  test("carries bytes both ways", async () => {
    const lobby = tested.client.channel("room:ünïcode");
    const heard = new Inbox<unknown>();
    lobby.on("shouted", (payload) => heard.add(payload));
    await lobby.join();
    expect(await lobby.push("reverse", Uint8Array.of(1, 2, 255))).toEqual(Uint8Array.of(255, 2, 1));
    lobby.send("shoutBytes", Uint8Array.of(0, 128));
    expect(await heard.next()).toEqual(Uint8Array.of(0, 128));
    await expect(lobby.push("refuseBytes", Uint8Array.of(7))).rejects.toMatchObject({
      code: "refused",
      details: { bytes: Uint8Array.of(7) },
    });
  });

  test("before the join is answered waits for it, in order", async () => {
    const lobby = tested.client.channel("room:lobby");
    const payload = { n: 1 };
    const joined = lobby.join();
    const pushes = [lobby.push("echo", payload), lobby.push("echo", { n: 2 })];
    payload.n = 99;
    expect(sentEvents("echo")).toEqual([]);
    await joined;
    expect(await Promise.all(pushes)).toEqual([{ echo: { n: 1 } }, { echo: { n: 2 } }]);
  });

  test("before the join is answered goes out before what is pushed upon it, and as it was", async () => {
    const lobby = tested.client.channel("room:lobby");
    const pushes: Promise<unknown>[] = [];
    lobby.onStatus(({ state }) => {
      if (state === "joined") pushes.push(lobby.push("echo", { n: 2 }));
    });
    const joined = lobby.join();
    const bytes = Uint8Array.of(1, 2);
    pushes.push(lobby.push("reverse", bytes), lobby.push("echo", { n: 1 }));
    bytes.fill(0);
    await joined;
    expect(await Promise.all(pushes)).toEqual([Uint8Array.of(2, 1), { echo: { n: 1 } }, { echo: { n: 2 } }]);
    const echoes = sentEvents("echo").map((frame) => (JSON.parse(frame) as unknown[])[4]);
    expect(echoes).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test("more than may wait overflows, and what waits is kept", async () => {
    tested = testedClient<App["/open"]>(server.openUrl, { pushesMax: 2 });
    const lobby = tested.client.channel("room:lobby");
    const joined = lobby.join();
    const pushes = [lobby.push("echo", 1), lobby.push("echo", 2)];
    await expect(lobby.push("echo", 3)).rejects.toMatchObject({ code: "overflow" });
    expect(() => lobby.send("echo", 4)).toThrow(PushError);
    await joined;
    expect(await Promise.all(pushes)).toEqual([{ echo: 1 }, { echo: 2 }]);
  });

  test("times out, and what still waits then is never sent", async () => {
    const lobby = tested.client.channel("room:lobby");
    const early = lobby.push.bind(lobby);
    const joined = lobby.join();
    const waiting = early("echo", { late: true }, { timeoutMs: 100 });
    tested.clock.advance(100);
    await expect(waiting).rejects.toMatchObject({ code: "timeout" });
    await joined;
    const unanswered = lobby.push("silent");
    await lobby.push("echo");
    tested.clock.advance(9_999);
    tested.clock.advance(1);
    await expect(unanswered).rejects.toMatchObject({ code: "timeout" });
    expect(tested.sent.all.join()).not.toContain("late");
  });

  test("can be given up with a signal", async () => {
    const lobby = tested.client.channel("room:lobby");
    const joined = lobby.join();
    const giveUp = new AbortController();
    const waiting = lobby.push("echo", { dropped: true }, { signal: giveUp.signal });
    giveUp.abort();
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
    await joined;
    await expect(lobby.push("echo", {}, { signal: giveUp.signal })).rejects.toMatchObject({ name: "AbortError" });
    expect(await lobby.push("echo")).toEqual({ echo: {} });
    expect(tested.sent.all.join()).not.toContain("dropped");
  });

  test("without a join, a payload or an event that can be is refused on the spot", async () => {
    const lobby = tested.client.channel("room:lobby");
    await expect(lobby.push("echo")).rejects.toMatchObject({ code: "closed", reason: "not_joined" });
    await lobby.join();
    await expect(lobby.push("echo", 1n)).rejects.toBeInstanceOf(TypeError);
    await expect(lobby.push("phx_leave" as "echo")).rejects.toBeInstanceOf(TypeError);
    await expect(tested.client.channel("room:other").push("echo")).rejects.toMatchObject({ reason: "not_joined" });
  });
});

describe("the end of a channel", () => {
  test("by leaving is told to the server, fails what waits, and can be followed by another join", async () => {
    const lobby = tested.client.channel("room:lobby");
    await lobby.join({ since: 1 });
    const unanswered = lobby.push("silent");
    lobby.leave();
    const again = lobby.join({ since: 2 });
    await expect(unanswered).rejects.toMatchObject({ code: "closed", reason: "left" });
    expect(await again).toMatchObject({ since: 2 });
    // The farewell of the first join has come by now, and is not the second's.
    expect(await lobby.push("echo")).toEqual({ echo: {} });
    expect(lobby.status.state).toBe("joined");
  });

  test("by leaving before the join is answered rejects it", async () => {
    const lobby = tested.client.channel("room:lobby");
    const joining = lobby.join();
    lobby.leave();
    await expect(joining).rejects.toMatchObject({ code: "closed", reason: "left" });
    expect(await lobby.join()).toMatchObject({ welcome: "lobby" });
  });

  test("by the server's stop is told, and not undone", async () => {
    const lobby = tested.client.channel("room:lobby");
    const statuses = new Inbox<string>();
    lobby.onStatus(({ state, reason }) => statuses.add(`${state} ${reason}`));
    await lobby.join();
    expect(await lobby.push("end")).toEqual({ bye: true });
    await statuses.find((status) => status === "closed closed");
    tested.clock.advance(9_000);
    expect(sentEvents("phx_join")).toHaveLength(1);
    expect(await lobby.join()).toMatchObject({ welcome: "lobby" });
  });

  test("by a crash fails what it was asked, and is followed by another join", async () => {
    const lobby = tested.client.channel("room:lobby");
    const statuses = new Inbox<string>();
    lobby.onStatus(({ state, reason }) => statuses.add(`${state} ${reason}`));
    await lobby.join();
    await expect(lobby.push("crash")).rejects.toMatchObject({ code: "closed", reason: "channel_crash" });
    const meanwhile = lobby.push("echo", { n: 1 });
    expect(lobby.status).toMatchObject({ state: "waiting", reason: "channel_crash" });
    tested.clock.advance(0);
    expect(await meanwhile).toEqual({ echo: { n: 1 } });
    expect(statuses.all).toEqual(["joining null", "joined null", "waiting channel_crash", "joined null"]);
  });
});
