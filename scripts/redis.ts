/**
 * Finds the Redis the tests of stores start, and says how to get one where there is none.
 *
 * A test file asks `redisServerPath()` and skips with `redisServerMissing` when it answers null:
 *
 * @example
 * const redisServer = redisServerPath();
 * describe.skipIf(redisServer === null)(`the store in Redis (${redisServerMissing})`, () => { ... });
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const names = ["redis-server", "valkey-server"];

/** How to make a Redis known, for a skip's reason. */
export const redisServerMissing: string =
  "install Redis 6.2 or newer (Debian: apt-get install redis-server) or set PORTCULLIS_REDIS_SERVER to its path";

/**
 * Path of the Redis server to start, or null where there is none. No server that runs already is ever used.
 *
 * Throws if `PORTCULLIS_REDIS_SERVER` names a file that isn't there, and, with `REQUIRE_ALL=1`, instead of answering
 * null: on the machine that must test everything, a missing Redis is a failure.
 */
export function redisServerPath(env: NodeJS.ProcessEnv = process.env): string | null {
  const named = env["PORTCULLIS_REDIS_SERVER"];
  if (named) {
    if (existsSync(named)) return named;
    throw new Error(`PORTCULLIS_REDIS_SERVER names ${named}, which doesn't exist: ${redisServerMissing}`);
  }
  const folders = (env["PATH"] ?? env["Path"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = candidates.find((path) => existsSync(path));
  if (found) return found;
  if (env["REQUIRE_ALL"] === "1") throw new Error(`Redis is not installed: ${redisServerMissing}`);
  return null;
}
