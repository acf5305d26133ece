/** What a POST may hold, when it is answered, and in which order its messages are handled. */
import { expect, test } from "vitest";
import { defineSocket, type LongPollOptions, type MountOptions } from "../../src/index.ts";
import { type Arena, arena } from "../security/support/arena.ts";
import { settled } from "../support/clock.ts";
import { ndjson, Poller } from "../support/poller.ts";
import { WatchedClock } from "../support/watched-clock.ts";
import { binaryPush, replyFrame } from "../support/wire.ts";

const windowMs = 8_000;

interface Stage extends Arena {
  readonly clock: WatchedClock;
  readonly handled: unknown[];
  /** Lets handlers of `wait` go on, as many as there are. */
  release(): void;
}

async function stage(mount: Partial<MountOptions> = {}, longpoll: LongPollOptions = {}): Promise<Stage> {
  const clock = new WatchedClock();
  const handled: unknown[] = [];
  let waiting: (() => void)[] = [];
  const socket = defineSocket();
  const room = socket.channel("room:{name}").on({
    note: (payload) => void handled.push(payload),
    wait: () => new Promise<object>((resolve) => waiting.push(() => resolve({}))),
  });
  const sockets = { "/socket": { socket, channels: [room], longpoll: { windowMs, ...longpoll }, ...mount } };
  return {
    ...(await arena({ sockets, clock })),
    clock,
    handled,
    release() {
      for (const go of waiting) go();
      waiting = [];
    },
  };
}

const note = (n: unknown): string => JSON.stringify(["1", null, "room:a", "note", n]);

test("a post is answered when its messages have been taken, not when they have been handled", async () => {
  const { port, handled, release } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  expect(await client.post("1", "2", "room:a", "wait", {})).toMatchObject({ httpStatus: 200, status: 200 });
  expect(await client.post("1", "3", "room:a", "note", { n: 1 })).toMatchObject({ status: 200 });
  expect(handled).toEqual([]);
  release();
  expect(await client.fetch()).toEqual([replyFrame("1", "2", "room:a", "ok", {})]);
  expect(handled).toEqual([{ n: 1 }]);
});

test("the messages of a post are handled in order, text and bytes mixed", async () => {
  const { port, handled } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  const bytes = binaryPush("1", "3", "room:a", "note", Uint8Array.from([0, 255, 10, 91]));
  const lines = [note({ n: 1 }), Buffer.from(bytes).toString("base64"), note({ n: 2 })];
  expect(await client.send(lines.join("\n"), { "content-type": ndjson }).answer).toMatchObject({ status: 200 });
  expect(handled).toEqual([{ n: 1 }, Uint8Array.from([0, 255, 10, 91]), { n: 2 }]);
});

test.each<[what: string, body: string, notes: readonly number[]]>([
  ["a line break at the end", `${note(1)}\n${note(2)}\n`, [1, 2]],
  ["blank lines", `\n\n${note(1)}\n\n\n${note(2)}\n\n`, [1, 2]],
  ["line breaks with a carriage return", `${note(1)}\r\n\r\n${note(2)}\r\n`, [1, 2]],
  ["nothing", "", []],
  ["nothing but line breaks", "\r\n\n\n", []],
  [
    "a hundred messages",
    Array.from({ length: 100 }, (_, n) => note(n)).join("\n"),
    Array.from({ length: 100 }, (_, n) => n),
  ],
])("a batch with %s is taken", async (_what, body, notes) => {
  const { port, handled } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  expect(await client.send(body, { "content-type": ndjson }).answer).toMatchObject({ status: 200 });
  expect(handled).toEqual(notes);
});

