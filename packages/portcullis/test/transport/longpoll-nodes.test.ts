/** Long-poll requests that reach another node than their session lives on. */
import { expect, test } from "vitest";
import { defineSocket, type LongPollOptions } from "../../src/index.ts";
import { afterwards } from "../security/support/arena.ts";
import { tcp } from "../security/support/raw.ts";
import { settled } from "../support/clock.ts";
import { atOnce, type Delivery, Exchange, later } from "../support/exchange.ts";
import { type Node, startNode } from "../support/node.ts";
import { ask, ndjson, Poller } from "../support/poller.ts";
import { WatchedClock } from "../support/watched-clock.ts";
import { binaryPush, replyFrame } from "../support/wire.ts";

const windowMs = 8_000;
const silenceMs = 12_000;
/** How long the other node may take to say that it has a session; and, then, for the rest. */
const answerMs = 2_000;
const restMs = windowMs + answerMs;
const settleMs = 2 * answerMs;

interface Cluster {
  readonly exchange: Exchange;
  /** Where the session is, and where its client asks. */
  readonly home: Node;
  readonly away: Node;
  readonly clock: WatchedClock;
  readonly handled: unknown[];
  release(): void;
  /** A session on `home`, joined to `room:a`, asked for on `away`. */
  enter(): Promise<{ readonly atHome: Poller; readonly client: Poller }>;
}

async function cluster(longpoll: LongPollOptions = {}, delivery: Delivery = later): Promise<Cluster> {
  const exchange = new Exchange(delivery);
  const clock = new WatchedClock();
  const handled: unknown[] = [];
  const waiting: (() => void)[] = [];
  const socket = defineSocket();
  const room = socket.channel("room:{name}").on({
    note: (payload) => void handled.push(payload),
    ping: (payload) => payload,
    wait: () => new Promise<object>((resolve) => waiting.push(() => resolve({}))),
  });
  const node = (): Promise<Node> =>
    startNode({
      pubsub: exchange.adapter(),
      clock,
      sockets: {
        "/socket": {
          socket,
          channels: [room],
          limits: { pendingFramesMax: 4 },
          longpoll: { windowMs, ...longpoll },
        },
      },
    });
  const [home, away] = [await node(), await node()];
  return {
    exchange,
    home,
    away,
    clock,
    handled,
    release: () => {
      for (const go of waiting.splice(0)) go();
    },
    async enter() {
      const atHome = await (await Poller.open(home.port)).join("room:a");
      return { atHome, client: atHome.at(away.port) };
    },
  };
}

const note = (n: unknown): string => JSON.stringify(["1", null, "room:a", "note", n]);

test.each([
  ["later", later],
  ["within the call that publishes", atOnce],
])("polls and posts are carried there and back, in order, by a bus that delivers %s", async (_when, delivery) => {
  const { home, away, handled, enter } = await cluster({}, delivery);
  const { client } = await enter();
  const bytes = binaryPush("1", "7", "room:a", "ping", Uint8Array.from([0, 128, 255]));
  for (let n = 0; n < 5; n += 1) {
    home.endpoint.broadcast("room:a", "n", { n });
    away.endpoint.broadcast("room:a", "n", { n });
    const lines = [note({ n }), Buffer.from(bytes).toString("base64")].join("\n");
    expect(await client.send(lines, { "content-type": ndjson }).answer).toMatchObject({ httpStatus: 200, status: 200 });
  }
  expect(handled).toEqual([0, 1, 2, 3, 4].map((n) => ({ n })));
  const { raw, token } = await client.poll().answer;
  expect(token).toBe(client.token);
  const heard = raw.filter((text) => text.startsWith("["));
  expect(heard.map((text) => (JSON.parse(text) as unknown[])[4])).toEqual(
    [0, 0, 1, 1, 2, 2, 3, 3, 4, 4].map((n) => ({ n })),
  );
  expect(raw.filter((text) => !text.startsWith("["))).toHaveLength(5);
  expect(home.endpoint.connectionCount).toBe(1);
  expect(away.endpoint.connectionCount).toBe(0);
});

test("a poll is answered as soon as there is something, or with nothing after the window of the node that has it", async () => {
  const { home, clock, enter } = await cluster();
  const { client } = await enter();
  const empty = client.poll();
  await clock.waits(restMs);
  clock.advance(windowMs - 1);
  expect(await Promise.race([empty.answer, settled()])).toBeUndefined();
  clock.advance(1);
  expect(await empty.answer).toMatchObject({ status: 204, raw: [], token: client.token });
  const { answer } = client.poll();
  await clock.waits(restMs);
  home.endpoint.broadcast("room:a", "news", {});
  expect((await answer).messages).toEqual([[null, null, "room:a", "news", {}]]);
  await clock.waits(silenceMs);
  expect([answerMs, settleMs, restMs, windowMs].map((ms) => clock.waiting(ms))).toEqual([0, 0, 0, 0]);
});

