/** What is over leaves nothing behind, however often it was there. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { defineEndpoint, defineSocket, signedToken, silentLogger } from "../../src/index.ts";
import { World } from "../support/world.ts";
import { collected, heldBytes } from "./collector.ts";

const socket = defineSocket();
const room = socket.channel("room:{name}").on({ say: (payload) => payload });

test("a hundred thousand topics joined and left leave nothing behind", async () => {
  const world = new World([room], { channelsMax: 1_000 });
  const client = world.connect();
  const visit = (from: number, count: number): void => {
    for (let n = from; n < from + count; n += 1) {
      const topic = `room:${n}`;
      client.connection.receive(JSON.stringify([`${n}`, `${n}`, topic, "phx_join", {}]));
      client.connection.receive(JSON.stringify([`${n}`, `${n}p`, topic, "say", { n }]));
      client.connection.receive(JSON.stringify([`${n}`, `${n}l`, topic, "phx_leave", {}]));
      client.sink.frames.length = 0;
      world.events.length = 0;
      world.logger.lines.length = 0;
    }
  };
  visit(0, 5_000);
  const before = await heldBytes();
  visit(5_000, 100_000);
  const after = await heldBytes();
  expect([world.pubsub.count(), client.connection.channelCount]).toEqual([0, 0]);
  // Ten bytes a topic would be a megabyte.
  expect(after - before).toBeLessThan(1_000_000);
});

test("of the request a connection came with nothing is kept, neither itself nor its URL", async () => {
  const user = defineSocket({
    authenticate: signedToken({ salt: "user socket", maxAgeSeconds: 60 }),
    connect: ({ identity, params }) => ({ userId: identity.subject, theme: params["theme"] }),
    id: ({ userId }) => `users:${userId}`,
  });
  const endpoint = defineEndpoint({
    secretKeyBase: "s".repeat(64),
    logger: silentLogger,
    sockets: { "/socket": { socket: user, channels: [], from: ["params"] } },
  });
  const server = createServer(endpoint.handler);
  const requests: WeakRef<IncomingMessage>[] = [];
  server.on("upgrade", (request, stream, head) => {
    requests.push(new WeakRef(request));
    endpoint.handler.upgrade(request, stream, head);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const token = endpoint.tokens.sign("user socket", "ada");
  const client = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0&theme=dark&token=${token}`);
  await once(client, "open");
  await expect
    .poll(
      async () => {
        await collected();
        return requests.map((request) => request.deref());
      },
      { timeout: 15_000 },
    )
    .toEqual([undefined]);
  expect(endpoint.connectionCount).toBe(1);
  client.terminate();
  server.close();
  await endpoint.close();
});
