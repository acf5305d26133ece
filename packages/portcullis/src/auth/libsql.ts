/**
 * A credential store in SQLite, through the libSQL client: a file next to one node, or a server that all nodes share.
 *
 * ```ts
 * import { createClient } from "@libsql/client";
 * import { libsqlCredentialStore } from "portcullis/auth/libsql";
 *
 * const store = libsqlCredentialStore({ client: createClient({ url: "file:credentials.db", timeout: 5_000 }) });
 * ```
 *
 * @module
 */

import type { CredentialStore, Revocation } from "./store.ts";

/** A statement, as the client takes it. */
export interface LibsqlStatement {
  readonly sql: string;
  readonly args: (string | number | null)[];
}

/** What the client answers, as far as it is read. */
export interface LibsqlResult {
  readonly rows: readonly { readonly [column: string]: unknown }[];
}

/** The part of a client of `@libsql/client` that is used. */
export interface LibsqlClient {
  execute(statement: LibsqlStatement): Promise<LibsqlResult>;
  batch(statements: LibsqlStatement[], mode: "write"): Promise<LibsqlResult[]>;
}

/** Options of {@link libsqlCredentialStore}. */
export interface LibsqlCredentialStoreOptions {
  /** Yours: `close` of the store leaves it open. */
  readonly client: LibsqlClient;
  /** What the names of the tables begin with. Default `"portcullis_"`. */
  readonly prefix?: string;
  /** The clock by which expired rows are cleared away, epoch milliseconds. Default `Date.now`. */
  readonly now?: () => number;
}

/** Rows one write clears away at most, so that no write is held up by the past. It adds one: the past gets shorter. */
const CLEARED_MAX = 100;

/**
 * Keeps revocations and tickets in two tables, which it creates. A ticket is taken by one `DELETE … RETURNING`, so of all
 * who ask only one gets it.
 *
 * SQLite refuses to write to a file another process is writing to, at once unless the client was given a `timeout`. A file
 * that several processes share needs one.
 *
 * @throws TypeError for a prefix that is no name in SQL.
 */
export function libsqlCredentialStore(options: LibsqlCredentialStoreOptions): CredentialStore {
  const { client, prefix = "portcullis_", now = Date.now } = options;
  if (typeof client?.execute !== "function" || typeof client.batch !== "function")
    throw new TypeError("Expected `client` of libsqlCredentialStore to be a client made by @libsql/client.");
  // The prefix is written into statements as it stands.
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,50}$/.test(prefix))
    throw new TypeError("Expected `prefix` of libsqlCredentialStore to be letters, digits and underscores.");
  const revocations = `${prefix}revocations`;
  const tickets = `${prefix}tickets`;

  let created: Promise<unknown> | null = null;
  const ready = async (): Promise<void> => {
    created ??= client.batch(
      [
        ...schemaOf(revocations, "key TEXT PRIMARY KEY, revocation TEXT NOT NULL, expires_at INTEGER"),
        ...schemaOf(tickets, "id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL"),
      ],
      "write",
    );
    try {
      await created;
    } catch (error) {
      created = null;
      throw error;
    }
  };
  const write = async (table: string, statement: LibsqlStatement): Promise<void> => {
    await ready();
    await client.batch([clearing(table, now()), statement], "write");
  };
  const read = async (statement: LibsqlStatement): Promise<LibsqlResult["rows"]> => {
    await ready();
    return (await client.execute(statement)).rows;
  };

  return {
    async revocations(at) {
      const sql = `SELECT revocation FROM ${revocations} WHERE expires_at IS NULL OR expires_at > ?`;
      const rows = await read({ sql, args: [at] });
      return rows.map((row) => JSON.parse(String(row["revocation"])) as Revocation);
    },
    putRevocation: (key, revocation) =>
      write(revocations, {
        sql: `INSERT INTO ${revocations} (key, revocation, expires_at) VALUES (?, ?, ?)
          ON CONFLICT (key) DO UPDATE SET revocation = excluded.revocation, expires_at = excluded.expires_at`,
        args: [key, JSON.stringify(revocation), revocation.expiresAt],
      }),
    async deleteRevocation(key) {
      await read({ sql: `DELETE FROM ${revocations} WHERE key = ?`, args: [key] });
    },
    putTicket: (id, expiresAt) =>
      write(tickets, {
        sql: `INSERT OR REPLACE INTO ${tickets} (id, expires_at) VALUES (?, ?)`,
        args: [id, expiresAt],
      }),
    async takeTicket(id, at) {
      const sql = `DELETE FROM ${tickets} WHERE id = ? AND expires_at > ? RETURNING id`;
      return (await read({ sql, args: [id, at] })).length === 1;
    },
    close: async () => {},
  };
}

function schemaOf(table: string, columns: string): readonly LibsqlStatement[] {
  return [
    { sql: `CREATE TABLE IF NOT EXISTS ${table} (${columns})`, args: [] },
    { sql: `CREATE INDEX IF NOT EXISTS ${table}_expiry ON ${table} (expires_at)`, args: [] },
  ];
}

function clearing(table: string, now: number): LibsqlStatement {
  const sql = `DELETE FROM ${table} WHERE rowid IN
    (SELECT rowid FROM ${table} WHERE expires_at <= ? ORDER BY expires_at LIMIT ${CLEARED_MAX})`;
  return { sql, args: [now] };
}
