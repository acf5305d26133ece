/** Per-message deflate: off unless asked for, and bounded when on (security row 3.6). */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { expect, test } from "vitest";
import { arena } from "../security/support/arena.ts";
import { frame, type RawClient } from "../security/support/raw.ts";

const offer = { headers: ["Sec-WebSocket-Extensions: permessage-deflate"] };
const on = { mount: { websocket: { deflate: true } } };

/** A message as a client that compresses sends it (RFC 7692, 7.2.1). */
function deflated(text: string): Buffer {
  const bytes = deflateRawSync(Buffer.from(text), { finishFlush: 2 /* Z_SYNC_FLUSH */ });
  return frame(bytes.subarray(0, -4), { opcode: 1, rsv: 4 });
}

const heartbeat = (padding: number): string => `[null,"1","phoenix","heartbeat",{"x":"${"x".repeat(padding)}"}]`;

function inflatedMessages(client: RawClient): unknown[] {
  return client.frames
    .filter(({ opcode }) => opcode === 1)
    .map(({ payload, rsv1 }) => {
      if (!rsv1) return JSON.parse(payload.toString());
      return JSON.parse(
        inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]), { finishFlush: 2 }).toString(),
      );
    });
}

test("it is off by default, and a compressed frame is then a broken one", async () => {
  const { enter } = await arena();
  const client = await enter(offer);
  expect(client.response.headers.has("sec-websocket-extensions")).toBe(false);
  client.send(deflated(heartbeat(10)));
  expect(await client.closed()).toBe(1002);
});

test("switched on it is negotiated without context takeover, and works both ways in order", async () => {
  const { enter } = await arena(on);
  const client = await enter(offer);
  expect(client.response.headers.get("sec-websocket-extensions")).toBe(
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
  );
  client.send(deflated('["1","1","ping:a","phx_join",{}]'));
  for (let n = 0; n < 20; n += 1) {
    // Long ones are compressed, short ones are not: they still come in order.
    client.send(
      deflated(JSON.stringify([null, `p${n}`, "ping:a", "ping", { text: "y".repeat(n % 2 === 0 ? 5_000 : 5) }])),
    );
  }
  await client.until(() => inflatedMessages(client).length === 21);
  expect(inflatedMessages(client).map((message) => (message as unknown[])[1])).toEqual([
    "1",
    ...Array.from({ length: 20 }, (_, n) => `p${n}`),
  ]);
});

test("a client that offers nothing is served without", async () => {
  const { enter } = await arena(on);
  const client = await enter();
  expect((await client.push("phoenix", "heartbeat", { x: "x".repeat(5_000) }, "1")).status).toBe("ok");
});

test.each([
  ["16 MB in 16 KB", "x".repeat(16_000_000)],
  ["one byte too many", heartbeat(1_048_577)],
])("what inflates beyond the frame limit is closed with 1009, in bounded memory: %s", async (_name, text) => {
  const { enter, bystander } = await arena(on);
  const other = await bystander();
  const bomb = deflated(text);
  const before = process.memoryUsage().rss;
  const client = await enter(offer);
  client.send(bomb);
  expect(await client.closed()).toBe(1009);
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1_048_576);
  await other.noticedNothing();
});

test("many messages that inflate enormously, each within the limit, are closed with 1009 for their ratio", async () => {
  const { enter, bystander, endpoint } = await arena(on);
  const other = await bystander();
  const client = await enter(offer);
  const bomb = deflated(heartbeat(1_000_000));
  expect(bomb.length).toBeLessThan(2_000);
  client.send(...Array.from({ length: 50 }, () => bomb));
  expect(await client.closed()).toBe(1009);
  // One message over what the ratio allows, not fifty.
  expect(inflatedMessages(client).length).toBeLessThan(4);
  await expect.poll(() => endpoint.connectionCount).toBe(1);
  await other.noticedNothing();
});

test("a client whose messages compress well for what they are is let be", async () => {
  const { enter } = await arena(on);
  const client = await enter(offer);
  const rows = Array.from({ length: 2_000 }, (_, row) => ({
    id: row,
    name: `user ${row * 7919}`,
    online: row % 3 === 0,
  }));
  const message = JSON.stringify([null, "1", "phoenix", "heartbeat", { rows }]);
  for (let round = 0; round < 60; round += 1) client.send(deflated(message));
  await client.until(() => inflatedMessages(client).length === 60);
  expect(client.closeCode).toBeNull();
});

test("garbage in place of deflated data ends its own connection alone", async () => {
  const { enter, bystander } = await arena(on);
  const other = await bystander();
  for (const bytes of [[0xff, 0xff, 0xff], [], [0x00], [0x07, 0x00]]) {
    const client = await enter(offer);
    client.send(frame(Uint8Array.from(bytes), { opcode: 1, rsv: 4 }));
    client.send(frame("", { opcode: 8 }));
    await client.ended;
  }
  await other.noticedNothing();
});

test("a slow reader of compressed messages is dropped at the byte limit too", async () => {
  const { enter, bystander, endpoint, events } = await arena({
    mount: { websocket: { deflate: true, outgoingBytesMax: 100_000 } },
  });
  const other = await bystander();
  const client = await enter(offer);
  client.send(deflated('["1","1","ping:a","phx_join",{}]'));
  await client.until(() => inflatedMessages(client).length === 1);
  client.socket.pause();
  client.send(deflated('[null,"2","ping:a","flood",{"count":500,"bytes":20000}]'));
  await expect.poll(() => endpoint.connectionCount).toBe(1);
  expect(events.map(({ name }) => name)).toContain("limit.reached");
  await other.noticedNothing();
});
