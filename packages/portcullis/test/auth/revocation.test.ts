/** What was taken away: whom it concerns, for how long, and what is known of it where. */

import { expect, test } from "vitest";
import type { Identity } from "../../src/auth/authenticator.ts";
import { memoryCredentialStore } from "../../src/auth/memory.ts";
import { Revocations, type Revoke } from "../../src/auth/revocation.ts";
import type { CredentialStore, Revocation } from "../../src/auth/store.ts";
import { bounds } from "../../src/limit/bounds.ts";
import { PubSub } from "../../src/pubsub/pubsub.ts";
import { Telemetry } from "../../src/telemetry/telemetry.ts";
import { FakeClock, settled } from "../support/clock.ts";
import { deferred, RecordingLogger } from "../support/world.ts";

const epoch = Date.UTC(2026, 0, 1);
const keepMs = 3_600_000;
/** Clocks may differ by so much. */
const slackMs = 60_000;

function somebody(own: Partial<Identity> = {}): Identity {
  return {
    authenticator: "jwt",
    issuer: "https://issuer.example",
    tenant: "acme",
    subject: "ada",
    claims: null,
    tokenId: "token-1",
    issuedAt: epoch,
    expiresAt: epoch + keepMs,
    ...own,
  };
}

/** A store whose every answer a test can hold up. */
class SlowStore implements CredentialStore {
  readonly kept = new Map<string, Revocation>();
  readonly reads: ReturnType<typeof deferred<"as it was" | "as it is" | Error>>[] = [];
  holds = false;
  broken = false;
  asked = 0;

  async revocations(): Promise<readonly Revocation[]> {
    this.asked += 1;
    if (this.broken) throw new Error("the store is broken");
    const asItWas = [...this.kept.values()];
    if (!this.holds) return asItWas;
    const gate = deferred<"as it was" | "as it is" | Error>();
    this.reads.push(gate);
    const how = await gate.promise;
    if (how instanceof Error) throw how;
    return how === "as it was" ? asItWas : [...this.kept.values()];
  }

  async putRevocation(key: string, revocation: Revocation): Promise<void> {
    if (this.broken) throw new Error("the store is broken");
    this.kept.set(key, revocation);
  }

  async deleteRevocation(key: string): Promise<void> {
    if (this.broken) throw new Error("the store is broken");
    this.kept.delete(key);
  }

  async putTicket(): Promise<void> {}
  async takeTicket(): Promise<boolean> {
    return false;
  }
  async close(): Promise<void> {}
}

function node(store: CredentialStore | null = null, clock = new FakeClock(epoch)) {
  const pubsub = new PubSub();
  const logger = new RecordingLogger();
  const revoked: Revocation[] = [];
  const revocations = new Revocations({
    store,
    pubsub,
    clock,
    telemetry: new Telemetry({ logger, clock, listener: null }),
    onRevoked: (revocation) => void revoked.push(revocation),
  });
  return { revocations, pubsub, clock, logger, revoked, revoke: (what: Revoke) => revocations.revoke(what, keepMs) };
}

test("by default everything a subject was given until now counts no more, what came in this millisecond too", async () => {
  const { revocations, revoke, clock } = node();
  clock.advance(1_000);
  await revoke({ subject: "ada" });
  for (const issuedAt of [0, epoch, epoch + 999, epoch + 1_000]) {
    expect(revocations.isRevoked(somebody({ issuedAt })), String(issuedAt - epoch)).toBe(true);
  }
  expect(revocations.isRevoked(somebody({ issuedAt: epoch + 1_001 }))).toBe(false);
  expect(revocations.isRevoked(somebody({ subject: "bob" }))).toBe(false);
});

