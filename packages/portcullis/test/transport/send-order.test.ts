import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { defineEndpoint, defineSocket, silentLogger } from "../../src/index.ts";

const perRun = 50;
const runs = 40;

const socket = defineSocket();
const room = socket.channel("room:{id}").on({
  // One synchronous run: pushes, broadcasts on two topics and a reply, in this order.
  run(payload, channel) {
    const base = (payload as { base: number }).base;
    for (let index = 0; index < perRun; index += 1) {
      const n = base + index;
      if (index % 3 === 0) channel.push("said", { n });
      else if (index % 3 === 1) channel.broadcast("said", { n });
      else channel.endpoint.broadcast("room:other", "said", { n });
    }
    return { n: base + perRun };
  },
  flood(_payload, channel) {
    const block = "x".repeat(65_536);
    for (let index = 0; index < 100; index += 1) channel.broadcast("block", { index, block });
    return { done: true };
  },
});

async function opened(deflate: boolean) {
  const endpoint = defineEndpoint({
    secretKeyBase: "s".repeat(64),
    logger: silentLogger,
    sockets: { "/s": { socket, channels: [room], websocket: { deflate, outgoingBytesMax: 8 * 1024 * 1024 } } },
  });
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  const client = new WebSocket(`ws://127.0.0.1:${port}/s/websocket?vsn=2.0.0`, { perMessageDeflate: deflate });
  const received: unknown[][] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  client.on("message", (data) => {
    received.push(JSON.parse(data.toString()) as unknown[]);
    for (const wait of waiting) if (received.length >= wait.count) wait.resolve();
  });
  await new Promise((resolve) => client.once("open", resolve));
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      if (received.length >= count) resolve();
      else waiting.push({ count, resolve });
    });
  const send = (...message: unknown[]) => client.send(JSON.stringify(message));
  send("1", "1", "room:mine", "phx_join", {});
  send("2", "2", "room:other", "phx_join", {});
  await until(2);
  received.length = 0;
  return { endpoint, client, received, until, send };
}

test.each([
  ["plain", false],
  ["deflated", true],
])("what the program sends in one run arrives in program order: %s", async (_name, deflate) => {
  const { endpoint, received, until, send } = await opened(deflate);
  try {
    for (let run = 0; run < runs; run += 1) send("1", `r${run}`, "room:mine", "run", { base: run * (perRun + 1) });
    await until(runs * (perRun + 1));
    const numbers = received.map((message) => {
      const payload = message[4] as { n?: number; response?: { n: number } };
      return payload.n ?? payload.response?.n;
    });
    expect(numbers).toEqual(Array.from({ length: runs * (perRun + 1) }, (_, index) => index));
  } finally {
    await endpoint.close();
  }
});

test("a run of several megabytes reaches a client that reads, whole and in order", async () => {
  const { endpoint, received, until, send } = await opened(false);
  try {
    send("1", "f", "room:mine", "flood", {});
    await until(101);
    expect(received.slice(0, 100).map((message) => (message[4] as { index: number }).index)).toEqual(
      Array.from({ length: 100 }, (_, index) => index),
    );
    expect(received[100]?.[4]).toEqual({ status: "ok", response: { done: true } });
  } finally {
    await endpoint.close();
  }
});
