/** How fast one may knock. */

import { createServer } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { defineEndpoint, defineSocket, type WebSocketOptions } from "../../src/index.ts";
import { afterwards, secretKeyBase } from "../security/support/arena.ts";
import { knock, tcp } from "../security/support/raw.ts";
import { ask, Poller } from "../support/poller.ts";
import { startGate, statuses } from "./support.ts";

const oneSlowly = { connectsPerAddressPerSecond: 1, connectsPerAddressBurst: 3 };

test("an address that knocks too fast is told 429 and when to come back, its hook not called, and another gets in", async () => {
  const gate = await startGate({ limits: oneSlowly });
  expect(await statuses(gate, 3)).toEqual([101, 101, 101]);
  const refused = await gate.knock();
  expect(refused.response.statusLine).toBe("HTTP/1.1 429 Too Many Requests");
  expect(refused.response.headers.get("retry-after")).toBe("1");
  expect(gate.connects.count).toBe(3);
  expect(await statuses(gate, 1, { from: "127.0.0.2" })).toEqual([101]);
  gate.clock.advance(999);
  expect(await statuses(gate, 1)).toEqual([429]);
  gate.clock.advance(1);
  expect(await statuses(gate, 2)).toEqual([101, 429]);
});

test("retry-after is what it takes, in whole seconds", async () => {
  const gate = await startGate({ limits: { connectsPerAddressPerSecond: 0.4, connectsPerAddressBurst: 1 } });
  await gate.knock();
  expect((await gate.knock()).response.headers.get("retry-after")).toBe("3");
});

test("behind a proxy that is named it is the client's own address that counts", async () => {
  const gate = await startGate({ limits: oneSlowly, trustedProxies: ["127.0.0.1"] });
  expect(await statuses(gate, 4, { forwardedFor: "203.0.113.7" })).toEqual([101, 101, 101, 429]);
  expect(await statuses(gate, 4, { forwardedFor: "203.0.113.8" })).toEqual([101, 101, 101, 429]);
  // What stands left of the last hop, the client may have made up.
  expect(await statuses(gate, 1, { forwardedFor: "198.51.100.1, 203.0.113.7" })).toEqual([429]);
});

test("nobody else's X-Forwarded-For makes another client of one", async () => {
  const gate = await startGate({ limits: oneSlowly, trustedProxies: ["127.0.0.1"] });
  const knocks = [1, 2, 3, 4].map((last) => ({ from: "127.0.0.2", forwardedFor: `203.0.113.${last}` }));
  const found: number[] = [];
  for (const each of knocks) found.push((await gate.knock(each)).status);
  expect(found).toEqual([101, 101, 101, 429]);
});

test("all the addresses of one IPv6 network are one", async () => {
  const gate = await startGate({ limits: oneSlowly, trustedProxies: ["127.0.0.1"] });
  const found: number[] = [];
  for (const last of ["1", "2:3:4:5", "ffff", "dead:beef:0:1"])
    found.push((await gate.knock({ forwardedFor: `2001:db8:0:1:${last.includes(":") ? "" : ":"}${last}` })).status);
  expect(found).toEqual([101, 101, 101, 429]);
  expect(await statuses(gate, 1, { forwardedFor: "2001:db8:0:2::1" })).toEqual([101]);
});

test("the node takes so many from everybody, and what an address was refused is not counted against the others", async () => {
  const limits = { ...oneSlowly, connectsPerSecond: 2, connectsBurst: 6 };
  const gate = await startGate({ limits });
  expect((await statuses(gate, 30)).filter((status) => status === 101)).toHaveLength(3);
  expect(await statuses(gate, 3, { from: "127.0.0.2" })).toEqual([101, 101, 101]);
  expect(await statuses(gate, 1, { from: "127.0.0.3" })).toEqual([429]);
  gate.clock.advance(500);
  expect(await statuses(gate, 2, { from: "127.0.0.3" })).toEqual([101, 429]);
});

test("over the rate not even the origin is looked at", async () => {
  let asked = 0;
  const websocket: WebSocketOptions = {
    origins: () => {
      asked += 1;
      return true;
    },
  };
  const gate = await startGate({ limits: oneSlowly, mount: { websocket } });
  await statuses(gate, 10, { headers: ["Origin: https://example.com"] });
  expect(asked).toBe(3);
});

test("who is refused for something else has knocked all the same", async () => {
  const gate = await startGate({ limits: oneSlowly });
  expect(await statuses(gate, 5, { headers: ["Origin: https://evil.example"] })).toEqual([403, 403, 403, 429, 429]);
});

test("a client that asks is told in JSON when to come back, and a stranger's page is not", async () => {
  const gate = await startGate({ limits: { connectsPerAddressPerSecond: 0.5, connectsPerAddressBurst: 1 } });
  await gate.knock();
  const url = `http://127.0.0.1:${gate.port}/socket/websocket?vsn=2.0.0`;
  const told = await fetch(url, { headers: { accept: "application/json", origin: "http://localhost:3000" } });
  expect([told.status, told.headers.get("retry-after")]).toEqual([429, "2"]);
  expect(told.headers.get("access-control-expose-headers")).toBe("retry-after");
  expect(await told.json()).toEqual({ reason: "rate_limited", retry: { afterMs: 2_000 } });
  const stranger = await fetch(url, { headers: { accept: "application/json", origin: "https://evil.example" } });
  expect([stranger.status, await stranger.text()]).toEqual([429, ""]);
  expect(stranger.headers.get("access-control-allow-origin")).toBe(null);
});

