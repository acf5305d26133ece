/** The class that stands in for the browser's WebSocket behaves like it. */
import { RealtimeClient } from "@supabase/realtime-js";
import { createTestServer, type MemoryWebSocket, type ScriptedServer } from "portcullis/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let server: ScriptedServer;

beforeEach(() => {
  server = createTestServer().on("room", { events: { echo: (payload) => payload } });
});

afterEach(() => server.stop());

/** What happens to a socket, in order. */
function observe(socket: MemoryWebSocket): string[] {
  const seen: string[] = [];
  socket.onopen = () => seen.push("open");
  socket.onmessage = ({ data }) => seen.push(`message ${typeof data}`);
  socket.onerror = ({ message }) => seen.push(`error ${message}`);
  socket.onclose = ({ code, reason, wasClean }) => seen.push(`close ${code} ${reason} ${wasClean}`);
  return seen;
}

function next(socket: MemoryWebSocket, type: string): Promise<Event> {
  return new Promise((resolve) => socket.addEventListener(type, resolve, { once: true }));
}

function open(query = "vsn=2.0.0"): MemoryWebSocket {
  return new server.WebSocket(`ws://anywhere/socket/websocket?${query}`);
}

const heartbeat = JSON.stringify([null, "1", "phoenix", "heartbeat", {}]);

describe("a connection", () => {
  test("opens later, never at once, and speaks when it is open", async () => {
    const socket = open();
    const seen = observe(socket);
    expect([socket.readyState, server.WebSocket.CONNECTING, socket.OPEN]).toEqual([0, 0, 1]);
    expect(() => socket.send("too early")).toThrow("CONNECTING");
    await next(socket, "open");
    expect([socket.readyState, socket.url]).toEqual([1, "ws://anywhere/socket/websocket?vsn=2.0.0"]);
    socket.send(heartbeat);
    expect(seen).toEqual(["open"]);
    const { data } = (await next(socket, "message")) as Event & { data: string };
    expect(JSON.parse(data)).toEqual([null, "1", "phoenix", "phx_reply", { status: "ok", response: {} }]);
    socket.close(3_000, "done");
    expect(socket.readyState).toBe(2);
    await next(socket, "close");
    expect(seen).toEqual(["open", "message string", "close 3000 done true"]);
    expect([socket.readyState, server.endpoint.connectionCount]).toEqual([3, 0]);
    socket.send("too late");
    socket.close();
  });

  test("that is closed before it opens fails", async () => {
    const socket = open();
    const seen = observe(socket);
    socket.close();
    await next(socket, "close");
    expect(seen).toEqual(["error closed before the connection was established", "close 1006  false"]);
  });

  test("that is refused fails, and can't tell why but by the message", async () => {
    server.refuse({ status: 429 });
    const socket = open();
    const seen = observe(socket);
    await next(socket, "close");
    expect(seen).toEqual(["error Unexpected server response: 429", "close 1006  false"]);
  });

  test("is closed by the server with its own codes", async () => {
    const socket = open();
    const seen = observe(socket);
    await next(socket, "open");
    socket.send("no message");
    await next(socket, "close");
    expect(seen).toEqual(["open", "close 1011  true"]);
  });

  test.each([0, 999, 1_001, 2_999, 5_000])("is not closed by a program with code %i", async (code) => {
    const socket = open();
    await next(socket, "open");
    expect(() => socket.close(code)).toThrow(DOMException);
  });

  test("offers subprotocols, and gives up where none is taken", async () => {
    const token = `base64url.bearer.phx.${Buffer.from("secret").toString("base64")}`;
    const socket = new server.WebSocket("ws://anywhere/socket/websocket?vsn=2.0.0", ["phoenix", token]);
    await next(socket, "open");
    expect(socket.protocol).toBe("phoenix");
    const other = new server.WebSocket("ws://anywhere/socket/websocket", "mqtt");
    const seen = observe(other);
    await next(other, "close");
    expect(seen).toEqual(["error Unexpected server response: 403", "close 1006  false"]);
  });

  test.each([
    ["arraybuffer", "ArrayBuffer"],
    ["blob", "Blob"],
    ["nodebuffer", "Buffer"],
  ])("gives bytes as %s", async (binaryType, name) => {
    const socket = open();
    socket.binaryType = binaryType;
    await next(socket, "open");
    socket.send(JSON.stringify(["1", "1", "room", "phx_join", {}]));
    await next(socket, "message");
    const bytes = Uint8Array.from([0, 1, 1, 4, 4, ...Buffer.from("12roomecho"), 7]);
    socket.send(bytes.buffer);
    bytes.fill(0);
    const { data } = (await next(socket, "message")) as Event & { data: object };
    expect(data.constructor.name).toBe(name);
    await server.assertReceived({ event: "echo", payload: new Uint8Array([7]) });
  });
});

test("Supabase's client takes it as its transport", async () => {
  await server.stop();
  server = createTestServer({ path: "/realtime/v1" }).on("realtime:room", {
    join: () => ({ postgres_changes: [] }),
    events: { access_token: undefined },
  });
  const client = new RealtimeClient("ws://anywhere/realtime/v1", {
    transport: server.WebSocket as never,
    params: { apikey: "key" },
  });
  const channel = client.channel("room");
  await new Promise<void>((resolve) => {
    channel.subscribe((status) => status === "SUBSCRIBED" && resolve());
  });
  const { url } = await server.assertConnected();
  expect(url).toContain("/realtime/v1/websocket?apikey=key");
  await client.disconnect();
});
