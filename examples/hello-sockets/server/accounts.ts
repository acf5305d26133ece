import type { Client, Row } from "@libsql/client";

/** One row of the account file. */
export interface Account {
  readonly id: string;
  readonly name: string;
  readonly passwordHash: string;
  /** Epoch milliseconds. A page session from this moment or before no longer counts; 0: never signed out. */
  readonly signedOutAt: number;
}

/** The people who may sign in, in an embedded database file. */
export interface Accounts {
  /** Null if the name is taken. */
  create(name: string, passwordHash: string): Promise<Account | null>;
  findByName(name: string): Promise<Account | null>;
  findById(id: string): Promise<Account | null>;
  /** Every page session of this person that began until `at` (epoch ms) is over. */
  signOutEverywhere(id: string, at: number): Promise<void>;
}

export async function openAccounts(database: Client): Promise<Accounts> {
  await createTable(database);

  async function findOne(sql: string, key: string): Promise<Account | null> {
    const { rows } = await database.execute({ sql, args: [key] });
    return rows[0] ? toAccount(rows[0]) : null;
  }

  return {
    async create(name, passwordHash) {
      // The database decides who was first: asking "is it free?" and then inserting would let two people through.
      const { rows } = await database.execute({
        sql: "INSERT INTO users (name, name_key, password) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING *",
        args: [name, toKey(name), passwordHash],
      });
      return rows[0] ? toAccount(rows[0]) : null;
    },
    findByName: (name) => findOne("SELECT * FROM users WHERE name_key = ?", toKey(name)),
    findById: (id) => findOne("SELECT * FROM users WHERE id = ?", id),
    async signOutEverywhere(id, at) {
      await database.execute({
        sql: "UPDATE users SET signed_out_at = max(signed_out_at, ?) WHERE id = ?",
        args: [at, id],
      });
    },
  };
}

async function createTable(database: Client): Promise<void> {
  await database.execute(`
    CREATE TABLE IF NOT EXISTS users (
      id            INTEGER PRIMARY KEY AUTOINCREMENT,
      name          TEXT NOT NULL,
      name_key      TEXT NOT NULL UNIQUE,
      password      TEXT NOT NULL,
      signed_out_at INTEGER NOT NULL DEFAULT 0
    ) STRICT`);
}

/** "Ada" and "ada" are one person, and so are two spellings of "Zoë" that look the same. */
function toKey(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}

function toAccount(row: Row): Account {
  return {
    id: String(row["id"]),
    name: String(row["name"]),
    passwordHash: String(row["password"]),
    signedOutAt: Number(row["signed_out_at"]),
  };
}
