/** Answers to pings: as many wait as an honest client can have asked for, whatever else waits beside them. */

import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect, test } from "vitest";
import { certificate } from "../transport/support/certificate.ts";
import { afterwards, arena } from "./support/arena.ts";
import { frame, knock, type RawClient } from "./support/raw.ts";

const ping = (text: string): Buffer => frame(text, { opcode: 9 });
const pongs = ({ frames }: RawClient): readonly string[] =>
  frames.filter(({ opcode }) => opcode === 10).map(({ payload }) => payload.toString());

test.each([
  ["plain", []],
  ["behind what is being compressed", ["Sec-WebSocket-Extensions: permessage-deflate"]],
])(
  "no more than sixty wait for one client, and it is answered again once they are written: %s",
  async (_how, headers) => {
    const { enter } = await arena({ mount: { websocket: { deflate: true } } });
    const client = await enter({ headers });
    await client.join("ping:1");
    const push = frame(JSON.stringify([null, "1", "ping:1", "ping", { text: "x".repeat(4_000) }]));
    client.send(push, ...Array.from({ length: 300 }, () => ping("flood")));
    client.send(ping("last of them"));
    await client.until(() => client.frames.some(({ payload, rsv1 }) => rsv1 || payload.length > 4_000));
    await client.until(() => pongs(client).length >= 60);
    client.send(ping("again"));
    await client.until(() => pongs(client).at(-1) === "again");
    expect(pongs(client).length).toBeLessThan(70);
  },
);

test("a client for whom something always waits is answered however often it asks", async () => {
  const { endpoint } = await arena();
  const server = createServer(certificate);
  endpoint.attach(server as unknown as Parameters<typeof endpoint.attach>[0]);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterwards(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const connection = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(connection, "secureConnect");
  const client = await knock(port, { connection });
  await client.join("ping:1");
  // More than is gathered before it is written, and TLS takes nothing at once: it waits as the ping is read.
  const flood = frame(JSON.stringify([null, null, "ping:1", "flood", { count: 4, bytes: 20_000 }]));
  for (let asked = 1; asked <= 100; asked += 1) {
    client.send(flood, ping(`${asked}`));
    await client.until(() => pongs(client).at(-1) === `${asked}`);
    await client.until(() => client.frames.length >= 6);
    client.frames.length = 0;
  }
  client.destroy();
});
