/** Messages that never end, in pieces of nothing (security row 3.4: CVE-2026-48779, CVE-2026-42786). */
import { once } from "node:events";
import { expect, test } from "vitest";
import { FakeClock } from "../support/clock.ts";
import { arena } from "./support/arena.ts";
import { frame, type RawClient } from "./support/raw.ts";

/** Writes `part` over and over, as far as it is let, and gives the close code. */
async function flood(client: RawClient, part: Uint8Array, count: number): Promise<number | null> {
  const perChunk = Math.max(1, Math.floor(65_536 / part.length));
  const chunk = Buffer.concat(Array.from({ length: perChunk }, () => part));
  for (let sent = 0; sent < count && client.closeCode === null && !client.socket.destroyed; sent += perChunk) {
    if (!client.socket.write(chunk)) await Promise.race([once(client.socket, "drain"), client.ended]);
    else await new Promise((resolve) => setImmediate(resolve));
  }
  return client.closed();
}

function memory(): number {
  const { rss, external } = process.memoryUsage();
  return Math.max(rss, external);
}

test.each([
  ["empty continuations", frame("", { opcode: 0, fin: false })],
  ["continuations of one byte", frame("x", { opcode: 0, fin: false })],
])("a million %s are cut off with 1008, in bounded memory", async (_name, part) => {
  const { enter, bystander } = await arena();
  const other = await bystander();
  const before = memory();
  const client = await enter();
  client.send(frame("[", { fin: false }));
  expect(await flood(client, part, 1_000_000)).toBe(1008);
  expect(memory() - before).toBeLessThan(100 * 1_048_576);
  await other.noticedNothing();
});

test("a first fragment, and then nothing but pings, is bounded by the frame limit", async () => {
  const { enter } = await arena({ mount: { websocket: { frameBytesMax: 10_000 } } });
  const client = await enter();
  client.send(
    frame("x".repeat(9_000), { fin: false }),
    frame("", { opcode: 9 }),
    frame("x".repeat(1_001), { opcode: 0, fin: false }),
  );
  expect(await client.closed()).toBe(1009);
});

test("a frame that comes a byte at a time is no sign of life: the idle timeout ends it", async () => {
  const clock = new FakeClock();
  const { enter, bystander, endpoint } = await arena({ clock });
  const [client, other] = [await enter(), await enter()];
  const bytes = frame(`[null,"1","phoenix","heartbeat",{"x":"${"x".repeat(500)}"}]`);
  for (let second = 0; second < 65 && client.closeCode === null; second += 1) {
    client.send(bytes.subarray(second, second + 1));
    // Until the server has seen the byte: a whole frame on another connection comes after it.
    await other.push("phoenix", "heartbeat", {}, second);
    clock.advance(1_000);
  }
  expect(await client.closed()).toBe(1001);
  await expect.poll(() => endpoint.connectionCount).toBe(1);
  const later = await bystander();
  await later.noticedNothing();
});

test("a byte at a time that does make a message is an honest client", async () => {
  const { enter } = await arena();
  const client = await enter();
  for (const byte of frame('[null,"1","phoenix","heartbeat",{}]')) client.send(Uint8Array.of(byte));
  expect((await client.reply("1")).status).toBe("ok");
});

test("tiny chunks of one frame are bounded in number", async () => {
  const { enter, bystander } = await arena();
  const other = await bystander();
  const client = await enter();
  // Each write is a packet of its own where the network doesn't join them; either way the message is whole in the end.
  const bytes = frame(`[null,"1","phoenix","heartbeat",{"x":"${"x".repeat(3_000)}"}]`);
  for (const byte of bytes) {
    client.send(Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect((await client.reply("1")).status).toBe("ok");
  await other.noticedNothing();
});
