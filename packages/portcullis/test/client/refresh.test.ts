/** A new credential for a connection that stays: ahead of expiry, on demand, and when it doesn't work out. */
import type { TokenRequest } from "portcullis/client";
import { describe, expect, test } from "vitest";
import { Inbox } from "../clients/inbox.ts";
import { deferred } from "../support/world.ts";
import { server } from "./support/each-server.ts";
import type { Peer } from "./support/scripted-server.ts";
import { type Tested, testedClient } from "./support/tested-client.ts";

/** What the provider was asked, without the signal. */
type Asked = readonly [reason: string | null, previousFailed: boolean];

/** A connected client whose provider returns the given, one after the other, and throws what is an error. */
async function connected(
  answers: (string | null | Error | Promise<string | null>)[],
  options: { random?: () => number } = {},
): Promise<{ tested: Tested; peer: Peer; asked: Inbox<Asked> }> {
  const asked = new Inbox<Asked>();
  const token = ({ reason, previousFailed }: TokenRequest) => {
    asked.add([reason, previousFailed]);
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer === undefined ? "none left" : answer;
  };
  const tested = testedClient(server.url, { token, ...options });
  tested.client.connect();
  const peer = await server.peers.next();
  await tested.next("open");
  expect(await asked.next()).toEqual([null, false]);
  return { tested, peer, asked };
}

/** Has the server warn, and the client begin. */
async function warn({ tested, peer }: { tested: Tested; peer: Peer }, inMs = 60_000): Promise<void> {
  const warnings = tested.received.all.length;
  peer.send(null, null, "phoenix", "phx_expiring", { inMs });
  await tested.received.find((frame) => tested.received.all.indexOf(frame) >= warnings && frame.includes("expiring"));
}

const renewed = { expiresAt: 1_900_000_000_000, closed: [] };

describe("a warning", () => {
  test("makes the client ask its provider, and hand what it gets to the server", async () => {
    const world = await connected(["old", "new"]);
    await warn(world);
    world.tested.clock.advance(0);
    expect(await world.asked.next()).toEqual(["expiring", false]);
    const auth = await world.peer.next("auth");
    expect(auth).toEqual([null, expect.any(String), "phoenix", "auth", { token: "new" }]);
    world.peer.reply(auth, "ok", renewed);
    await world.tested.received.find((frame) => frame.includes("expiresAt"));
    world.tested.clock.advance(29_000);
    expect(world.asked.all).toHaveLength(2);
    expect(world.peer.frames.all.filter(([, , , event]) => event === "auth")).toHaveLength(1);
  });

  test("and how the renewal went is told to whoever listens, until they stop", async () => {
    const world = await connected(["old", "new", "newer"]);
    const told: unknown[] = [];
    const stop = world.tested.client.onRefreshed((refreshed) => told.push(refreshed));
    const first = world.tested.client.refresh();
    world.peer.reply(await world.peer.next("auth"), "ok", { expiresAt: 1_900_000_000_000, closed: ["room:1"] });
    await first;
    expect(told).toEqual([{ expiresAt: 1_900_000_000_000, closed: ["room:1"] }]);
    stop();
    const second = world.tested.client.refresh();
    world.peer.reply(await world.peer.next("auth"), "ok", renewed);
    expect(await second).toEqual(renewed);
    expect(told).toHaveLength(1);
  });

  test("is followed at some moment of the first half of what is left, so that not everybody asks at once", async () => {
    const world = await connected(["old", "new"], { random: () => 0.5 });
    await warn(world, 40_000);
    world.tested.clock.advance(9_999);
    expect(world.asked.all).toHaveLength(1);
    world.tested.clock.advance(1);
    await world.asked.next();
  });

  test("is followed again where the provider has nothing new, for as long as the connection lives", async () => {
    const world = await connected(["old", new Error("offline"), "old", "", new Error("offline"), "new"]);
    await warn(world);
    world.tested.clock.advance(0);
    expect(await world.asked.next()).toEqual(["expiring", false]);
    for (const reason of ["credential_unavailable", "credential_unchanged", "credential_unavailable"]) {
      await expect.poll(() => world.tested.clock.pending, { interval: 1 }).toBe(3);
      world.tested.clock.advance(0);
      expect(await world.asked.next()).toEqual([reason, false]);
    }
    await expect.poll(() => world.tested.clock.pending, { interval: 1 }).toBe(3);
    world.tested.clock.advance(0);
    expect((await world.peer.next("auth"))[4]).toEqual({ token: "new" });
  });

  test("is followed with another token where the server refuses one, and never with one it has refused", async () => {
    const world = await connected(["old", "bad", "bad", "good"]);
    await warn(world);
    world.tested.clock.advance(0);
    await world.asked.next();
    world.peer.reply(await world.peer.next("auth"), "error", { reason: "credential_invalid", retry: "reauth" });
    await world.tested.received.find((frame) => frame.includes("credential_invalid"));
    await settledTimer(world);
    expect(await world.asked.next()).toEqual(["credential_invalid", true]);
    await settledTimer(world);
    expect(await world.asked.next()).toEqual(["credential_unchanged", true]);
    const auth = await world.peer.next("auth");
    expect(auth[4]).toEqual({ token: "good" });
    world.peer.reply(auth, "ok", renewed);
  });

  test("is left to the server after four refusals, or one for good", async () => {
    for (const [retry, tries] of [
      ["reauth", 4],
      ["never", 1],
    ] as const) {
      const world = await connected(["old", "a", "b", "c", "d", "e"]);
      await warn(world);
      world.tested.clock.advance(0);
      for (let attempt = 1; attempt <= tries; attempt += 1) {
        world.peer.reply(await world.peer.next("auth"), "error", { reason: `no ${attempt}`, retry });
        await world.tested.received.find((frame) => frame.includes(`no ${attempt}`));
        if (attempt < tries) await settledTimer(world);
      }
      // All that is left are the heartbeat and the ten seconds after which a connection has proved itself.
      expect(world.tested.clock.pending).toBe(2);
      world.tested.client.close();
    }
  });

  test("is followed no sooner than the server asks", async () => {
    const world = await connected(["old", "a", "b"]);
    await warn(world);
    world.tested.clock.advance(0);
    world.peer.reply(await world.peer.next("auth"), "error", { reason: "busy", retry: { afterMs: 1_000 } });
    await world.tested.received.find((frame) => frame.includes("busy"));
    await expect.poll(() => world.tested.clock.pending, { interval: 1 }).toBe(3);
    await world.asked.next();
    world.tested.clock.advance(999);
    expect(world.asked.all).toHaveLength(2);
    world.tested.clock.advance(1);
    await world.asked.next();
  });

  test("says nothing that isn't understood", async () => {
    const world = await connected(["old", "new"]);
    world.peer.send(null, null, "phoenix", "phx_expiring", "soon");
    world.peer.send(null, null, "phoenix", "something else", {});
    await world.tested.received.find((frame) => frame.includes("something else"));
    world.tested.clock.advance(0);
    await world.peer.next("auth");
  });
});

