/** One contract, every store (security rows 2.12 and 2.14). */

import { createClient } from "@libsql/client";
import { Redis } from "ioredis";
import { createClient as createRedis } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { redisServerMissing, redisServerPath } from "../../../../scripts/redis.ts";
import { libsqlCredentialStore } from "../../src/auth/libsql.ts";
import { memoryCredentialStore } from "../../src/auth/memory.ts";
import { redisCredentialStore } from "../../src/auth/redis.ts";
import { type CredentialStore, type Revocation, revocationKey } from "../../src/auth/store.ts";
import { raceInProcesses } from "./support/race.ts";
import { RedisServer } from "./support/redis-server.ts";
import { libsqlShelf, memoryShelf, redisShelf, type Shelf } from "./support/stores.ts";

const redisServer = redisServerPath();
let redis: RedisServer | null = null;
let prefixes = 0;

beforeAll(async () => {
  if (redisServer !== null) redis = await RedisServer.start(redisServer);
});
afterAll(() => redis?.stop());

const now = Date.now();
const later = now + 3_600_000;
const ofToken = (tokenId: string, expiresAt: number | null = later): Revocation => ({
  kind: "token",
  tokenId,
  expiresAt,
});
const ofSubject = (subject: string, issuedBefore: number, expiresAt: number | null = later): Revocation => ({
  kind: "subject",
  subject,
  authenticator: null,
  issuer: "https://issuer.example",
  tenant: null,
  issuedBefore,
  expiresAt,
});
const put = (store: CredentialStore, revocation: Revocation): Promise<void> =>
  store.putRevocation(revocationKey(revocation), revocation);
const sorted = (revocations: readonly Revocation[]): readonly string[] =>
  revocations.map((revocation) => JSON.stringify(revocation)).sort();

function contract(makeShelf: () => Shelf, { outlivesProcess }: { readonly outlivesProcess: boolean }): void {
  let shelf: Shelf;
  let store: CredentialStore;
  let other: CredentialStore;
  beforeEach(async () => {
    shelf = makeShelf();
    store = await shelf.open();
    other = await shelf.open();
  });
  afterEach(async () => {
    await store.close();
    await shelf.clear();
  });

  test("what one node revokes every other sees, as it was put", async () => {
    expect(await other.revocations(now)).toEqual([]);
    const all = [ofToken("t-1"), ofToken("t-2", null), ofSubject("ada", now), ofSubject("ben", now, null)];
    for (const revocation of all) await put(store, revocation);
    expect(sorted(await other.revocations(now))).toEqual(sorted(all));
  });

  test("a revocation ends exactly when it says", async () => {
    await put(store, ofToken("t-1"));
    await put(store, ofToken("t-2", null));
    expect(await other.revocations(later - 1)).toHaveLength(2);
    expect(await other.revocations(later)).toEqual([ofToken("t-2", null)]);
    expect(await other.revocations(Number.MAX_SAFE_INTEGER)).toEqual([ofToken("t-2", null)]);
  });

  test("the same key replaces, another key doesn't", async () => {
    await put(store, ofSubject("ada", now));
    await put(other, ofSubject("ada", now + 5, later + 5));
    await put(store, ofSubject("ada ", now));
    expect(sorted(await store.revocations(now))).toEqual(
      sorted([ofSubject("ada", now + 5, later + 5), ofSubject("ada ", now)]),
    );
  });

  test("a revocation replaced by a longer one outlives the first one's end", async () => {
    await put(store, ofSubject("ada", now, now + 1_000));
    await put(other, ofSubject("ada", now, later));
    expect(await store.revocations(now + 2_000)).toEqual([ofSubject("ada", now, later)]);
    expect(await store.revocations(now + 2_000)).toEqual([ofSubject("ada", now, later)]);
  });

  test("a deleted revocation is gone everywhere, and deleting nothing harms nothing", async () => {
    await put(store, ofToken("t-1"));
    await put(store, ofToken("t-2"));
    await other.deleteRevocation(revocationKey(ofToken("t-1")));
    await other.deleteRevocation("token:never put");
    expect(await store.revocations(now)).toEqual([ofToken("t-2")]);
  });

  test.each([
    "__proto__",
    "constructor",
    "'; DROP TABLE portcullis_revocations; --",
    "a b\r\nFLUSHALL\r\n",
    "ütf-8 🎟️ \u0000 text",
    "*?[a]",
  ])("%j is an id like any other", async (id) => {
    await put(store, ofToken(id));
    await put(store, ofToken("t-1"));
    await store.putTicket(id, later);
    expect(sorted(await other.revocations(now))).toEqual(sorted([ofToken(id), ofToken("t-1")]));
    expect(await other.takeTicket(id, now)).toBe(true);
    expect(await other.takeTicket(id, now)).toBe(false);
    await other.deleteRevocation(revocationKey(ofToken(id)));
    expect(await store.revocations(now)).toEqual([ofToken("t-1")]);
  });

  test("1,200 revocations are all listed", async () => {
    const all = Array.from({ length: 1_200 }, (_, index) => ofToken(`t-${index}`));
    for (let start = 0; start < all.length; start += 200)
      await Promise.all(all.slice(start, start + 200).map((revocation) => put(store, revocation)));
    expect(sorted(await other.revocations(now))).toEqual(sorted(all));
  }, 60_000);

  test("a ticket is taken once, by whichever node asks first", async () => {
    await store.putTicket("one", later);
    await store.putTicket("two", later);
    expect(await other.takeTicket("one", now)).toBe(true);
    expect(await other.takeTicket("one", now)).toBe(false);
    expect(await store.takeTicket("one", now)).toBe(false);
    expect(await store.takeTicket("two", now)).toBe(true);
    expect(await store.takeTicket("never put", now)).toBe(false);
  });

  test("of 100 takes of one ticket by two nodes one wins, every time", async () => {
    for (let round = 0; round < 5; round += 1) {
      await store.putTicket(`race ${round}`, later);
      const takes = Array.from({ length: 100 }, (_, index) =>
        (index % 2 === 0 ? store : other).takeTicket(`race ${round}`, now),
      );
      expect((await Promise.all(takes)).filter((won) => won)).toHaveLength(1);
    }
  });

  test("a ticket is good until the millisecond before it expires", async () => {
    await store.putTicket("in time", later);
    await store.putTicket("too late", later);
    expect(await other.takeTicket("in time", later - 1)).toBe(true);
    expect(await other.takeTicket("too late", later)).toBe(false);
  });

  test("closing a store leaves the client it was given open", async () => {
    await store.close();
    await store.putTicket("one", later);
    expect(await store.takeTicket("one", now)).toBe(true);
  });

  if (!outlivesProcess) return;
  test("a restart forgets nothing", async () => {
    await put(store, ofToken("t-1"));
    await store.putTicket("one", later);
    await store.putTicket("two", later);
    expect(await store.takeTicket("two", now)).toBe(true);
    await shelf.restart();
    store = await shelf.open();
    expect(await store.revocations(now)).toEqual([ofToken("t-1")]);
    expect(await store.takeTicket("one", now)).toBe(true);
    expect(await store.takeTicket("two", now)).toBe(false);
  });
}

