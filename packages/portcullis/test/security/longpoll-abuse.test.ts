/** Long-poll clients that take what they can: bodies, polls, posts, sessions, memory (security rows 3.10, 3.11, 3.13, 5.1). */
import { once } from "node:events";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { defineSocket, type LongPollOptions, type MountOptions } from "../../src/index.ts";
import { settled } from "../support/clock.ts";
import { type Answer, ask, longpollPath, ndjson, Poller } from "../support/poller.ts";
import { WatchedClock } from "../support/watched-clock.ts";
import { type Arena, afterwards, arena, openSocket, pingChannel } from "./support/arena.ts";
import { tcp } from "./support/raw.ts";

const windowMs = 8_000;
const silenceMs = 12_000;
const stuckMs = 16_000;
const bodyMs = 10_000;
const megabyte = 1_048_576;

interface Stage extends Arena {
  readonly clock: WatchedClock;
}

async function stage(longpoll: LongPollOptions = {}, mount: Partial<MountOptions> = {}): Promise<Stage> {
  const clock = new WatchedClock();
  const connects = { count: 0 };
  const socket = openSocket(connects);
  const sockets = {
    "/socket": { socket, channels: [pingChannel(socket)], longpoll: { windowMs, ...longpoll }, ...mount },
  };
  return { ...(await arena({ sockets, clock })), clock, connects };
}

const heartbeat = '[null,"1","phoenix","heartbeat",{}]';
const headOf = (client: Poller, ...lines: readonly string[]): string =>
  ["Host: x", `x-phoenix-longpoll-token: ${client.token}`, ...lines, "", ""].join("\r\n");

/** Sends a POST as it is, and gives everything that comes until the server hangs up, or `enough` is there. */
async function raw(port: number, text: string | Uint8Array, enough = /$^/): Promise<string> {
  const socket = await tcp(port);
  afterwards(() => void socket.destroy());
  socket.write(text);
  return answerOn(socket, enough);
}

async function answerOn(socket: Socket, enough: RegExp): Promise<string> {
  let answer = "";
  for await (const chunk of socket) {
    answer += (chunk as Buffer).toString("latin1");
    if (enough.test(answer)) break;
  }
  return answer;
}

/** Memory that is really held, after everything else was let go. */
async function held(): Promise<number> {
  for (let count = 0; count < 3; count += 1) {
    await settled();
    (globalThis as { gc?: () => void }).gc?.();
  }
  const { rss } = process.memoryUsage();
  return rss;
}

test("a body that dribbles is 408 after ten seconds, and its connection is closed", async () => {
  const { port, clock } = await stage();
  const client = await Poller.open(port);
  const socket = await tcp(port);
  afterwards(() => void socket.destroy());
  socket.write(`POST /socket/longpoll HTTP/1.1\r\n${headOf(client, "content-length: 1000")}[`);
  await clock.waits(bodyMs);
  for (let second = 0; second < 9; second += 1) {
    socket.write(" ");
    clock.advance(1_000);
    await settled();
  }
  clock.advance(1_000);
  const answer = await answerOn(socket, /$^/);
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer).toContain('{"status":408}');
  expect(clock.waiting(bodyMs)).toBe(0);
  expect(await client.send(heartbeat).answer).toMatchObject({ status: 200 });
});

test("a client that hangs up within its body leaves nothing behind", async () => {
  const { port, clock } = await stage();
  const client = await Poller.open(port);
  for (let count = 0; count < 10; count += 1) {
    const socket = await tcp(port);
    socket.write(`POST /socket/longpoll HTTP/1.1\r\n${headOf(client, "content-length: 1000")}[`);
    await clock.waits(bodyMs);
    if (count % 2 === 0) socket.destroy();
    else socket.resetAndDestroy();
    await clock.waits(bodyMs, 0);
  }
  expect(await client.send(heartbeat).answer).toMatchObject({ status: 200 });
});

