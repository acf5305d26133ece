// The command, as somebody types it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { silentLogger } from "portcullis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ReferenceServer, startReferenceServer } from "./reference-server/server.ts";
import { type StandIn, startMute } from "./table/stand-ins.ts";

let server: ReferenceServer;
let mute: StandIn;
beforeAll(async () => {
  server = await startReferenceServer({ port: 0, logger: silentLogger });
  mute = await startMute();
});
afterAll(() => Promise.all([server.close(), mute.close()]));

async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  const path = fileURLToPath(new URL("main.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", "--conditions=portcullis-source", path, ...args]);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

test.concurrent("what is chosen is run, and shown as a table", { timeout: 60_000 }, async () => {
  const { code, output } = await run("--url", server.url, "--only", "leave", "join*refs", "--transport", "websocket");
  expect(output.split("\n").slice(0, 3)).toEqual([
    "case       websocket 1.0.0  websocket 2.0.0",
    "join-refs  -                ok",
    "leave      ok               ok",
  ]);
  expect(output).toContain("left out, because version 1 has no such messages:\n  join-refs");
  expect(output).toMatch(/2 cases in [\d.]+ s: 3 ok, 0 failed, 1 left out\n$/);
  expect(code).toBe(0);
});

test.concurrent("what is wrong is told, and ends with 1", { timeout: 60_000 }, async () => {
  const { code, output } = await run("--url", mute.url, "--only", "join", "--vsn", "1", "--transport", "websocket");
  expect(output).toContain("join  FAILED");
  expect(output).toMatch(/Expected \{.*"phx_reply".*\}, got nothing in 5000 ms/);
  expect(code).toBe(1);
});

test.concurrent("no server, no such case and no such column end with 2", { timeout: 60_000 }, async () => {
  const gone = await startMute();
  await gone.close();
  const runs = await Promise.all([
    run("--url", gone.url, "--only", "join"),
    run("--url", server.url, "--only", "no-such-case"),
    run("--url", server.url, "--transport", "pigeon"),
    run("--url", "ftp://example.com"),
  ]);
  expect(runs.map(({ code }) => code)).toEqual([2, 2, 2, 2]);
  expect(runs[0]?.output).toContain("4 without a server");
  expect(runs[0]?.output).toContain("ECONNREFUSED");
});
