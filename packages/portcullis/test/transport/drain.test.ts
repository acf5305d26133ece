import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { defineEndpoint, defineSocket, silentLogger } from "../../src/index.ts";
import { FakeClock } from "../support/clock.ts";

const socket = defineSocket();
const channels = [socket.channel("room:{id}").on({ say: (payload) => payload })];

async function opened(url: string): Promise<{ readonly client: WebSocket; readonly closed: Promise<number> }> {
  const client = new WebSocket(url);
  const closed = new Promise<number>((resolve) => client.once("close", (code) => resolve(code)));
  await new Promise((resolve, reject) => client.once("open", resolve).once("error", reject));
  return { client, closed };
}

test("draining refuses newcomers, and lets connections go in batches with 1012, whether they joined anything or not", async () => {
  const clock = new FakeClock();
  const events: unknown[] = [];
  const endpoint = defineEndpoint({
    secretKeyBase: "s".repeat(64),
    logger: silentLogger,
    clock,
    telemetry: (name, metadata) => {
      if (name.startsWith("drain.")) events.push({ name, ...metadata });
    },
    sockets: {
      "/s": { socket, channels, drain: { batchSize: 2, intervalMs: 1_000 } },
      "/stays": { socket, channels, drain: false },
    },
  });
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  const at = (path: string) => `ws://127.0.0.1:${port}${path}/websocket?vsn=2.0.0`;
  const clients: Awaited<ReturnType<typeof opened>>[] = [];
  for (let index = 0; index < 5; index += 1) clients.push(await opened(at("/s")));
  const stays = await opened(at("/stays"));
  clients[0]?.client.send(JSON.stringify(["1", "1", "room:1", "phx_join", {}]));
  await new Promise((resolve) => clients[0]?.client.once("message", resolve));

  const drained = endpoint.drain();
  expect(await Promise.all(clients.slice(0, 2).map(({ closed }) => closed))).toEqual([1012, 1012]);
  expect(clients.slice(2).map(({ client }) => client.readyState)).toEqual([1, 1, 1]);
  await expect(opened(at("/s"))).rejects.toThrow("503");
  clock.advance(1_000);
  expect(await Promise.all(clients.slice(2, 4).map(({ closed }) => closed))).toEqual([1012, 1012]);
  expect(clients[4]?.client.readyState).toBe(1);
  expect(stays.client.readyState).toBe(1);
  clock.advance(1_000);
  expect(await clients[4]?.closed).toBe(1012);
  expect(await stays.closed).toBe(1001);
  await drained;
  expect(events).toEqual([
    { name: "drain.started", mount: "/s", connections: 5 },
    { name: "drain.batch", mount: "/s", count: 2, left: 3 },
    { name: "drain.batch", mount: "/s", count: 2, left: 1 },
    { name: "drain.batch", mount: "/s", count: 1, left: 0 },
    { name: "drain.finished", mount: "/s", durationMs: 2_000 },
  ]);
});

test("when the limit is over all that are left go at once", async () => {
  const clock = new FakeClock();
  const drain = { batchSize: 1, intervalMs: 10_000, limitMs: 15_000 };
  const sockets = { "/s": { socket, channels, drain } };
  const endpoint = defineEndpoint({ secretKeyBase: "s".repeat(64), logger: silentLogger, clock, sockets });
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  const url = `ws://127.0.0.1:${port}/s/websocket?vsn=2.0.0`;
  const clients: Awaited<ReturnType<typeof opened>>[] = [];
  for (let index = 0; index < 6; index += 1) clients.push(await opened(url));
  const drained = endpoint.drain();
  expect(await clients[0]?.closed).toBe(1012);
  clock.advance(10_000);
  expect(await clients[1]?.closed).toBe(1012);
  expect(clients.slice(2).map(({ client }) => client.readyState)).toEqual([1, 1, 1, 1]);
  clock.advance(5_000);
  expect(await Promise.all(clients.slice(2).map(({ closed }) => closed))).toEqual([1012, 1012, 1012, 1012]);
  await drained;
});

test("SIGTERM drains a server and then ends it", async () => {
  const script = fileURLToPath(new URL("./support/draining-server.ts", import.meta.url));
  const tsx = fileURLToPath(import.meta.resolve("tsx/cli"));
  const child = spawn(process.execPath, [tsx, script], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once("exit", (code, signal) => resolve({ code, signal })),
  );
  try {
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const { port, pid } = JSON.parse((await lines.next()).value as string) as { port: number; pid: number };
    const { closed } = await opened(`ws://127.0.0.1:${port}/s/websocket?vsn=2.0.0`);
    process.kill(pid, "SIGTERM");
    expect(await closed).toBe(1012);
    const { code, signal } = await ended;
    expect(signal === "SIGTERM" || code === 128 + 15).toBe(true);
  } finally {
    child.kill("SIGKILL");
  }
});
