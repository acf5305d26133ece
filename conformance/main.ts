// npm run conformance -- [--url http://127.0.0.1:4100] [--strict]: the table, and then the recordings.
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

async function runBoth(args: readonly string[]): Promise<number> {
  const table = await run("table/main.ts", args);
  if (table === 2) return table;
  console.log("");
  return Math.max(table, await run("replay/main.ts", args));
}

async function run(script: string, args: readonly string[]): Promise<number> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, path, ...args], { stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}
