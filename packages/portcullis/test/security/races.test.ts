/** Doors that move while somebody is walking through (security rows 4.9 and 3.11). */
import { once } from "node:events";
import { expect, test } from "vitest";
import { defineSocket } from "../../src/index.ts";
import { FakeClock } from "../support/clock.ts";
import { type Arena, arena, pingChannel } from "./support/arena.ts";
import { frame, handshakeText, knock, readAnswer, tcp } from "./support/raw.ts";

/** A socket whose `connect` waits until it is told to go on. */
function gatedSocket() {
  const waiting: { go: (assigns: object) => void; readonly signal: AbortSignal }[] = [];
  const socket = defineSocket({
    connect: ({ signal }) =>
      new Promise<{ user?: string }>((resolve) => waiting.push({ go: (assigns) => resolve(assigns), signal })),
    id: ({ user }) => (user === undefined ? null : `users:${user}`),
  });
  return { socket, waiting };
}

async function gated(): Promise<{
  readonly world: Arena;
  readonly waiting: ReturnType<typeof gatedSocket>["waiting"];
}> {
  const { socket, waiting } = gatedSocket();
  // So long that no abort can come from it.
  const world = await arena({ sockets: { "/socket": { socket, channels: [], connectTimeoutMs: 600_000 } } });
  return { world, waiting };
}

const arrived = (waiting: readonly unknown[], count = 1): Promise<void> =>
  expect.poll(() => waiting.length).toBe(count);

test.each(["FIN", "RST"])(
  "a client that hangs up (%s) while connect is pending aborts it, and gets no connection",
  async (how) => {
    const { world, waiting } = await gated();
    const socket = await tcp(world.port);
    socket.write(handshakeText(world.port));
    await arrived(waiting);
    const { go, signal } = waiting[0] as (typeof waiting)[number];
    expect(signal.aborted).toBe(false);
    if (how === "FIN") socket.end();
    else socket.resetAndDestroy();
    if (!signal.aborted) await once(signal, "abort");
    go({});
    if (!socket.destroyed) await once(socket.resume(), "close");
    expect(world.endpoint.connectionCount).toBe(0);
    expect(world.events.map(({ name }) => name)).not.toContain("socket.connected");
  },
);

test("a client that sends frames ahead of its upgrade and waits is let in, and they are read in order", async () => {
  const { world, waiting } = await gated();
  const socket = await tcp(world.port);
  socket.write(Buffer.concat([Buffer.from(handshakeText(world.port)), frame('[null,"1","phoenix","heartbeat",{}]')]));
  await arrived(waiting);
  for (let index = 2; index < 6; index += 1) socket.write(frame(`[null,"${index}","phoenix","heartbeat",{}]`));
  await new Promise((resolve) => setImmediate(resolve));
  const answered = readAnswer(socket);
  waiting[0]?.go({});
  const client = await answered;
  await client.reply("5");
  expect(client.messages.map((message) => (message as unknown[])[1])).toEqual(["1", "2", "3", "4", "5"]);
  client.message(null, "6", "phoenix", "heartbeat", {});
  expect((await client.reply("6")).status).toBe("ok");
  client.destroy();
});

