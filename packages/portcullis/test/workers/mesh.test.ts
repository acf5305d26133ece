/** The mesh between processes: who is let in, what is lost and said to be, and what a process that doesn't read costs. */
import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import {
  type MeshOptions,
  type MeshPlace,
  makeMeshPlace,
  meshAdapter,
  removeMeshPlace,
} from "../../src/pubsub/mesh.ts";
import { encodeFrame, encodeText, type FrameKind, FrameReader } from "../../src/pubsub/mesh-frame.ts";
import { afterwards } from "../security/support/arena.ts";
import { settled } from "../support/clock.ts";

const places: MeshPlace[] = [];
afterEach(() => {
  for (const place of places.splice(0)) removeMeshPlace(place);
});

function newPlace(): MeshPlace {
  const place = makeMeshPlace();
  places.push(place);
  return place;
}

/** One process, as its endpoint sees it. */
class Node {
  readonly heard: string[] = [];
  readonly statuses: string[] = [];
  readonly overflows: number[] = [];
  faults = 0;
  readonly link;
  readonly #changed: (() => void)[] = [];

  constructor(place: MeshPlace, options: Partial<MeshOptions> = {}) {
    const notice = (): void => {
      for (const changed of this.#changed.splice(0)) changed();
    };
    const adapter = meshAdapter({
      place,
      clock: systemClock,
      onOverflow: (bytes) => {
        this.overflows.push(bytes);
        notice();
      },
      onFault: () => {
        this.faults += 1;
        notice();
      },
      ...options,
    });
    this.link = adapter.connect({
      message: (channel, text) => {
        this.heard.push(`${channel} ${text}`);
        notice();
      },
      status: (status) => {
        this.statuses.push(status);
        notice();
      },
    });
    afterwards(() => this.link.close());
  }

  /** Waits until it holds, looking whenever something has happened here. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => void this.#changed.push(resolve));
  }

  /** Two that hear each other on a channel. */
  static async pair(place: MeshPlace, channel: string, options: Partial<MeshOptions> = {}): Promise<[Node, Node]> {
    const [one, two] = [new Node(place, options), new Node(place, options)];
    for (const node of [one, two]) node.link.subscribe(channel);
    for (const [from, to] of [
      [one, two],
      [two, one],
    ] as const) {
      while (to.heard.length === 0) {
        from.link.publish(channel, "probe");
        await settled();
      }
    }
    await settled();
    for (const node of [one, two]) node.heard.splice(0);
    return [one, two];
  }
}

/** A process that is made by hand: it does what a test wants, and no more. */
class Puppet {
  readonly id = "puppet______";
  readonly accepted: Socket[] = [];
  readonly frames: { readonly kind: FrameKind; readonly body: string }[] = [];
  readonly #place: MeshPlace;
  /** Whether it reads what it is sent. */
  reads = true;
  #heard = (): void => {};

  constructor(place: MeshPlace) {
    this.#place = place;
  }

