/** What a client that was let in can do to its own connection, and to nobody else's (security rows 4.1, 4.2, 4.8). */
import { expect, test } from "vitest";
import { z } from "zod";
import { accept, defineSocket } from "../../src/index.ts";
import { FakeClock } from "../support/clock.ts";
import { type Arena, arena, openSocket, pingChannel } from "./support/arena.ts";
import type { RawClient } from "./support/raw.ts";

const statuses = async (client: RawClient, refs: readonly string[]): Promise<string[]> =>
  (await Promise.all(refs.map((ref) => client.reply(ref)))).map(({ status, response }) =>
    status === "ok" ? status : String((response as { reason?: string }).reason),
  );

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));

test("the 101st join is refused, the connection lives, and a leave frees its place", async () => {
  const { enter, events, said, bystander } = await arena();
  const other = await bystander();
  const client = await enter();
  const refs = numbered(150);
  for (const ref of refs) client.message(ref, ref, `ping:${ref}`, "phx_join", {});
  const answers = await statuses(client, refs);
  expect(answers.slice(0, 100).every((answer) => answer === "ok")).toBe(true);
  expect(new Set(answers.slice(100))).toEqual(new Set(["too many channels joined"]));
  expect(events.filter(({ name }) => name === "limit.reached")).toHaveLength(50);
  expect(events.filter(({ name }) => name === "limit.warned").map(({ metadata }) => metadata)).toEqual([
    { mount: "/socket", limit: "channelsMax", value: 80, max: 100 },
  ]);
  expect(said.filter(({ message }) => message.includes("more than 100 channels"))).toHaveLength(1);
  // Joining one it holds again takes no second place.
  expect((await client.join("ping:0", {}, "again")).status).toBe("ok");
  client.message(null, "leave", "ping:1", "phx_leave", {});
  expect(await statuses(client, ["leave"])).toEqual(["ok"]);
  expect((await client.join("ping:new", {}, "new")).status).toBe("ok");
  expect((await client.join("ping:newer", {}, "newer")).response).toEqual({ reason: "too many channels joined" });
  await other.noticedNothing();
});

test("joins that answer later can't race past the cap", async () => {
  const socket = openSocket();
  const slow = socket.channel("slow:{id}", { join: async () => void (await new Promise((go) => setImmediate(go))) });
  const { enter } = await arena({ sockets: { "/socket": { socket, channels: [slow], channelsMax: 5 } } });
  const client = await enter();
  const refs = numbered(20);
  for (const ref of refs) client.message(ref, ref, `slow:${ref}`, "phx_join", {});
  const answers = await statuses(client, refs);
  expect(answers.filter((answer) => answer === "ok")).toHaveLength(5);
  expect(answers.filter((answer) => answer === "too many channels joined")).toHaveLength(15);
});

test("refused and crashed joins take no place", async () => {
  const socket = openSocket();
  const closed = socket.channel("closed:{id}", { authorize: () => false });
  const broken = socket.channel("broken:{id}", {
    join() {
      throw new Error("broken");
    },
  });
  const channels = [closed, broken, pingChannel(socket)];
  const { enter } = await arena({ sockets: { "/socket": { socket, channels, channelsMax: 1 } } });
  const client = await enter();
  for (const ref of numbered(20)) {
    expect((await client.join(`closed:${ref}`)).response).toEqual({ reason: "unauthorized" });
    expect((await client.join(`broken:${ref}`)).response).toEqual({ reason: "join crashed" });
  }
  expect((await client.join("ping:a")).status).toBe("ok");
});

test("a forbidden topic and an unknown event before joining are answered alike, and reach no handler", async () => {
  const handled: string[] = [];
  const socket = openSocket();
  const channel = socket.channel("room:{id}", { authorize: () => false }).on({
    say: () => {
      handled.push("say");
      return {};
    },
  });
  const { enter } = await arena({ sockets: { "/socket": { socket, channels: [channel] } } });
  const client = await enter();
  await client.join("room:1");
  expect((await client.push("room:1", "say", {}, "1")).response).toEqual({ reason: "unmatched topic" });
  expect((await client.push("room:2", "say", {}, "2")).response).toEqual({ reason: "unmatched topic" });
  expect(handled).toEqual([]);
});

