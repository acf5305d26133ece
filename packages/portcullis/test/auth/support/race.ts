/** Two processes after the same tickets. Run as a program, it is one of them. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createClient } from "@libsql/client";
import { libsqlCredentialStore } from "../../../src/auth/libsql.ts";

interface Start {
  readonly url: string;
  readonly ids: readonly string[];
  readonly now: number;
}

/** Which tickets each of two processes got. They start together: each says when it is ready, and waits. */
export async function raceInProcesses(url: string, ids: readonly string[], now: number): Promise<readonly string[][]> {
  const path = fileURLToPath(import.meta.url);
  const racers = [0, 1].map(() =>
    spawn(process.execPath, ["--import", "tsx", "--conditions=portcullis-source", path, "race"], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    }),
  );
  await Promise.all(racers.map((racer) => heard(racer)));
  const results = racers.map((racer) => heard(racer));
  for (const racer of racers) racer.send({ url, ids, now } satisfies Start);
  return (await Promise.all(results)) as string[][];
}

async function heard(racer: ChildProcess): Promise<unknown> {
  const failed = once(racer, "exit").then(([code]) => Promise.reject(new Error(`A racer ended with ${code}.`)));
  const [message] = await Promise.race([once(racer, "message"), failed]);
  failed.catch(() => {});
  return message;
}

async function race({ url, ids, now }: Start): Promise<void> {
  const client = createClient({ url, timeout: 10_000 });
  const store = libsqlCredentialStore({ client });
  const won: string[] = [];
  for (const id of ids) if (await store.takeTicket(id, now)) won.push(id);
  client.close();
  process.send?.(won, () => process.disconnect());
}

if (process.argv[2] === "race") {
  process.once("message", (start) => void race(start as Start));
  process.send?.("ready");
}
