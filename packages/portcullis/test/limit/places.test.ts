/** How many may be there at a time; and that whoever is gone, in whatever way, makes room. */

import type { Socket } from "node:net";
import { inspect } from "node:util";
import { connect as connectLocally } from "portcullis/testing";
import { describe, expect, test } from "vitest";
import { accept, defineSocket, type Endpoint, reject, signedToken } from "../../src/index.ts";
import { bounds } from "../../src/limit/bounds.ts";
import { Place, Places } from "../../src/limit/places.ts";
import { tokenSalt } from "../security/support/arena.ts";
import { frame, handshakeText, type RawClient, tcp } from "../security/support/raw.ts";
import { settled } from "../support/clock.ts";
import { ask, longpollPath, Poller } from "../support/poller.ts";
import { type Gate, type GateOptions, type Knocking, startGate } from "./support.ts";

/** Room for one, however it is counted: whatever is not given back keeps everybody out. */
const roomForOne = { connectionsMax: 1, connectionsPerAddressMax: 1, connectionsPerSubjectMax: 1 };

interface Guarded extends Gate {
  readonly token: string;
  /** Resolves when the server knows that somebody it looks at has gone. */
  readonly gone: Promise<void>;
  /** Lets hooks that wait go on. */
  goOn(): void;
  /** Resolves when so many hooks wait. */
  asked(count: number): Promise<void>;
  visit(knocking?: Knocking): Promise<RawClient>;
}

/** Sockets with a token; `?mode=` says what `connect` does. */
async function guarded(options: GateOptions = {}): Promise<Guarded> {
  const waiting: (() => void)[] = [];
  const watching: (() => void)[] = [];
  let leave = (): void => {};
  const gone = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const socket = defineSocket({
    authenticate: signedToken({ salt: tokenSalt, maxAgeSeconds: 3_600 }),
    connect({ params, identity, signal }): Promise<object> | object {
      switch (params["mode"]) {
        case "rejects":
          return reject("no");
        case "throws":
          throw new Error("thrown by connect");
        case "waits":
          signal.addEventListener("abort", leave);
          return new Promise<object>((resolve) => {
            waiting.push(() => resolve({ userId: identity.subject }));
            for (const wake of watching.splice(0)) wake();
          });
        default:
          return { userId: identity.subject };
      }
    },
    id: ({ userId }: { userId?: string }) => `users:${userId}`,
  });
  const mount = { socket, channels: [], longpoll: true } as const;
  const gate = await startGate({ limits: roomForOne, sockets: { "/socket": mount }, ...options });
  const sign = (): string => gate.endpoint.tokens.sign(tokenSalt, "ada");
  return {
    ...gate,
    token: sign(),
    gone,
    goOn() {
      for (const each of waiting.splice(0)) each();
    },
    async asked(count) {
      while (waiting.length < count) await new Promise<void>((resolve) => void watching.push(resolve));
    },
    visit: (knocking = {}) =>
      gate.knock({ ...knocking, headers: [`X-Phoenix-AuthToken: ${sign()}`, ...(knocking.headers ?? [])] }),
  };
}

/** Comes back until there is room, and goes. */
async function thereIsRoom(gate: Guarded): Promise<void> {
  const closed = gate.reported("socket.closed").length;
  for (;;) {
    const client = await gate.visit();
    if (client.status === 101) {
      client.destroy();
      return gate.hears("socket.closed", closed + 1);
    }
    expect(client.status).toBe(503);
    await settled();
  }
}

const path = (mode: string): string => `/socket/websocket?vsn=2.0.0&mode=${mode}`;