test.each<[what: string, body: string | Uint8Array, http: number, json: number, code: string]>([
  ["a hundred and one messages", Array(101).fill(note(0)).join("\n"), 200, 413, "post_too_large"],
  ["a message that is too long", `${note(0)}\n${note("x".repeat(1_000))}`, 200, 413, "post_too_large"],
  ["bytes that are too many", `${note(0)}\n${Buffer.alloc(1_001).toString("base64")}`, 200, 413, "post_too_large"],
  ["a line that is no base64", `${note(0)}\nAAA*`, 400, 400, "post_unreadable"],
  ["half a line of base64", `${note(0)}\nAAA`, 400, 400, "post_unreadable"],
  ["base64url", `${note(0)}\nAA-_`, 400, 400, "post_unreadable"],
  ["a byte order mark", `\u{feff}${note(0)}`, 400, 400, "post_unreadable"],
  ["a space before a message", ` ${note(0)}`, 400, 400, "post_unreadable"],
  [
    "what is no UTF-8",
    Buffer.concat([Buffer.from(`${note(0)}\n["`), Buffer.from([0xc3, 0x28])]),
    400,
    400,
    "post_unreadable",
  ],
])("a batch with %s is refused whole, and the session goes on", async (_what, body, http, json, code) => {
  const { port, handled, events } = await stage({}, { frameBytesMax: 1_000 });
  const client = await (await Poller.open(port)).join("room:a");
  expect(await client.send(body, { "content-type": ndjson }).answer).toMatchObject({ httpStatus: http, status: json });
  expect(handled).toEqual([]);
  expect(events).toContainEqual({ name: "message.dropped", metadata: { mount: "/socket", pattern: null, code } });
  expect(await client.send(note(1), { "content-type": ndjson }).answer).toMatchObject({ status: 200 });
  expect(handled).toEqual([1]);
});

test.each([undefined, "application/json", "application/x-ndjson; charset=utf-8", "Application/X-NDJSON", "text/plain"])(
  "with the content type %s the body is one message, line breaks and all",
  async (contentType) => {
    const { port, handled } = await stage();
    const client = await (await Poller.open(port)).join("room:a");
    const headers: Record<string, string> = contentType === undefined ? {} : { "content-type": contentType };
    const pretty = JSON.stringify(["1", null, "room:a", "note", { n: 1 }], null, 2);
    expect(await client.send(pretty, headers).answer).toMatchObject({ status: 200 });
    expect(handled).toEqual([{ n: 1 }]);
  },
);

test("exactly the limit of a message passes, a byte more does not", async () => {
  const { port, handled } = await stage({}, { frameBytesMax: 1_000 });
  const client = await (await Poller.open(port)).join("room:a");
  const padded = (bytes: number): string => note("x".repeat(bytes - note("").length));
  expect(await client.send(padded(1_000)).answer).toMatchObject({ status: 200 });
  expect(await client.send(padded(1_001)).answer).toMatchObject({ httpStatus: 200, status: 413 });
  expect(handled).toHaveLength(1);
});

test.each<[what: string, body: string]>([
  ["no JSON", "[nonsense"],
  ["nothing at all", ""],
  ["no message", "{}"],
  ["a byte order mark before it", `\u{feff}${note(0)}`],
])("a post that is %s ends the session at once: 408, then 410", async (_what, body) => {
  const { port, events, endpoint } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  expect(await client.send(body).answer).toMatchObject({ httpStatus: 200, status: 408 });
  expect(endpoint.connectionCount).toBe(0);
  expect(events.find(({ name }) => name === "socket.closed")?.metadata).toMatchObject({ code: "frame_invalid" });
  expect(await client.send(note(0)).answer).toMatchObject({ httpStatus: 200, status: 410 });
});

test("what came before a malformed message has been handled, what comes after it is not", async () => {
  const { port, handled } = await stage();
  const client = await (await Poller.open(port)).join("room:a");
  const body = [note(1), "[nonsense", note(2)].join("\n");
  expect(await client.send(body, { "content-type": ndjson }).answer).toMatchObject({ status: 408 });
  expect(handled).toEqual([1]);
});

test("messages that wait beyond the bound hold back the answer, and the next post, until there is room", async () => {
  const { port, handled, release, clock } = await stage({ limits: { pendingFramesMax: 4 } });
  const client = await (await Poller.open(port)).join("room:a");
  const held = client.send(
    [JSON.stringify(["1", "2", "room:a", "wait", {}]), ...[1, 2, 3, 4, 5].map(note)].join("\n"),
    { "content-type": ndjson },
  );
  await clock.waits(windowMs);
  const next = client.send(note(6));
  // The second one has been read when its time to be read has been taken back.
  await clock.waits(10_000, 1);
  await clock.waits(10_000, 0);
  expect(await Promise.race([held.answer, next.answer, settled()])).toBeUndefined();
  expect(handled).toEqual([]);
  release();
  expect(await held.answer).toMatchObject({ status: 200 });
  expect(await next.answer).toMatchObject({ status: 200 });
  await expect.poll(() => handled).toEqual([1, 2, 3, 4, 5, 6]);
  expect(clock.waiting(windowMs)).toBe(0);
});

