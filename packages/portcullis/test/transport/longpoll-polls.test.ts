/** What a poll is answered, when, and what becomes of messages nobody took. */
import { once } from "node:events";
import { expect, test } from "vitest";
import { defineSocket, type LongPollOptions } from "../../src/index.ts";
import { type Arena, afterwards, arena, openSocket } from "../security/support/arena.ts";
import { tcp } from "../security/support/raw.ts";
import { settled } from "../support/clock.ts";
import { ask, Poller } from "../support/poller.ts";
import { WatchedClock } from "../support/watched-clock.ts";
import { binaryPush, replyFrame } from "../support/wire.ts";

const windowMs = 8_000;
const silenceMs = 12_000;

interface Stage extends Arena {
  readonly clock: WatchedClock;
  readonly left: string[];
}

/** A room whose channel says when and why it is left. */
async function stage(longpoll: LongPollOptions = {}): Promise<Stage> {
  const clock = new WatchedClock();
  const left: string[] = [];
  const socket = defineSocket({ id: () => "users:ada", connect: () => ({}) });
  const room = socket
    .channel("room:{name}")
    .leave(({ kind }) => void left.push(kind))
    .on({
      ping: (payload) => payload,
      burst(payload, channel) {
        const { from, count } = payload as { from: number; count: number };
        for (let n = from; n < from + count; n += 1) channel.push("n", { n });
      },
      bytes: (payload) => payload as Uint8Array,
    });
  const sockets = { "/socket": { socket, channels: [room], longpoll: { windowMs, ...longpoll } } };
  return { ...(await arena({ sockets, clock })), clock, left };
}

test("a poll that nothing comes for is answered 204 when the window is over, and not before", async () => {
  const { port, clock } = await stage();
  const client = await Poller.open(port);
  const { answer } = client.poll();
  await clock.waits(windowMs);
  clock.advance(windowMs - 1);
  expect(await Promise.race([answer, settled()])).toBeUndefined();
  clock.advance(1);
  expect(await answer).toMatchObject({ httpStatus: 200, status: 204, token: client.token, raw: [] });
});

test("a poll is answered as soon as there is something, without any time passing", async () => {
  const { port, clock, endpoint } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  const { answer } = client.poll();
  await clock.waits(windowMs);
  endpoint.broadcast("room:a", "news", { n: 1 });
  expect(await answer).toMatchObject({
    status: 200,
    token: client.token,
    messages: [[null, null, "room:a", "news", { n: 1 }]],
  });
});

test("what waits is there at once, and what one run says comes in one answer", async () => {
  const { port, clock, endpoint } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  for (let n = 0; n < 3; n += 1) endpoint.broadcast("room:a", "n", { n });
  expect((await client.fetch()).map(([, , , , payload]) => payload)).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
  const { answer } = client.poll();
  await clock.waits(windowMs);
  for (let n = 3; n < 6; n += 1) endpoint.broadcast("room:a", "n", { n });
  expect((await answer).messages.map(([, , , , payload]) => payload)).toEqual([{ n: 3 }, { n: 4 }, { n: 5 }]);
});

test("messages keep their order over many answers, whoever said them", async () => {
  const { port, endpoint } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  const said: number[] = [];
  const heard: number[] = [];
  const numbers = async (): Promise<void> => {
    while (heard.length < said.length) {
      for (const [, , , , payload] of await client.fetch()) heard.push((payload as { n: number }).n);
    }
  };
  for (let n = 0; n < 300; n += 3) {
    endpoint.broadcast("room:a", "n", { n });
    expect(await client.post("1", null, "room:a", "burst", { from: n + 1, count: 2 })).toMatchObject({ status: 200 });
    said.push(n, n + 1, n + 2);
    if (n % 21 === 0) await numbers();
  }
  await numbers();
  expect(heard).toEqual(said);
});

