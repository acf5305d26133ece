// The two commands, as somebody types them.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";

const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
});

function run(script: string, ...args: string[]) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", "--conditions=portcullis-source", path, ...args]);
  running.add(child);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const exited = once(child, "exit").then(([code]) => code as number | null);
  return { child, exited, output: () => output };
}

async function startServer(): Promise<{ url: string; stop: () => Promise<number | null> }> {
  const { child, exited, output } = run("reference-server/main.ts", "--port", "0");
  while (!output().includes("\n")) await Promise.race([once(child.stdout as NodeJS.ReadableStream, "data"), exited]);
  const url = /http:\/\/\S+/.exec(output())?.[0];
  if (url === undefined) throw new Error(output());
  return {
    url,
    stop() {
      child.kill("SIGTERM");
      return exited;
    },
  };
}

test("the server says where it is, serves, and ends when told to", { timeout: 60_000 }, async () => {
  const { url, stop } = await startServer();
  expect(await (await fetch(url)).text()).toBe("hello");
  expect((await fetch(`${url}/nothing`)).status).toBe(404);
  expect(await stop()).toBe(0);
});

test("the replay tells same, different and not played apart", { timeout: 60_000 }, async () => {
  const { url, stop } = await startServer();
  const same = run("replay/main.ts", "--url", url, "ws-ping-pong", "v2-h*");
  expect(await same.exited).toBe(0);
  expect(same.output()).toContain("2 recordings in ");
  expect(same.output()).toContain("2 same, 0 different, 0 not played");
  const strict = run("replay/main.ts", "--url", url, "--strict", "connect-rejected");
  expect(await strict.exited).toBe(1);
  expect(strict.output()).toContain("connection c, event 5");
  await stop();
  const gone = run("replay/main.ts", "--url", url, "ws-ping-pong");
  expect(await gone.exited).toBe(2);
  expect(gone.output()).toContain("cannot connect");
});