describe("in memory", () => {
  contract(memoryShelf, { outlivesProcess: false });

  test("makes room for what is alive, and refuses what there is no room for", async () => {
    const clock = { now };
    const store = memoryCredentialStore({ ticketsMax: 3, revocationsMax: 1, now: () => clock.now });
    for (const id of ["a", "b", "c"]) await store.putTicket(id, now + 10);
    await expect(store.putTicket("d", later)).rejects.toThrow("ticketsMax");
    clock.now = now + 10;
    await store.putTicket("d", later);
    expect(await store.takeTicket("d", now)).toBe(true);
    await put(store, ofToken("t-1"));
    await put(store, ofToken("t-1", null));
    await expect(put(store, ofToken("t-2"))).rejects.toThrow("revocationsMax");
    expect(await store.revocations(now)).toEqual([ofToken("t-1", null)]);
  });

  test("says what is wrong with its options", () => {
    for (const ticketsMax of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => memoryCredentialStore({ ticketsMax })).toThrow("ticketsMax");
  });
});

describe("in libSQL", () => {
  contract(libsqlShelf, { outlivesProcess: true });

  test("of two processes that both ask for every ticket, one gets each of them", async () => {
    const shelf = libsqlShelf();
    const ids = Array.from({ length: 40 }, (_, index) => `ticket ${index}`);
    const store = await shelf.open();
    for (const id of ids) await store.putTicket(id, later);
    const won = await raceInProcesses(shelf.url, ids, now);
    expect(won.flat().sort()).toEqual([...ids].sort());
    await shelf.clear();
  });

  test("clears what expired away, some rows with every write", async () => {
    const client = createClient({ url: ":memory:" });
    const clock = { now };
    const store = libsqlCredentialStore({ client, prefix: "app_", now: () => clock.now });
    const rows = async (): Promise<unknown> =>
      (await client.execute("SELECT count(*) AS n FROM app_tickets")).rows[0]?.["n"];
    for (let index = 0; index < 150; index += 1) await store.putTicket(`old ${index}`, now + 10);
    expect(await rows()).toBe(150);
    clock.now = now + 10;
    await store.putTicket("new 1", later);
    expect(await rows()).toBe(51);
    await store.putTicket("new 2", later);
    expect(await rows()).toBe(2);
    await put(store, ofToken("t-1", now + 20));
    clock.now = now + 20;
    await put(store, ofToken("t-2"));
    expect((await client.execute("SELECT key FROM app_revocations")).rows).toHaveLength(1);
    client.close();
  });

  test("asks again for its tables after it couldn't make them", async () => {
    const client = createClient({ url: ":memory:" });
    let failing = true;
    const store = libsqlCredentialStore({
      client: {
        execute: (statement) => client.execute(statement),
        batch: (statements, mode) =>
          failing ? Promise.reject(new Error("no database")) : client.batch(statements, mode),
      },
    });
    await expect(store.takeTicket("one", now)).rejects.toThrow("no database");
    await expect(store.revocations(now)).rejects.toThrow("no database");
    failing = false;
    await store.putTicket("one", later);
    expect(await store.takeTicket("one", now)).toBe(true);
    client.close();
  });

  test("takes no prefix that could say something else in SQL", () => {
    const client = createClient({ url: ":memory:" });
    for (const prefix of ["", "1a", 'a"; DROP TABLE users; --', "a b", "ä"])
      expect(() => libsqlCredentialStore({ client, prefix })).toThrow("prefix");
    expect(() => libsqlCredentialStore({ client: {} as never })).toThrow("@libsql/client");
    client.close();
  });
});

