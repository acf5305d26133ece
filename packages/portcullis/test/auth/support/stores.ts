/** Every store there is, opened as often as wanted on the same data. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@libsql/client";
import { libsqlCredentialStore } from "../../../src/auth/libsql.ts";
import { memoryCredentialStore } from "../../../src/auth/memory.ts";
import { redisCredentialStore } from "../../../src/auth/redis.ts";
import type { CredentialStore } from "../../../src/auth/store.ts";
import type { RedisServer } from "./redis-server.ts";

/** Where a store's data lies, and handles on it: one for each process of a cluster. */
export interface Shelf {
  /** A store on this data, through a client of its own. */
  open(): Promise<CredentialStore>;
  /** Ends every client, and the server where there is one, and starts that again. */
  restart(): Promise<void>;
  clear(): Promise<void>;
}

export function memoryShelf(): Shelf {
  const store = memoryCredentialStore();
  return { open: async () => store, restart: async () => {}, clear: async () => {} };
}

/** A database in a file, and a client of its own for every handle. */
export function libsqlShelf(): Shelf & { readonly url: string } {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-libsql-"));
  const url = `file:${join(folder, "credentials.db")}`;
  const clients: { close(): void }[] = [];
  const closeAll = (): void => {
    for (const client of clients.splice(0)) client.close();
  };
  return {
    url,
    async open() {
      const client = createClient({ url, timeout: 10_000 });
      clients.push(client);
      return libsqlCredentialStore({ client });
    },
    restart: async () => closeAll(),
    async clear() {
      closeAll();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A Redis, and a connection of its own for every handle. */
export function redisShelf(server: RedisServer, kind: "nodeRedis" | "ioRedis", prefix: string): Shelf {
  const shuts: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const shut of shuts.splice(0)) await shut();
  };
  return {
    async open() {
      const { client, shut } = await server[kind]();
      shuts.push(shut);
      return redisCredentialStore({ client, prefix });
    },
    async restart() {
      await closeAll();
      await server.restart();
    },
    clear: closeAll,
  };
}