test("the newest poll gets the message, on whichever node it waits", async () => {
  const { home, clock, enter } = await cluster();
  const { atHome, client } = await enter();
  const older = atHome.poll();
  await clock.waits(windowMs);
  const newer = client.poll();
  await clock.waits(windowMs, 2);
  home.endpoint.broadcast("room:a", "news", { n: 1 });
  expect((await newer.answer).messages).toHaveLength(1);
  const newest = atHome.poll();
  await clock.waits(windowMs, 2);
  home.endpoint.broadcast("room:a", "news", { n: 2 });
  expect((await newest.answer).messages).toHaveLength(1);
  clock.advance(windowMs);
  expect(await older.answer).toMatchObject({ status: 204 });
});

test("a poll whose client hangs up there is taken back here, and loses nothing", async () => {
  const { home, clock, enter } = await cluster();
  const { atHome, client } = await enter();
  const lost = client.poll();
  await clock.waits(restMs);
  lost.hangUp();
  await clock.waits(windowMs, 0);
  home.endpoint.broadcast("room:a", "news", { n: 1 });
  expect(await client.fetch()).toHaveLength(1);
  home.endpoint.broadcast("room:a", "news", { n: 2 });
  expect(await atHome.fetch()).toHaveLength(1);
});

test("messages that did not leave the other node are put back, and come first", async () => {
  const { home, clock, enter, away } = await cluster({ outgoingBytesMax: 100_000_000 });
  const { atHome, client } = await enter();
  const socket = await tcp(away.port);
  afterwards(() => void socket.destroy());
  socket.pause();
  socket.write(`GET /socket/longpoll HTTP/1.1\r\nHost: x\r\nx-phoenix-longpoll-token: ${client.token}\r\n\r\n`);
  await clock.waits(restMs);
  const text = "x".repeat(12_000_000);
  home.endpoint.localBroadcast("room:a", "large", { text });
  await clock.waits(settleMs);
  home.endpoint.localBroadcast("room:a", "small", {});
  await clock.waits(2 * windowMs);
  socket.destroy();
  const messages = await atHome.take(2);
  expect(messages.map(([, , , event]) => event)).toEqual(["large", "small"]);
  expect(messages[0]?.[4]).toEqual({ text });
});

test("a session that has ended is gone everywhere, at once", async () => {
  const { home, away, clock, enter } = await cluster();
  const { client } = await enter();
  clock.advance(silenceMs);
  expect(home.endpoint.connectionCount).toBe(0);
  expect(await client.send(note(1)).answer).toMatchObject({ status: 410 });
  const again = await client.poll().answer;
  expect(again).toMatchObject({ status: 410, raw: [] });
  expect(again.token).not.toBe(client.token);
  expect(away.endpoint.connectionCount).toBe(1);
});

test("what is left of an ended session can be fetched elsewhere", async () => {
  const { home, enter } = await cluster();
  const { client } = await enter();
  home.endpoint.broadcast("room:a", "last words", {});
  expect(await client.send("[nonsense").answer).toMatchObject({ status: 408 });
  expect(await client.fetch()).toEqual([[null, null, "room:a", "last words", {}]]);
  expect(await client.poll().answer).toMatchObject({ status: 410 });
});

test("a node that is not there any more is waited for as long as it may take to say that it is", async () => {
  const { exchange, away, clock, enter } = await cluster();
  const { client } = await enter();
  exchange.cut.add(0);
  const posted = client.send(note(1));
  await clock.waits(answerMs);
  const polled = client.poll();
  await clock.waits(answerMs, 2);
  clock.advance(answerMs - 1);
  expect(await Promise.race([posted.answer, polled.answer, settled()])).toBeUndefined();
  clock.advance(1);
  expect(await posted.answer).toMatchObject({ httpStatus: 200, status: 410 });
  expect(await polled.answer).toMatchObject({ httpStatus: 200, status: 410, raw: [] });
  expect(away.endpoint.connectionCount).toBe(1);
});