describe.skipIf(redisServer === null)(`in Redis (${redisServerMissing})`, () => {
  const shelfOf = (kind: "nodeRedis" | "ioRedis") => (): Shelf => {
    prefixes += 1;
    return redisShelf(redis as RedisServer, kind, `test ${prefixes}`);
  };
  describe("through redis", () => contract(shelfOf("nodeRedis"), { outlivesProcess: true }));
  describe("through ioredis", () => contract(shelfOf("ioRedis"), { outlivesProcess: true }));

  test("keeps applications apart by their prefix", async () => {
    const server = redis as RedisServer;
    const one = redisShelf(server, "ioRedis", "one");
    const two = redisShelf(server, "ioRedis", "two");
    const [storeOne, storeTwo] = [await one.open(), await two.open()];
    await storeOne.putTicket("t", later);
    await put(storeOne, ofToken("t"));
    expect(await storeTwo.takeTicket("t", now)).toBe(false);
    expect(await storeTwo.revocations(now)).toEqual([]);
    expect(await storeOne.takeTicket("t", now)).toBe(true);
    await one.clear();
    await two.clear();
  });

  test("leaves it to Redis to clear tickets away, and clears revocations away while listing", async () => {
    const { client, shut } = await (redis as RedisServer).ioRedis();
    const store = redisCredentialStore({ client, prefix: "cleared" });
    await store.putTicket("t", later);
    const left = Number(await client.call("PTTL", "cleared:ticket:t"));
    expect(left).toBeGreaterThan(3_500_000);
    expect(left).toBeLessThanOrEqual(3_660_000);
    for (let index = 0; index < 150; index += 1) await put(store, ofToken(`t-${index}`, now + 10));
    await put(store, ofToken("kept"));
    expect(await store.revocations(now + 10)).toEqual([ofToken("kept")]);
    expect(await client.call("HLEN", "cleared:revocations")).toBe(51);
    expect(await store.revocations(now + 10)).toEqual([ofToken("kept")]);
    expect(await client.call("HLEN", "cleared:revocations")).toBe(1);
    await shut();
  });

  test("a revocation that is renewed while an expired one is cleared away stays", async () => {
    const { client, shut } = await (redis as RedisServer).ioRedis();
    const calm = redisCredentialStore({ client, prefix: "renewed" });
    // Another node renews it after this one has read it, and before it clears it away.
    const store = redisCredentialStore({
      client: {
        async call(command, ...args) {
          if (command === "EVAL") await put(calm, ofToken("t", later));
          return client.call(command, ...args);
        },
      },
      prefix: "renewed",
    });
    await put(calm, ofToken("t", now + 10));
    expect(await store.revocations(now + 10)).toEqual([]);
    expect(await store.revocations(now + 10)).toEqual([ofToken("t", later)]);
    await shut();
  });

  test("takes a client as its package makes it, and nothing else", () => {
    const ioRedis = new Redis({ lazyConnect: true });
    const nodeRedis = createRedis();
    for (const client of [ioRedis, nodeRedis]) expect(() => redisCredentialStore({ client })).not.toThrow();
    expect(() => redisCredentialStore({ client: {} as never })).toThrow("redis or ioredis");
  });
});
