/** The gate, from a test: the very one a network leads to. */
import { AssertionError } from "node:assert";
import { defineEndpoint, defineSocket, reject, silentLogger } from "portcullis";
import { ConnectionRefused, connect, fakeClock, refused } from "portcullis/testing";
import { describe, expect, test } from "vitest";
import { application, secretKeyBase, tokenOf } from "./support.ts";

function endpointWith(options: Parameters<typeof defineSocket>[0], mount: object = {}) {
  const socket = defineSocket(options as never);
  return defineEndpoint({
    secretKeyBase,
    logger: silentLogger,
    sockets: { "/socket": { socket, channels: [], ...mount } },
  });
}

describe("who is let in", () => {
  test("has assigns and an id", async () => {
    const endpoint = application();
    const socket = await connect(endpoint, "/socket", { token: tokenOf(endpoint) });
    expect([socket.assigns, socket.id, socket.open]).toEqual([{ userId: "ada" }, "users:ada", true]);
    expect(endpoint.connectionCount).toBe(1);
  });

  test.each(["subprotocol", "header", "params"] as const)("may bring the token as %s", async (place) => {
    const endpoint = endpointWith(
      { authenticate: ({ credential }) => credential ?? reject("missing"), connect: ({ identity }) => ({ identity }) },
      { from: [place] },
    );
    expect((await connect(endpoint, "/socket", { token: "tøken=" })).assigns).toEqual({ identity: "tøken=" });
  });

  test("is asked for what a request has: params, headers, address", async () => {
    const endpoint = endpointWith({
      connectInfo: ["peer", "uri", "userAgent", "xHeaders"],
      connect: ({ params, info }) => ({ params, info }),
    });
    const socket = await connect(endpoint, "/socket", {
      params: { page: 2, filter: { by: "name" }, tags: ["a", "b"], since: new Date(0), nothing: null, gone: undefined },
      headers: { "User-Agent": "test", "X-Region": ["eu", "us"] },
      peer: { address: "203.0.113.7", port: 1234, tls: true },
    });
    expect(socket.assigns).toMatchObject({
      params: { page: "2", filter: { by: "name" }, tags: ["a", "b"], since: "1970-01-01T00:00:00.000Z", nothing: "" },
      info: {
        peer: { address: "203.0.113.7", port: 1234, tls: true },
        uri: { scheme: "https", host: "localhost", path: "/socket" },
        userAgent: "test",
        xHeaders: [
          ["x-region", "eu"],
          ["x-region", "us"],
        ],
      },
    });
    expect((socket.assigns as { params: object }).params).not.toHaveProperty("gone");
  });

  test("finds path variables among the params", async () => {
    const socket = defineSocket({ connect: ({ params }) => ({ tenant: params["tenant"] }) });
    const endpoint = defineEndpoint({
      secretKeyBase,
      sockets: { "/info/:tenant/ws": { socket, channels: [] } },
    });
    expect((await connect(endpoint, "/info/acme/ws")).assigns).toEqual({ tenant: "acme" });
  });
});

describe("who is not", () => {
  test("is told by the HTTP status and the code of the table", async () => {
    const endpoint = application();
    expect(await refused(endpoint, "/socket")).toMatchObject({ status: 403, code: "credential_missing" });
    expect(await refused(endpoint, "/socket", { token: "nonsense" })).toMatchObject({ code: "credential_invalid" });
    const error: unknown = await connect(endpoint, "/socket").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConnectionRefused);
    expect(error).toMatchObject({ status: 403, code: "credential_missing" });
    expect((error as Error).message).toContain("403 (credential_missing)");
  });

  test("may be a page from elsewhere, or speak another version", async () => {
    const endpoint = application();
    expect(await refused(endpoint, "/open/a", { origin: "https://evil.example" })).toMatchObject({
      code: "origin_refused",
    });
    await connect(endpoint, "/open/a", { origin: "http://localhost:3000" });
    expect(await refused(endpoint, "/open/a", { params: { vsn: "3.0.0" } })).toMatchObject({ code: "vsn_unsupported" });
  });

  test("gets what the application says", async () => {
    const endpoint = endpointWith(
      { connect: () => reject("banned") },
      { refusal: ({ reason }: { reason: string }) => ({ status: 410, body: reason, headers: { "x-why": reason } }) },
    );
    expect(await refused(endpoint, "/socket")).toEqual({
      status: 410,
      code: "connect_refused",
      body: "banned",
      headers: { "x-why": "banned" },
    });
  });

  test("is not somebody who is let in", async () => {
    const endpoint = application();
    const error: unknown = await refused(endpoint, "/open/a").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AssertionError);
    expect((error as Error).message).toContain("Expected connecting to /open/a to be refused");
    expect(endpoint.connectionCount).toBe(0);
  });

  test("may have mistaken the path", async () => {
    await expect(connect(application(), "/sockets" as "/socket")).rejects.toThrow(
      'Expected the path of a socket of this endpoint (/socket, /open/:tenant), got "/sockets".',
    );
  });
});

