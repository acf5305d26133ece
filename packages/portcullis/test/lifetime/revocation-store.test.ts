/** What was revoked outlives a node, an outage of the bus, and one of the store (security row 2.12). */

import { expect, test } from "vitest";
import { memoryCredentialStore } from "../../src/auth/memory.ts";
import type { CredentialStore, Revocation } from "../../src/auth/store.ts";
import { memoryBus } from "../../src/testing/memory-bus.ts";
import { type FakeClock, settled } from "../support/clock.ts";
import { atOnce, Exchange } from "../support/exchange.ts";
import { ask } from "../support/poller.ts";
import { cluster, Desk, open } from "./support/desk.ts";
import { connect, statusFor } from "./support/line.ts";
import { epoch, hourMs } from "./support/lives.ts";

/** A store as far away as a test wants it. */
function remoteStore(clock: FakeClock): CredentialStore & { broken: boolean; reads: number } {
  const kept = memoryCredentialStore({ now: () => clock.now() });
  const store = {
    ...kept,
    broken: false,
    reads: 0,
    async revocations(now: number): Promise<readonly Revocation[]> {
      store.reads += 1;
      if (store.broken) throw new Error("the store can't be reached");
      return kept.revocations(now);
    },
  };
  return store;
}

test("a store that fails at the start keeps everybody out with 503 until it can be read; health says so", async () => {
  const desk = new Desk();
  const store = remoteStore(desk.clock);
  store.broken = true;
  const { endpoint, port, clock, reported } = await open({ desk, store });
  expect(await statusFor(port, desk.issue())).toBe(503);
  expect(endpoint.health).toMatchObject({ revocations: "unread" });
  expect(reported("socket.refused")).toMatchObject([{ code: "revocations_unread", status: 503 }]);
  expect((await ask(port, { headers: { "x-phoenix-authtoken": desk.issue() } }).answer).httpStatus).toBe(503);
  store.broken = false;
  clock.advance(1_000);
  await settled();
  expect(endpoint.health).toMatchObject({ revocations: "ok" });
  expect(await statusFor(port, desk.issue())).toBe(101);
});

test("health alone has the store read: who sends nobody before it is well doesn't wait for ever", async () => {
  const desk = new Desk();
  const { endpoint } = await open({ desk, store: remoteStore(desk.clock) });
  expect(endpoint.health).toMatchObject({ revocations: "unread" });
  await settled();
  expect(endpoint.health).toMatchObject({ revocations: "ok" });
});

test("a node that starts anew knows what was revoked before it did, and forgets it when it is over", async () => {
  const desk = new Desk();
  const store = remoteStore(desk.clock);
  const old = await open({ desk, store });
  const [token, longLived] = [desk.issue(), desk.issue({ subject: "bob", expiresAt: epoch + 10 * hourMs })];
  await old.endpoint.revoke({ subject: "ada" });
  await old.endpoint.revoke({ subject: "bob", expiresAt: epoch + 2 * hourMs });
  await old.endpoint.close();
  const anew = await open({ desk, store });
  expect(await statusFor(anew.port, token)).toBe(403);
  expect(await statusFor(anew.port, longLived)).toBe(403);
  desk.clock.advance(2 * hourMs);
  const later = await open({ desk, store });
  expect(await statusFor(later.port, longLived)).toBe(101);
});

test("while the bus is down the store is read before anybody is let in, at most once in a second", async () => {
  const desk = new Desk();
  const store = remoteStore(desk.clock);
  const [bus, otherBus] = [memoryBus(), memoryBus()];
  const here = await open({ desk, store, pubsub: bus });
  const there = await open({ desk, store, pubsub: otherBus });
  const [ada, bob] = [desk.issue(), desk.issue({ subject: "bob" })];
  expect(await statusFor(here.port, ada)).toBe(101);
  bus.cut();
  await there.endpoint.revoke({ subject: "ada" });
  expect(await statusFor(here.port, ada)).toBe(403);
  const { reads } = store;
  for (let n = 0; n < 5; n += 1) expect(await statusFor(here.port, bob)).toBe(101);
  expect(store.reads).toBe(reads);
  await there.endpoint.revoke({ subject: "bob" });
  desk.clock.advance(1_000);
  expect(await statusFor(here.port, bob)).toBe(403);
  store.broken = true;
  desk.clock.advance(1_000);
  expect(await statusFor(here.port, desk.issue({ subject: "cleo" }))).toBe(503);
});

test("when the bus is there again, whoever was revoked meanwhile is ended", async () => {
  const desk = new Desk();
  const store = remoteStore(desk.clock);
  const [bus, otherBus] = [memoryBus(), memoryBus()];
  const here = await open({ desk, store, pubsub: bus });
  const there = await open({ desk, store, pubsub: otherBus });
  const [ada, bob] = [await connect(here.port, desk.issue()), await connect(here.port, desk.issue({ subject: "bob" }))];
  bus.cut();
  await there.endpoint.revoke({ subject: "ada" });
  store.broken = true;
  bus.heal();
  await settled();
  // The store can't be reached in that moment; it is asked again.
  expect(here.endpoint.connectionCount).toBe(2);
  store.broken = false;
  desk.clock.advance(1_000);
  expect((await ada.rest()).closeCode).toBe(4101);
  await bob.send("1", "phoenix", "heartbeat", {});
  expect(await bob.take(1)).toHaveLength(1);
});

test("what a node revokes while it can't be heard the others hear when it can, with a store and without", async () => {
  for (const withStore of [true, false]) {
    const desk = new Desk();
    const exchange = new Exchange(atOnce);
    const store = withStore ? { store: remoteStore(desk.clock) } : {};
    const here = await open({ desk, ...store, pubsub: exchange.adapter() });
    const there = await open({ desk, ...store, pubsub: exchange.adapter() });
    const line = await connect(there.port, desk.issue());
    // Only this node has lost the bus: the other one notices nothing.
    exchange.cut.add(0);
    exchange.tell(0, "down");
    await here.endpoint.revoke({ subject: "ada" });
    await settled();
    expect(there.endpoint.connectionCount).toBe(1);
    exchange.cut.delete(0);
    exchange.tell(0, "up");
    expect((await line.rest()).closeCode).toBe(4101);
  }
});

test("a revocation the store doesn't take rejects, and ends connections everywhere all the same", async () => {
  const desk = new Desk();
  const broken = { ...remoteStore(desk.clock), putRevocation: () => Promise.reject(new Error("disk full")) };
  const { here, there } = await cluster({ desk, store: broken });
  const line = await connect(there.port, desk.issue());
  await expect(here.endpoint.revoke({ subject: "ada" })).rejects.toThrow("disk full");
  expect((await line.rest()).closeCode).toBe(4101);
});
