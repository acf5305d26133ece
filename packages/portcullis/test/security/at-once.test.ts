/** The gate decides at once where nobody has to think. Whatever a hook does to it, one client is answered and the next finds room. */

import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { expect, test } from "vitest";
import {
  defineEndpoint,
  defineSocket,
  type Endpoint,
  type MountOptions,
  type Params,
  reject,
  silentLogger,
} from "../../src/index.ts";
import { bounds } from "../../src/limit/bounds.ts";
import { startGate } from "../limit/support.ts";
import { deferred } from "../support/world.ts";
import { afterwards, arena, secretKeyBase } from "./support/arena.ts";
import { frame, handshakeText, knock, type RawClient, tcp } from "./support/raw.ts";

const roomForOne = { connectionsMax: 1, connectionsPerAddressMax: 1, connectionsPerSubjectMax: 1 };
const at = (mode: string): string => `/socket/websocket?vsn=2.0.0&mode=${encodeURIComponent(mode)}`;

type Then = (resolve: (value: unknown) => void, fail: (error: unknown) => void) => void;

/** Something that can be awaited, and is no promise. */
const awaitable = (then: Then, target: object = {}): object => Object.assign(target, { then });

/** What a hook can do in place of answering. */
const strange: Readonly<Record<string, () => unknown>> = {
  throws() {
    throw new Error("thrown by a hook");
  },
  "throws what is no error"() {
    throw undefined;
  },
  rejects: () => Promise.reject(new Error("rejected by a hook")),
  "then throws": () =>
    awaitable(() => {
      throw new Error("thrown by then");
    }),
  "getting then throws": () =>
    new Proxy(
      {},
      {
        get() {
          throw new Error("thrown by a getter");
        },
      },
    ),
  "then settles twice, and throws": () =>
    awaitable((resolve, fail) => {
      fail(new Error("rejected by then"));
      resolve({});
      throw new Error("thrown by then");
    }),
  "a function that can be awaited": () =>
    awaitable(
      (_resolve, fail) => fail(new Error("rejected by then")),
      () => {},
    ),
};
const never = "then never settles";
const endless = awaitable(() => {});

/** A socket of which `hook` answers as the client's `mode` says. */
function socketWith(hook: string, onEndless: () => void = () => {}): MountOptions["socket"] {
  const answer = (name: string, mode: unknown, honest: unknown): unknown => {
    if (name !== hook || mode === undefined) return honest;
    if (mode !== never) return strange[String(mode)]?.();
    onEndless();
    return endless;
  };
  const params = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value: unknown) => answer("the schema", (value as Params)["mode"], { value }),
    },
  };
  return defineSocket({
    authenticate: ((asked: { params: Params }) =>
      answer("authenticate", asked.params["mode"], { subject: "ada" })) as never,
    params: params as never,
    connect: (({ params: { mode } }: { params: Params }) => answer("connect", mode, { mode })) as never,
    id: (({ mode }: { mode?: unknown }) => answer("id", mode, null)) as never,
  }) as never;
}

function gateWith(hook: string, onEndless?: () => void) {
  const sockets = { "/socket": { socket: socketWith(hook, onEndless), channels: [], longpoll: true } };
  return startGate({ limits: roomForOne, sockets });
}

const hooks = ["authenticate", "the schema", "connect", "id"];

const modes = Object.keys(strange).filter((mode) => mode !== "rejects");

test.each(hooks.flatMap((hook) => (hook === "id" ? modes : Object.keys(strange)).map((mode) => [hook, mode])))(
  "%s: %s",
  async (hook, mode) => {
    const gate = await gateWith(hook);
    for (const without of [[], ["Connection", "Upgrade"]]) {
      const refused = await gate.knock({ path: at(mode), without });
      expect(refused.status).toBe(500);
      expect(refused.response.body).toBe("");
    }
    expect((await gate.knock()).status).toBe(101);
    expect((await gate.knock()).status).toBe(503);
  },
);

test.each(hooks.slice(0, 3))("%s: what never answers has its time, and no more", async (hook) => {
  const asked = deferred<void>();
  const gate = await gateWith(hook, asked.resolve);
  const waits = gate.knock({ path: at(never) });
  await asked.promise;
  expect((await gate.knock()).status).toBe(503);
  gate.clock.advance(bounds.connectTimeoutMs);
  expect((await waits).status).toBe(503);
  expect((await gate.knock()).status).toBe(101);
});

test("a connection that is gone before the program hands its upgrade over takes no room, and ends nothing", async () => {
  const socket = defineSocket({ connect: ({ params }) => (params["mode"] === "no" ? reject("no") : {}) });
  const sockets = { "/socket": { socket, channels: [] } };
  const limits = { connectionsMax: 1 };
  const endpoint = defineEndpoint({ secretKeyBase, sockets, limits, logger: silentLogger });
  const server = createServer();
  afterwards(async () => {
    await endpoint.close();
    server.close();
  });
  const handed: boolean[] = [];
  const kill: ((socket: Duplex) => unknown)[] = [];
  server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    kill.shift()?.(stream);
    handed.push(endpoint.handler.upgrade(request, stream, head));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ways: ((stream: Duplex) => unknown)[] = [
    (stream) => stream.destroy(),
    (stream) => stream.end(),
    (stream) => (stream as unknown as { resetAndDestroy(): void }).resetAndDestroy(),
  ];
  for (const way of ways) {
    for (const mode of ["", "no"]) {
      kill.push(way);
      const client = await tcp(port);
      client.write(handshakeText(port, { path: at(mode) }));
      client.resume();
      if (!client.destroyed) await new Promise((resolve) => void client.once("close", resolve));
    }
  }
  expect(handed).toEqual([true, true, true, true, true, true]);
  expect(endpoint.connectionCount).toBe(0);
  const client = await knock(port, { path: at("") });
  expect(client.status).toBe(101);
  expect((await knock(port)).status).toBe(503);
  client.destroy();
});

