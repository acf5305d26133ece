import { connect } from "node:net";
import { expect, test } from "vitest";
import { defineEndpoint, defineSocket, type TelemetryEvents } from "../../src/index.ts";

type Closed = TelemetryEvents["socket.closed"];

/** A frame as a client sends it, masked with zeros. */
function frame(first: number, payload: Buffer): Buffer {
  const header =
    payload.length < 126
      ? [first, 0x80 | payload.length]
      : [first, 0x80 | 126, payload.length >> 8, payload.length & 255];
  return Buffer.concat([Buffer.from([...header, 0, 0, 0, 0]), payload]);
}

const tooLong = Buffer.alloc(2_000, "x");
const fragments = Buffer.concat([
  frame(0x01, Buffer.from("x")),
  ...Array.from({ length: 5_000 }, () => frame(0x00, Buffer.from("x"))),
]);

test.each([
  ["frame_too_large", 1009, frame(0x81, tooLong)],
  ["text_invalid", 1007, frame(0x81, Buffer.from([0xff, 0xfe]))],
  ["protocol_violated", 1002, frame(0x8f, Buffer.alloc(0))],
  ["fragments_max", 1008, fragments],
])("a connection ended for %s is told of by that name, in the log too", async (code, closeCode, bytes) => {
  const lines: string[] = [];
  let onClosed: (closed: Closed) => void = () => {};
  const closed = new Promise<Closed>((resolve) => {
    onClosed = resolve;
  });
  const frameBytesMax = code === "fragments_max" ? 100_000 : 1_000;
  const endpoint = defineEndpoint({
    secretKeyBase: "s".repeat(64),
    logger: { debug() {}, info() {}, error() {}, warn: (line) => void lines.push(line) },
    telemetry: (name, metadata) => {
      if (name === "socket.closed") onClosed(metadata as Closed);
    },
    sockets: { "/s": { socket: defineSocket(), channels: [], websocket: { frameBytesMax } } },
  });
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  const socket = connect(port, "127.0.0.1");
  try {
    const handshake = [
      "GET /s/websocket?vsn=2.0.0 HTTP/1.1",
      "Host: x",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "",
      "",
    ];
    socket.write(handshake.join("\r\n"));
    await new Promise((resolve) => socket.once("data", resolve));
    const answer = new Promise<Buffer>((resolve) => socket.once("data", resolve));
    socket.write(bytes);
    expect((await answer).readUInt16BE(2)).toBe(closeCode);
    socket.end();
    expect((await closed).code).toBe(code);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`(${code})`);
  } finally {
    socket.destroy();
    await endpoint.close();
  }
});