test.each<[Partial<Extract<Revoke, { subject: string }>>, Partial<Identity>]>([
  [{ authenticator: "jwt" }, { authenticator: "session" }],
  [{ issuer: "https://issuer.example" }, { issuer: "https://other.example" }],
  [{ issuer: "https://issuer.example" }, { issuer: null }],
  [{ tenant: "acme" }, { tenant: "umbrella" }],
  [{ tenant: "acme" }, { tenant: null }],
])("%o concerns whom it names and not %o", async (what, other) => {
  const { revocations, revoke } = node();
  await revoke({ subject: "ada", ...what });
  expect(revocations.isRevoked(somebody())).toBe(true);
  expect(revocations.isRevoked(somebody(other))).toBe(false);
});

test("issuedBefore spares what was issued at that moment, and reaches into the future where it is asked to", async () => {
  const { revocations, revoke } = node();
  await revoke({ subject: "ada", issuedBefore: epoch - 10 });
  expect(revocations.isRevoked(somebody({ issuedAt: epoch - 11 }))).toBe(true);
  expect(revocations.isRevoked(somebody({ issuedAt: epoch - 10 }))).toBe(false);
  await revoke({ subject: "ada", issuedBefore: epoch + 10 });
  expect(revocations.isRevoked(somebody({ issuedAt: epoch + 9 }))).toBe(true);
});

test("of two moments the later holds, here and in the store, in whatever order they were said", async () => {
  const store = new SlowStore();
  const { revocations, revoke } = node(store);
  await revoke({ subject: "ada", issuedBefore: epoch - 1 });
  await revoke({ subject: "ada", issuedBefore: epoch - 5_000 });
  expect(revocations.isRevoked(somebody({ issuedAt: epoch - 2 }))).toBe(true);
  const restarted = node(store);
  expect(await restarted.revocations.ready()).toBe(true);
  expect(restarted.revocations.isRevoked(somebody({ issuedAt: epoch - 2 }))).toBe(true);
});

test("a program that has not read the store yet replaces nothing stricter in it", async () => {
  const store = new SlowStore();
  await node(store).revoke({ subject: "ada" });
  await node(store).revoke({ subject: "ada", issuedBefore: epoch - 5_000 });
  const restarted = node(store);
  await restarted.revocations.ready();
  expect(restarted.revocations.isRevoked(somebody())).toBe(true);
});

test("a second revocation that is to be forgotten sooner doesn't shorten the first", async () => {
  const { revocations, revoke, clock } = node();
  await revoke({ subject: "ada" });
  await revoke({ subject: "ada", expiresAt: epoch + 1_000 });
  await revoke({ tokenId: "token-9" });
  await revoke({ tokenId: "token-9", expiresAt: epoch + 1_000 });
  clock.advance(bounds.revocationSweepMs + 1);
  expect(revocations.isRevoked(somebody())).toBe(true);
  expect(revocations.isRevoked(somebody({ subject: "bob", tokenId: "token-9" }))).toBe(true);
});

test("one credential alone is taken away by its id, and an identity without one is nobody's", async () => {
  const { revocations, revoke } = node();
  await revoke({ tokenId: "token-1" });
  expect(revocations.isRevoked(somebody())).toBe(true);
  expect(revocations.isRevoked(somebody({ tokenId: "token-2" }))).toBe(false);
  expect(revocations.isRevoked(somebody({ tokenId: null }))).toBe(false);
});

test("what was taken away can be given back, but only the same thing", async () => {
  const store = new SlowStore();
  const { revocations, revoke } = node(store);
  await revoke({ subject: "ada", tenant: "acme" });
  await revoke({ tokenId: "token-9" });
  await revocations.unrevoke({ subject: "ada" });
  await revocations.unrevoke({ subject: "ada", tenant: "umbrella" });
  await revocations.unrevoke({ tokenId: "token-1" });
  expect(revocations.isRevoked(somebody())).toBe(true);
  await revocations.unrevoke({ subject: "ada", tenant: "acme" });
  await revocations.unrevoke({ tokenId: "token-9" });
  expect(revocations.isRevoked(somebody())).toBe(false);
  expect(revocations.isRevoked(somebody({ tokenId: "token-9" }))).toBe(false);
  expect([revocations.size, store.kept.size]).toEqual([0, 0]);
});

