/** What clients make of close codes: the server of this library may only use those after which everybody comes back. */
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { answer, connect, disconnectAll, joined } from "./client.ts";
import { startServer, type TestServer } from "./server.ts";
import { type World, worlds } from "./world.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterEach(disconnectAll);
afterAll(() => server.close());

/** Closes every connection with the code that the URL asks for. */
let closing: WebSocketServer;
beforeAll(async () => {
  closing = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  closing.on("connection", (socket, { url = "" }) => {
    socket.close(Number(new URL(url, "ws://any").searchParams.get("code")));
  });
  await new Promise((resolve) => closing.once("listening", resolve));
});
afterAll(() => closing.close());

const connectToBeClosed = (world: World, code: number): ReturnType<typeof connect> =>
  connect(world, `ws://127.0.0.1:${(closing.address() as AddressInfo).port}`, { params: { code } });

describe.each(worlds)("$name, vsn $vsn", (world) => {
  test.each([
    ["a frame that is no message", "nonsense", 1011],
    ["a message over the limit", "x".repeat(2 ** 20 + 1), 1009],
  ])("that sends %s is closed, comes back and rejoins", async (_name, frame, code) => {
    const client = connect(world, server.openUrl);
    const { channel, joins } = await joined(client, "room:closed", { seat: 4 });
    // By another way than the client's own: it would never send that.
    (client.socket.conn as { send(data: string): void } | null)?.send(frame);
    expect(await client.closes.next()).toBe(code);
    expect(await joins.next()).toEqual({ status: "ok", response: { welcome: "closed", params: { seat: 4 } } });
    expect(await answer(channel.push("echo", { n: 1 }))).toEqual({ status: "ok", response: { n: 1 } });
  });

  test.each([1001, 1002, 1007, 1008, 1009, 1011, 1012, 1013])("comes back after %i", async (code) => {
    const client = connectToBeClosed(world, code);
    await client.opens.next();
    expect(await client.closes.next()).toBe(code);
    await client.opens.next();
  });

  test(`${world.can.has("after1000") ? "comes back" : "stays away"} after 1000`, async () => {
    const client = connectToBeClosed(world, 1000);
    await client.opens.next();
    expect(await client.closes.next()).toBe(1000);
    // A client that comes back has scheduled it before it tells anybody of the close.
    expect(client.attempts.all).toEqual(world.can.has("after1000") ? [1] : []);
  });
});
