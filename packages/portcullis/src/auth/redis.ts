/**
 * A credential store in Redis (6.2 or newer, or what speaks its protocol), through the client you already have: `redis` or
 * `ioredis`.
 *
 * ```ts
 * import { createClient } from "redis";
 * import { redisCredentialStore } from "portcullis/auth/redis";
 *
 * const client = await createClient({ url: process.env.REDIS_URL }).connect();
 * const store = redisCredentialStore({ client, prefix: "my-app" });
 * ```
 *
 * @module
 */

import type { CredentialStore, Revocation } from "./store.ts";

/** The part of a client of `redis` that is used. */
export interface NodeRedisClient {
  sendCommand(command: string[]): Promise<unknown>;
}

/** The part of a client of `ioredis` that is used. */
export interface IoRedisClient {
  call(command: string, ...args: string[]): Promise<unknown>;
}

/** Options of {@link redisCredentialStore}. */
export interface RedisCredentialStoreOptions {
  /** Yours, and connected: `close` of the store leaves it open. It has to ask a primary; a replica may not know yet. */
  readonly client: NodeRedisClient | IoRedisClient;
  /** What the names of the keys begin with. Applications that share a server need one each. Default `"portcullis"`. */
  readonly prefix?: string;
}

/**
 * A ticket is refused by what is written in it. Redis only clears it away, by a clock of its own, which may be ahead: it
 * gets some time more.
 */
const CLOCK_SLACK_MS = 60_000;

/** Fields a listing asks for at a time: one question for all of them would keep everybody else waiting. */
const LISTED_AT_ONCE = "1000";

/** Expired fields a listing clears away at most. */
const CLEARED_MAX = 100;

/** Deletes fields that still hold what they held when they were found to have expired. */
const CLEAR_EXPIRED = `for index = 1, #ARGV, 2 do
  if redis.call("HGET", KEYS[1], ARGV[index]) == ARGV[index + 1] then redis.call("HDEL", KEYS[1], ARGV[index]) end
end`;

/**
 * Keeps revocations in one hash and every ticket under a key of its own. A ticket is taken by `GETDEL`, so of all who ask
 * only one gets it.
 *
 * What Redis has not written to disk is lost when it stops: turn on its append-only file (`appendonly yes`) where
 * revocations have to outlive it, and `maxmemory-policy noeviction`, or it forgets them when it runs out of room.
 *
 * @throws TypeError for a client with neither `call` nor `sendCommand`.
 */
export function redisCredentialStore(options: RedisCredentialStoreOptions): CredentialStore {
  const { client, prefix = "portcullis" } = options;
  const send = senderOf(client);
  const revocations = `${prefix}:revocations`;
  const ticket = (id: string): string => `${prefix}:ticket:${id}`;

  return {
    async revocations(now) {
      const found: Revocation[] = [];
      const expired: string[] = [];
      for (const [field, text] of await fieldsOf(send, revocations)) {
        const revocation = JSON.parse(text) as Revocation;
        if (revocation.expiresAt === null || now < revocation.expiresAt) found.push(revocation);
        else if (expired.length < CLEARED_MAX * 2) expired.push(field, text);
      }
      if (expired.length > 0) await send(["EVAL", CLEAR_EXPIRED, "1", revocations, ...expired]);
      return found;
    },
    async putRevocation(key, revocation) {
      await send(["HSET", revocations, key, JSON.stringify(revocation)]);
    },
    async deleteRevocation(key) {
      await send(["HDEL", revocations, key]);
    },
    async putTicket(id, expiresAt) {
      await send(["SET", ticket(id), String(expiresAt), "PXAT", String(Math.ceil(expiresAt) + CLOCK_SLACK_MS)]);
    },
    async takeTicket(id, now) {
      const expiresAt = await send(["GETDEL", ticket(id)]);
      return expiresAt !== null && now < Number(expiresAt);
    },
    close: async () => {},
  };
}

type Send = (command: readonly [name: string, ...args: string[]]) => Promise<unknown>;

function senderOf(client: NodeRedisClient | IoRedisClient): Send {
  // A client of ioredis has a sendCommand too, which takes something else.
  if ("call" in client && typeof client.call === "function") return ([name, ...args]) => client.call(name, ...args);
  if ("sendCommand" in client && typeof client.sendCommand === "function")
    return (command) => client.sendCommand([...command]);
  throw new TypeError("Expected `client` of redisCredentialStore to be a client of redis or ioredis.");
}

/** Every field of a hash, with its value. What is there throughout is not missed, as Redis promises of HSCAN. */
async function fieldsOf(send: Send, key: string): Promise<ReadonlyMap<string, string>> {
  const fields = new Map<string, string>();
  let cursor = "0";
  do {
    const [next, page] = (await send(["HSCAN", key, cursor, "COUNT", LISTED_AT_ONCE])) as [unknown, unknown[]];
    for (let index = 0; index + 1 < page.length; index += 2) fields.set(String(page[index]), String(page[index + 1]));
    cursor = String(next);
  } while (cursor !== "0");
  return fields;
}