test("it is remembered for as long as what it concerns can be valid anywhere, and not longer", async () => {
  const { revocations, revoke, clock } = node();
  await revoke({ subject: "ada" });
  // The youngest token it concerns was signed now, by a clock a little ahead, and may be as old as tokens get.
  clock.advance(keepMs + slackMs - 1);
  expect(revocations.isRevoked(somebody())).toBe(true);
  clock.advance(bounds.revocationSweepMs + 1);
  expect(revocations.size).toBe(0);
  expect(clock.pending).toBe(0);
});

test("one that reaches into the future is remembered until the last token it concerns is over", async () => {
  const { revocations, revoke, clock } = node();
  await revoke({ subject: "ada", issuedBefore: epoch + keepMs });
  clock.advance(2 * keepMs);
  expect(revocations.isRevoked(somebody({ issuedAt: epoch + keepMs - 1 }))).toBe(true);
});

test("where a credential may live for ever a revocation does", async () => {
  const { revocations, clock } = node();
  await revocations.revoke({ subject: "ada" }, Number.POSITIVE_INFINITY);
  clock.advance(400 * 86_400_000);
  expect(revocations.isRevoked(somebody())).toBe(true);
});

test.each<[string, unknown]>([
  ["no subject", {}],
  ["an empty subject", { subject: "" }],
  ["a subject that is a number", { subject: 42 }],
  ["a token id that is not there", { subject: "ada", tokenId: null }],
  ["an empty token id", { tokenId: "" }],
  ["a moment that is none", { subject: "ada", issuedBefore: Number.NaN }],
  ["for all time to come", { subject: "ada", issuedBefore: Number.POSITIVE_INFINITY }],
])("a revocation with %s rejects, and nothing is revoked", async (_what, what) => {
  const { revocations, revoke } = node();
  await expect(revoke(what as Revoke)).rejects.toThrow(TypeError);
  expect(revocations.size).toBe(0);
});

test("subjects and ids named like what every object has are names like any other", async () => {
  const { revocations, revoke } = node();
  for (const name of ["__proto__", "constructor", "toString"]) {
    expect(revocations.isRevoked(somebody({ subject: name, tokenId: name }))).toBe(false);
    await revoke({ subject: name });
    await revoke({ tokenId: name });
    expect(revocations.isRevoked(somebody({ subject: name, tokenId: null }))).toBe(true);
    expect(revocations.isRevoked(somebody({ tokenId: name }))).toBe(true);
  }
});

test("there is a bound, which says so, makes room of what is over, and lets known ones be said again", async () => {
  const { revocations, revoke, clock, logger, pubsub } = node();
  for (let n = 1; n < bounds.revocationsMax; n += 1) await revoke({ tokenId: `t${n}`, expiresAt: epoch + 2_000_000 });
  await revoke({ subject: "ada", expiresAt: epoch + 1_000 });
  await expect(revoke({ subject: "bob" })).rejects.toThrow(/at most 100000 revocations.*rotate/);
  await revoke({ subject: "ada", expiresAt: epoch + 1_000 });
  // Another node has more room than this one.
  pubsub.control({ kind: "revoke", data: { kind: "token", tokenId: "elsewhere", expiresAt: null } });
  expect(logger.at("error")).toEqual([expect.stringContaining("a revocation is not known here")]);
  clock.advance(1_000);
  await revoke({ subject: "bob" });
  expect(revocations.isRevoked(somebody({ subject: "bob" }))).toBe(true);
});

test("revocations are told to whoever has to end connections, each once", async () => {
  const { revoke, revoked } = node(new SlowStore());
  await revoke({ subject: "ada" });
  await revoke({ subject: "ada", issuedBefore: epoch - 1 });
  await revoke({ tokenId: "token-1" });
  await revoke({ tokenId: "token-1" });
  expect(revoked.map(({ kind }) => kind)).toEqual(["subject", "token"]);
});

