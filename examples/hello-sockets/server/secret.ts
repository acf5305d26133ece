import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * A secret for development, made once and kept beside the accounts, so that a restart signs nobody out.
 * In production the secret comes from outside: one that lies beside the data leaves with every backup of it.
 */
export function developmentSecret(dataDirectory: string, env: NodeJS.ProcessEnv): string {
  if (env["NODE_ENV"] === "production") {
    throw new Error(
      "SECRET_KEY_BASE is not set. Sessions and socket tokens are signed with it, so production has no default. " +
        "Make one with `openssl rand -base64 48` and pass it in the environment.",
    );
  }
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const path = join(dataDirectory, "development.secret");
  try {
    // "wx" fails if the file exists: two processes starting at once still end up with one secret.
    writeFileSync(path, randomBytes(48).toString("base64"), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return readFileSync(path, "utf8").trim();
}
