/** Clients that are slow, silent or half gone (security rows 3.11 to 3.13). */
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { FakeClock } from "../support/clock.ts";
import { arena, openSocket } from "./support/arena.ts";
import { frame } from "./support/raw.ts";

const limit = 262_144;
const limited = { mount: { websocket: { outgoingBytesMax: limit } } };

/** Resolves when more can be written, or nothing ever will be. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("drain", resolve);
    socket.once("close", () => resolve());
  });
}

test("a reader that stops reading is dropped at the byte limit, and others notice nothing", async () => {
  const { enter, bystander, events, said, endpoint } = await arena(limited);
  const other = await bystander();
  const slow = await enter();
  await slow.join("ping:slow");
  const before = process.memoryUsage().rss;
  slow.socket.pause();
  // Far more than the network's own buffers take.
  slow.message(null, "1", "ping:slow", "flood", { count: 2_000, bytes: 20_000 });
  await expect.poll(() => endpoint.connectionCount, { timeout: 5_000 }).toBe(1);
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1_048_576);
  expect(events.filter(({ name }) => name === "limit.reached").map(({ metadata }) => metadata)).toEqual([
    { mount: "/socket", limit: "outgoingBytesMax", max: limit },
  ]);
  expect(said.filter(({ message }) => message.includes("slow_reader"))).toHaveLength(1);
  await other.noticedNothing();
});

test("a slow subscriber of a broadcast costs the broadcaster and the other subscribers nothing", async () => {
  const { enter, endpoint } = await arena(limited);
  const [slow, fast] = [await enter(), await enter()];
  await slow.join("ping:room");
  await fast.join("ping:room");
  slow.socket.pause();
  const text = "x".repeat(20_000);
  let sent = 0;
  while (endpoint.connectionCount === 2 && sent < 5_000) {
    sent += 1;
    fast.message(null, null, "ping:room", "shout", { n: sent, text });
    await fast.until(() => fast.messages.some((message) => ((message as unknown[])[4] as { n?: number }).n === sent));
    fast.frames.length = 0;
  }
  expect(endpoint.connectionCount).toBe(1);
  expect((await fast.push("ping:room", "ping", {}, "1")).status).toBe("ok");
});

test.each<[string, Buffer]>([
  ["heartbeats", frame('[null,"1","phoenix","heartbeat",{}]')],
  ["pushes to topics not joined", frame(`[null,"1","${"t".repeat(800)}","e",{}]`)],
  ["pings", frame("p".repeat(125), { opcode: 9 })],
  ["empty pings", frame("", { opcode: 9 })],
])("a client that sends %s and never reads the answers is dropped, in bounded memory", async (_name, bytes) => {
  const { enter, bystander, endpoint } = await arena(limited);
  const other = await bystander();
  const before = process.memoryUsage().rss;
  const client = await enter();
  client.socket.pause();
  const chunk = Buffer.concat(Array.from({ length: Math.ceil(65_536 / bytes.length) }, () => bytes));
  for (
    let sent = 0;
    sent < 40_000_000 && endpoint.connectionCount > 1 && !client.socket.destroyed;
    sent += chunk.length
  ) {
    if (client.socket.write(chunk)) await new Promise((resolve) => setImmediate(resolve));
    else await drained(client.socket);
  }
  // Who is closed for the flood has five seconds to answer.
  await expect.poll(() => endpoint.connectionCount, { timeout: 10_000 }).toBe(1);
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1_048_576);
  await other.noticedNothing();
});

test("a client that says nothing is closed with 1001 at the idle timeout, one that pings is not", async () => {
  const clock = new FakeClock();
  const { enter, endpoint } = await arena({ clock });
  const [silent, pinging] = [await enter(), await enter()];
  clock.advance(59_000);
  pinging.send(frame("", { opcode: 9 }));
  await pinging.until(() => pinging.frames.some(({ opcode }) => opcode === 10));
  expect(endpoint.connectionCount).toBe(2);
  // Exact to one part in forty.
  clock.advance(2_500);
  expect(await silent.closed()).toBe(1001);
  expect(pinging.closeCode).toBeNull();
  clock.advance(60_000);
  expect(await pinging.closed()).toBe(1001);
});

test("what the server sends is no sign of life", async () => {
  const clock = new FakeClock();
  const socket = openSocket();
  const channel = socket.channel("news").intercept({ pushed: (payload, channel) => channel.push("pushed", payload) });
  const sockets = { "/socket": { socket, channels: [channel] } };
  const { enter, endpoint } = await arena({ clock, sockets });
  for (const event of ["broadcast", "pushed"]) {
    const client = await enter();
    await client.join("news");
    for (let second = 0; second < 62; second += 1) {
      endpoint.broadcast("news", event, {});
      clock.advance(1_000);
    }
    expect(await client.closed()).toBe(1001);
    expect(client.messages.length).toBeGreaterThan(59);
  }
});

test("a client that doesn't answer the close is cut all the same", async () => {
  const clock = new FakeClock();
  const { knock, endpoint } = await arena({ clock });
  const client = await knock();
  // Nothing leaves this side any more: neither an answer nor a FIN.
  client.socket.pause();
  client.socket.removeAllListeners("data");
  clock.advance(61_000);
  await expect.poll(() => endpoint.connectionCount, { timeout: 8_000 }).toBe(0);
}, 10_000);

test("a half-open client, whose side of the stream has ended, is let go", async () => {
  const { enter, endpoint } = await arena();
  const client = await enter();
  client.socket.end();
  await expect.poll(() => endpoint.connectionCount).toBe(0);
  await client.ended;
});

test("a client that resets in the middle of a frame is let go", async () => {
  const { enter, bystander, endpoint } = await arena();
  const other = await bystander();
  const client = await enter();
  client.send(frame("", { claimedLength: 1_000_000 }));
  client.socket.resetAndDestroy();
  await expect.poll(() => endpoint.connectionCount).toBe(1);
  await other.noticedNothing();
});
