/** Endpoints and what is between them: who hears what, and what an adapter, or a stranger on the bus, can't break. */
import { once } from "node:events";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { type AdapterLink, defineSocket, type PubSubAdapter } from "../../src/index.ts";
import { definePresence } from "../../src/presence/presence.ts";
import { type BusMessage, Envelopes } from "../../src/pubsub/envelope.ts";
import { DerivedKeys } from "../../src/token/key.ts";
import { SecretRing } from "../../src/token/ring.ts";
import { afterwards, secretKeyBase } from "../security/support/arena.ts";
import { settled } from "../support/clock.ts";
import { Exchange } from "../support/exchange.ts";
import { type Node, type NodeOptions, startNode } from "../support/node.ts";
import { type Frame, readV2 } from "../support/wire.ts";

const envelopes = new Envelopes(new DerivedKeys(new SecretRing(secretKeyBase), 8));

/** A client of one node, with what it has heard. */
class Listener {
  readonly frames: Frame[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<number>;

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = once(socket, "close").then(([code]) => code as number);
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      this.frames.push(readV2(isBinary ? data : data.toString()));
    });
  }

  static async at({ port }: Node, query = ""): Promise<Listener> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0${query}`);
    const listener = new Listener(socket);
    await once(socket, "open");
    afterwards(() => socket.terminate());
    return listener;
  }

  send(...frame: Frame): void {
    this.socket.send(JSON.stringify(frame));
  }

  async join(topic: string): Promise<this> {
    this.send("1", "1", topic, "phx_join", {});
    await this.hears((frame) => frame[3] === "phx_reply" && frame[2] === topic);
    return this;
  }

  /** The first frame that fits, once there is one. */
  async hears(fits: (frame: Frame) => boolean): Promise<Frame> {
    await expect.poll(() => this.frames.some(fits)).toBe(true);
    return this.frames.find(fits) as Frame;
  }

  async hearsOf(event: string): Promise<Frame> {
    return this.hears((frame) => frame[3] === event);
  }

  payloadsOf(...names: readonly string[]): readonly unknown[] {
    return this.frames.filter(([, , , event]) => names.includes(event as string)).map(([, , , , payload]) => payload);
  }
}

/** A socket whose id is the `id` of its query, and a room where everybody can shout. */
function room(): NonNullable<NodeOptions["sockets"]> {
  const socket = defineSocket({
    connect: ({ params }) => ({ id: String(params["id"] ?? "nobody") }),
    id: ({ id }) => id,
  });
  const channel = socket.channel("room:{name}").on({
    shout(payload, channel) {
      channel.broadcast("shouted", payload as object);
    },
    whisper(payload, channel) {
      channel.broadcastFrom("shouted", payload as object);
    },
    say(payload, channel) {
      const { event } = payload as { event: string };
      channel.broadcast(event, {});
    },
  });
  return { "/socket": { socket, channels: [channel] } };
}

async function pair(exchange = new Exchange()): Promise<{ exchange: Exchange; first: Node; second: Node }> {
  const first = await startNode({ pubsub: exchange.adapter(), sockets: room() });
  const second = await startNode({ pubsub: exchange.adapter(), sockets: room() });
  return { exchange, first, second };
}

const enter = async (node: Node, query = ""): Promise<Listener> => (await Listener.at(node, query)).join("room:1");
const lines = ({ said }: Node): string => said.map(({ message }) => message).join("\n");

test("a broadcast reaches the subscribers of every node once, whoever makes it", async () => {
  const { first, second } = await pair();
  const [ada, bob] = [await enter(first), await enter(second)];
  first.endpoint.broadcast("room:1", "news", { by: "endpoint" });
  ada.send("1", "2", "room:1", "shout", { by: "channel" });
  await bob.hearsOf("shouted");
  second.endpoint.broadcast("room:1", "done", {});
  for (const listener of [ada, bob]) {
    await listener.hearsOf("done");
    expect(listener.payloadsOf("news", "shouted")).toEqual([{ by: "endpoint" }, { by: "channel" }]);
  }
});

test("broadcastFrom leaves out its sender, and nobody of the other nodes", async () => {
  const { first, second } = await pair();
  const [ada, eve, bob] = [await enter(first), await enter(first), await enter(second)];
  ada.send("1", "2", "room:1", "whisper", { by: "ada" });
  await bob.hearsOf("shouted");
  first.endpoint.broadcast("room:1", "done", {});
  for (const listener of [ada, eve, bob]) await listener.hearsOf("done");
  expect([ada, eve, bob].map((listener) => listener.payloadsOf("shouted"))).toEqual([
    [],
    [{ by: "ada" }],
    [{ by: "ada" }],
  ]);
});

test("localBroadcast says nothing on the bus", async () => {
  const { exchange, first } = await pair();
  const ada = await enter(first);
  const before = exchange.published.length;
  first.endpoint.localBroadcast("room:1", "news", {});
  await ada.hearsOf("news");
  expect(exchange.published).toHaveLength(before);
});

test("bytes arrive as bytes", async () => {
  const { first, second } = await pair();
  const bob = await enter(second);
  first.endpoint.broadcast("room:1", "bytes", Uint8Array.from([0, 128, 255, 91]));
  const [, , , , payload] = await bob.hearsOf("bytes");
  expect(payload).toEqual(Uint8Array.from([0, 128, 255, 91]));
});

test("what can't be said on the bus is told to the broadcaster, before anybody has heard it", async () => {
  const { exchange, first } = await pair();
  const ada = await enter(first);
  const before = exchange.published.length;
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;
  expect(() => first.endpoint.broadcast("room:1", "news", cyclic)).toThrow(TypeError);
  expect(() => first.endpoint.broadcast("room:1", "news", { n: 1n })).toThrow(TypeError);
  expect(() => first.endpoint.broadcast("room:1", "news", { text: "x".repeat(16_777_217) })).toThrow(RangeError);
  expect(exchange.published).toHaveLength(before);
  first.endpoint.broadcast("room:1", "done", {});
  await ada.hearsOf("done");
  expect(ada.payloadsOf("news")).toEqual([]);
});

test("disconnect ends the connections of an id on every node, and of no other", async () => {
  const { first, second } = await pair();
  const [ada, eve] = [await Listener.at(first, "&id=users:1"), await Listener.at(second, "&id=users:1")];
  const bob = await Listener.at(second, "&id=users:2");
  first.endpoint.disconnect("users:1");
  expect(await Promise.all([ada.closed, eve.closed])).toEqual([1001, 1001]);
  bob.send(null, "1", "phoenix", "heartbeat", {});
  await bob.hearsOf("phx_reply");
});

test("a channel that broadcasts an event named for a command commands nobody", async () => {
  const { exchange, first, second } = await pair();
  const [ada, bob] = [await enter(first), await enter(second, "&id=room:1")];
  const before = exchange.published.length;
  for (const event of ["disconnect", "phx_close"]) {
    ada.send("1", "2", "room:1", "say", { event });
    await ada.hearsOf("phx_error");
    ada.frames.length = 0;
    await ada.join("room:1");
  }
  expect(exchange.published).toHaveLength(before);
  for (const event of ["longpoll", "control", "presence"]) ada.send("1", "2", "room:1", "say", { event });
  await bob.hearsOf("presence");
  expect(bob.socket.readyState).toBe(WebSocket.OPEN);
  expect(second.endpoint.connectionCount).toBe(1);
});

test("an adapter is asked for a topic once, while somebody here hears it, and told when nobody does any more", async () => {
  const { exchange, first } = await pair();
  const calls = (): readonly string[] => exchange.calls.filter((call) => /^0 .*topic:/.test(call));
  expect(exchange.calls.filter((call) => call.startsWith("0 "))).toEqual([
    "0 subscribe control",
    expect.stringMatching(/^0 subscribe node:[\w-]{16}$/),
  ]);
  const [ada, bob] = [await enter(first), await enter(first)];
  const stop = first.endpoint.subscribe("room:1", () => {});
  expect(calls()).toEqual(["0 subscribe topic:room:1"]);
  ada.socket.terminate();
  stop();
  stop();
  await expect.poll(() => first.endpoint.connectionCount).toBe(1);
  expect(calls()).toEqual(["0 subscribe topic:room:1"]);
  bob.send("1", "2", "room:1", "phx_leave", {});
  await expect.poll(calls).toEqual(["0 subscribe topic:room:1", "0 unsubscribe topic:room:1"]);
  bob.frames.length = 0;
  await bob.join("room:1");
  expect(calls()).toHaveLength(3);
});

test("an endpoint leaves its bus once, when it closes, and asks nothing of it after that", async () => {
  const { exchange, first } = await pair();
  await first.endpoint.close();
  await first.endpoint.close();
  expect(exchange.calls.filter((call) => call === "0 close")).toHaveLength(1);
  const before = [exchange.calls.length, exchange.published.length];
  // Whatever still runs of the program goes on, and finds the bus gone.
  first.endpoint.broadcast("room:1", "news", {});
  first.endpoint.disconnect("users:1");
  first.endpoint.subscribe("later", () => {})();
  expect([exchange.calls.length, exchange.published.length]).toEqual(before);
});

test("presences of one node are seen on the other, and leave with their connections", async () => {
  const exchange = new Exchange();
  const node = (): Promise<Node> => {
    const presence = definePresence({ name: "here" });
    const socket = defineSocket({ connect: ({ params }) => ({ id: String(params["id"]) }) });
    const channel = socket.channel("room:{name}").on({
      here(_payload, channel) {
        presence.track(channel, channel.assigns.id, {});
        return {};
      },
    });
    return startNode({ pubsub: exchange.adapter(), sockets: { "/socket": { socket, channels: [channel] } } });
  };
  const [first, second] = [await node(), await node()];
  const [ada, bob] = [await enter(first, "&id=ada"), await enter(second, "&id=bob")];
  const diff = (part: "joins" | "leaves", name: string) => (frame: Frame) =>
    frame[3] === "presence_diff" && Object.hasOwn((frame[4] as Record<typeof part, object>)[part], name);
  for (const listener of [ada, bob]) listener.send("1", "2", "room:1", "here", {});
  await ada.hears(diff("joins", "bob"));
  await bob.hears(diff("joins", "ada"));
  ada.socket.terminate();
  await bob.hears(diff("leaves", "ada"));
});

const forged = `${"A".repeat(43)}.${JSON.stringify([1, "x", { kind: "disconnect", id: "users:1" }])}`;
test.each<[what: string, text: string, fault: string]>([
  ["no envelope", "FLUSHALL", "unsigned"],
  ["nothing", "", "unsigned"],
  ["a forged disconnect", forged, "unsigned"],
  ["a huge text", "x".repeat(16_777_300), "too_large"],
])("%s on the bus is not taken, and said once a second at most", async (_what, text, fault) => {
  const { exchange, first } = await pair();
  const ada = await enter(first, "&id=users:1");
  for (const channel of ["control", "topic:room:1"]) for (let n = 0; n < 5; n += 1) exchange.inject(channel, text);
  first.endpoint.broadcast("room:1", "done", {});
  await ada.hearsOf("done");
  expect(first.reported("pubsub.refused")).toEqual(Array(10).fill({ fault }));
  expect(first.said.filter(({ message }) => message.includes(fault))).toHaveLength(1);
  for (const word of ["FLUSHALL", "users:1"]) expect(lines(first)).not.toContain(word);
});

test("nodes of another secret hear nothing of each other, and those with both during a change do", async () => {
  const exchange = new Exchange();
  const other = "the secret of the time after, with its sixty-four characters ....";
  const nodes: Node[] = [];
  for (const key of [secretKeyBase, [other, secretKeyBase], other]) {
    nodes.push(await startNode({ pubsub: exchange.adapter(), secretKeyBase: key, sockets: room() }));
  }
  const heard: string[][] = nodes.map(() => []);
  for (const [index, { endpoint }] of nodes.entries()) {
    endpoint.subscribe("t", ({ event }) => void heard[index]?.push(event));
  }
  for (const [index, { endpoint }] of nodes.entries()) {
    endpoint.broadcast("t", `from ${index}`, {});
    await settled();
    await settled();
  }
  // The one in between signs with the new secret: that is brought in to verify first, and to sign after that.
  expect(heard).toEqual([["from 0"], ["from 0", "from 1", "from 2"], ["from 1", "from 2"]]);
});

test("a node does not hear itself, although an adapter may let it", async () => {
  const { exchange, first } = await pair();
  const heard: string[] = [];
  first.endpoint.subscribe("t", ({ event }) => void heard.push(event));
  first.endpoint.broadcast("t", "once", {});
  for (const { channel, text } of [...exchange.published]) exchange.inject(channel, text);
  expect(heard).toEqual(["once"]);
});

test("a genuine message that says nothing anybody understands ends nothing", async () => {
  const { exchange, first } = await pair();
  const ada = await enter(first);
  const odd = { mount: "/socket", from: 1, to: 2, request: [], type: 5 };
  for (const data of [null, 7, "text", [], {}, { mount: "/socket" }, odd]) {
    const all: readonly BusMessage[] = [
      { kind: "control", message: { kind: "longpoll", data } },
      { kind: "control", message: { kind: "presence", name: "here", data } },
      { kind: "control", message: { kind: "revoke", data } },
    ];
    for (const message of all) exchange.inject("control", envelopes.seal("a node", message));
  }
  first.endpoint.broadcast("room:1", "done", {});
  await ada.hearsOf("done");
});

test("an adapter that throws costs what it was asked to do: this process goes on, and is told", async () => {
  const asked: string[] = [];
  const fail = (what: string) => (): never => {
    asked.push(what);
    throw new Error(`${what} is broken`);
  };
  const link: AdapterLink = {
    subscribe: fail("subscribe"),
    unsubscribe: fail("unsubscribe"),
    publish: fail("publish"),
    close: fail("close"),
  };
  const node = await startNode({ pubsub: { connect: () => link }, sockets: room() });
  const ada = await enter(node, "&id=users:1");
  node.endpoint.broadcast("room:1", "news", {});
  await ada.hearsOf("news");
  ada.send("1", "2", "room:1", "shout", {});
  await ada.hearsOf("shouted");
  ada.send("1", "3", "room:1", "phx_leave", {});
  await ada.hearsOf("phx_close");
  node.endpoint.disconnect("users:1");
  expect(await ada.closed).toBe(1001);
  await node.endpoint.close();
  expect(new Set(asked)).toEqual(new Set(["subscribe", "publish", "unsubscribe", "close"]));
  expect(lines(node)).toContain("adapter of the bus between nodes threw");
});

test("an adapter that rejects its close does not keep the endpoint from closing", async () => {
  const close = (): Promise<void> => Promise.reject(new Error("no way out"));
  const link: AdapterLink = { subscribe() {}, unsubscribe() {}, publish() {}, close };
  const node = await startNode({ pubsub: { connect: () => link }, sockets: room() });
  await node.endpoint.close();
  expect(lines(node)).toContain("adapter of the bus between nodes threw");
});

test("an adapter that can't be connected is known when the endpoint begins to serve", async () => {
  const pubsub: PubSubAdapter = {
    connect(): never {
      throw new Error("no such host");
    },
  };
  await expect(startNode({ pubsub, sockets: room() })).rejects.toThrow("no such host");
});

test("what the bus says of itself is reported, and said when it is down", async () => {
  const { exchange, first } = await pair();
  exchange.tell(0, "up");
  expect(first.said).toEqual([]);
  exchange.tell(0, "down");
  exchange.tell(0, "up");
  expect(first.reported("pubsub.status")).toEqual([{ status: "up" }, { status: "down" }, { status: "up" }]);
  expect(first.said).toHaveLength(1);
  expect(lines(first)).toContain("the bus between nodes is down");
});