test.each<[what: string, head: string, body: string]>([
  ["says that it is too long", "content-length: 8000001", ""],
  [
    "is too long and doesn't say how long",
    "transfer-encoding: chunked",
    `7a1201\r\n${"x".repeat(8_000_001)}\r\n0\r\n\r\n`,
  ],
])("a body that %s is 400, and its connection is closed", async (_what, head, body) => {
  const { port, events } = await stage();
  const client = await Poller.open(port);
  const socket = await tcp(port);
  afterwards(() => void socket.destroy());
  socket.write(`POST /socket/longpoll HTTP/1.1\r\n${headOf(client, head)}`);
  socket.write(body);
  const answer = await answerOn(socket, /\r\n\r\n/);
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(answer.toLowerCase()).toContain("connection: close");
  const code = "post_too_large";
  expect(events).toContainEqual({ name: "message.dropped", metadata: { mount: "/socket", pattern: null, code } });
  expect(await client.send(heartbeat).answer).toMatchObject({ status: 200 });
});

test("a body of exactly the limit is read", async () => {
  const { port } = await stage({ bodyBytesMax: 1_000 });
  const client = await Poller.open(port);
  const padded = heartbeat.padEnd(1_000, " ");
  expect(await client.send(padded).answer).toMatchObject({ httpStatus: 200, status: 200 });
  expect((await client.send(`${padded} `).answer).httpStatus).toBe(400);
});

test.each<[what: string, lines: readonly string[], body: string]>([
  ["is longer than it says", ["content-length: 10"], heartbeat],
  ["says it twice, differently", ["content-length: 10", "content-length: 36"], heartbeat],
  ["says it and comes in chunks", ["content-length: 5", "transfer-encoding: chunked"], "0\r\n\r\n"],
  ["has a length below nothing", ["content-length: -1"], heartbeat],
  ["has a length that is no number", ["content-length: 0x10"], heartbeat],
  ["comes in chunks that lie", ["transfer-encoding: chunked"], "5\r\n[null,too long\r\n0\r\n\r\n"],
  ["names chunks in a way of its own", ["transfer-encoding: xchunked"], "0\r\n\r\n"],
])("a body that %s smuggles no second request in", async (_what, lines, body) => {
  const { port, connects } = await stage();
  const client = await Poller.open(port);
  const before = connects.count;
  const smuggled = "GET /socket/longpoll?vsn=2.0.0&smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const text = `POST /socket/longpoll HTTP/1.1\r\n${headOf(client, ...lines)}${body}`;
  await raw(port, `${text}${smuggled}`);
  expect(connects.count).toBe(before);
  expect((await ask(port).answer).status).toBe(410);
  expect(connects.count).toBe(before + 1);
});

test.each(["content-length", "transfer-encoding"])(
  "the body of a GET, with its %s, is no second request",
  async (how) => {
    const { port, connects, endpoint } = await stage();
    const inner = "POST /socket/longpoll HTTP/1.1\r\nHost: x\r\ncontent-length: 0\r\n\r\n";
    const body =
      how === "content-length"
        ? `content-length: ${inner.length}\r\n\r\n${inner}`
        : `transfer-encoding: chunked\r\n\r\n${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`;
    const answer = await raw(port, `GET ${longpollPath} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${body}`);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(answer).toContain('"status":410');
    expect(connects.count).toBe(1);
    expect(endpoint.connectionCount).toBe(1);
  },
);

test("a body in chunks of a byte takes the memory of its bytes", async () => {
  const { port, bystander } = await stage();
  const client = await Poller.open(port);
  const other = await bystander();
  const socket = await tcp(port);
  afterwards(() => void socket.destroy());
  const before = await held();
  socket.write(`POST /socket/longpoll HTTP/1.1\r\n${headOf(client, "transfer-encoding: chunked")}`);
  const chunks = Buffer.from("1\r\nx\r\n".repeat(50_000));
  // An eighth of what a body may hold: kept one by one these would take hundreds of megabytes.
  for (let count = 0; count < 20; count += 1) {
    if (!socket.write(chunks)) await once(socket, "drain");
  }
  expect((await held()) - before).toBeLessThan(100 * megabyte);
  socket.write("0\r\n\r\n");
  // Read whole, and then found to be no message.
  expect(await answerOn(socket, /\}/)).toContain('{"status":408}');
  await other.noticedNothing();
}, 40_000);

test("a batch of eight million line breaks costs little more than reading it", async () => {
  const { port } = await stage();
  const client = await Poller.open(port);
  await client.send("\n".repeat(1_000_000), { "content-type": ndjson }).answer;
  const cpu = process.cpuUsage();
  const body = "\n".repeat(7_999_999);
  expect(await client.send(body, { "content-type": ndjson }).answer).toMatchObject({ status: 200 });
  const { user } = process.cpuUsage(cpu);
  expect(user).toBeLessThan(300_000);
});