describe("the only place is free again", () => {
  test.each<[string, (client: RawClient, gate: Guarded) => unknown]>([
    ["the client closes", (client) => client.send(frame(Buffer.from([3, 232]), { opcode: 8 }))],
    ["it hangs up", (client) => client.destroy()],
    ["it sends nonsense", (client) => client.send("nonsense")],
    ["it breaks WebSocket", (client) => client.send(frame("x", { masked: false }))],
    ["it is disconnected", (_client, { endpoint }) => endpoint.disconnect("users:ada")],
    ["it falls silent", (_client, { clock }) => clock.advance(bounds.idleTimeoutMs * 1.1)],
    ["its credential lapses", lapse],
  ])("when %s", async (_how, end) => {
    const gate = await guarded();
    const client = await gate.visit();
    expect(client.status).toBe(101);
    expect((await gate.visit()).status).toBe(503);
    await end(client, gate);
    await gate.hears("socket.closed");
    await thereIsRoom(gate);
  });

  /** Heartbeats keep it from being idle meanwhile. */
  async function lapse(client: RawClient, { clock }: Guarded): Promise<void> {
    for (let beat = 0; beat * 50_000 < 3_600_000; beat += 1) {
      client.message(null, `${beat}`, "phoenix", "heartbeat", {});
      await client.reply(`${beat}`);
      clock.advance(50_000);
    }
    clock.advance(bounds.refreshGraceMs);
  }

  test("when its credential is revoked", async () => {
    const gate = await guarded();
    await gate.visit();
    await gate.endpoint.revoke({ subject: "ada" });
    await gate.hears("socket.closed");
    gate.clock.advance(3_000);
    await thereIsRoom(gate);
  });

  test.each<[string, number, Knocking]>([
    ["its page's origin", 403, { headers: ["Origin: https://evil.example"] }],
    ["its version", 403, { path: "/socket/websocket?vsn=9.9.9" }],
    ["connect's no", 403, { path: path("rejects") }],
    ["what connect threw", 500, { path: path("throws") }],
    ["a handshake that is none", 400, { without: ["Sec-WebSocket-Version"] }],
    ["a handshake ws finds wanting", 400, { without: ["Sec-WebSocket-Key"] }],
    ["being no upgrade at all", 400, { without: ["Connection", "Upgrade"] }],
    ["its method", 400, { method: "PUT" }],
    ["a second credential", 403, { headers: ["Authorization: Bearer x"] }],
  ])("when somebody is refused for %s", async (_what, status, knocking) => {
    const gate = await guarded();
    expect((await gate.visit(knocking)).status).toBe(status);
    await thereIsRoom(gate);
  });

  test("when somebody is refused for their credential, and told so over an upgrade", async () => {
    const gate = await guarded();
    const told = await gate.knock({ headers: ["Sec-WebSocket-Protocol: portcullis.explain"] });
    expect(told.status).toBe(101);
    await thereIsRoom(gate);
  });

  test("when connect takes too long, before it answers and after", async () => {
    const gate = await guarded();
    const visit = gate.visit({ path: path("waits") });
    await gate.asked(1);
    expect((await gate.visit()).status).toBe(503);
    gate.clock.advance(bounds.connectTimeoutMs);
    expect((await visit).status).toBe(503);
    await thereIsRoom(gate);
    gate.goOn();
    await settled();
    await thereIsRoom(gate);
  });

  test("when connect says who it is long after its time was over", async () => {
    let asked = (): void => {};
    let say = (): void => {};
    const waits = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const said = new Promise<void>((resolve) => {
      say = resolve;
    });
    const socket = defineSocket({
      async connect({ params }) {
        asked();
        if (params["late"] !== undefined) await said;
        return accept({ subject: "ada" });
      },
    });
    const sockets = { "/socket": { socket, channels: [] } };
    const gate = await startGate({ limits: { connectionsPerSubjectMax: 1 }, sockets });
    const late = gate.knock({ path: "/socket/websocket?vsn=2.0.0&late=1" });
    await waits;
    gate.clock.advance(bounds.connectTimeoutMs);
    expect((await late).status).toBe(503);
    say();
    await settled();
    expect((await gate.knock()).status).toBe(101);
  });

  test.each([
    ["WebSocket", path("waits")],
    ["long-poll", "/socket/longpoll?vsn=2.0.0&mode=waits"],
  ])("when a client of %s hangs up while connect thinks; until then it counts", async (_how, url) => {
    const gate = await guarded();
    const connection = await halfway(gate, url);
    await gate.asked(1);
    expect((await gate.visit()).status).toBe(503);
    connection.destroy();
    await gate.gone;
    gate.goOn();
    await thereIsRoom(gate);
  });

  test("when a long-poll session ends", async () => {
    const gate = await guarded();
    const options = { headers: { "x-phoenix-authtoken": gate.token } };
    const poller = await Poller.open(gate.port, options);
    const full = await ask(gate.port, { path: longpollPath, ...options }).answer;
    expect([full.httpStatus, full.headers["retry-after"]]).toEqual([503, "5"]);
    gate.endpoint.disconnect("users:ada");
    await gate.hears("socket.closed");
    await thereIsRoom(gate);
    // What it had left to fetch takes no place.
    expect(poller.token).toBeTypeOf("string");
  });

  test("when nobody polls for a long-poll session any more", async () => {
    const gate = await guarded();
    await Poller.open(gate.port, { headers: { "x-phoenix-authtoken": gate.token } });
    gate.clock.advance(bounds.longpollWindowMs * 1.5);
    await gate.hears("socket.closed");
    await thereIsRoom(gate);
  });

  test("when a connection of a test, without a network, is closed, refused or given up", async () => {
    const gate = await guarded();
    const { endpoint, token } = gate;
    const options = { token, peer: { address: "127.0.0.1", port: 1, tls: false } };
    const knock = (mode: string) =>
      connectLocally(endpoint as Endpoint<never>, "/socket" as never, { ...options, params: { mode } });
    const socket = await knock("");
    await expect(knock("")).rejects.toMatchObject({ code: "connections_max", status: 503 });
    await socket.close();
    await thereIsRoom(gate);
    await expect(knock("rejects")).rejects.toMatchObject({ code: "connect_refused" });
    await thereIsRoom(gate);
  });

  test("when the endpoint drains: nobody is left, and nobody comes", async () => {
    const gate = await guarded();
    await gate.visit();
    await gate.endpoint.drain();
    expect(gate.endpoint.connectionCount).toBe(0);
  });
});