test("the newest of two polls gets the message; the older one waits for its window", async () => {
  const { port, clock, endpoint } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  const older = client.poll();
  await clock.waits(windowMs);
  clock.advance(1_000);
  const newer = client.poll();
  await clock.waits(windowMs, 2);
  endpoint.broadcast("room:a", "news", {});
  expect((await newer.answer).messages).toHaveLength(1);
  clock.advance(windowMs - 1_000);
  expect(await older.answer).toMatchObject({ status: 204, raw: [] });
});

test("of more than four polls the oldest is answered at once, and the session goes on", async () => {
  const { port, clock, endpoint } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  const polls = [client.poll()];
  for (let count = 1; count <= 4; count += 1) {
    await clock.waits(windowMs, count);
    polls.push(client.poll());
  }
  expect(await polls[0]?.answer).toMatchObject({ status: 204 });
  expect(clock.waiting(windowMs)).toBe(4);
  endpoint.broadcast("room:a", "news", {});
  expect((await polls[4]?.answer)?.messages).toHaveLength(1);
});

test("a poll whose client has hung up loses nothing: the next one has it", async () => {
  const { port, clock, endpoint } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  const lost = client.poll();
  await clock.waits(windowMs);
  lost.hangUp();
  await clock.waits(windowMs, 0);
  endpoint.broadcast("room:a", "news", { n: 1 });
  endpoint.broadcast("room:a", "news", { n: 2 });
  expect(await client.fetch()).toHaveLength(2);
});

test("an answer too large for the network whose client hangs up comes again, first and whole", async () => {
  const { port, clock, endpoint } = await stage({ outgoingBytesMax: 100_000_000 });
  const client = await (await Poller.open(port)).join("room:a");
  const socket = await tcp(port);
  afterwards(() => void socket.destroy());
  socket.pause();
  socket.write(`GET /socket/longpoll HTTP/1.1\r\nHost: x\r\nx-phoenix-longpoll-token: ${client.token}\r\n\r\n`);
  await clock.waits(windowMs);
  // More than both kernels keep for a client that doesn't read.
  const text = "x".repeat(12_000_000);
  endpoint.broadcast("room:a", "large", { text });
  await clock.waits(windowMs, 0);
  endpoint.broadcast("room:a", "small", {});
  const { answer } = client.poll();
  await clock.waits(windowMs);
  socket.destroy();
  const { messages } = await answer;
  expect(messages.map(([, , , event]) => event)).toEqual(["large", "small"]);
  expect(messages[0]?.[4]).toEqual({ text });
});

test("a poll behind another on one connection is taken back when that connection is cut", async () => {
  const { port, clock, endpoint, left } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  const socket = await tcp(port);
  const poll = `GET /socket/longpoll HTTP/1.1\r\nHost: x\r\nx-phoenix-longpoll-token: ${client.token}\r\n\r\n`;
  socket.write(poll + poll);
  await clock.waits(windowMs, 2);
  // For the second, which may not be written before the first.
  endpoint.broadcast("room:a", "news", { n: 1 });
  await clock.waits(windowMs, 1);
  socket.destroy();
  expect(await client.fetch()).toEqual([[null, null, "room:a", "news", { n: 1 }]]);
  await clock.waits(silenceMs);
  clock.advance(silenceMs);
  await settled();
  expect(left).toEqual(["closed"]);
});

test("a session nobody polls for one and a half windows ends, and says so", async () => {
  const { port, clock, endpoint, left, events } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  expect(endpoint.connectionCount).toBe(1);
  await clock.waits(silenceMs);
  clock.advance(silenceMs - 1);
  // A post is no poll.
  expect(await client.post("1", "2", "room:a", "ping", {})).toMatchObject({ status: 200 });
  expect(left).toEqual([]);
  clock.advance(1);
  await settled();
  expect(left).toEqual(["closed"]);
  expect(endpoint.connectionCount).toBe(0);
  expect(events.filter(({ name }) => name === "socket.closed").map(({ metadata }) => metadata)).toEqual([
    { mount: "/socket", transport: "longpoll", closeCode: 1001, code: "idle" },
  ]);
  expect(await client.post("1", "2", "room:a", "ping", {})).toMatchObject({ status: 410 });
});

