/** Clients hold a full conversation, each in its versions and in the versions of the protocol it speaks. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { answer, answers, connect, disconnectAll, joined, received } from "./client.ts";
import { Inbox } from "./inbox.ts";
import { startServer, type TestServer } from "./server.ts";
import { worlds, worldsThat } from "./world.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterEach(disconnectAll);
afterAll(() => server.close());

const bytes = (...values: number[]): ArrayBuffer => new Uint8Array(values).buffer;

describe.each(worlds)("$name, vsn $vsn", (world) => {
  test("connects with the version it says it speaks", async () => {
    const client = connect(world, server.openUrl);
    await client.opens.next();
    expect(client.socket.isConnected()).toBe(true);
    expect(new URL(client.socket.endPointURL()).searchParams.get("vsn")).toBe(world.vsn);
  });

  test("joins with params and gets the reply of the join", async () => {
    const client = connect(world, server.openUrl);
    const join = client.socket.channel("room:hall", { colour: "grün" }).join();
    expect(await answer(join)).toEqual({
      status: "ok",
      response: { welcome: "hall", params: { colour: "grün" } },
    });
  });

  test("is told why a join is refused", async () => {
    const client = connect(world, server.openUrl);
    const refused = client.socket.channel("room:locked");
    expect(await answer(refused.join())).toEqual({ status: "error", response: { reason: "locked", until: "noon" } });
    const unknown = client.socket.channel("cellar");
    expect(await answer(unknown.join())).toEqual({ status: "error", response: { reason: "unmatched topic" } });
    // Or they would go on trying, as the client does after every refused join.
    refused.leave();
    unknown.leave();
  });

  test("pushes and gets a reply: ok, error, one of another status, one given later", async () => {
    const { channel } = await joined(connect(world, server.openUrl), "room:hall");
    expect(await answer(channel.push("echo", { n: 1, text: "žluťoučký kůň" }))).toEqual({
      status: "ok",
      response: { n: 1, text: "žluťoučký kůň" },
    });
    expect(await answer(channel.push("fail"))).toEqual({
      status: "error",
      response: { reason: "not today", code: 42 },
    });
    expect(await answer(channel.push("queue"))).toEqual({ status: "queued", response: { position: 4 } });
    expect(await answer(channel.push("later"))).toEqual({ status: "ok", response: { at: "last" } });
  });

  test("times out on a push nobody answers, and goes on", async () => {
    const { channel } = await joined(connect(world, server.openUrl), "room:hall");
    expect(await answer(channel.push("silent", {}, 5))).toMatchObject({ status: "timeout" });
    expect(await answer(channel.push("echo", { n: 2 }))).toEqual({ status: "ok", response: { n: 2 } });
  });

  test("hears broadcasts, its own and those of a second client", async () => {
    const first = await joined(connect(world, server.openUrl), "room:broadcast");
    const second = await joined(connect(world, server.openUrl), "room:broadcast");
    const elsewhere = await joined(connect(world, server.openUrl), "room:elsewhere");
    const heard = [first, second, elsewhere].map(({ channel }) => received(channel, "shouted"));

    first.channel.push("shout", { by: "first" });
    expect(await heard[0]?.next()).toEqual({ by: "first" });
    expect(await heard[1]?.next()).toEqual({ by: "first" });
    second.channel.push("shout", { by: "second" });
    expect(await heard[0]?.next()).toEqual({ by: "second" });
    server.endpoint.broadcast("room:broadcast", "shouted", { by: "the server" });
    expect(await heard[1]?.next()).toEqual({ by: "second" });
    expect(await heard[1]?.next()).toEqual({ by: "the server" });

    server.endpoint.broadcast("room:elsewhere", "shouted", { by: "the end" });
    expect(await heard[2]?.next()).toEqual({ by: "the end" });
  });

  test("does not hear what it broadcasts to the others", async () => {
    const first = await joined(connect(world, server.openUrl), "room:whisper");
    const second = await joined(connect(world, server.openUrl), "room:whisper");
    const heard = received(second.channel, "whispered");
    const heardByItself = new Inbox<string>();
    first.channel.on("whispered", () => heardByItself.add("whispered"));
    first.channel.on("shouted", () => heardByItself.add("shouted"));

    first.channel.push("whisper", { secret: 1 });
    first.channel.push("shout", {});
    expect(await heard.next()).toEqual({ secret: 1 });
    // What is sent to one client arrives in order: had there been a whisper for it, it would have come first.
    expect(await heardByItself.next()).toBe("shouted");
  });

  test("talks on two topics at once, and each hears its own", async () => {
    const client = connect(world, server.openUrl);
    const rooms = [await joined(client, "room:left hand"), await joined(client, "room:right hand")];
    const heard = rooms.map(({ channel }) => received(channel, "shouted"));
    const answers = rooms.map(({ channel }, index) => answer(channel.push("echo", { index })));
    for (const [index, { channel }] of rooms.entries()) channel.push("shout", { index });
    expect(await Promise.all(answers)).toEqual([0, 1].map((index) => ({ status: "ok", response: { index } })));
    expect(await Promise.all(heard.map((inbox) => inbox.next()))).toEqual([{ index: 0 }, { index: 1 }]);
    rooms[0]?.channel.leave();
    expect(await answer((rooms[1] as (typeof rooms)[0]).channel.push("echo", {}))).toMatchObject({ status: "ok" });
    expect(heard.map(({ all }) => all.length)).toEqual([1, 1]);
  });

  test("gets what the server pushes to it alone", async () => {
    const { channel } = await joined(connect(world, server.openUrl), "room:hall");
    const other = await joined(connect(world, server.openUrl), "room:hall");
    const [poked, othersPoked] = [received(channel, "poked"), received(other.channel, "poked")];
    channel.push("poke", { with: "a stick" });
    expect(await poked.next()).toEqual({ with: "a stick" });
    other.channel.push("poke", { with: "a feather" });
    expect(await othersPoked.next()).toEqual({ with: "a feather" });
  });

  test("leaves, and hears nothing of the topic any more", async () => {
    const leaving = connect(world, server.openUrl);
    const { channel } = await joined(leaving, "room:left");
    const { channel: stays } = await joined(leaving, "room:stays");
    const other = await joined(connect(world, server.openUrl), "room:left");
    const heard = received(other.channel, "shouted");

    const ended = new Promise((resolve) => channel.onClose(resolve));
    const left = server.seen.all.length;
    expect(await answer(channel.leave())).toMatchObject({ status: "ok" });
    await ended;
    expect(channel.state).toBe("closed");
    // The client calls itself gone at once; a round trip on the same connection says that the server has heard it.
    await answer(stays.push("echo", {}));
    expect(server.seen.all.slice(left)).toContainEqual({
      name: "channel.left",
      mount: "/open",
      pattern: "room:{name}",
      reason: "left",
    });

    other.channel.push("shout", { after: "the end" });
    await heard.next();
    await answer(stays.push("echo", {}));
    expect(leaving.messages.all.filter(({ event }) => event === "shouted")).toEqual([]);
  });

  test("is told that the server has ended a channel, and stays away", async () => {
    const client = connect(world, server.openUrl);
    const { channel, joins } = await joined(client, "room:ended");
    const closed = new Promise((resolve) => channel.onClose(resolve));
    expect(await answer(channel.push("end"))).toEqual({ status: "ok", response: { bye: true } });
    await closed;
    expect(channel.state).toBe("closed");
    const again = await joined(client, "room:ended");
    expect(await answer(again.channel.push("echo", { n: 3 }))).toEqual({ status: "ok", response: { n: 3 } });
    expect(joins.all).toHaveLength(1);
  });

  test("leaves and joins the same topic again", async () => {
    const client = connect(world, server.openUrl);
    const first = await joined(client, "room:again");
    first.channel.leave();
    await client.messages.find(({ topic, event }) => topic === "room:again" && event === "phx_close");
    const second = await joined(client, "room:again");
    expect(await answer(second.channel.push("echo", { n: 4 }))).toEqual({ status: "ok", response: { n: 4 } });
  });

  test("is told that its channel is closed when a second join comes without a leave", async () => {
    const client = connect(world, server.openUrl);
    const { channel } = await joined(client, "room:usurped");
    const closed = new Promise((resolve) => channel.onClose(resolve));
    const ref = client.socket.makeRef();
    client.socket.push({ topic: "room:usurped", event: "phx_join", payload: {}, ref, join_ref: ref });
    await closed;
    expect(channel.state).toBe("closed");
    expect(await client.messages.find((message) => message.ref === ref)).toMatchObject({ payload: { status: "ok" } });
  });

  test("beats, and the server's answer keeps it alive", async () => {
    const client = connect(world, server.openUrl, { heartbeatIntervalMs: 250 });
    const beat = await client.messages.find(({ topic }) => topic === "phoenix");
    expect(beat).toMatchObject({ event: "phx_reply", payload: { status: "ok", response: {} } });
    expect(client.closes.all).toEqual([]);
  });

  test("keeps the order of many pushes, their replies and broadcasts", async () => {
    const client = connect(world, server.openUrl);
    const { channel } = await joined(client, "room:order");
    const before = client.messages.all.length;
    const numbers = Array.from({ length: 50 }, (_, index) => index);
    const last = numbers.map((n) => answers(channel.push(n % 2 === 0 ? "echo" : "shout", { n }))).at(-2);
    await last?.next();
    await client.messages.find(({ payload }) => (payload as { n?: number }).n === 49);
    const came = client.messages.all.slice(before).map(({ payload }) => {
      const { n, response } = payload as { n?: number; response?: { n: number } };
      return n ?? response?.n;
    });
    expect(came).toEqual(numbers);
  });
});

// In version 1 the close of the first instance doesn't say whom it is for, and the client takes it for the second.
describe.each(worldsThat("leavesDuplicates"))("$name, vsn $vsn", (world) => {
  test("joins a topic again over the same connection: the first instance ends, the second works", async () => {
    const client = connect(world, server.openUrl);
    const first = await joined(client, "room:twice");
    const firstClosed = new Promise((resolve) => first.channel.onClose(resolve));
    const second = await joined(client, "room:twice");
    await firstClosed;
    const heard = received(second.channel, "shouted");
    second.channel.push("shout", { once: true });
    expect(await heard.next()).toEqual({ once: true });
    expect(await answer(second.channel.push("echo", {}))).toEqual({ status: "ok", response: {} });
    expect(client.messages.all.filter(({ event }) => event === "shouted")).toHaveLength(1);
    expect([first.channel.state, second.channel.state]).toEqual(["closed", "joined"]);
  });
});

describe.each(worldsThat("ping"))("$name, vsn $vsn", (world) => {
  test("measures a round trip", async () => {
    const client = connect(world, server.openUrl);
    await client.opens.next();
    expect(await new Promise<number>((resolve) => client.socket.ping(resolve))).toBeGreaterThanOrEqual(0);
  });
});

describe.each(worldsThat("bytes"))("$name, vsn $vsn", (world) => {
  test("pushes bytes and gets bytes back", async () => {
    const { channel } = await joined(connect(world, server.openUrl), "room:bytes");
    const [poked, shouted] = [received(channel, "poked"), received(channel, "shouted")];
    expect(await answer(channel.push("reverse", bytes(0, 1, 2, 255)))).toEqual({
      status: "ok",
      response: bytes(255, 2, 1, 0),
    });
    expect(await answer(channel.push("refuseBytes", bytes(7)))).toEqual({ status: "error", response: bytes(7) });
    expect(await answer(channel.push("reverse", bytes()))).toEqual({ status: "ok", response: bytes() });
    channel.push("pokeBytes", bytes(1, 128));
    expect(await poked.next()).toEqual(bytes(1, 128));
    channel.push("shoutBytes", bytes(2, 129));
    expect(await shouted.next()).toEqual(bytes(2, 129));
  });
});

describe.each(worldsThat("bytesBeyondAscii"))("$name, vsn $vsn", (world) => {
  test("pushes bytes to a topic with letters beyond ASCII", async () => {
    const { channel } = await joined(connect(world, server.openUrl), "room:žluť");
    expect(await answer(channel.push("reverse", bytes(1, 2)))).toEqual({ status: "ok", response: bytes(2, 1) });
  });
});