test("what a client sends before it is let in is bounded by the network, not kept", async () => {
  const { world, waiting } = await gated();
  const before = process.memoryUsage().rss;
  const socket = await tcp(world.port);
  socket.write(handshakeText(world.port));
  await arrived(waiting);
  const chunk = Buffer.alloc(1_048_576);
  let taken = 0;
  while (socket.writableLength < 4 * chunk.length && taken < 200) {
    socket.write(chunk);
    taken += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(taken).toBeLessThan(200);
  expect(process.memoryUsage().rss - before).toBeLessThan(80 * 1_048_576);
  socket.destroy();
  waiting[0]?.go({});
});

test("a request without an upgrade that hangs up aborts its connect too", async () => {
  const { world, waiting } = await gated();
  const socket = await tcp(world.port);
  socket.write(handshakeText(world.port, { without: ["Connection", "Upgrade"] }));
  await arrived(waiting);
  const { signal, go } = waiting[0] as (typeof waiting)[number];
  socket.destroy();
  if (!signal.aborted) await once(signal, "abort");
  go({});
});

test("a client whose connect is pending while the endpoint closes gets 503, and close() ends", async () => {
  const { world, waiting } = await gated();
  const answer = knock(world.port);
  const plain = knock(world.port, { without: ["Connection", "Upgrade"] });
  await arrived(waiting, 2);
  const started = performance.now();
  const closed = world.endpoint.close();
  for (const { go } of waiting) go({});
  expect((await answer).status).toBe(503);
  expect((await plain).status).toBe(503);
  await closed;
  expect(performance.now() - started).toBeLessThan(3_000);
  expect(world.endpoint.connectionCount).toBe(0);
});

test("disconnect(id) reaches a client whose connect had not answered yet", async () => {
  const { world, waiting } = await gated();
  const answer = knock(world.port);
  await arrived(waiting);
  world.endpoint.disconnect("users:ada");
  waiting[0]?.go({ user: "ada" });
  const client = await answer;
  expect(await client.closed()).toBe(1001);
  await expect.poll(() => world.endpoint.connectionCount).toBe(0);
});

test("disconnect(id) doesn't reach other ids, nor a client that knocks afterwards", async () => {
  const { world, waiting } = await gated();
  const grace = knock(world.port);
  await arrived(waiting);
  world.endpoint.disconnect("users:ada");
  const ada = knock(world.port);
  await arrived(waiting, 2);
  waiting[0]?.go({ user: "grace" });
  waiting[1]?.go({ user: "ada" });
  for (const client of [await grace, await ada]) {
    expect((await client.push("phoenix", "heartbeat", {}, "1")).status).toBe("ok");
    client.destroy();
  }
});

test("a disconnected connection handles no frame that was already on its way", async () => {
  const handled: unknown[] = [];
  const socket = defineSocket({ connect: () => ({}), id: () => "users:ada" });
  const channel = socket.channel("room").on({
    say(payload, { endpoint }) {
      handled.push(payload);
      endpoint.disconnect("users:ada");
      return {};
    },
  });
  const { enter } = await arena({ sockets: { "/socket": { socket, channels: [channel] } } });
  const client = await enter();
  await client.join("room");
  client.send(...[1, 2, 3].map((n) => frame(JSON.stringify([null, `${n}`, "room", "say", { n }]))));
  expect(await client.closed()).toBe(1001);
  expect(handled).toEqual([{ n: 1 }]);
});

test("three hundred clients that come and go leave nothing behind", async () => {
  const { endpoint, port, bystander, events } = await arena();
  const other = await bystander();
  for (let round = 0; round < 15; round += 1) {
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const socket = await tcp(port);
        socket.write(handshakeText(port));
        if (index % 4 === 0) return void socket.destroy();
        if (index % 4 === 1) return void socket.resetAndDestroy();
        const client = await readAnswer(socket);
        if (index % 4 === 2) client.message("1", "1", "ping:a", "phx_join", {});
        client.destroy();
      }),
    );
  }
  await expect.poll(() => endpoint.connectionCount).toBe(1);
  await other.noticedNothing();
  const count = (name: string): number => events.filter((event) => event.name === name).length;
  expect(count("socket.connected")).toBe(count("socket.closed") + 1);
});

test("half a request, or nothing at all, doesn't keep close() waiting longer than its grace", async () => {
  const clock = new FakeClock();
  const { endpoint, port } = await arena({ clock });
  const silent = await tcp(port);
  const halfway = await tcp(port);
  halfway.write("GET / HTTP/1.1\r\nHost: x\r\n");
  await new Promise((resolve) => setImmediate(resolve));
  const closed = endpoint.close();
  clock.advance(4_999);
  expect([silent.destroyed, halfway.destroyed]).toEqual([false, false]);
  clock.advance(1);
  await closed;
});

test("a channel's work for somebody who has left harms nobody", async () => {
  const socket = defineSocket({ connect: () => ({}) });
  const pending: (() => void)[] = [];
  const channel = socket.channel("room").on({
    later: (_payload, channel) => {
      const reply = channel.deferReply();
      pending.push(() => {
        reply({ late: true });
        channel.push("late", {});
        channel.broadcast("late", {});
      });
      return undefined;
    },
  });
  const { enter, endpoint, said } = await arena({
    sockets: { "/socket": { socket, channels: [channel, pingChannel(socket as never) as never] } },
  });
  const client = await enter();
  await client.join("room");
  client.message(null, "1", "room", "later", {});
  await arrived(pending);
  client.destroy();
  await expect.poll(() => endpoint.connectionCount).toBe(0);
  for (const task of pending) task();
  expect(said).toEqual([]);
});
