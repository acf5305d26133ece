/** A long-poll session's token is a credential: it is nobody's business but its client's (security rows 2.1 and 5.1). */
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { defineSocket, reject, signedToken } from "../../src/index.ts";
import { settled } from "../support/clock.ts";
import { Exchange } from "../support/exchange.ts";
import { type Node, startNode } from "../support/node.ts";
import { ask, longpollPath, ndjson, Poller } from "../support/poller.ts";
import { WatchedClock } from "../support/watched-clock.ts";
import { secretKeyBase, tokenSalt } from "./support/arena.ts";

const windowMs = 8_000;
const payloadMark = "payload-mark-4711";
const paramMark = "param-mark-0815";
const colours = "\u001b[31mred\u001b[0m";
const forgery = "\r\n[error] portcullis: all is lost\u2028";

/** Whatever a program gets hold of without asking a client. */
const show = (value: unknown): string =>
  inspect(value, { depth: 20, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null });

async function cluster(): Promise<{ home: Node; away: Node; exchange: Exchange; clock: WatchedClock }> {
  const exchange = new Exchange();
  const clock = new WatchedClock();
  const node = (): Promise<Node> => {
    const socket = defineSocket({
      authenticate: signedToken({ salt: tokenSalt, maxAgeSeconds: 3_600 }),
      connect({ identity, params }) {
        if (params["room"] === "refuse") return reject(String(params["why"] ?? "no"));
        if (params["room"] === "throw") throw new Error("connect is broken");
        return { userId: identity.subject };
      },
      id: ({ userId }) => `users:${userId}`,
    });
    const room = socket.channel("room:{name}", { authorize: "everyone" }).on({
      boom() {
        throw new Error("a handler is broken");
      },
      hang: () => new Promise<object>(() => {}),
      note() {},
    });
    const longpoll = { windowMs, outgoingBytesMax: 20_000, sessionsMax: 6, frameBytesMax: 10_000 };
    const limits = { pendingFramesMax: 2 };
    return startNode({
      pubsub: exchange.adapter(),
      clock,
      sockets: { "/socket": { socket, channels: [room], longpoll, limits } },
    });
  };
  return { home: await node(), away: await node(), exchange, clock };
}