test("a node that dies while a poll waits is given up two seconds after the window", async () => {
  const { exchange, away, clock, enter, handled } = await cluster();
  const { client } = await enter();
  const polled = client.poll();
  await clock.waits(restMs);
  const posted = client.send(note(1));
  expect(await posted.answer).toMatchObject({ status: 200 });
  exchange.cut.add(0);
  clock.advance(restMs);
  expect(await polled.answer).toMatchObject({ status: 410, raw: [] });
  expect(away.endpoint.connectionCount).toBe(1);
  expect(handled).toEqual([1]);
});

test("when nobody says whether messages arrived, their session ends visibly", async () => {
  const { exchange, home, clock, enter } = await cluster();
  const { atHome, client } = await enter();
  exchange.loses = ({ text }) => text.includes('"settled"');
  const { answer } = client.poll();
  await clock.waits(restMs);
  home.endpoint.broadcast("room:a", "news", {});
  expect((await answer).messages).toHaveLength(1);
  home.endpoint.broadcast("room:a", "news", {});
  const next = atHome.poll();
  await clock.waits(windowMs);
  expect(await Promise.race([next.answer, settled()])).toBeUndefined();
  clock.advance(settleMs);
  // What came after it is not lost with it.
  expect((await next.answer).messages).toHaveLength(1);
  expect(home.reported("socket.closed")).toMatchObject([
    { transport: "longpoll", code: "relay_lost", closeCode: 1011 },
  ]);
  expect(await atHome.poll().answer).toMatchObject({ status: 410 });
});

test("messages that are lost on their way are never taken for delivered", async () => {
  const { exchange, home, clock, enter } = await cluster();
  const { client } = await enter();
  exchange.loses = ({ text }) => text.includes('"messages"');
  const { answer } = client.poll();
  await clock.waits(restMs);
  home.endpoint.broadcast("room:a", "news", {});
  await clock.waits(settleMs);
  clock.advance(settleMs);
  expect(home.reported("socket.closed")).toMatchObject([{ code: "relay_lost" }]);
  clock.advance(restMs - settleMs);
  expect(await answer).toMatchObject({ status: 410 });
});

test("a post is held back while there is no room, and is 408 when there is none in time", async () => {
  const { clock, enter, release, handled } = await cluster();
  const { client } = await enter();
  const body = [JSON.stringify(["1", "2", "room:a", "wait", {}]), ...[1, 2, 3, 4, 5].map(note)].join("\n");
  const held = client.send(body, { "content-type": ndjson });
  await clock.waits(windowMs);
  expect(await Promise.race([held.answer, settled()])).toBeUndefined();
  release();
  expect(await held.answer).toMatchObject({ status: 200 });
  await expect.poll(() => handled).toEqual([1, 2, 3, 4, 5]);
  const stuck = client.send(body, { "content-type": ndjson });
  await clock.waits(windowMs);
  await clock.waits(restMs);
  clock.advance(windowMs);
  expect(await stuck.answer).toMatchObject({ httpStatus: 200, status: 408 });
  expect(await client.send(note(9)).answer).toMatchObject({ status: 410 });
});

test("a post that is too large for the bus is refused with 413, and ends nothing", async () => {
  const { away, enter, handled } = await cluster();
  const { client } = await enter();
  // Six characters in JSON for each of them.
  const line = `["1",null,"room:a","note","${"\u0001".repeat(1_000_000)}"]`;
  const answer = await client.send([line, line, line].join("\n"), { "content-type": ndjson }).answer;
  expect(answer).toMatchObject({ httpStatus: 200, status: 413 });
  expect(away.said.map(({ message }) => message).join()).toContain("too large for the bus");
  expect(await client.send(note(1)).answer).toMatchObject({ status: 200 });
  expect(handled).toEqual([1]);
});

test("messages that are too large for the bus end their session visibly, and nothing else", async () => {
  const { home, away, clock, enter } = await cluster({ outgoingBytesMax: 100_000_000 });
  const { client, atHome } = await enter();
  const { answer } = client.poll();
  await clock.waits(restMs);
  home.endpoint.localBroadcast("room:a", "large", { text: '"'.repeat(9_000_000) });
  await clock.waits(windowMs, 0);
  expect(home.reported("socket.closed")).toMatchObject([{ code: "relay_lost" }]);
  clock.advance(restMs);
  expect(await answer).toMatchObject({ status: 410 });
  expect(await atHome.poll().answer).toMatchObject({ status: 410 });
  expect(home.endpoint.connectionCount + away.endpoint.connectionCount).toBe(2);
});

