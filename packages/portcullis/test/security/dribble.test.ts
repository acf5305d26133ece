/** Handshakes that take their time (security row 3.11). In a file of its own: it takes eleven seconds of waiting. */
import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import { expect, test } from "vitest";
import { defineEndpoint, silentLogger } from "../../src/index.ts";
import { certificate } from "../transport/support/certificate.ts";
import { arena, openSocket, secretKeyBase } from "./support/arena.ts";
import { tcp } from "./support/raw.ts";

test("handshakes that dribble, or never come, are cut after ten seconds, with TLS and without", async () => {
  const { port, bystander } = await arena();
  const socket = openSocket();
  const secure = defineEndpoint({
    secretKeyBase,
    logger: silentLogger,
    sockets: { "/socket": { socket, channels: [] } },
  });
  const { port: securePort } = await secure.listen({ port: 0, host: "127.0.0.1", tls: certificate });
  const other = await bystander();
  const started = performance.now();
  const silent = [await tcp(port), await tcp(securePort)];
  const dribbling = await tcp(port);
  const halfway = connectTls({ port: securePort, host: "127.0.0.1", rejectUnauthorized: false });
  halfway.on("error", () => {});
  await once(halfway, "secureConnect");
  dribbling.write("GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: x\r\n");
  halfway.write("GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: x\r\n");
  const dribble = setInterval(() => {
    if (!dribbling.destroyed) dribbling.write("x");
  }, 1_000);
  const everybody = [...silent, dribbling, halfway];
  for (const client of everybody) client.resume();
  await Promise.all(everybody.map((client) => (client.destroyed ? undefined : once(client, "close"))));
  clearInterval(dribble);
  expect(performance.now() - started).toBeLessThan(14_000);
  await other.noticedNothing();
  await secure.close();
}, 20_000);