test.each<[string, unknown]>([
  ["nothing", null],
  ["a text", "revoke"],
  ["another kind", { kind: "everything", expiresAt: null }],
  ["a subject that is none", { kind: "subject", subject: 1, issuedBefore: 1, expiresAt: null }],
  ["no moment", { kind: "subject", subject: "ada", authenticator: null, issuer: null, tenant: null, expiresAt: null }],
  [
    "a tenant that is a list",
    {
      kind: "subject",
      subject: "ada",
      authenticator: null,
      issuer: null,
      tenant: [],
      issuedBefore: 1,
      expiresAt: null,
    },
  ],
  ["no id", { kind: "token", expiresAt: null }],
  ["an end that is none", { kind: "token", tokenId: "token-1", expiresAt: "never" }],
])("what another version of this says is not taken when it is %s", (_what, data) => {
  const { revocations, pubsub } = node();
  pubsub.control({ kind: "revoke", data });
  expect(revocations.size).toBe(0);
});

test("a key that was given up vouches for nobody", () => {
  const { revocations, pubsub } = node();
  pubsub.control({ kind: "compromised", id: "2026" });
  expect(revocations.isRevoked(somebody({ keyId: "2026" }))).toBe(true);
  expect(revocations.isCompromised(somebody({ keyId: "2026" }))).toBe(true);
  expect(revocations.isRevoked(somebody({ keyId: "2027" }))).toBe(false);
  expect(revocations.isRevoked(somebody())).toBe(false);
});

test("without a store there is nothing to be read, whatever the bus does", () => {
  const { revocations, pubsub } = node();
  expect([revocations.ready(), revocations.health]).toEqual([true, "ok"]);
  pubsub.statusChanged("down");
  expect([revocations.ready(), revocations.health]).toEqual([true, "ok"]);
});

test("nobody is let in before the store was read, and asking for its health has it read", async () => {
  const store = new SlowStore();
  const { revocations } = node(store);
  expect(revocations.health).toBe("unread");
  await settled();
  expect(revocations.health).toBe("ok");
  expect(revocations.ready()).toBe(true);
});

test("a store that fails keeps everybody out, and is asked again until it answers", async () => {
  const store = new SlowStore();
  await node(store).revoke({ subject: "ada" });
  store.broken = true;
  const { revocations, clock, logger, revoked } = node(store);
  expect(await revocations.ready()).toBe(false);
  expect(revocations.health).toBe("unread");
  expect(logger.at("error")).toEqual([expect.stringContaining("could not be read")]);
  clock.advance(1_000);
  await settled();
  expect(revoked).toEqual([]);
  store.broken = false;
  clock.advance(1_000);
  await settled();
  expect(revoked).toHaveLength(1);
  expect(revocations.health).toBe("ok");
});

test("a store that never answers has failed, and doesn't keep the next question from being asked", async () => {
  const store = new SlowStore();
  store.holds = true;
  const { revocations, clock } = node(store);
  const first = revocations.ready();
  clock.advance(5_000);
  expect(await first).toBe(false);
  store.holds = false;
  expect(await revocations.ready()).toBe(true);
});

test("a closed endpoint asks its store nothing any more", async () => {
  const store = new SlowStore();
  store.broken = true;
  const { revocations, clock } = node(store);
  await revocations.ready();
  revocations.stop();
  clock.advance(60_000);
  await settled();
  expect(store.asked).toBe(1);
});

test("while the bus is down the store is asked again after a second, and by many at once only once", async () => {
  const store = new SlowStore();
  const { revocations, pubsub, clock } = node(store);
  await revocations.ready();
  pubsub.statusChanged("down");
  expect(revocations.health).toBe("unread");
  await settled();
  store.holds = true;
  expect(revocations.ready()).toBe(true);
  clock.advance(999);
  expect(revocations.ready()).toBe(true);
  clock.advance(1);
  const asked = [revocations.ready(), revocations.ready(), revocations.ready()];
  expect(store.reads).toHaveLength(1);
  store.reads[0]?.resolve("as it is");
  expect(await Promise.all(asked)).toEqual([true, true, true]);
  // A clock that was set back makes nothing fresh.
  clock.advance(-10_000);
  expect(revocations.ready()).toBeInstanceOf(Promise);
});

