/** The same server on a real port, for clients that can't be given a class. */
import { once } from "node:events";
import { createTestServer, type NetworkDoor, type ScriptedServer } from "portcullis/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { serializerV1 } from "../../src/protocol/serializer-v1.ts";
import { binaryPush } from "../support/wire.ts";

let server: ScriptedServer;
let door: NetworkDoor;

beforeEach(async () => {
  server = createTestServer().on("room", { events: { say: (payload) => payload, bytes: (payload) => payload } });
  door = await server.listen();
});

afterEach(() => server.stop());

async function client(query = "vsn=2.0.0", path = "/socket/websocket"): Promise<WebSocket> {
  const socket = new WebSocket(`${door.url}${path}?${query}`);
  await Promise.race([
    once(socket, "open"),
    once(socket, "error").then(([error]) => {
      throw error;
    }),
  ]);
  return socket;
}

async function said(socket: WebSocket): Promise<unknown> {
  const [data, isBinary] = (await once(socket, "message")) as [Buffer, boolean];
  return isBinary ? data : JSON.parse(data.toString());
}

describe("what comes over the network", () => {
  test("is answered, and recorded", async () => {
    const socket = await client();
    const { url, headers } = await server.assertConnected();
    expect(url).toBe("/socket/websocket?vsn=2.0.0");
    expect(headers["sec-websocket-version"]).toBe("13");
    socket.send(JSON.stringify(["1", "1", "room", "phx_join", { a: 1 }]));
    expect(await said(socket)).toEqual(["1", "1", "room", "phx_reply", { status: "ok", response: {} }]);
    await server.assertReceived({ topic: "room", event: "phx_join", payload: { a: 1 } });
    server.push("room", "news", { n: 1 });
    expect(await said(socket)).toEqual([null, null, "room", "news", { n: 1 }]);
  });

  test("is recorded in the version it has, as text and as bytes", async () => {
    const [one, two] = [await client("vsn=1.0.0"), await client()];
    one.send(JSON.stringify({ topic: "room", event: "phx_join", payload: { one: 1 }, ref: "1" }));
    await server.assertReceived({ event: "phx_join", payload: { one: 1 } });
    expect(serializerV1.decode(JSON.stringify(await said(one)))).toMatchObject({ event: "phx_reply", ref: "1" });
    two.send(JSON.stringify(["1", "1", "room", "phx_join", {}]));
    await said(two);
    const bytes = new Uint8Array([7, 0, 255]);
    two.send(binaryPush("1", "2", "room", "bytes", bytes));
    await server.assertReceived({ topic: "room", event: "bytes", payload: bytes });
  });

  test("is recorded however it is cut, masked and long", async () => {
    const socket = await client();
    const text = (event: string, length: number) =>
      JSON.stringify([null, "1", "phoenix", event, { text: "ü".repeat(length) }]);
    for (const length of [1, 60, 200, 40_000]) socket.send(text(`long ${length}`, length));
    const whole = text("pieces", 300);
    const bytes = Buffer.from(whole);
    for (const [from, to] of [
      [0, 100],
      [100, 101],
      [101, bytes.length],
    ] as const)
      socket.send(bytes.subarray(from, to), { fin: to === bytes.length, binary: false });
    socket.ping();
    socket.send("no message");
    await server.assertReceived({ frame: "no message" });
    expect(server.received.map(({ frame }) => frame)).toEqual([
      ...[1, 60, 200, 40_000].map((length) => text(`long ${length}`, length)),
      whole,
      "no message",
    ]);
  });

  test("is refused, with the status that was asked for", async () => {
    server.refuse({ status: 429, times: 2 });
    await expect(client()).rejects.toThrow("Unexpected server response: 429");
    await expect(client()).rejects.toThrow("Unexpected server response: 429");
    await client();
    await expect(client("vsn=2.0.0", "/elsewhere")).rejects.toThrow("Unexpected server response: 404");
  });

  test("is closed with any code, or cut", async () => {
    const [closed, cut] = [await client(), await client()];
    const both = Promise.all([once(closed, "close"), once(cut, "close")]);
    server.close(4_321, "so long");
    for (const [code, reason] of await both) expect([code, String(reason)]).toEqual([4_321, "so long"]);
    const third = await client();
    server.drop();
    expect((await once(third, "close"))[0]).toBe(1_006);
    await expect.poll(() => server.endpoint.connectionCount).toBe(0);
  });

  test("ends with the server", async () => {
    const socket = await client();
    const closed = once(socket, "close");
    await server.stop();
    await closed;
    await expect(client()).rejects.toThrow("ECONNREFUSED");
  });
});