test("a session that was never polled ends too", async () => {
  const { port, clock, endpoint } = await stage();
  await Poller.open(port);
  await clock.waits(silenceMs);
  expect(endpoint.connectionCount).toBe(1);
  clock.advance(silenceMs);
  expect(endpoint.connectionCount).toBe(0);
  expect(clock.waiting(silenceMs)).toBe(0);
});

test("every poll, also one that is hung up on, gives the session another window and a half", async () => {
  const { port, clock, left } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  for (let round = 0; round < 3; round += 1) {
    await clock.waits(silenceMs);
    clock.advance(silenceMs - 1);
    const asked = client.poll();
    await clock.waits(windowMs);
    expect(clock.waiting(silenceMs)).toBe(0);
    if (round === 1) asked.hangUp();
    else clock.advance(windowMs);
  }
  await clock.waits(silenceMs);
  expect(left).toEqual([]);
  clock.advance(silenceMs);
  await settled();
  expect(left).toEqual(["closed"]);
});

test("what was said before the end can be fetched after it, once; then a new session begins", async () => {
  const { port, endpoint, left, clock } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  endpoint.broadcast("room:a", "last words", {});
  endpoint.disconnect("users:ada");
  await settled();
  expect(left).toEqual(["disconnected"]);
  expect(endpoint.connectionCount).toBe(0);
  expect(await client.post("1", "2", "room:a", "ping", {})).toMatchObject({ status: 410 });
  expect(await client.fetch()).toEqual([[null, null, "room:a", "last words", {}]]);
  await clock.waits(silenceMs, 0);
  const again = await client.poll().answer;
  expect(again).toMatchObject({ status: 410, raw: [] });
  expect(again.token).not.toBe(client.token);
  expect(endpoint.connectionCount).toBe(1);
});

test("what is never fetched after the end is forgotten after a window and a half", async () => {
  const { port, endpoint, clock } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  endpoint.broadcast("room:a", "last words", {});
  endpoint.disconnect("users:ada");
  await clock.waits(silenceMs);
  clock.advance(silenceMs);
  expect(clock.waiting(silenceMs)).toBe(0);
  expect(await client.poll().answer).toMatchObject({ status: 410, raw: [] });
});

test("polls that wait at the end are answered at once: the newest with what there is, the others with nothing", async () => {
  const { port, endpoint, clock } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  const older = client.poll();
  await clock.waits(windowMs);
  const newer = client.poll();
  await clock.waits(windowMs, 2);
  endpoint.broadcast("room:a", "last words", {});
  endpoint.disconnect("users:ada");
  expect((await newer.answer).messages).toEqual([[null, null, "room:a", "last words", {}]]);
  expect(await older.answer).toMatchObject({ status: 204 });
  await clock.waits(silenceMs, 0);
  expect(clock.waiting(windowMs)).toBe(0);
});

test("a second poll for the rest of an ended session is not left waiting when the first has got it", async () => {
  const { port, endpoint, clock } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  const socket = await tcp(port);
  afterwards(() => void socket.destroy());
  socket.pause();
  const text = "x".repeat(12_000_000);
  endpoint.broadcast("room:a", "large", { text });
  endpoint.disconnect("users:ada");
  await clock.waits(silenceMs);
  socket.write(`GET /socket/longpoll HTTP/1.1\r\nHost: x\r\nx-phoenix-longpoll-token: ${client.token}\r\n\r\n`);
  await clock.waits(silenceMs, 0);
  const { answer } = client.poll();
  await clock.waits(windowMs);
  socket.resume();
  expect(await answer).toMatchObject({ status: 204 });
  expect(clock.waiting(silenceMs)).toBe(0);
});