test("what makes no room within a window ends the session: 408 for the first post, 410 for the others", async () => {
  const { port, clock, events, said } = await stage({ limits: { pendingFramesMax: 4 } });
  const client = await (await Poller.open(port)).join("room:a");
  const body = [JSON.stringify(["1", "2", "room:a", "wait", {}]), ...[1, 2, 3, 4, 5].map(note)].join("\n");
  const held = client.send(body, { "content-type": ndjson });
  await clock.waits(windowMs);
  const next = client.send(note(6));
  await clock.waits(10_000, 1);
  await clock.waits(10_000, 0);
  clock.advance(windowMs - 1);
  expect(await Promise.race([held.answer, settled()])).toBeUndefined();
  clock.advance(1);
  expect(await held.answer).toMatchObject({ httpStatus: 200, status: 408 });
  expect(await next.answer).toMatchObject({ httpStatus: 200, status: 410 });
  expect(events.find(({ name }) => name === "socket.closed")?.metadata).toMatchObject({
    code: "stalled",
    closeCode: 1011,
  });
  expect(said.map(({ message }) => message).join()).toContain("stalled");
});

test("of more than 64 posts that wait the next is refused with 429, and the others keep their order", async () => {
  const { port, handled, release, clock } = await stage({ limits: { pendingFramesMax: 2 } });
  const client = await (await Poller.open(port)).join("room:a");
  const first = client.send([JSON.stringify(["1", "2", "room:a", "wait", {}]), note(1), note(2)].join("\n"), {
    "content-type": ndjson,
  });
  await clock.waits(windowMs);
  const others = [];
  for (let n = 3; n <= 65; n += 1) {
    others.push(client.send(note(n)));
    await clock.waits(10_000, 1);
    await clock.waits(10_000, 0);
  }
  expect(await client.send(note(66)).answer).toMatchObject({ httpStatus: 200, status: 429 });
  release();
  for (const { answer } of [first, ...others]) expect(await answer).toMatchObject({ status: 200 });
  await expect.poll(() => handled).toEqual(Array.from({ length: 65 }, (_, index) => index + 1));
});

test("posts that wait hold no more bytes together than one may have", async () => {
  const { port, release, clock } = await stage({ limits: { pendingFramesMax: 2 } }, { bodyBytesMax: 2_000 });
  const client = await (await Poller.open(port)).join("room:a");
  const first = client.send([JSON.stringify(["1", "2", "room:a", "wait", {}]), note(1), note(2)].join("\n"), {
    "content-type": ndjson,
  });
  await clock.waits(windowMs);
  const large = JSON.stringify([null, "9", "phoenix", "heartbeat", { text: "x".repeat(1_500) }]);
  const second = client.send(large);
  await clock.waits(10_000, 1);
  await clock.waits(10_000, 0);
  expect(await client.send(large).answer).toMatchObject({ httpStatus: 200, status: 429 });
  release();
  for (const { answer } of [first, second]) expect(await answer).toMatchObject({ status: 200 });
  expect(await client.send(large).answer).toMatchObject({ httpStatus: 200, status: 200 });
});

test("a post whose client hangs up while it is held back is handled all the same", async () => {
  const { port, handled, release, clock } = await stage({ limits: { pendingFramesMax: 2 } });
  const client = await (await Poller.open(port)).join("room:a");
  const asked = client.send([JSON.stringify(["1", "2", "room:a", "wait", {}]), note(1), note(2)].join("\n"), {
    "content-type": ndjson,
  });
  await clock.waits(windowMs);
  asked.hangUp();
  release();
  await expect.poll(() => handled).toEqual([1, 2]);
});
