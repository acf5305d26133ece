/** The conversation of session.test.ts and the returns of return.test.ts, as far as they differ when held over requests. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Answer, answer, type Client, connect, disconnectAll, joined, received } from "./client.ts";
import { type Seen, salt, startServer, type TestServer } from "./server.ts";
import { type Ability, type World, worldsThat } from "./world.ts";
import { offer, type Requests } from "./xml-http-request.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterEach(disconnectAll);
afterAll(() => server.close());

const waysOf = (...abilities: readonly Ability[]): readonly (readonly [string, Requests, World])[] =>
  worldsThat("longPoll", ...abilities).flatMap((world) => [
    [world.name, "xhr", world] as const,
    ...(world.can.has("fetch") ? [[world.name, "fetch", world] as const] : []),
  ]);

const connectByPoll = (world: World, url: string, options: Parameters<typeof connect>[2] = {}): Client =>
  connect(world, url, { transport: world.LongPoll, ...options });

const tokenOf = (userId: string): string => server.endpoint.tokens.sign(salt, userId);

const seenSince = (since: number, name: Seen["name"]): readonly Seen[] =>
  server.seen.all.slice(since).filter((event) => event.name === name);

describe.each(waysOf())("%s over long-poll with %s", (_name, requests, world) => {
  beforeEach(() => offer(requests));

  test("connects, joins and gets the reply of the join, or is told why not", async () => {
    const since = server.seen.all.length;
    const client = connectByPoll(world, server.openUrl);
    const join = client.socket.channel("room:hall", { colour: "grün" }).join();
    expect(await answer(join)).toEqual({ status: "ok", response: { welcome: "hall", params: { colour: "grün" } } });
    expect(seenSince(since, "socket.connected")).toEqual([
      { name: "socket.connected", mount: "/open", transport: "longpoll" },
    ]);
    const refused = client.socket.channel("room:locked");
    expect(await answer(refused.join())).toEqual({ status: "error", response: { reason: "locked", until: "noon" } });
    const unknown = client.socket.channel("cellar");
    expect(await answer(unknown.join())).toEqual({ status: "error", response: { reason: "unmatched topic" } });
    refused.leave();
    unknown.leave();
  });

  test("pushes and gets a reply: ok, error, one of another status, one given later, none in time", async () => {
    const { channel } = await joined(connectByPoll(world, server.openUrl), "room:hall");
    const n = { n: 1, text: "žluťoučký kůň" };
    expect(await answer(channel.push("echo", n))).toEqual({ status: "ok", response: n });
    expect(await answer(channel.push("fail"))).toMatchObject({ status: "error", response: { code: 42 } });
    expect(await answer(channel.push("queue"))).toEqual({ status: "queued", response: { position: 4 } });
    expect(await answer(channel.push("later"))).toEqual({ status: "ok", response: { at: "last" } });
    expect(await answer(channel.push("silent", {}, 5))).toMatchObject({ status: "timeout" });
    expect(await answer(channel.push("echo", n))).toEqual({ status: "ok", response: n });
  });

  test("hears broadcasts, those of clients with a WebSocket too, and is heard by them", async () => {
    const first = await joined(connectByPoll(world, server.openUrl), "room:mixed");
    const second = await joined(connectByPoll(world, server.openUrl), "room:mixed");
    const third = await joined(connect(world, server.openUrl), "room:mixed");
    const all = [first, second, third];
    const heard = all.map(({ channel }) => received(channel, "shouted"));
    for (const [by, { channel }] of all.entries()) {
      channel.push("shout", { by });
      for (const inbox of heard) expect(await inbox.next()).toEqual({ by });
    }
    const whispered = received(second.channel, "whispered");
    first.channel.push("whisper", { secret: 1 });
    expect(await whispered.next()).toEqual({ secret: 1 });
  });

  test("gets what is said to it in order, and all of it", async () => {
    const { channel } = await joined(connectByPoll(world, server.openUrl), "room:many");
    const shouted = received(channel, "shouted");
    for (let n = 0; n < 300; n += 1) {
      server.endpoint.broadcast("room:many", "shouted", { n });
      if (n % 50 === 0) await answer(channel.push("echo", { n }));
    }
    await shouted.find((payload) => (payload as { n: number }).n === 299);
    expect(shouted.all).toEqual(Array.from({ length: 300 }, (_, n) => ({ n })));
  });

  test("says much at once, and all of it arrives", async () => {
    const { channel } = await joined(connectByPoll(world, server.openUrl), "room:many");
    const pushes = Array.from({ length: 250 }, (_, n) => answer(channel.push("echo", { n })));
    expect(await Promise.all(pushes)).toEqual(pushes.map((_, n) => ({ status: "ok", response: { n } })));
  });

  test("talks on two topics at once, leaves one, and joins it again", async () => {
    const client = connectByPoll(world, server.openUrl);
    const left = await joined(client, "room:left");
    const stays = await joined(client, "room:stays");
    const ended = new Promise((resolve) => left.channel.onClose(resolve));
    expect(await answer(left.channel.leave())).toMatchObject({ status: "ok" });
    await ended;
    await client.messages.find(({ topic, event }) => topic === "room:left" && event === "phx_close");
    const before = client.messages.all.length;
    server.endpoint.broadcast("room:left", "shouted", {});
    expect(await answer(stays.channel.push("echo", {}))).toMatchObject({ status: "ok" });
    expect(client.messages.all.slice(before).map(({ topic }) => topic)).toEqual(["room:stays"]);
    const again = await joined(client, "room:left");
    expect(await answer(again.channel.push("echo", { n: 2 }))).toEqual({ status: "ok", response: { n: 2 } });
  });

  test("rejoins a channel that crashed; the session and its other channels notice nothing", async () => {
    const client = connectByPoll(world, server.openUrl);
    const { channel, joins } = await joined(client, "room:crash");
    const bystander = await joined(client, "room:bystander");
    channel.push("crash");
    expect(await joins.next()).toMatchObject({ status: "ok" });
    expect(await answer(channel.push("echo", { n: 1 }))).toEqual({ status: "ok", response: { n: 1 } });
    expect(await answer(bystander.channel.push("echo", { n: 2 }))).toEqual({ status: "ok", response: { n: 2 } });
    expect(bystander.joins.all).toHaveLength(1);
    expect(client.opens.all).toHaveLength(1);
  });

  test("is who its token among the params says, and is refused without", async () => {
    const me = await joined(connectByPoll(world, server.privateUrl, { params: { token: tokenOf("ada") } }), "me");
    expect(await answer(me.channel.push("whoami"))).toEqual({ status: "ok", response: { userId: "ada" } });
    const since = server.seen.all.length;
    const stranger = connectByPoll(world, server.privateUrl);
    await stranger.attempts.find((tries) => tries === 3);
    expect(stranger.opens.all).toEqual([]);
    expect(stranger.closes.all[0]).toBe(1008);
    const refused = seenSince(since, "socket.refused")[0];
    expect(refused).toMatchObject({ transport: "longpoll", code: "credential_missing" });
  });

  test("comes back after a cut connection and sends what waited", async () => {
    const client = connectByPoll(world, server.openUrl);
    const { channel, joins } = await joined(client, "room:lost", { seat: 7 });
    const waiting = new Promise<Promise<Answer>>((resolve) => {
      client.socket.onClose(() => resolve(answer(channel.push("echo", { n: 1 }))));
    });
    server.cut();
    expect(await await waiting).toEqual({ status: "ok", response: { n: 1 } });
    expect(joins.all).toEqual(Array(2).fill({ status: "ok", response: { welcome: "lost", params: { seat: 7 } } }));
  });
});

describe.each(waysOf("bytesBeyondAscii"))("%s over long-poll with %s", (_name, requests, world) => {
  beforeEach(() => offer(requests));

  // The other way has no form that the client can read.
  test("pushes bytes", async () => {
    const { channel } = await joined(connectByPoll(world, server.openUrl), "room:bytes");
    const bytes = new Uint8Array([0, 91, 128, 255, 10]).buffer;
    expect(await answer(channel.push("measure", bytes))).toEqual({ status: "ok", response: { bytes: 5 } });
  });
});

describe.each(waysOf("authToken"))("%s over long-poll with %s", (_name, requests, world) => {
  beforeEach(() => offer(requests));

  test("travels with its authToken in a header, and is refused with a bad one", async () => {
    const client = connectByPoll(world, server.privateUrl, { authToken: tokenOf("bob") });
    const { channel } = await joined(client, "me");
    expect(await answer(channel.push("whoami"))).toEqual({ status: "ok", response: { userId: "bob" } });
    const since = server.seen.all.length;
    const bad = connectByPoll(world, server.privateUrl, { authToken: "nonsense" });
    await bad.attempts.find((tries) => tries === 2);
    expect(bad.opens.all).toEqual([]);
    expect(seenSince(since, "socket.refused")[0]).toMatchObject({ transport: "longpoll", code: "credential_invalid" });
  });
});

describe.each(waysOf("goneSession"))("%s over long-poll with %s", (_name, requests, world) => {
  beforeEach(() => offer(requests));

  test.each<[string, (token: string) => Parameters<typeof connect>[2]]>([
    ["in a header", (token) => ({ authToken: token })],
    ["among the params", (token) => ({ params: { token } })],
  ])("comes back after the server has disconnected it, with its token %s", async (_place, withToken) => {
    const client = connectByPoll(world, server.privateUrl, withToken(tokenOf("ada")));
    const bob = connectByPoll(world, server.privateUrl, withToken(tokenOf("bob")));
    const [adas, bobs] = [await joined(client, "me"), await joined(bob, "me")];
    server.endpoint.disconnect("users:ada");
    await adas.joins.next();
    expect(await answer(adas.channel.push("whoami"))).toEqual({ status: "ok", response: { userId: "ada" } });
    expect(await answer(bobs.channel.push("whoami"))).toEqual({ status: "ok", response: { userId: "bob" } });
    expect(bob.closes.all).toEqual([]);
  });
});
