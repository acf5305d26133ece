import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { defineEndpoint, defineSocket, silentLogger } from "../../src/index.ts";

const socket = defineSocket();
const channels = [socket.channel("room:{id}").on({ say: (payload) => payload })];
const base = { secretKeyBase: "s".repeat(64), logger: silentLogger };

async function status(port: number, path: string): Promise<number> {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).status;
}

test("every bound of requests and messages is an option of the mount", async () => {
  const endpoint = defineEndpoint({
    ...base,
    sockets: {
      "/default": { socket, channels },
      "/narrow": { socket, channels, limits: { queryBytesMax: 20, topicBytesMax: 6, depthMax: 2 } },
      "/wide": { socket, channels, limits: { queryParamsMax: 1_000 } },
    },
  });
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  try {
    const query = "?vsn=2.0.0&more=than-twenty";
    // 400: it got as far as being no handshake.
    expect(await status(port, `/default/websocket${query}`)).toBe(400);
    expect(await status(port, `/narrow/websocket${query}`)).toBe(414);
    const many = `?vsn=2.0.0${"&a=1".repeat(500)}`;
    expect(await status(port, `/default/websocket${many}`)).toBe(403);
    expect(await status(port, `/wide/websocket${many}`)).toBe(400);

    const client = new WebSocket(`ws://127.0.0.1:${port}/narrow/websocket?vsn=2.0.0`);
    const replies: unknown[] = [];
    const three = new Promise<void>((resolve) => {
      client.on("message", (data) => {
        if (replies.push((JSON.parse(data.toString()) as unknown[])[4]) === 3) resolve();
      });
    });
    await new Promise((resolve) => client.once("open", resolve));
    client.send(JSON.stringify(["1", "1", "room:longer", "phx_join", {}]));
    client.send(JSON.stringify(["2", "2", "room:1", "phx_join", {}]));
    client.send(JSON.stringify(["2", "3", "room:1", "say", { a: { b: { c: "x".repeat(20) } } }]));
    await three;
    expect(replies).toEqual([
      { status: "error", response: { reason: "unmatched topic" } },
      { status: "ok", response: {} },
      { status: "error", response: { reason: "payload too deep" } },
    ]);
  } finally {
    await endpoint.close();
  }
});

test("an unknown limit, one that is no number, and two mounts on one path are mistakes in the definition", () => {
  const mount = { socket, channels };
  const define = (sockets: object) => () => defineEndpoint({ ...base, sockets: sockets as never });
  expect(define({ "/a": { ...mount, limits: { topicBytes: 1 } } })).toThrow('Unknown option "topicBytes"');
  expect(define({ "/a": { ...mount, limits: { topicBytesMax: 0 } } })).toThrow("topicBytesMax");
  expect(define({ "/a": mount, "/a/": mount })).toThrow("have the same path");
  expect(define({ "/x/:one": mount, "/x/:two": mount })).toThrow("have the same path");
  expect(define({ "/x/:one": mount, "/x/two": mount })).not.toThrow();
});

test("a closed endpoint says so when asked to listen again", async () => {
  const endpoint = defineEndpoint({ ...base, sockets: { "/s": { socket, channels } } });
  await endpoint.close();
  await expect(endpoint.listen({ port: 0 })).rejects.toThrow("was closed");
});