test("what was said on the bus and is said there again handles nothing twice, and ends no session", async () => {
  const { exchange, home, away, clock, enter, handled } = await cluster();
  const first = await enter();
  const second = await (await Poller.open(away.port)).join("room:b");
  const atOther = second.at(home.port);
  expect(await first.client.send(note(1)).answer).toMatchObject({ status: 200 });
  const polled = first.client.poll();
  await clock.waits(restMs);
  home.endpoint.localBroadcast("room:a", "secret of room a", {});
  expect((await polled.answer).messages).toHaveLength(1);
  await clock.waits(silenceMs, 2);
  const said = [...exchange.published];
  const waiting = [atOther.poll(), atOther.poll()];
  await clock.waits(restMs, 2);
  for (const { channel, text } of said) {
    for (const where of [channel, "control", ...exchange.channelsOf(0), ...exchange.channelsOf(1)]) {
      exchange.inject(where, text);
    }
  }
  await settled();
  expect(handled).toEqual([1]);
  away.endpoint.localBroadcast("room:b", "news", {});
  const answers = Promise.race(waiting.map(({ answer }) => answer));
  expect((await answers).messages).toEqual([[null, null, "room:b", "news", {}]]);
  await clock.waits(settleMs, 0);
  clock.advance(settleMs);
  expect([...home.reported("socket.closed"), ...away.reported("socket.closed")]).toEqual([]);
});

test("what one node was told reaches no other, whoever says it again", async () => {
  const { exchange, home, away, clock, enter } = await cluster();
  const third = await startNode({ pubsub: exchange.adapter(), clock, longpoll: { windowMs } });
  const { client } = await enter();
  const other = (await (await Poller.open(home.port)).join("room:b")).at(third.port);
  // Both are the first that their nodes have asked of this one: they have the same number.
  const polled = client.poll();
  await clock.waits(restMs);
  home.endpoint.localBroadcast("room:a", "secret of room a", {});
  expect((await polled.answer).messages).toHaveLength(1);
  const said = exchange.published.filter(({ text }) => text.includes("secret of room a"));
  expect(said).toHaveLength(1);
  const waiting = other.poll();
  await clock.waits(restMs);
  for (const channel of [...exchange.channelsOf(2), "control"]) {
    for (const { text } of said) exchange.inject(channel, text);
  }
  home.endpoint.localBroadcast("room:b", "news", {});
  expect((await waiting.answer).messages).toEqual([[null, null, "room:b", "news", {}]]);
  expect(away.reported("pubsub.refused")).toEqual([]);
});

test("a node that closes answers the polls it holds for others, and the session is none the worse for it", async () => {
  const { home, away, clock, enter } = await cluster();
  const { client, atHome } = await enter();
  const { answer } = client.poll();
  await clock.waits(restMs);
  const closed = away.endpoint.close();
  expect(await answer).toMatchObject({ status: 204 });
  await closed;
  await clock.waits(windowMs, 0);
  home.endpoint.broadcast("room:a", "news", {});
  expect(await atHome.fetch()).toHaveLength(1);
});

test("sessions of one mount are not asked for at another, on other nodes either", async () => {
  const exchange = new Exchange();
  const clock = new WatchedClock();
  const sockets = () => {
    const longpoll = { windowMs };
    return {
      "/second": { socket: defineSocket(), channels: [], longpoll },
      "/first": { socket: defineSocket(), channels: [], longpoll },
    };
  };
  const home = await startNode({ pubsub: exchange.adapter(), sockets: sockets(), clock });
  const away = await startNode({ pubsub: exchange.adapter(), sockets: sockets(), clock });
  const atHome = await Poller.open(home.port, { path: "/first/longpoll?vsn=2.0.0" });
  const client = atHome.at(away.port);
  const body = '[null,"1","phoenix","heartbeat",{}]';
  const headers = { "x-phoenix-longpoll-token": client.token };
  const elsewhere = ask(away.port, { method: "POST", path: "/second/longpoll", headers, body });
  expect(await elsewhere.answer).toMatchObject({ status: 410 });
  const polled = client.poll();
  await clock.waits(restMs);
  await settled();
  expect(await atHome.send(body).answer).toMatchObject({ status: 200 });
  expect((await polled.answer).messages).toEqual([replyFrame(null, "1", "phoenix", "ok", {})]);
});

test("nodes of another secret know nothing of each other's sessions, and ask nobody", async () => {
  const exchange = new Exchange();
  const home = await startNode({ pubsub: exchange.adapter() });
  const other = "another secret, of other nodes, with its 64 characters .........";
  const away = await startNode({ pubsub: exchange.adapter(), secretKeyBase: other });
  const client = await Poller.open(home.port);
  expect(await client.at(away.port).send(note(1)).answer).toMatchObject({ status: 410 });
  expect(exchange.published).toEqual([]);
});