  async listen(): Promise<this> {
    const server = createServer((socket) => {
      this.accepted.push(socket);
      const reader = new FrameReader();
      reader.trust();
      socket.on("error", () => {});
      socket.on("data", (chunk: Buffer) =>
        reader.read(chunk, (kind, body) => {
          this.frames.push({ kind, body: body.toString() });
          if (kind === "hello") socket.write(encodeFrame("welcome"));
          if (kind === "ready" && !this.reads) socket.pause();
          this.#heard();
          return true;
        }),
      );
    });
    server.listen(join(this.#place.folder, this.id));
    await once(server, "listening");
    afterwards(() => {
      server.close();
      for (const socket of this.accepted) socket.destroy();
    });
    return this;
  }

  async hears(kind: FrameKind, count = 1): Promise<void> {
    while (this.frames.filter((frame) => frame.kind === kind).length < count)
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
  }

  /** Dials whoever is there, and says these frames. */
  async dial(...frames: Buffer[]): Promise<Socket> {
    const name = readdirSync(this.#place.folder).find((other) => other !== this.id) as string;
    const socket = createConnection(join(this.#place.folder, name));
    afterwards(() => void socket.destroy());
    socket.on("error", () => {});
    socket.write(Buffer.concat(frames));
    await once(socket, "connect");
    return socket;
  }

  hello(): Buffer {
    return encodeFrame("hello", JSON.stringify([1, this.#place.token, this.id]));
  }
}

test("its folder is for its own user alone, and is gone afterwards", async () => {
  const place = newPlace();
  expect(statSync(place.folder).mode & 0o777).toBe(0o700);
  const node = new Node(place);
  await node.until(() => node.statuses.length > 0);
  expect(readdirSync(place.folder)).toHaveLength(1);
  await node.link.close();
  expect(readdirSync(place.folder)).toEqual([]);
  removeMeshPlace(place);
  expect(() => statSync(place.folder)).toThrow("ENOENT");
  removeMeshPlace(place);
});

describe("whoever dials in and", () => {
  const place = (): MeshPlace => places[0] as MeshPlace;
  const hello = (fields: unknown): Buffer => encodeFrame("hello", JSON.stringify(fields));
  const subscribed = encodeFrame("subscribe", '"topic:a"');
  const faults: Record<string, (puppet: Puppet) => Buffer[]> = {
    "says nothing that is a frame": () => [Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    "claims a frame of four gigabytes": () => [Buffer.alloc(4, 0xff)],
    "claims an empty frame": () => [Buffer.alloc(4)],
    "claims more than a stranger may say": () => [Buffer.from([0, 0, 0x10, 0, 1])],
    "sends a kind there isn't": () => [Buffer.from([0, 0, 0, 1, 99])],
    "subscribes without a word": () => [subscribed],
    "speaks before it says who it is": () => [encodeText("topic:a", "hello")],
    "says hello in no JSON": () => [encodeFrame("hello", "{")],
    "says hello in other JSON": () => [hello({ token: place().token })],
    "is of another version": ({ id }) => [hello([2, place().token, id])],
    "knows no token": ({ id }) => [hello([1, null, id])],
    "knows another token": ({ id }) => [hello([1, place().token.replace(/.$/, "!"), id])],
    "has a name that is a path": () => [hello([1, place().token, "../../../etc"])],
    "has a name that is none": () => [hello([1, place().token, 7])],
    "says hello twice": (puppet) => [puppet.hello(), puppet.hello()],
    "welcomes whom it dialled": (puppet) => [puppet.hello(), encodeFrame("welcome")],
    "subscribes to what is no channel": (puppet) => [puppet.hello(), encodeFrame("subscribe", "[]")],
    "sends a text that is shorter than its channel": (puppet) => [
      puppet.hello(),
      Buffer.from([0, 0, 0, 5, 6, 0xff, 0, 0, 0]),
    ],
    "sends a text without a channel's length": (puppet) => [puppet.hello(), Buffer.from([0, 0, 0, 2, 6, 0])],
  };
  test.each(Object.entries(faults))("%s is hung up on; the others notice nothing", async (_name, frames) => {
    const own = newPlace();
    const puppet = await new Puppet(own).listen();
    // The puppet is found, dialled, and answers; what it dials with is what is wrong.
    const node = new Node(own);
    await puppet.hears("ready");
    const socket = await puppet.dial(...frames(puppet));
    socket.resume();
    await once(socket, "close");
    expect(node.faults).toBe(1);
    expect(node.heard).toEqual([]);
    const again = await puppet.dial(puppet.hello(), subscribed, encodeFrame("ready"), encodeText("topic:a", "hello"));
    await node.until(() => node.heard.length > 0);
    expect(node.heard).toEqual(["topic:a hello"]);
    node.link.publish("topic:a", "and back");
    await puppet.hears("text");
    again.destroy();
  });

  test("sends its frames a byte at a time is understood", async () => {
    const own = newPlace();
    const puppet = await new Puppet(own).listen();
    const node = new Node(own);
    await puppet.hears("ready");
    const socket = await puppet.dial();
    const bytes = Buffer.concat([puppet.hello(), encodeFrame("ready"), encodeText("topic:ü", "日本")]);
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]));
      await settled();
    }
    await node.until(() => node.heard.length > 0);
    expect(node.heard).toEqual(["topic:ü 日本"]);
    expect(node.statuses).toEqual(["up"]);
  });
});

test("one that doesn't read is held no more for than the bound; it is said, and taken back when it reads again", async () => {
  const place = newPlace();
  const puppet = await new Puppet(place).listen();
  puppet.reads = false;
  const node = new Node(place, { queueBytesMax: 100_000 });
  await puppet.hears("ready");
  const line = await puppet.dial(puppet.hello(), encodeFrame("subscribe", '"topic:a"'), encodeFrame("ready"));
  await node.until(() => node.statuses.length > 0);
  expect(node.statuses).toEqual(["up"]);
  const text = "x".repeat(1_000);
  // What the kernel takes comes on top.
  let sent = 0;
  while (node.overflows.length === 0) {
    node.link.publish("topic:a", text);
    sent += 1;
    if (sent % 50 === 0) await settled();
  }
  expect(node.overflows).toEqual([expect.any(Number)]);
  expect(node.overflows[0]).toBeGreaterThan(100_000);
  expect(node.overflows[0]).toBeLessThan(102_000);
  expect(node.statuses).toEqual(["up", "down"]);
  // It is dialled anew, takes that, and is told its channels before anything else.
  puppet.reads = true;
  await puppet.hears("ready", 2);
  await node.until(() => node.statuses.length > 2);
  expect(node.statuses).toEqual(["up", "down", "up"]);
  node.link.publish("topic:a", "whole again");
  await puppet.hears("text");
  expect(puppet.frames.filter(({ kind }) => kind === "text").at(-1)?.body).toContain("whole again");
  line.destroy();
});

test("a text that is longer than the bound passes when nothing else waits", async () => {
  const [one, two] = await Node.pair(newPlace(), "topic:a", { queueBytesMax: 1_000 });
  const long = "ü".repeat(3_000_000);
  one.link.publish("topic:a", long);
  await two.until(() => two.heard.length > 0);
  expect(two.heard).toEqual([`topic:a ${long}`]);
  expect(one.overflows).toEqual([]);
});

test("a connection that breaks between two that live is a loss, and both say so", async () => {
  const place = newPlace();
  const puppet = await new Puppet(place).listen();
  const node = new Node(place);
  await puppet.hears("ready");
  const first = await puppet.dial(puppet.hello(), encodeFrame("ready"));
  await node.until(() => node.statuses.length > 0);
  // What it said is gone: it dials anew.
  first.destroy();
  await puppet.dial(puppet.hello(), encodeFrame("ready"));
  await node.until(() => node.statuses.length > 2);
  expect(node.statuses).toEqual(["up", "down", "up"]);
  // What it was told is gone: it is dialled anew.
  puppet.accepted[0]?.destroy();
  await node.until(() => node.statuses.length > 4);
  expect(node.statuses).toEqual(["up", "down", "up", "down", "up"]);
});

test("one that comes, and one that goes, with a word or without, are no loss", async () => {
  const place = newPlace();
  const [one, two] = await Node.pair(place, "topic:a");
  const three = new Node(place);
  three.link.subscribe("topic:a");
  await three.until(() => three.statuses.length > 0);
  // Up means reached: nothing is said into the void.
  three.link.publish("topic:a", "I am here");
  for (const node of [one, two]) await node.until(() => node.heard.length > 0);
  await three.link.close();
  const puppet = await new Puppet(place).listen();
  const line = await puppet.dial(puppet.hello(), encodeFrame("ready"));
  await puppet.hears("ready");
  line.destroy();
  for (const node of [one, two]) {
    node.link.publish("topic:a", "still here");
    await (node === one ? two : one).until(() => node.heard.length > 0);
  }
  expect([one.statuses, two.statuses, three.statuses]).toEqual([["up"], ["up"], ["up"]]);
});
