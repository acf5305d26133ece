import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Client, createClient } from "@libsql/client";

/** Opens `accounts.db` in the folder, and makes both if they are not there: people, and what was revoked. */
export function openDatabase(directory: string): Client {
  // Password hashes lie in there: nobody else on this machine has to read them.
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return createClient({ url: pathToFileURL(join(directory, "accounts.db")).href });
}