test("nothing of a join's payload gets into the assigns by itself", async () => {
  const seen: unknown[] = [];
  const socket = defineSocket({ connect: () => ({ role: "guest" }) });
  const channel = socket.channel("room:{id}", { join: () => accept({ assigns: { joined: true } }) }).on({
    who(_payload, { assigns, topicParams }) {
      seen.push({ ...assigns }, { ...topicParams });
      return {};
    },
  });
  const { enter } = await arena({ sockets: { "/socket": { socket, channels: [channel] } } });
  const client = await enter();
  client.send('["1","1","room:__proto__","phx_join",{"role":"admin","__proto__":{"role":"admin"}}]');
  await client.reply("1");
  await client.push("room:__proto__", "who", { role: "admin" }, "2");
  expect(seen).toEqual([{ role: "guest", joined: true }, Object.fromEntries([["id", "__proto__"]])]);
});

test("a payload that doesn't fit is answered with where and why, never with the value", async () => {
  const socket = openSocket();
  const channel = socket
    .channel("room:{id}", { in: { say: z.object({ text: z.string().max(5) }) } })
    .on({ say: ({ text }) => ({ text }) });
  const { enter, transcript } = await arena({ sockets: { "/socket": { socket, channels: [channel] } } });
  const client = await enter();
  await client.join("room:1");
  for (const payload of [
    null,
    [],
    "text",
    7,
    {},
    { text: ["a"] },
    { text: "topsecretvalue" },
    { text: { length: 1 } },
  ]) {
    const reply = await client.push("room:1", "say", payload, JSON.stringify(payload));
    expect(reply).toMatchObject({ status: "error", response: { reason: "invalid payload" } });
    expect(JSON.stringify(reply.response)).not.toContain("topsecretvalue");
  }
  expect((await client.push("room:1", "say", { text: "fits" }, "ok")).response).toEqual({ text: "fits" });
  expect(transcript()).not.toContain("topsecretvalue");
});

async function crash(event: string): Promise<{ readonly world: Arena; readonly client: RawClient }> {
  const world = await arena();
  const other = await world.bystander();
  const client = await world.enter();
  await client.join("ping:a");
  await client.join("ping:b");
  client.message(null, "1", "ping:a", event, {});
  await client.until(() => client.messages.some((message) => (message as unknown[])[3] === "phx_error"));
  expect(client.messages.at(-1)).toEqual([
    "join ping:a",
    "join ping:a",
    "ping:a",
    "phx_error",
    { reason: "channel_crash" },
  ]);
  expect((await client.push("ping:b", "ping", {}, "2")).status).toBe("ok");
  expect((await client.push("ping:a", "ping", {}, "3")).response).toEqual({ reason: "unmatched topic" });
  expect((await client.join("ping:a", {}, "4")).status).toBe("ok");
  await other.noticedNothing();
  return { world, client };
}

test.each(["throws", "rejects", "an event nobody declared"])(
  "a handler that fails ends its channel alone: %s",
  async (event) => {
    const { world } = await crash(event);
    expect(world.events.filter(({ name }) => name === "channel.crashed")).toHaveLength(1);
  },
);

test("crashing over and over costs a line a second, not a line a crash", async () => {
  const { enter, said } = await arena();
  const client = await enter();
  const started = Date.now();
  for (let round = 0; round < 300; round += 1) {
    client.message(`j${round}`, `j${round}`, "ping:a", "phx_join", {});
    client.message(null, `p${round}`, "ping:a", "throws", {});
  }
  await client.push("phoenix", "heartbeat", {}, "end");
  const seconds = Math.ceil((Date.now() - started) / 1_000) + 1;
  expect(said.length).toBeLessThanOrEqual(2 * seconds);
});

