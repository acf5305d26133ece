/** The generator notices what a bad server does: without that, "no loss" would mean nothing. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { textFrame } from "../src/generator/frame.ts";
import { FrameReader } from "../src/generator/frame-reader.ts";
import { generate } from "../src/generator/generate.ts";
import type { Outcome } from "../src/generator/outcome.ts";
import { createPayload, type Payload } from "../src/scenario.ts";
import { listenControl } from "../src/servers/control.ts";
import { startNaiveWs } from "../src/servers/naive-ws.ts";
import type { ServerUnderTest } from "../src/servers/server.ts";
import type { BroadcastWorkload, Workload } from "../src/workloads.ts";

const closing: (() => unknown)[] = [];

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

describe("the frame reader", () => {
  const texts = ["", "short", "x".repeat(125), "y".repeat(126), "z".repeat(70_000), "last"];
  const bytes = Buffer.concat(texts.map(serverFrame));

  test.each([61, 128, 4096, bytes.length])("hands over every text, %i bytes at a time", (step) => {
    const sink = new Sink();
    feed(new FrameReader(sink), bytes, step);
    expect(sink.texts).toEqual(texts);
  });

  test.each([1, 2, 3, 7, 128, 4096, bytes.length])(
    "counts without looking, but for the short ones, %i bytes at a time",
    (step) => {
      const sink = new Sink();
      const reader = new FrameReader(sink);
      reader.inspect = false;
      reader.countedBytesMin = 100;
      feed(reader, bytes, step);
      expect(sink).toMatchObject({ frames: 3, texts: ["", "short", "last"], closes: 0 });
    },
  );

  test("hands over texts whose headers come in pieces", () => {
    const few = texts.filter((text) => text.length < 1000);
    const sink = new Sink();
    feed(new FrameReader(sink), Buffer.concat(few.map(serverFrame)), 1);
    expect(sink.texts).toEqual(few);
  });

  test("reports a close frame", () => {
    const sink = new Sink();
    feed(new FrameReader(sink), Buffer.of(0x88, 2, 0x03, 0xe8), 4);
    expect(sink.closes).toBe(1);
  });
});

test.each([1, 1_000_000, 123_456_789])("a payload has exactly the length asked for (sequence %i)", (sequence) => {
  expect(JSON.stringify(createPayload(sequence, 100))).toHaveLength(100);
});

test.each(["short", "é".repeat(200)])("`ws` reads a frame as the text it was built from", async (text) => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  closing.push(
    () => socket.destroy(),
    () => server.close(),
  );
  socket.write(
    "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  const [webSocket] = await once(server, "connection");
  socket.write(textFrame(text));
  const [data] = await once(webSocket, "message");
  expect(data.toString()).toBe(text);
});

describe("a server that", () => {
  test("repeats a message is found out", async () => {
    const outcome = await broadcastWith((payload, publish) => {
      publish(payload);
      publish(payload);
    });
    expect(outcome.wrong).toBeGreaterThan(0);
  });

  test("changes a message is found out", async () => {
    const outcome = await broadcastWith((payload, publish) => publish({ ...payload, text: payload.text.slice(1) }));
    expect(outcome.wrong).toBe(outcome.checked);
  });

  test("swaps two messages is found out", async () => {
    let held: Payload | undefined;
    const outcome = await broadcastWith((payload, publish) => {
      if (held === undefined) {
        held = payload;
      } else {
        publish(payload);
        publish(held);
        held = undefined;
      }
    });
    expect(outcome).toMatchObject({ lost: 0 });
    expect(outcome.wrong).toBeGreaterThan(0);
  });

  test("drops a message is found out", async () => {
    let count = 0;
    const outcome = await broadcastWith((payload, publish) => {
      count++;
      if (count !== 3) {
        publish(payload);
      }
    });
    expect(outcome.lost).toBe(workload.subscribers);
  });

  test("refuses everybody is found out", async () => {
    const server = createServer((socket) => socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const control = await listenControl({ port: 0, publish: () => {}, close: async () => {} });
    closing.push(
      () => control.close(),
      () => server.close(),
    );
    const outcome = await generate({
      workload: { kind: "connect", warmUp: 1, connections: 2, concurrency: 1 },
      dialect: "plain",
      port: (server.address() as AddressInfo).port,
      controlPort: control.port,
    });
    expect(outcome).toMatchObject({ operations: 0, lost: 3 });
    expect(outcome.lastWords).toContain("403");
  });
});

const workload: BroadcastWorkload = {
  kind: "broadcast",
  subscribers: 3,
  payloadBytes: 100,
  messagesPerTick: 2,
  warmUpMs: 5,
  windowMs: 10,
  lostAfterMs: 100,
};

test("an open loop counts what a server leaves out, and goes on", async () => {
  let count = 0;
  const outcome = await generateWith(
    { ...workload, kind: "offered", publishesPerSecond: 500, windowMs: 100 },
    (payload, publish) => {
      count++;
      if (count % 2 === 0) {
        publish(payload);
      }
    },
  );
  expect(outcome.wrong).toBe(0);
  expect(outcome.lost).toBeGreaterThan(0);
  // What was under way when the window opened may have come in it.
  expect(outcome.operations).toBeLessThan(outcome.offered ?? 0);
});

/** Runs a broadcast against the naive server with something in the way of its publishing. */
function broadcastWith(tamper: Tamper): Promise<Outcome> {
  return generateWith(workload, tamper);
}

type Tamper = (payload: Payload, publish: (payload: Payload) => void) => void;

async function generateWith(tampered: Workload, tamper: Tamper): Promise<Outcome> {
  const naive = await startNaiveWs();
  const server: ServerUnderTest = {
    ...naive,
    publish: (payload) => tamper(payload, (changed) => naive.publish(changed)),
  };
  const control = await listenControl(server);
  closing.push(
    () => control.close(),
    () => naive.close(),
  );
  return generate({ workload: tampered, dialect: "plain", port: naive.port, controlPort: control.port });
}

class Sink {
  readonly texts: string[] = [];
  frames = 0;
  closes = 0;
  text(text: string): void {
    this.texts.push(text);
  }
  counted(frames: number): void {
    this.frames += frames;
  }
  closed(): void {
    this.closes++;
  }
}

function feed(reader: FrameReader, bytes: Buffer, step: number): void {
  const chunk = Buffer.alloc(step);
  for (let offset = 0; offset < bytes.length; offset += step) {
    // The same memory every time, as the connections do it.
    const length = bytes.copy(chunk, 0, offset, offset + step);
    reader.read(chunk, length);
  }
}

function serverFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const header =
    length < 126
      ? Buffer.of(0x81, length)
      : length < 65_536
        ? Buffer.of(0x81, 126, length >> 8, length & 255)
        : Buffer.of(0x81, 127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255);
  return Buffer.concat([header, Buffer.from(text)]);
}