test("bodies of one session that are read at a time say no more bytes than one may have: a session is no licence to any memory", async () => {
  const { port, clock } = await stage();
  const client = await Poller.open(port);
  const sockets = await Promise.all(Array.from({ length: 4 }, () => tcp(port)));
  for (const [index, socket] of sockets.entries()) {
    afterwards(() => void socket.destroy());
    socket.write(`POST /socket/longpoll HTTP/1.1\r\n${headOf(client, "content-length: 2000000")}[`);
    await clock.waits(bodyMs, index + 1);
  }
  expect(await client.send(heartbeat).answer).toMatchObject({ httpStatus: 200, status: 429 });
  // Another session's are none of its business.
  const other = await Poller.open(port);
  expect(await other.send(heartbeat).answer).toMatchObject({ status: 200 });
  sockets[0]?.destroy();
  await clock.waits(bodyMs, 3);
  expect(await client.send(heartbeat).answer).toMatchObject({ status: 200 });
});

test("a body that doesn't say how long it is counts as the longest", async () => {
  const { port, clock } = await stage();
  const client = await Poller.open(port);
  const socket = await tcp(port);
  afterwards(() => void socket.destroy());
  socket.write(`POST /socket/longpoll HTTP/1.1\r\n${headOf(client, "transfer-encoding: chunked")}`);
  await clock.waits(bodyMs);
  expect(await client.send(heartbeat).answer).toMatchObject({ httpStatus: 200, status: 429 });
  socket.destroy();
  await clock.waits(bodyMs, 0);
  expect(await client.send(heartbeat).answer).toMatchObject({ httpStatus: 200, status: 200 });
});

test("a post that is cut while it is read takes nothing for ever, sent ahead of a poll's answer as it was", async () => {
  const { port, clock } = await stage();
  const client = await Poller.open(port);
  // Its answer waits behind the poll's, where it is not told that the connection has closed.
  const poll = `GET /socket/longpoll HTTP/1.1\r\n${headOf(client)}`;
  for (let count = 0; count < 3; count += 1) {
    const socket = await tcp(port);
    socket.write(`${poll}POST /socket/longpoll HTTP/1.1\r\n${headOf(client, "content-length: 7999990")}`);
    await clock.waits(windowMs);
    await clock.waits(bodyMs);
    socket.destroy();
    await clock.waits(windowMs, 0);
    await clock.waits(bodyMs, 0);
  }
  expect(await client.send(heartbeat).answer).toMatchObject({ httpStatus: 200, status: 200 });
});

test("a stranger's body is not read at all", async () => {
  const { port, clock } = await stage();
  const text = `POST /socket/longpoll HTTP/1.1\r\nHost: x\r\ncontent-length: 8000000\r\n\r\n[`;
  expect(await raw(port, text, /\}/)).toContain('{"status":410}');
  expect(clock.waiting(bodyMs)).toBe(0);
});

test("sessions are counted: beyond the limit 503, and those that are left end by themselves", async () => {
  const { port, clock, endpoint, events, connects } = await stage({ sessionsMax: 10 });
  const answers: Answer[] = [];
  for (let count = 0; count < 30; count += 1) answers.push(await ask(port).answer);
  const opened = answers.filter(({ status }) => status === 410);
  expect(opened).toHaveLength(10);
  expect(answers.filter(({ httpStatus }) => httpStatus === 503)).toHaveLength(20);
  expect(endpoint.connectionCount).toBe(10);
  // Who can't be let in anyway is not asked who they are.
  expect(connects.count).toBe(10);
  const named = (name: string): unknown[] =>
    events.filter((event) => event.name === name).map(({ metadata }) => metadata);
  expect(named("limit.warned")).toEqual([{ mount: "/socket", limit: "sessionsMax", value: 8, max: 10 }]);
  expect(named("limit.reached")).toHaveLength(20);
  expect(named("socket.refused")).toEqual(
    Array(20).fill({ mount: "/socket", transport: "longpoll", code: "sessions_max", status: 503 }),
  );
  clock.advance(silenceMs);
  expect(endpoint.connectionCount).toBe(0);
  await Poller.open(port);
});

