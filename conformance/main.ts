// npm run conformance -- [--url http://127.0.0.1:4100] [--strict]: the recordings, and then the table.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { silentLogger } from "portcullis";
import { startReferenceServer } from "./reference-server/server.ts";

const given = process.argv.slice(2);
const isWholeRun = given.every((argument, i) => /^--(url|strict)\b/.test(argument) || given[i - 1] === "--url");

if (!isWholeRun) {
  // What is chosen, is chosen from the table.
  process.exitCode = await run("table/main.ts", given);
} else if (given.some((argument) => argument.startsWith("--url"))) {
  process.exitCode = await runBoth(given);
} else {
  const server = await startReferenceServer({ port: 0, logger: silentLogger });
  process.exitCode = await runBoth([...given, "--url", server.url]);
  await server.close();
}

/** The table last: its long-poll sessions end when nobody has polled them for a while, which recordings would hear. */
async function runBoth(args: readonly string[]): Promise<number> {
  const recordings = await run("replay/main.ts", args);
  console.log("");
  return Math.max(recordings, await run("table/main.ts", args));
}

async function run(script: string, args: readonly string[]): Promise<number> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, path, ...args], { stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}
