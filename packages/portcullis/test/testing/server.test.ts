/** A client is tested against a server in memory: here the official client, whose behaviour is known. */
import { createRequire } from "node:module";
import * as phoenix18 from "phoenix";
import * as phoenix17 from "phoenix-1.7";
import { reject, reply, stop } from "portcullis";
import { createTestServer, type ScriptedServer, type TestServer } from "portcullis/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Inbox } from "../clients/inbox.ts";
import { application } from "./support.ts";

type Socket = phoenix18.Socket;

const phoenix16 = createRequire(import.meta.url)("phoenix-1.6") as typeof phoenix18;

const sockets: Socket[] = [];
let server: ScriptedServer;

beforeEach(() => {
  server = createTestServer();
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) {
    socket.disconnect();
    socket.reconnectTimer.reset();
  }
  await server.stop();
});

function open(of: TestServer = server, options: phoenix18.SocketOptions = {}, client = phoenix18, path = "/socket") {
  const socket = new client.Socket(`ws://anywhere${path}`, {
    transport: of.WebSocket,
    reconnectAfterMs: () => 1,
    rejoinAfterMs: () => 1,
    ...options,
  });
  const closes = new Inbox<number>();
  const errors = new Inbox<string>();
  socket.onClose(({ code }) => closes.add(code));
  socket.onError(({ message }) => errors.add(message));
  socket.connect();
  sockets.push(socket);
  return { socket, closes, errors };
}

function answer(push: phoenix18.Push): Promise<unknown> {
  return new Promise((resolve) => {
    for (const status of ["ok", "error", "queued", "timeout"])
      push.receive(status, (response) => resolve({ status, response }));
  });
}

describe.each([
  ["1.8", phoenix18],
  ["1.7", phoenix17],
  ["1.6", phoenix16],
] as const)("phoenix.js %s", (_name, client) => {
  test("joins, pushes, hears and leaves", async () => {
    server.on("room:{id}", {
      join: (payload, channel) => ({ ...payload, id: channel.topicParams["id"] }),
      events: {
        say: (payload) => ({ said: payload }),
        ping: { pong: true },
        busy: () => reply("queued", { place: 2 }),
      },
    });
    const { socket } = open(server, {}, client);
    const room = socket.channel("room:7", { since: 3 });
    expect(await answer(room.join())).toEqual({ status: "ok", response: { since: 3, id: "7" } });
    expect(await answer(room.push("say", { text: "hi" }))).toEqual({
      status: "ok",
      response: { said: { text: "hi" } },
    });
    expect(await answer(room.push("ping"))).toEqual({ status: "ok", response: { pong: true } });
    expect(await answer(room.push("busy"))).toEqual({ status: "queued", response: { place: 2 } });
    const news = new Inbox<unknown>();
    room.on("news", (payload) => news.add(payload));
    server.push("room:7", "news", { headline: "none" });
    expect(await news.next()).toEqual({ headline: "none" });
    await server.assertReceived({ topic: "room:7", event: "phx_join", payload: { since: 3 } });
    expect(server.received.map(({ event }) => event)).toEqual(["phx_join", "say", "ping", "busy"]);
    expect(await answer(room.leave())).toEqual({ status: "ok", response: {} });
    await server.assertReceived({ event: "phx_leave" });
  });

  test("sends bytes and gets them", async () => {
    server.on("bytes", { events: { echo: (payload) => payload } });
    const { socket } = open(server, {}, client);
    const channel = socket.channel("bytes");
    await answer(channel.join());
    const { response } = (await answer(channel.push("echo", new Uint8Array([1, 0, 255]).buffer))) as {
      response: ArrayBuffer;
    };
    expect(new Uint8Array(response)).toEqual(new Uint8Array([1, 0, 255]));
  });

  test("comes back, and joins again, after every kind of accident", async () => {
    server.on("room");
    const { socket, closes } = open(server, {}, client);
    await server.assertConnected();
    await answer(socket.channel("room").join());
    await server.assertReceived({ event: "phx_join" });
    server.close(4_001, "bye");
    expect(await closes.next()).toBe(4_001);
    await server.assertConnected();
    await server.assertReceived({ event: "phx_join" });
    server.drop();
    expect(await closes.next()).toBe(1_006);
    await server.assertConnected();
    await server.assertReceived({ event: "phx_join" });
    server.crash("room");
    await server.assertReceived({ event: "phx_join" });
    server.refuse({ times: 2 });
    server.close();
    expect([await closes.next(), await closes.next(), await closes.next()]).toEqual([1_001, 1_006, 1_006]);
    await server.assertConnected();
    await server.assertReceived({ event: "phx_join" });
  });
});

