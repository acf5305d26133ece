/** Broadcasts a client that is behind can do without. */
import { expect, test } from "vitest";
import type { MountOptions } from "../../src/index.ts";
import { arena } from "../security/support/arena.ts";
import { Poller } from "../support/poller.ts";

const outgoingBytesMax = 1_048_576;
const text = "x".repeat(20_000);

async function withSlowReader(mount: Partial<MountOptions>) {
  const given = await arena({ mount: { ...mount, websocket: { outgoingBytesMax } } });
  const [slow, quick] = [await given.enter(), await given.enter()];
  for (const client of [slow, quick]) await client.join("ping:room");
  slow.socket.pause();
  const told = async (count: number, volatile: boolean): Promise<void> => {
    for (let n = 1; n <= count; n += 1) {
      quick.frames.length = 0;
      given.endpoint.broadcast("ping:room", "price", { n, text }, { volatile });
      await quick.until(() => quick.messages.some((message) => ((message as unknown[])[4] as { n?: number }).n === n));
    }
  };
  const dropped = () => given.events.filter(({ metadata }) => metadata["code"] === "volatile_dropped");
  return { ...given, slow, told, dropped };
}

test("are left out for it, and it is told the newest once it reads again", async () => {
  const { endpoint, slow, told, dropped } = await withSlowReader({ slowReaders: "drop-volatile" });
  await told(1_000, true);
  expect(endpoint.connectionCount).toBe(2);
  expect(dropped().length).toBeGreaterThan(100);
  expect(dropped()[0]).toEqual({
    name: "message.dropped",
    metadata: { mount: "/socket", pattern: null, code: "volatile_dropped" },
  });
  slow.socket.resume();
  expect((await slow.push("ping:room", "ping", { caught: "up" }, "1")).status).toBe("ok");
  endpoint.broadcast("ping:room", "price", { n: "newest" }, { volatile: true });
  const newest = () => slow.messages.filter((message) => ((message as unknown[])[4] as { n?: unknown }).n === "newest");
  await slow.until(() => newest().length === 1);
});

test("others are not left out: who leaves too much of those unread is closed", async () => {
  const { endpoint, told, dropped } = await withSlowReader({ slowReaders: "drop-volatile" });
  await told(1_000, false);
  expect(endpoint.connectionCount).toBe(1);
  expect(dropped()).toEqual([]);
});

test("by default a volatile broadcast is one like any other", async () => {
  const { endpoint, told, dropped } = await withSlowReader({});
  await told(1_000, true);
  expect(endpoint.connectionCount).toBe(1);
  expect(dropped()).toEqual([]);
});

test("over long-poll they are left out while more than 64 KiB wait to be fetched", async () => {
  const { endpoint, port, events } = await arena({ mount: { slowReaders: "drop-volatile", longpoll: true } });
  await (await Poller.open(port)).join("ping:room");
  for (let n = 0; n < 20; n += 1) endpoint.broadcast("ping:room", "price", { n, text }, { volatile: true });
  expect(events.filter(({ metadata }) => metadata["code"] === "volatile_dropped").length).toBe(16);
  expect(endpoint.connectionCount).toBe(1);
});

test("what is no policy is refused when it is defined", async () => {
  await expect(arena({ mount: { slowReaders: "drop" as "close" } })).rejects.toThrow(
    /slowReaders of the mount \/socket/,
  );
});