describe("time", () => {
  test("expires tokens and connecting when the clock says so", async () => {
    const clock = fakeClock({ now: new Date("2026-05-01") });
    const endpoint = application({ clock });
    const token = tokenOf(endpoint);
    await connect(endpoint, "/socket", { token });
    await clock.advance(86_401_000);
    expect(await refused(endpoint, "/socket", { token })).toMatchObject({ code: "credential_expired" });
  });

  test("runs out for a connect that doesn't answer", async () => {
    const clock = fakeClock();
    const socket = defineSocket({ connect: () => new Promise<object>(() => {}) });
    const endpoint = defineEndpoint({
      secretKeyBase,
      clock,
      logger: silentLogger,
      sockets: { "/slow": { socket, channels: [], connectTimeoutMs: 2_000 } },
    });
    const knocking = refused(endpoint, "/slow");
    await clock.advance(2_000);
    expect(await knocking).toMatchObject({ status: 503, code: "connect_timeout" });
  });
});

describe("an open connection", () => {
  test("is ended by the server, and the test knows why", async () => {
    const endpoint = application();
    const socket = await connect(endpoint, "/socket", { token: tokenOf(endpoint) });
    const room = await socket.join("room:lobby");
    await socket.refuteClosed();
    endpoint.disconnect("users:bob");
    await socket.refuteClosed();
    endpoint.disconnect("users:ada");
    expect(await socket.assertClosed("disconnected")).toEqual({ closeCode: 1001, code: "disconnected" });
    await socket.assertClosed(1001);
    await expect(socket.assertClosed("idle")).rejects.toThrow(
      /to be closed with idle; the connection was closed with 1001/,
    );
    await expect(socket.refuteClosed()).rejects.toThrow("closed with 1001 (disconnected)");
    await expect(socket.join("room:lobby")).rejects.toThrow("the connection is closed");
    expect(room.joined).toBe(false);
  });

  test("is ended when its endpoint closes", async () => {
    const endpoint = application();
    const socket = await connect(endpoint, "/open/a");
    await endpoint.close();
    await socket.assertClosed("endpoint_closed");
    expect(await refused(endpoint, "/open/a")).toMatchObject({ status: 503, code: "shutting_down" });
  });

  test("takes any frame, and is ended for one that is none", async () => {
    const socket = await connect(application(), "/open/a");
    socket.send(JSON.stringify([null, "7", "phoenix", "heartbeat", {}]));
    await socket.assertMessage({ ref: "7", topic: "phoenix", payload: { status: "ok" } });
    socket.send("no message");
    await socket.assertClosed("frame_invalid");
  });

  test("is ended for a frame that is too large", async () => {
    const endpoint = endpointWith({}, { websocket: { frameBytesMax: 100 } });
    const socket = await connect(endpoint, "/socket");
    socket.send(JSON.stringify([null, "7", "phoenix", "heartbeat", { text: "x".repeat(100) }]));
    await socket.assertClosed(1009);
  });

  test("has the limits of its mount", async () => {
    const socket = await connect(application(), "/open/a");
    for (const topic of ["echo:1", "echo:2", "echo:3"] as const) await socket.join(topic);
    expect(await socket.refused("echo:4")).toEqual({ reason: "too many channels joined" });
  });

  test("is seen by telemetry like any other", async () => {
    const seen: string[] = [];
    const socket = defineSocket();
    const endpoint = defineEndpoint({
      secretKeyBase,
      logger: silentLogger,
      telemetry: (name) => void seen.push(name),
      sockets: { "/socket": { socket, channels: [socket.channel("a")] } },
    });
    const client = await connect(endpoint, "/socket");
    await (await client.join("a")).leave();
    await client.close();
    expect(seen).toEqual(["socket.connected", "channel.joined", "channel.left", "socket.closed"]);
  });
});