describe("a script", () => {
  test("refuses joins, and topics it doesn't know", async () => {
    server.on("room:*", { join: ({ token }) => (token === "good" ? undefined : reject("unauthorized", { hint: 1 })) });
    const { socket } = open();
    expect(await answer(socket.channel("room:1", { token: "bad" }).join())).toEqual({
      status: "error",
      response: { reason: "unauthorized", hint: 1 },
    });
    expect(await answer(socket.channel("room:2", { token: "good" }).join())).toEqual({ status: "ok", response: {} });
    expect(await answer(socket.channel("other").join())).toEqual({
      status: "error",
      response: { reason: "unmatched topic" },
    });
  });

  test("is changed by saying it again", async () => {
    server.on("room", { events: { ask: 1 } });
    const { socket } = open();
    const channel = socket.channel("room");
    await answer(channel.join());
    expect(await answer(channel.push("ask"))).toEqual({ status: "ok", response: 1 });
    server.on("room", { events: { ask: () => Promise.resolve(reject("no more")) } });
    expect(await answer(channel.push("ask"))).toEqual({ status: "error", response: { reason: "no more" } });
  });

  test("ends channels gently, by itself or at a word", async () => {
    server.on("room:*", { events: { bye: () => stop({ reply: {} }) } });
    const { socket } = open();
    const ended = new Inbox<string>();
    for (const topic of ["room:1", "room:2"]) {
      const channel = socket.channel(topic);
      channel.onClose(() => ended.add(topic));
      await answer(channel.join());
      if (topic === "room:1") channel.push("bye");
    }
    expect(await ended.next()).toBe("room:1");
    server.closeChannel("room:2");
    expect(await ended.next()).toBe("room:2");
  });

  test("crashes a channel for an event it has no answer to", async () => {
    server.on("room");
    const { socket } = open();
    const channel = socket.channel("room");
    const crashed = new Promise((resolve) => channel.onError(resolve));
    await answer(channel.join());
    channel.push("nonsense");
    await crashed;
  });

  test("decides who may connect", async () => {
    await server.stop();
    server = createTestServer({
      path: "/live/ws",
      connect: ({ authToken, params }) => (authToken === "good" && params["region"] === "eu" ? {} : reject("no")),
    });
    const good = open(server, { authToken: "good", params: { region: "eu" } }, phoenix18, "/live/ws");
    const { url } = await server.assertConnected();
    expect(url).toContain("/live/ws/websocket?region=eu&vsn=2.0.0");
    expect(good.socket.isConnected()).toBe(true);
    const bad = open(server, { authToken: "bad" }, phoenix18, "/live/ws");
    expect(await bad.errors.next()).toBe("Unexpected server response: 403");
    const lost = open(server, {}, phoenix18, "/elsewhere");
    expect(await lost.errors.next()).toBe("Unexpected server response: 404");
  });
});

describe("what is held back", () => {
  test("arrives late and in its order", async () => {
    server.on("room", { events: { ask: 1 } });
    const { socket } = open();
    const channel = socket.channel("room");
    await answer(channel.join());
    const heard: unknown[] = [];
    channel.on("news", (payload) => heard.push(payload));
    server.hold();
    const asked = answer(channel.push("ask"));
    await server.assertReceived({ event: "ask" });
    server.push("room", "news", { n: 1 });
    server.push("room", "news", { n: 2 });
    expect(heard).toEqual([]);
    server.release();
    expect(await asked).toEqual({ status: "ok", response: 1 });
    await expect.poll(() => heard).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test("makes a client whose heartbeat is lost give up and come back", async () => {
    server = createTestServer({ withinMs: 15_000 });
    open(server, { heartbeatIntervalMs: 10 });
    await server.assertConnected();
    await server.assertReceived({ topic: "phoenix", event: "heartbeat" });
    server.hold();
    // It waits for its own close to be answered as well, and gives up on that too.
    await server.assertConnected();
  });
});

test("an endpoint of one's own can be behind it", async () => {
  const endpoint = application();
  const own = createTestServer({ endpoint });
  const { socket } = open(own, {}, phoenix18, "/open/acme");
  const channel = socket.channel("echo:1");
  await answer(channel.join());
  expect(await answer(channel.push("echo", { n: 1 }))).toEqual({ status: "ok", response: { n: 1 } });
  expect(endpoint.connectionCount).toBe(1);
  await own.stop();
});

describe("what came instead", () => {
  test("is named when an assertion fails", async () => {
    await server.stop();
    server = createTestServer({ withinMs: 50 });
    const { socket } = open();
    await server.assertConnected();
    await answer(socket.channel("room", { secret: 1 }).join());
    await expect(server.assertReceived({ topic: "rooms" })).rejects.toThrow(
      /the client to send a message like \{ topic: 'rooms' \}; it did not come within 50 ms\.\nWhat came:\n {2}"room" "phx_join" \{ secret: 1 \} {3}\(at topic: expected 'rooms', got 'room'\)/,
    );
    await expect(server.assertConnected()).rejects.toThrow("a client to connect; it did not come");
  });
});