test("those who are being let in at the same time can't race past the limit", async () => {
  const clock = new WatchedClock();
  const waiting: (() => void)[] = [];
  const socket = defineSocket({ connect: () => new Promise<object>((resolve) => waiting.push(() => resolve({}))) });
  const sockets = { "/socket": { socket, channels: [], longpoll: { windowMs, sessionsMax: 2 } } };
  const { port, endpoint } = await arena({ sockets, clock });
  const asked = Array.from({ length: 6 }, () => ask(port).answer);
  await expect.poll(() => waiting.length).toBe(6);
  for (const go of waiting) go();
  const statuses = (await Promise.all(asked)).map(({ httpStatus }) => httpStatus);
  expect(statuses.sort()).toEqual([200, 200, 503, 503, 503, 503]);
  expect(endpoint.connectionCount).toBe(2);
});

test("ended sessions that nobody fetches from count too, until they are forgotten", async () => {
  const { port, clock, endpoint } = await stage({ sessionsMax: 1 });
  const client = await (await Poller.open(port)).join("ping:a");
  endpoint.broadcast("ping:a", "news", {});
  expect(await client.send("[nonsense").answer).toMatchObject({ status: 408 });
  expect(endpoint.connectionCount).toBe(0);
  expect((await ask(port).answer).httpStatus).toBe(503);
  clock.advance(silenceMs);
  await Poller.open(port);
});

test("two thousand polls of one session keep four waiting, and the session works on", async () => {
  const { port, clock, endpoint } = await stage();
  const client = await (await Poller.open(port)).join("ping:a");
  const sockets = await Promise.all(Array.from({ length: 20 }, () => tcp(port)));
  const poll = `GET /socket/longpoll HTTP/1.1\r\n${headOf(client)}`;
  const heard: string[] = sockets.map(() => "");
  const answers = (): number => heard.join().split('"status":204').length - 1;
  for (const [index, socket] of sockets.entries()) {
    afterwards(() => void socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      heard[index] += chunk.toString("latin1");
    });
    socket.write(poll.repeat(100));
  }
  await expect.poll(answers, { timeout: 10_000 }).toBe(1_996);
  await clock.waits(windowMs, 4);
  const { answer } = client.poll();
  await expect.poll(answers).toBe(1_997);
  endpoint.broadcast("ping:a", "news", {});
  expect((await answer).messages).toHaveLength(1);
});

test("polls that are superseded and hung up on as fast as they come leave nothing behind", async () => {
  const { port, clock, endpoint } = await stage();
  const client = await (await Poller.open(port)).join("ping:a");
  for (let round = 0; round < 40; round += 1) {
    const polls = Array.from({ length: 6 }, () => client.poll());
    if (round % 3 === 0) await clock.waits(windowMs, 4);
    for (const { hangUp } of polls) hangUp();
  }
  await clock.waits(silenceMs);
  expect(clock.waiting(windowMs)).toBe(0);
  expect(clock.waiting(stuckMs)).toBe(0);
  endpoint.broadcast("ping:a", "news", {});
  expect(await client.fetch()).toHaveLength(1);
});

test("what nobody fetches is bounded, and ends its session as a slow reader; what was being fetched is no exception", async () => {
  const { port, events, endpoint, said, clock } = await stage({ outgoingBytesMax: megabyte });
  const client = await (await Poller.open(port)).join("ping:a");
  const socket = await tcp(port);
  afterwards(() => void socket.destroy());
  socket.pause();
  socket.write(`GET /socket/longpoll HTTP/1.1\r\n${headOf(client)}`);
  await clock.waits(windowMs);
  // One message of any size is taken, and more than the kernel keeps for a client that doesn't read.
  endpoint.broadcast("ping:a", "large", { text: "x".repeat(12 * megabyte) });
  await clock.waits(stuckMs);
  expect(endpoint.connectionCount).toBe(1);
  endpoint.broadcast("ping:a", "small", {});
  expect(endpoint.connectionCount).toBe(0);
  const closed = events.filter(({ name }) => name === "socket.closed").map(({ metadata }) => metadata);
  expect(closed).toEqual([{ mount: "/socket", transport: "longpoll", closeCode: 1013, code: "slow_reader" }]);
  expect(events.filter(({ name }) => name === "limit.reached")).toHaveLength(1);
  expect(said.map(({ message }) => message).join()).toContain("slow_reader");
  expect(await client.poll().answer).toMatchObject({ status: 410 });
  // Nothing is kept of it, whatever becomes of the answer that never went out.
  socket.destroy();
  await clock.waits(stuckMs, 0);
});