test("nobody is upgraded only to be told that there are too many", async () => {
  const gate = await startGate({ limits: oneSlowly });
  const headers = ["Sec-WebSocket-Protocol: portcullis.explain"];
  expect(await statuses(gate, 5, { headers })).toEqual([101, 101, 101, 429, 429]);
});

test("opening a long-poll session is a connect; its polls and posts are none", async () => {
  const gate = await startGate({
    limits: { connectsPerAddressPerSecond: 1, connectsPerAddressBurst: 1 },
    mount: { longpoll: true },
  });
  const poller = await Poller.open(gate.port);
  await poller.join("ping:a");
  for (let ref = 2; ref < 10; ref += 1) {
    expect(await poller.post("1", String(ref), "ping:a", "ping", {})).toMatchObject({ status: 200 });
    await poller.fetch();
  }
  const refused = await ask(gate.port).answer;
  expect([refused.httpStatus, refused.headers["retry-after"], refused.text]).toEqual([429, "1", ""]);
});

test("whoever comes over a Unix socket has no address, and is counted with all", async () => {
  const endpoint = defineEndpoint({
    secretKeyBase,
    sockets: { "/socket": { socket: defineSocket(), channels: [] } },
    limits: { ...oneSlowly, connectionsPerAddressMax: 1, connectsPerSecond: 1, connectsBurst: 5 },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  const server = createServer();
  endpoint.attach(server);
  const path = join(tmpdir(), `portcullis-${process.pid}-${Date.now()}.sock`);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  afterwards(async () => {
    await endpoint.close();
    await new Promise((resolve) => server.close(resolve));
  });
  const found: number[] = [];
  for (let index = 0; index < 6; index += 1) {
    const connection = connect(path);
    connection.on("error", () => {});
    const client = await knock(0, { connection });
    afterwards(() => client.destroy());
    found.push(client.status);
  }
  expect(found.slice(0, 5)).toEqual([101, 101, 101, 101, 101]);
  expect(found[5]).toBe(429);
});

test("at four fifths it is reported, once; what is refused each time, in one line of the log; and never an address", async () => {
  const gate = await startGate({
    limits: { connectsPerAddressPerSecond: 1, connectsPerAddressBurst: 5, connectsPerSecond: 1, connectsBurst: 10 },
    trustedProxies: ["127.0.0.1"],
  });
  await statuses(gate, 25, { forwardedFor: "203.0.113.7" });
  const address = { mount: "/socket", limit: "connectsPerAddressPerSecond", max: 5 };
  expect(gate.reported("limit.warned")).toEqual([{ ...address, value: 4 }]);
  expect(gate.reported("limit.reached")).toEqual(Array.from({ length: 20 }, () => address));
  const refused = { mount: "/socket", transport: "websocket", code: "rate_limited", status: 429 };
  expect(gate.reported("socket.refused")).toEqual(Array.from({ length: 20 }, () => refused));
  expect(gate.said.map(({ message }) => message)).toEqual([
    expect.stringContaining("connectsPerAddressPerSecond allows 1 (5 at once)"),
  ]);
  expect(gate.said[0]?.message).toContain("trustedProxies");
  await statuses(gate, 7, { forwardedFor: "203.0.113.8" });
  expect(gate.reported("limit.warned")).toContainEqual({
    mount: "/socket",
    limit: "connectsPerSecond",
    value: 8,
    max: 10,
  });
  const everything = inspect(
    [gate.said, gate.reported("limit.warned"), gate.reported("limit.reached"), gate.reported("socket.refused")],
    { depth: 9 },
  );
  expect(everything).not.toContain("203.0.113");
});

test("a limit that isn't known, or is no positive number, is a mistake in the definition", () => {
  const define = (limits: object) => () =>
    defineEndpoint({
      secretKeyBase,
      sockets: { "/socket": { socket: defineSocket(), channels: [] } },
      limits: limits as never,
    });
  expect(define({ connectionMax: 1 })).toThrow('Unknown option "connectionMax" of the endpoint (limits)');
  expect(define({ connectionsMax: 0 })).toThrow("connectionsMax");
  expect(define({ connectsPerSecond: "9" })).toThrow("connectsPerSecond");
  expect(define({ connectsBurst: 0.5 })).toThrow("connectsBurst");
  expect(
    define({ connectionsMax: Number.POSITIVE_INFINITY, connectsPerSecond: Number.POSITIVE_INFINITY }),
  ).not.toThrow();
});

test("where only the rate is given twice of it comes at once", async () => {
  const gate = await startGate({ limits: { connectsPerAddressPerSecond: 2 } });
  expect(await statuses(gate, 5)).toEqual([101, 101, 101, 101, 429]);
});

test("twenty handshakes at once, without waiting for answers, are no way around it", async () => {
  const gate = await startGate({ limits: oneSlowly });
  const found = await Promise.all(
    Array.from({ length: 20 }, async () => (await knock(gate.port, { connection: await tcp(gate.port) })).status),
  );
  expect(found.filter((status) => status === 101)).toHaveLength(3);
  expect(found.filter((status) => status === 429)).toHaveLength(17);
  expect(gate.connects.count).toBe(3);
});