test("what a hook does to the endpoint while it decides holds for the client it decides on", async () => {
  const deeds: Record<string, (endpoint: Endpoint) => unknown> = {
    disconnect: (endpoint) => endpoint.disconnect("users:ada"),
    revoke: (endpoint) => endpoint.revoke({ subject: "revoke" }),
    close: (endpoint) => endpoint.close(),
  };
  const socket = defineSocket({
    authenticate: (({ params }: { params: Params }) => ({ subject: params["mode"] })) as never,
    connect({ params }) {
      void deeds[String(params["mode"])]?.(world.endpoint);
      return {};
    },
    id: () => "users:ada",
  });
  const world = await arena({ sockets: { "/socket": { socket, channels: [] } } });
  expect(await (await world.enter({ path: at("disconnect") })).closed()).toBe(1001);
  expect(await (await world.enter({ path: at("revoke") })).closed()).toBe(4101);
  expect((await world.knock({ path: at("close") })).status).toBe(503);
});

test("tenants whose pages come in turns, by every transport, are each told their own name", async () => {
  const seen: string[] = [];
  const socket = defineSocket({
    connect({ params }) {
      seen.push(`${String(params["tenant"])} ${String(params["room"])}`);
      // What one makes of its own is no other's, however alike their requests.
      Object.assign(params, { tenant: "stolen", room: "stolen" });
      return {};
    },
  });
  const world = await arena({ sockets: { "/t/:tenant/:room": { socket, channels: [], longpoll: true } } });
  const names = ["acme", "acme", "evil", "acme", "ACME", "a%63me", "%E0%A4%A", "__proto__", "acme"];
  for (const name of names) {
    expect((await world.knock({ path: `/t/${name}/1/websocket?vsn=2.0.0&tenant=evil` })).status).toBe(101);
    await fetch(`http://127.0.0.1:${world.port}/t/${name}/2/longpoll?vsn=2.0.0&tenant=evil`);
  }
  const own = ["acme", "acme", "evil", "acme", "ACME", "acme", "%E0%A4%A", "__proto__", "acme"];
  expect(seen).toEqual(own.flatMap((name) => [`${name} 1`, `${name} 2`]));
});

test("an origin that was let in once opens no other door, and none again that has been closed", async () => {
  let open = true;
  const socket = defineSocket();
  const door = (origins: MountOptions["origins"]) => ({ socket, channels: [], origins: origins as never });
  const world = await arena({
    sockets: {
      "/list": door(["https://example.com"]),
      "/other": door(["https://elsewhere.example"]),
      "/conn": door("conn"),
      "/asked": door(() => open),
    },
  });
  const from = async (path: string, origin: string, ...headers: readonly string[]): Promise<number> => {
    const without = headers.length > 0 ? ["Host"] : [];
    const handshake = { path: `${path}/websocket?vsn=2.0.0`, headers: [`Origin: ${origin}`, ...headers], without };
    return (await world.knock(handshake)).status;
  };
  expect(await from("/list", "https://example.com")).toBe(101);
  expect(await from("/other", "https://example.com")).toBe(403);
  for (const alike of [
    "https://example.com:444",
    "https://example.com.",
    "https://example.comm",
    "http://example.com",
    "null",
  ]) {
    expect(await from("/list", alike)).toBe(403);
  }
  expect(await from("/list", "https://example.com", "Host: x", "Origin: https://evil.example")).toBe(403);
  expect(await from("/conn", "http://a.example", "Host: a.example")).toBe(101);
  expect(await from("/conn", "http://a.example", "Host: b.example")).toBe(403);
  expect(await from("/asked", "https://example.com")).toBe(101);
  open = false;
  expect(await from("/asked", "https://example.com")).toBe(403);
});

test("who is upgraded only to be told why can send what they like: nobody listens, and nothing breaks", async () => {
  const refusing = defineSocket({ connect: ({ params }) => (params["mode"] === "no" ? reject("no") : {}) });
  const world = await arena({
    sockets: { "/socket": { socket: refusing, channels: [] } },
  });
  const explained = (): Promise<RawClient> =>
    world.enter({ path: at("no"), headers: ["Sec-WebSocket-Protocol: portcullis.explain"] });
  const attacks: ((client: RawClient) => unknown)[] = [
    (client) => client.send(frame("x", { masked: false })),
    (client) => client.send(frame("", { opcode: 9 }), frame("x", { opcode: 10 }), frame("[]")),
    (client) => client.send(frame("x", { rsv: 7 })),
    (client) => client.socket.resetAndDestroy(),
  ];
  for (const attack of attacks) {
    const client = await explained();
    attack(client);
    await client.ended;
    expect(client.frames.filter(({ opcode }) => opcode === 10)).toEqual([]);
  }
  expect(world.endpoint.connectionCount).toBe(0);
  expect((await world.knock({ path: at("") })).status).toBe(101);
});

test("frames behind the handshake, in the same packet, are read once there is somebody to hear them", async () => {
  const world = await arena();
  const trailing = Buffer.concat(["1", "2"].map((ref) => frame(`[null,"${ref}","phoenix","heartbeat",{}]`)));
  const client = await world.enter({ trailing });
  await client.reply("2");
  expect(client.messages).toHaveLength(2);
});