/** Waits until the next attempt is due, and lets it be. */
async function settledTimer({ tested }: { tested: Tested }): Promise<void> {
  await expect.poll(() => tested.clock.pending, { interval: 1 }).toBe(3);
  tested.clock.advance(0);
}

describe("refresh", () => {
  test("resolves with what the server says, once for all who ask meanwhile", async () => {
    const world = await connected(["old", "new"]);
    const asking = [world.tested.client.refresh(), world.tested.client.refresh()];
    const auth = await world.peer.next("auth");
    world.peer.reply(auth, "ok", { expiresAt: null, closed: ["room"] });
    const [one, other] = await Promise.all(asking);
    expect(one).toEqual({ expiresAt: null, closed: ["room"] });
    expect(other).toBe(one);
    expect(world.asked.all).toHaveLength(2);
  });

  test("rejects with the server's reason, and everything is as before", async () => {
    const world = await connected(["old", "new"]);
    const refreshing = world.tested.client.refresh();
    world.peer.reply(await world.peer.next("auth"), "error", { reason: "subject_mismatch", retry: "never" });
    await expect(refreshing).rejects.toMatchObject({ name: "PushError", code: "refused", reason: "subject_mismatch" });
    expect(world.tested.client.status.state).toBe("open");
  });

  test("rejects when nobody answers, when the connection goes, and where there is none", async () => {
    const world = await connected(["old", "new", "newer"]);
    const unanswered = world.tested.client.refresh();
    await world.peer.next("auth");
    world.tested.clock.advance(10_000);
    await expect(unanswered).rejects.toMatchObject({ code: "timeout" });
    const lost = world.tested.client.refresh();
    await world.peer.next("auth");
    world.peer.cut();
    await expect(lost).rejects.toMatchObject({ code: "closed", reason: "disconnected" });
    await world.tested.next("waiting");
    await expect(world.tested.client.refresh()).rejects.toMatchObject({ code: "closed", reason: "close_1006" });
    world.tested.client.close();
    await expect(world.tested.client.refresh()).rejects.toMatchObject({ code: "closed", reason: "closed" });
  });

  test("rejects where the provider fails; and signs out where it says that nobody is signed in", async () => {
    const world = await connected(["old", new Error("offline"), null]);
    await expect(world.tested.client.refresh()).rejects.toMatchObject({ reason: "credential_unavailable" });
    await expect(world.tested.client.refresh()).rejects.toMatchObject({ reason: "signed_out" });
    expect(world.tested.client.status).toEqual({ state: "closed", reason: "signed_out" });
    expect(await world.peer.closed).toBe(1000);
  });

  test("whose provider answers after the connection has gone goes to no other", async () => {
    const late = deferred<string | null>();
    const world = await connected(["old", late.promise, "fresh"]);
    const refreshing = world.tested.client.refresh();
    world.peer.cut();
    await expect(refreshing).rejects.toMatchObject({ code: "closed", reason: "disconnected" });
    await world.tested.next("waiting");
    world.tested.clock.advance(0);
    const second = await server.peers.next();
    await world.tested.next("open");
    late.resolve("late");
    const joined = await world.tested.client.channel("room").join();
    expect(joined).toEqual({});
    expect(second.frames.all.map(([, , , event]) => event)).toEqual(["phx_join"]);
    expect(second.token).toBe("fresh");
  });
});

test("a channel whose right was taken away says why, and is not joined again", async () => {
  const world = await connected(["old", "new"]);
  const room = world.tested.client.channel("room");
  await room.join();
  const [joinRef] = await world.peer.next("phx_join");
  world.peer.send(joinRef, joinRef, "room", "phx_close", { reason: "unauthorized" });
  await world.tested.received.find((frame) => frame.includes("phx_close"));
  expect(room.status).toMatchObject({ state: "closed", reason: "unauthorized" });
  await expect(room.push("anything")).rejects.toMatchObject({ code: "closed", reason: "unauthorized" });
  world.tested.clock.advance(9_000);
  expect(world.peer.frames.all.map(([, , , event]) => event)).toEqual(["phx_join"]);
});