test("bytes come as they are where they are UTF-8, and as base64 where they are not", async () => {
  const { port } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  const answers: string[] = [];
  for (const data of [Uint8Array.from([0, 1, 65, 127]), Uint8Array.from([0, 128, 255, 10, 91])]) {
    const frame = binaryPush("1", "7", "room:a", "bytes", data);
    const body = Buffer.from(frame).toString("base64");
    const posted = await client.send(body, { "content-type": "application/x-ndjson" }).answer;
    expect(posted).toMatchObject({ status: 200 });
    answers.push(...(await client.poll().answer).raw);
  }
  const expected = (data: Uint8Array): Buffer =>
    Buffer.from([
      1,
      1,
      1,
      6,
      2,
      ...Buffer.from("1"),
      ...Buffer.from("7"),
      ...Buffer.from("room:a"),
      ...Buffer.from("ok"),
      ...data,
    ]);
  expect(answers).toEqual([
    expected(Uint8Array.from([0, 1, 65, 127])).toString("utf8"),
    expected(Uint8Array.from([0, 128, 255, 10, 91])).toString("base64"),
  ]);
});

test("clients of the first version speak and hear it", async () => {
  const { port, endpoint } = await stage();
  const client = await Poller.open(port, { path: "/socket/longpoll?vsn=1.0.0" });
  const join = { topic: "room:a", event: "phx_join", payload: {}, ref: "1" };
  expect(await client.send(JSON.stringify(join)).answer).toMatchObject({ status: 200 });
  endpoint.broadcast("room:a", "news", { n: 1 });
  const { raw } = await client.poll().answer;
  expect(raw.map((text) => JSON.parse(text))).toEqual([
    { topic: "room:a", event: "phx_reply", payload: { status: "ok", response: {} }, ref: "1" },
    { topic: "room:a", event: "news", payload: { n: 1 }, ref: null },
  ]);
});

test("a connection is kept for the next request, and no answer may be kept by a cache", async () => {
  const { port } = await arena({ mount: { longpoll: true } });
  const socket = await tcp(port);
  afterwards(() => void socket.destroy());
  const next = async (text: string): Promise<string> => {
    socket.write(text);
    const [chunk] = (await once(socket, "data")) as [Buffer];
    return chunk.toString("utf8");
  };
  const opened = await next("GET /socket/longpoll?vsn=2.0.0 HTTP/1.1\r\nHost: x\r\n\r\n");
  const { token } = JSON.parse(opened.slice(opened.indexOf("{"))) as { token: string };
  const head = `Host: x\r\nx-phoenix-longpoll-token: ${token}\r\n`;
  const heartbeat = '[null,"1","phoenix","heartbeat",{}]';
  const posted = await next(
    `POST /socket/longpoll HTTP/1.1\r\n${head}content-length: ${heartbeat.length}\r\n\r\n${heartbeat}`,
  );
  const polled = await next(`GET /socket/longpoll HTTP/1.1\r\n${head}\r\n`);
  expect(polled).toContain(JSON.stringify(JSON.stringify(replyFrame(null, "1", "phoenix", "ok", {}))));
  for (const answer of [opened, posted, polled]) {
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer.toLowerCase()).toContain("cache-control: no-store\r\n");
    expect(answer.toLowerCase()).toContain("content-type: application/json; charset=utf-8\r\n");
    expect(answer.toLowerCase()).toContain("access-control-allow-origin: *\r\n");
  }
});

test("a poll on a path with variables reaches the session that was opened there", async () => {
  let params: unknown;
  const socket = defineSocket({
    connect(request) {
      params = request.params;
      return {};
    },
  });
  const { port } = await arena({
    sockets: { "/rooms/:room": { socket, channels: [], longpoll: { path: "/poll/:how" } } },
  });
  const client = await Poller.open(port, { path: "/rooms/hall/poll/long?vsn=2.0.0&room=query&x=1" });
  expect(params).toEqual({ room: "hall", how: "long", x: "1", vsn: "2.0.0" });
  await client.post(null, "1", "phoenix", "heartbeat", {});
  expect(await client.fetch()).toEqual([replyFrame(null, "1", "phoenix", "ok", {})]);
  expect((await ask(port, { path: "/rooms/hall/longpoll" }).answer).httpStatus).toBe(404);
});

test("WebSocket may be off while long-poll is on", async () => {
  const socket = openSocket();
  const { port, knock } = await arena({
    sockets: { "/socket": { socket, channels: [], websocket: false, longpoll: true } },
  });
  await Poller.open(port);
  expect((await knock()).status).toBe(404);
});