test("who comes while an old answer is under way waits for one that is a second old at most", async () => {
  const store = new SlowStore();
  const { revocations, pubsub, clock } = node(store);
  await revocations.ready();
  pubsub.statusChanged("down");
  await revocations.ready();
  store.holds = true;
  clock.advance(1_000);
  void revocations.ready();
  clock.advance(2_000);
  // Another node, which nobody hears.
  store.kept.set("token:token-1", { kind: "token", tokenId: "token-1", expiresAt: null });
  let ready: unknown = "not yet";
  void Promise.resolve(revocations.ready()).then((answer) => {
    ready = answer;
  });
  store.reads[0]?.resolve("as it was");
  await settled();
  expect(ready).toBe("not yet");
  store.reads[1]?.resolve("as it is");
  await settled();
  expect(ready).toBe(true);
  expect(revocations.isRevoked(somebody())).toBe(true);
});

test("what was read before the bus was there again is read once more", async () => {
  const store = new SlowStore();
  const { revocations, pubsub, revoked } = node(store);
  await revocations.ready();
  pubsub.statusChanged("down");
  store.holds = true;
  void revocations.ready();
  // Said elsewhere after the store was asked, while nobody could hear it.
  store.kept.set("token:token-1", { kind: "token", tokenId: "token-1", expiresAt: null });
  pubsub.statusChanged("up");
  store.reads[0]?.resolve("as it was");
  await settled();
  expect(revocations.health).toBe("unread");
  store.reads[1]?.resolve("as it was");
  await settled();
  expect(revoked).toHaveLength(1);
  expect(revocations.health).toBe("ok");
});

test("what is given back while the store is being read stays given back", async () => {
  const store = new SlowStore();
  await node(store).revoke({ subject: "ada" });
  const { revocations } = node(store);
  store.holds = true;
  const ready = revocations.ready();
  await revocations.unrevoke({ subject: "ada" });
  store.reads[0]?.resolve("as it was");
  expect(await ready).toBe(true);
  expect(revocations.isRevoked(somebody())).toBe(false);
});

test("a store that can't keep a revocation says so to its caller, and this cluster has heard of it", async () => {
  const store = new SlowStore();
  const { revocations, revoke, revoked } = node(store);
  await revocations.ready();
  store.broken = true;
  await expect(revoke({ subject: "ada" })).rejects.toThrow("the store is broken");
  expect(revoked).toHaveLength(1);
  await expect(revocations.unrevoke({ subject: "ada" })).rejects.toThrow("the store is broken");
  expect(revocations.isRevoked(somebody())).toBe(true);
});

test("what a node said while it could not be heard it says again, but not what was given back", async () => {
  const { revoke, revocations, pubsub, clock } = node();
  const said: unknown[] = [];
  pubsub.onControl((message) => void said.push(message.kind === "revoke" ? message.data : message.kind));
  await revoke({ tokenId: "long ago" });
  clock.advance(60_001);
  await revoke({ tokenId: "just before" });
  pubsub.statusChanged("down");
  clock.advance(600_000);
  await revoke({ tokenId: "meanwhile" });
  await revoke({ tokenId: "given back" });
  await revocations.unrevoke({ tokenId: "given back" });
  said.length = 0;
  pubsub.statusChanged("up");
  expect(said).toMatchObject([{ tokenId: "just before" }, { tokenId: "meanwhile" }]);
});

test("a revocation is told again once it is in the store: whoever read that before hears of it now", async () => {
  const { revoke, pubsub } = node(memoryCredentialStore({ now: () => epoch }));
  const said: string[] = [];
  pubsub.onControl(({ kind }) => void said.push(kind));
  await revoke({ subject: "ada" });
  expect(said).toEqual(["revoke", "revoke"]);
});