test("nothing that is logged, reported, shown or thrown holds a token, a secret, a payload or a param", async () => {
  const { home, away, clock } = await cluster();
  const auth = home.endpoint.tokens.sign(tokenSalt, "ada");
  const headers = { "x-phoenix-authtoken": auth };
  const enter = (query = ""): Promise<Poller> => Poller.open(home.port, { headers, path: longpollPath + query });
  const clients = [await enter(), await enter(`&p=${paramMark}`), await enter(), await enter()];
  const [first, second, third, fourth] = clients as [Poller, Poller, Poller, Poller];
  const tokens = clients.map(({ token }) => token);
  const query = `&room=throw&token=${first.token}&p=${paramMark}`;

  // Refused in every way, with secrets in all of them.
  for (const asking of [
    { path: `${longpollPath}&token=${first.token}x`, headers: { "x-phoenix-authtoken": `${auth}x` } },
    { headers: { ...headers, authorization: `Bearer ${auth}` } },
    { path: longpollPath + query, headers: { ...headers, "x-phoenix-longpoll-token": "" } },
    { path: `${longpollPath}&room=refuse`, headers },
    { path: `/socket/longpoll?vsn=${paramMark}`, headers },
    { headers: { ...headers, origin: "https://evil.example", "x-phoenix-longpoll-token": first.token } },
    { method: "PUT", headers: { ...headers, "x-phoenix-longpoll-token": first.token }, body: payloadMark },
  ]) {
    await ask(home.port, asking).answer;
  }

  // Ended, dropped and failed in every way.
  await first.join("room:a");
  await first.post("1", "2", "room:a", "boom", { text: payloadMark });
  await first.send(`["1","2","room:a","note",{"text":"${payloadMark}"`).answer;
  await second.join("room:b");
  for (let count = 0; count < 4; count += 1) {
    home.endpoint.broadcast("room:b", "news", { text: payloadMark + "x".repeat(10_000) });
  }
  await third.join("room:c");
  const lines = ["hang", "note", "note", "note"].map((event) => `["1","2","room:c","${event}",{"a":"${payloadMark}"}]`);
  const stuck = third.send(lines.join("\n"), { "content-type": ndjson });
  await clock.waits(windowMs);
  clock.advance(windowMs);
  expect(await stuck.answer).toMatchObject({ status: 408 });
  await fourth.send(`${payloadMark}*`, { "content-type": ndjson }).answer;
  await fourth.send(`["${payloadMark}${"x".repeat(11_000)}`).answer;

  // Asked for on another node, and lost on the way.
  const elsewhere = fourth.at(away.port);
  const polled = elsewhere.poll();
  await clock.waits(windowMs + 2_000);
  expect(await elsewhere.post(null, "1", "phoenix", "heartbeat", {})).toMatchObject({ status: 200 });
  expect((await polled.answer).messages).toHaveLength(1);
  await ask(away.port, { headers: { ...headers, "x-phoenix-longpoll-token": `${fourth.token}x` } }).answer;

  const held = [home, away].map(({ said, events, endpoint }) =>
    show({ said, events, endpoint, tokens: endpoint.tokens }),
  );
  const text = held.join("\n");
  // It has happened: what is not said here is not said because nothing was.
  for (const code of ["credential_invalid", "credential_ambiguous", "connect_failed", "connect_refused"]) {
    expect(text).toContain(code);
  }
  for (const code of [
    "frame_invalid",
    "slow_reader",
    "stalled",
    "post_unreadable",
    "post_too_large",
    "handler_failed",
  ]) {
    expect(text).toContain(code);
  }
  const pieces = [auth, ...tokens].flatMap((token) => [
    token,
    token.split(".")[1] as string,
    token.split(".")[2] as string,
  ]);
  for (const secret of [...pieces, secretKeyBase, payloadMark]) expect(text.includes(secret), secret).toBe(false);
  // A version that is not spoken is quoted, and is the only param that is.
  expect(text.split(paramMark).length - 1).toBeLessThanOrEqual(1);
});

test("what a client sends makes no line of its own in the log, and no colours", async () => {
  const { home } = await cluster();
  const headers = { "x-phoenix-authtoken": home.endpoint.tokens.sign(tokenSalt, "ada") };
  const hostile = encodeURIComponent(colours + forgery);
  for (const path of [`/socket/longpoll?vsn=${hostile}`, `${longpollPath}&room=refuse&why=${hostile}`]) {
    expect(await ask(home.port, { path, headers }).answer).toMatchObject({ status: 403 });
  }
  const client = await Poller.open(home.port, { headers });
  await client.join("room:a");
  await client.send(`["1","2","room:a","${colours}","${forgery}"`).answer;
  const said = home.said.map(({ message }) => message);
  expect(said.length).toBeGreaterThanOrEqual(3);
  for (const message of said) {
    expect(message).not.toMatch(/\p{Cc}|\p{Zl}|\p{Zp}/u);
  }
});

test("what nodes say to each other holds the session's name, and never its token or its client's credential", async () => {
  const { home, away, exchange, clock } = await cluster();
  const auth = home.endpoint.tokens.sign(tokenSalt, "ada");
  const client = await Poller.open(home.port, { headers: { "x-phoenix-authtoken": auth } });
  const elsewhere = client.at(away.port);
  const polled = elsewhere.poll();
  await clock.waits(windowMs + 2_000);
  await elsewhere.post(null, "1", "phoenix", "heartbeat", {});
  await polled.answer;
  await settled();
  const text = exchange.published.map((published) => published.text).join("\n");
  expect(text).toContain('"poll"');
  expect(text).toContain("heartbeat");
  for (const secret of [auth, client.token, client.token.split(".")[2] as string]) expect(text).not.toContain(secret);
});