test("a place given back twice is given back once", () => {
  const places = new Places({ connectionsMax: 2, connectionsPerAddressMax: 2, connectionsPerSubjectMax: 2 });
  const [one, other] = [places.take("a", () => {}), places.take("a", () => {})] as readonly Place[];
  one?.name({ kind: "k", subject: "ada" }, () => {});
  other?.name({ kind: "k", subject: "ada" }, () => {});
  expect(places.taken).toEqual({ connections: 2, addresses: 1, subjects: 1 });
  for (let index = 0; index < 3; index += 1) one?.release();
  expect(places.take("a", () => {})).toBeInstanceOf(Place);
  expect(places.take("a", () => {})).toBe("connectionsMax");
  other?.release();
  expect(places.taken).toEqual({ connections: 1, addresses: 1, subjects: 0 });
});

/** A request that has been sent, and is not answered yet. */
async function halfway(gate: Guarded, url: string): Promise<Socket> {
  const connection = await tcp(gate.port);
  const without = url.includes("longpoll") ? ["Connection", "Upgrade"] : [];
  const headers = [`X-Phoenix-AuthToken: ${gate.token}`];
  connection.write(handshakeText(gate.port, { path: url, headers, without }));
  return connection;
}

describe("there is room for so many", () => {
  test("on the node, from whatever address, and no hook is called for more", async () => {
    const gate = await startGate({ limits: { connectionsMax: 2 } });
    expect((await gate.knock()).status).toBe(101);
    expect((await gate.knock({ from: "127.0.0.2" })).status).toBe(101);
    const refused = await gate.knock({ from: "127.0.0.3" });
    expect([refused.status, refused.response.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(gate.connects.count).toBe(2);
  });

  test("from one address, and from another", async () => {
    const gate = await startGate({ limits: { connectionsPerAddressMax: 2 }, trustedProxies: ["127.0.0.1"] });
    const from = async (forwardedFor: string): Promise<number> => (await gate.knock({ forwardedFor })).status;
    expect([await from("203.0.113.7"), await from("203.0.113.7"), await from("203.0.113.7")]).toEqual([101, 101, 503]);
    expect([await from("2001:db8::1"), await from("2001:db8::2"), await from("2001:db8::3")]).toEqual([101, 101, 503]);
    expect((await gate.knock({ from: "127.0.0.2" })).status).toBe(101);
  });

  test("of one subject, over all mounts and transports; another subject is another matter", async () => {
    const socket = defineSocket({ authenticate: signedToken({ salt: tokenSalt, maxAgeSeconds: 3_600 }) });
    const mount = { socket, channels: [], longpoll: true } as const;
    const limits = { connectionsPerSubjectMax: 2 };
    const gate = await startGate({ limits, sockets: { "/one": mount, "/two": mount } });
    const [ada, bob] = ["ada", "bob"].map((name) => gate.endpoint.tokens.sign(tokenSalt, name));
    const status = async (name: string | undefined, at: string): Promise<number> =>
      (await gate.knock({ path: `${at}/websocket?vsn=2.0.0`, headers: [`X-Phoenix-AuthToken: ${name}`] })).status;
    expect(await status(ada, "/one")).toBe(101);
    await Poller.open(gate.port, { path: "/two/longpoll?vsn=2.0.0", headers: { "x-phoenix-authtoken": ada ?? "" } });
    expect([await status(ada, "/one"), await status(ada, "/two"), await status(bob, "/two")]).toEqual([503, 503, 101]);
  });

  test("of one subject that only connect names", async () => {
    const socket = defineSocket({ connect: ({ params }) => accept({ subject: String(params["name"]) }) });
    const limits = { connectionsPerSubjectMax: 1 };
    const gate = await startGate({ limits, sockets: { "/socket": { socket, channels: [] } } });
    const status = async (name: string): Promise<number> =>
      (await gate.knock({ path: `/socket/websocket?vsn=2.0.0&name=${name}` })).status;
    expect([await status("ada"), await status("ada"), await status("bob")]).toEqual([101, 503, 101]);
  });

  test("of one subject of a tenant: who bears the same name elsewhere is somebody else", async () => {
    const socket = defineSocket({
      authenticate: ({ params }) => ({
        authenticator: "own",
        issuer: null,
        tenant: String(params["tenant"]),
        subject: "ada",
        claims: null,
        tokenId: null,
        issuedAt: 0,
        expiresAt: Number.POSITIVE_INFINITY,
      }),
    });
    const limits = { connectionsPerSubjectMax: 1 };
    const gate = await startGate({ limits, sockets: { "/socket": { socket, channels: [] } } });
    const status = async (tenant: string): Promise<number> =>
      (await gate.knock({ path: `/socket/websocket?vsn=2.0.0&tenant=${tenant}` })).status;
    expect([await status("a"), await status("a"), await status("b")]).toEqual([101, 503, 101]);
  });

  test("and those that are still being looked at count", async () => {
    const gate = await guarded({ limits: { connectionsMax: 3 } });
    const visits = Array.from({ length: 3 }, () => gate.visit({ path: path("waits") }));
    await gate.asked(3);
    expect((await gate.visit()).status).toBe(503);
    gate.goOn();
    expect((await Promise.all(visits)).map(({ status }) => status)).toEqual([101, 101, 101]);
  });
});

test("a hundred that come and go in every way at once leave all the room there was", async () => {
  const gate = await guarded({
    limits: { connectionsMax: 100, connectionsPerAddressMax: 100, connectionsPerSubjectMax: 100 },
  });
  for (let round = 0; round < 3; round += 1) {
    const clients = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        gate.visit({ path: path(["", "rejects", "throws", ""][index % 4] ?? "") }),
      ),
    );
    expect(clients.filter(({ status }) => status === 503)).toEqual([]);
    for (const [index, client] of clients.entries()) {
      if (index % 3 === 0) client.send("nonsense");
      else client.destroy();
    }
    await Promise.all(clients.map(({ ended }) => ended));
    await gate.hears("socket.closed", (round + 1) * 50);
  }
  const all = await Promise.all(Array.from({ length: 100 }, () => gate.visit()));
  expect(all.map(({ status }) => status)).toEqual(Array.from({ length: 100 }, () => 101));
  expect((await gate.visit()).status).toBe(503);
}, 20_000);

test("at four fifths it is reported, and what is refused; the log says which limit it was, and nobody says who", async () => {
  const limits = { connectionsMax: 100, connectionsPerAddressMax: 50, connectionsPerSubjectMax: 5 };
  const gate = await guarded({ limits });
  for (let index = 0; index < 7; index += 1) await gate.visit();
  const limit = { mount: "/socket", limit: "connectionsPerSubjectMax", max: 5 };
  expect(gate.reported("limit.warned")).toEqual([{ ...limit, value: 4 }]);
  expect(gate.reported("limit.reached")).toEqual([limit, limit]);
  const refused = { mount: "/socket", transport: "websocket", code: "connections_max", status: 503 };
  expect(gate.reported("socket.refused")).toEqual([refused, refused]);
  expect(gate.said).toHaveLength(1);
  expect(gate.said[0]?.message).toContain("Raise connectionsPerSubjectMax");
  const everything = inspect([gate.said, gate.reported("limit.warned"), gate.reported("limit.reached")], { depth: 9 });
  expect(everything).not.toMatch(/ada|127\.0\.0/);
});