test("a handler that never returns: reading stops at its bound, others go on, and the idle timeout ends it", async () => {
  const clock = new FakeClock();
  const { enter, bystander, endpoint, said } = await arena({ clock });
  const other = await bystander();
  const client = await enter();
  await client.join("ping:a");
  await client.join("ping:b");
  client.message(null, "h", "ping:a", "hangs", {});
  // Other channels of the same connection are not held up.
  expect((await client.push("ping:b", "ping", {}, "b")).status).toBe("ok");
  // Until the queue is full: then nothing more is read, and what is sent stays in the network.
  const before = process.memoryUsage().rss;
  const text = "x".repeat(10_000);
  let unread = 0;
  for (let sent = 0; sent < 3_000; sent += 1) {
    client.message(null, `w${sent}`, "ping:a", "ping", { text });
    if (client.socket.writableLength > 1_000_000) unread += 1;
    if (unread > 50) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(unread).toBeGreaterThan(50);
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1_048_576);
  expect(client.closeCode).toBeNull();
  // The honest client keeps pushing while the minute passes.
  for (let second = 0; second < 62; second += 1) {
    clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(await client.closed()).toBe(1011);
  expect(said.map(({ message }) => message)).toEqual([expect.stringContaining("(stalled)")]);
  await other.noticedNothing();
  await expect.poll(() => endpoint.connectionCount).toBe(1);
});

test("a queue that moves, however slowly, is not stalled", async () => {
  const clock = new FakeClock();
  const socket = openSocket();
  const waiting: (() => void)[] = [];
  const channel = socket.channel("work").on({
    work: () => new Promise((resolve) => waiting.push(() => resolve({}))),
  });
  const { enter } = await arena({ clock, sockets: { "/socket": { socket, channels: [channel] } } });
  const client = await enter();
  await client.join("work");
  for (let index = 0; index < 150; index += 1) client.message(null, String(index), "work", "work", {});
  // One piece of work takes 40 seconds, and there are three idle timeouts of them before reading goes on.
  for (let done = 0; done < 5; done += 1) {
    await expect.poll(() => waiting.length).toBe(1);
    clock.advance(40_000);
    waiting.pop()?.();
    await client.reply(String(done));
  }
  expect(client.closeCode).toBeNull();
});

test("a join that never answers holds its own connection alone", async () => {
  const clock = new FakeClock();
  const socket = openSocket();
  const channels = [socket.channel("never", { join: () => new Promise<undefined>(() => {}) }), pingChannel(socket)];
  const { enter, bystander } = await arena({ clock, sockets: { "/socket": { socket, channels } } });
  const other = await bystander();
  const client = await enter();
  client.message("1", "1", "never", "phx_join", {});
  client.message("2", "2", "ping:a", "phx_join", {});
  await other.noticedNothing();
  expect(client.messages).toEqual([]);
  clock.advance(62_000);
  expect(await client.closed()).toBe(1001);
});

test("a client can neither disconnect others nor speak for the server", async () => {
  const socket = defineSocket({ connect: () => ({}), id: () => "users:1" });
  const channel = socket.channel("room:{id}").on({
    say(payload, channel) {
      const { event } = payload as { event: string };
      channel.broadcast(event, {});
      return {};
    },
  });
  const everything = socket.channel("*");
  const { enter, endpoint } = await arena({ sockets: { "/socket": { socket, channels: [channel, everything] } } });
  const [victim, client] = [await enter(), await enter()];
  await victim.join("room:1");
  // Phoenix disconnects by a broadcast on the socket's id: here a topic of that name is a topic.
  await client.join("users:1");
  for (const topic of ["users:1", "room:1"]) client.message(null, topic, topic, "disconnect", {});
  for (const event of ["disconnect", "phx_close", "phx_error", "phx_reply", "phx_anything"]) {
    await client.join("room:1", {}, event);
    client.message(null, `say ${event}`, "room:1", "say", { event });
    await client.until(() =>
      client.messages.some(
        (message) => (message as unknown[])[1] === event && (message as unknown[])[3] === "phx_error",
      ),
    );
  }
  expect(victim.messages).toHaveLength(1);
  expect(endpoint.connectionCount).toBe(2);
  expect(() => endpoint.broadcast("room:1", "phx_close", {})).toThrow(TypeError);
  // The program may; a client can't.
  endpoint.broadcast("users:1", "disconnect", {});
  expect(await victim.closed()).toBe(1001);
  expect(await client.closed()).toBe(1001);
});

test("the connection's own topic is never routed, whatever patterns there are", async () => {
  const socket = openSocket();
  const joins: string[] = [];
  const all = socket.channel("*", { join: (_params, { topic }) => void joins.push(topic) });
  const { enter } = await arena({ sockets: { "/socket": { socket, channels: [all] } } });
  const client = await enter();
  expect((await client.join("phoenix")).response).toEqual({ reason: "unmatched topic" });
  expect((await client.push("phoenix", "auth", {}, "2")).response).toEqual({ reason: "unmatched topic" });
  expect(joins).toEqual([]);
});

test("after everybody has left nothing of their topics is kept", async () => {
  const { enter, endpoint, events } = await arena();
  const client = await enter();
  for (let index = 0; index < 500; index += 1) {
    const topic = `ping:${"x".repeat(900)}${index}`;
    client.message("j", `j${index}`, topic, "phx_join", {});
    client.message(null, `l${index}`, topic, "phx_leave", {});
  }
  await client.push("phoenix", "heartbeat", {}, "end");
  client.destroy();
  await expect.poll(() => endpoint.connectionCount).toBe(0);
  // Telemetry names patterns, never topics: no label for every topic somebody thinks of.
  expect(JSON.stringify(events)).not.toContain("xxxx");
  expect(
    new Set(events.filter(({ name }) => name === "channel.joined").map(({ metadata }) => metadata["pattern"])),
  ).toEqual(new Set(["ping:{name}"]));
});