test("a backlog is warned of at four fifths, once", async () => {
  const { port, events, endpoint } = await stage({ outgoingBytesMax: 100_000 });
  const client = await (await Poller.open(port)).join("ping:a");
  for (let count = 0; count < 9; count += 1) endpoint.broadcast("ping:a", "news", { text: "x".repeat(10_000) });
  const warned = events.filter(({ name }) => name === "limit.warned").map(({ metadata }) => metadata);
  expect(warned).toMatchObject([{ mount: "/socket", limit: "outgoingBytesMax", max: 100_000 }]);
  expect(await client.fetch()).toHaveLength(9);
});

test("a client that never reads its answer is hung up on after two windows; its messages wait for another poll", async () => {
  const { port, clock, endpoint } = await stage({ outgoingBytesMax: 100 * megabyte });
  const client = await (await Poller.open(port)).join("ping:a");
  const socket = await tcp(port);
  afterwards(() => void socket.destroy());
  socket.pause();
  socket.write(`GET /socket/longpoll HTTP/1.1\r\n${headOf(client)}`);
  await clock.waits(windowMs);
  const text = "x".repeat(12 * megabyte);
  endpoint.broadcast("ping:a", "large", { text });
  await clock.waits(stuckMs);
  // What the kernel takes at first is movement too. Then nothing moves.
  await expect
    .poll(() => {
      clock.advance(stuckMs / 2);
      return clock.waiting(silenceMs);
    })
    .toBe(1);
  expect(await client.fetch()).toEqual([[null, null, "ping:a", "large", { text }]]);
});

test("a client that reads slowly gets all of it, however long that takes", async () => {
  const { port, clock, endpoint } = await stage({ outgoingBytesMax: 100 * megabyte });
  const client = await (await Poller.open(port)).join("ping:a");
  const socket = await tcp(port);
  afterwards(() => void socket.destroy());
  socket.write(`GET /socket/longpoll HTTP/1.1\r\n${headOf(client, "Connection: close")}`);
  await clock.waits(windowMs);
  const text = "x".repeat(24 * megabyte);
  endpoint.broadcast("ping:a", "large", { text });
  let read = 0;
  for await (const chunk of socket) {
    read += (chunk as Buffer).length;
    // Time passes with every piece: on the whole far more than a client that takes nothing has.
    clock.advance(100);
  }
  expect(read).toBeGreaterThan(text.length);
  await clock.waits(silenceMs);
}, 40_000);

test.each<[what: string, body: () => string]>([
  ["a depth of a hundred thousand", () => `["1","2","ping:a","ping",${"[".repeat(100_000)}${"]".repeat(100_000)}]`],
  [
    "a million keys",
    () => `["1","2","ping:a","ping",{${Array.from({ length: 70_000 }, (_, n) => `"k${n}":0`).join()}}]`,
  ],
  ["keys of prototypes", () => '["1","2","ping:a","ping",{"__proto__":{"polluted":1},"constructor":{"prototype":{}}}]'],
  ["numbers beyond all numbers", () => `["1","2","ping:a","ping",{"n":1e999,"m":-1e999,"d":${"9".repeat(100_000)}}]`],
  ["half a surrogate", () => '["1","2","ping:a","ping",{"text":"\\ud800"}]'],
  ["a depth where refs are", () => `[${"[".repeat(50_000)}${"]".repeat(50_000)},"2","ping:a","ping",{}]`],
])("a message with %s is answered or ends its session, and nobody else notices", async (_what, body) => {
  const { port, bystander } = await stage();
  const other = await bystander();
  const client = await (await Poller.open(port)).join("ping:a");
  const { status, httpStatus } = await client.send(body()).answer;
  expect(httpStatus).toBe(200);
  expect([200, 408]).toContain(status);
  if (status === 200) {
    const [reply] = await client.fetch();
    expect(reply?.[3]).toBe("phx_reply");
  }
  await other.noticedNothing();
});
