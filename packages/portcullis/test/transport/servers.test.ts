/** On servers of one's own: node:http and node:https, beside request listeners and upgrade handlers of others. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, request as requestTls } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { defineEndpoint, type Endpoint, type MountOptions, silentLogger } from "../../src/index.ts";
import { afterwards, openSocket, pingChannel, secretKeyBase } from "../security/support/arena.ts";
import { knock, tcp } from "../security/support/raw.ts";
import { certificate } from "./support/certificate.ts";

function endpointOn(path: string, options: Partial<MountOptions> = {}): Endpoint {
  const socket = openSocket();
  const sockets = { [path]: { socket, channels: [pingChannel(socket)], ...options } };
  const endpoint = defineEndpoint({ secretKeyBase, logger: silentLogger, sockets }) as Endpoint;
  afterwards(() => endpoint.close());
  return endpoint;
}

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const plain = (path: string) => ({ path, without: ["Connection", "Upgrade"], headers: ["Connection: close"] });
const hello = (_request: IncomingMessage, response: ServerResponse): void => void response.end("hello");
const upgradePath = (path: string) => ({ path: `${path}/websocket?vsn=2.0.0` });

/** The status of a handshake, and whether the connection then works. */
async function works(port: number, path = "/socket"): Promise<boolean> {
  const client = await knock(port, upgradePath(path));
  if (client.status !== 101) return false;
  const { status } = await client.push("phoenix", "heartbeat", {}, "1");
  client.destroy();
  return status === "ok";
}

test("listen serves the sockets and nothing else", async () => {
  const endpoint = endpointOn("/socket");
  const { port, host, url } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  expect({ host, url }).toEqual({ host: "127.0.0.1", url: `http://127.0.0.1:${port}` });
  expect(await works(port)).toBe(true);
  const { response } = await knock(port, plain("/other"));
  expect(response.status).toBe(404);
  expect(response.body).toContain("not found");
  expect((await knock(port, { path: "/other" })).status).toBe(404);
});

test("closing a listener stops listening, and leaves the connections", async () => {
  const endpoint = endpointOn("/socket");
  const { port, close } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  const client = await knock(port);
  await close();
  await close();
  await expect(tcp(port)).rejects.toThrow(/ECONNREFUSED/);
  expect((await client.push("phoenix", "heartbeat", {}, "1")).status).toBe("ok");
  await endpoint.close();
  expect(await client.closed()).toBe(1001);
});

test("a port that is taken is an error of listen", async () => {
  const { port } = await endpointOn("/socket").listen({ port: 0, host: "127.0.0.1" });
  await expect(endpointOn("/socket").listen({ port, host: "127.0.0.1" })).rejects.toThrow(/EADDRINUSE/);
});

test("listen with a certificate speaks https and wss", async () => {
  const endpoint = endpointOn("/socket", { origins: "conn" });
  const { port, url } = await endpoint.listen({ port: 0, host: "localhost", tls: certificate });
  expect(url).toBe(`https://localhost:${port}`);
  const open = (origin: string): WebSocket =>
    new WebSocket(`wss://localhost:${port}/socket/websocket?vsn=2.0.0`, { rejectUnauthorized: false, origin });
  const client = open(`https://localhost:${port}`);
  await once(client, "open");
  client.send('[null,"1","phoenix","heartbeat",{}]');
  expect(String((await once(client, "message"))[0])).toContain('"status":"ok"');
  client.terminate();
  const [, response] = await once(
    open(`http://localhost:${port}`).on("error", () => {}),
    "unexpected-response",
  );
  expect((response as IncomingMessage).statusCode).toBe(403);
});

test("attach to node:https: sockets are ours, the rest is the server's", async () => {
  const server = createTlsServer(certificate, hello);
  const endpoint = endpointOn("/socket");
  endpoint.attach(server as unknown as Server);
  const port = await listening(server as unknown as Server);
  const client = new WebSocket(`wss://localhost:${port}/socket/websocket?vsn=2.0.0`, { rejectUnauthorized: false });
  await once(client, "open");
  client.terminate();
  const request = requestTls({ port, host: "localhost", path: "/page", rejectUnauthorized: false, agent: false }).end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  response.resume();
});

test("attach leaves every other path to the request listeners there were, called as before", async () => {
  const server = createServer();
  const called: unknown[] = [];
  server.on("request", function (this: unknown, request: IncomingMessage, response: ServerResponse) {
    called.push(this === server, request.url);
    response.end("app");
  });
  endpointOn("/socket").attach(server);
  const port = await listening(server);
  expect((await knock(port, plain("/page"))).response.body).toBe("app");
  expect((await knock(port, plain("/socket/websocket/more"))).response.body).toBe("app");
  expect((await knock(port, plain("/socket"))).response.body).toBe("app");
  expect((await knock(port, plain("/socket/websocket?vsn=2.0.0"))).status).toBe(400);
  expect(called).toEqual([true, "/page", true, "/socket/websocket/more", true, "/socket"]);
  expect(await works(port)).toBe(true);
});

test("a request listener added after attach that answers everything ends nothing", async () => {
  const server = createServer();
  endpointOn("/socket").attach(server);
  // A streamed answer: headers are out, the end isn't.
  server.on("request", (_request, response) => {
    response.write("streamed");
    setImmediate(() => response.end());
  });
  const port = await listening(server);
  expect((await knock(port, plain("/socket/websocket?vsn=2.0.0"))).status).toBe(200);
  expect(await works(port)).toBe(true);
});

test("an upgrade nobody takes is ended with 404 where ours is the sole listener", async () => {
  const server = createServer(hello);
  const detach = endpointOn("/socket").attach(server);
  const port = await listening(server);
  expect((await knock(port, { path: "/other" })).status).toBe(404);
  const others: string[] = [];
  const onUpgrade = (request: IncomingMessage, socket: Duplex): void => {
    others.push(request.url ?? "");
    socket.on("error", () => {});
    if (request.url === "/other") socket.end("HTTP/1.1 418 Teapot\r\nconnection: close\r\n\r\n");
  };
  server.on("upgrade", onUpgrade);
  expect((await knock(port, { path: "/other" })).status).toBe(418);
  expect(await works(port)).toBe(true);
  server.off("upgrade", onUpgrade);
  detach();
  // Without upgrade listeners node:http takes it for a request.
  expect((await knock(port, { path: "/other" })).response.body).toBe("hello");
});

test("beside a ws server that was there before, and refuses every path but its own", async () => {
  const server = createServer(hello);
  const plainWs = new WebSocketServer({ server, path: "/plain" });
  plainWs.on("connection", (webSocket) => webSocket.on("message", (data) => webSocket.send(`echo ${String(data)}`)));
  endpointOn("/socket").attach(server);
  const port = await listening(server);
  expect(await works(port)).toBe(true);
  const client = new WebSocket(`ws://127.0.0.1:${port}/plain`);
  await once(client, "open");
  client.send("hello");
  expect(String((await once(client, "message"))[0])).toBe("echo hello");
  client.terminate();
  expect((await knock(port, { path: "/neither" })).status).toBe(400);
  plainWs.close();
});

test("beside a ws server that picks its own upgrades", async () => {
  const server = createServer(hello);
  endpointOn("/socket").attach(server);
  const plainWs = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    if (request.url === "/plain")
      plainWs.handleUpgrade(request, socket, head, (webSocket) => webSocket.send("welcome"));
  });
  const port = await listening(server);
  const client = new WebSocket(`ws://127.0.0.1:${port}/plain`);
  expect(String((await once(client, "message"))[0])).toBe("welcome");
  client.terminate();
  expect(await works(port)).toBe(true);
});

test("detach gives the server back as it was, and ends no connection", async () => {
  const server = createServer(hello);
  const before = { request: server.listeners("request"), upgrade: server.listeners("upgrade") };
  const endpoint = endpointOn("/socket");
  const detach = endpoint.attach(server);
  const port = await listening(server);
  const client = await knock(port);
  detach();
  detach();
  expect({ request: server.listeners("request"), upgrade: server.listeners("upgrade") }).toEqual(before);
  expect((await client.push("phoenix", "heartbeat", {}, "1")).status).toBe("ok");
  expect((await knock(port, plain("/socket/websocket"))).response.body).toBe("hello");
});

test("two endpoints on one server, detached in either order: each request is answered once", async () => {
  for (const first of [0, 1] as const) {
    let requests = 0;
    const server = createServer(({ url }, response) => {
      if (url === "/page") requests += 1;
      response.end("app");
    });
    const detachers = [endpointOn("/one").attach(server), endpointOn("/two").attach(server)];
    const port = await listening(server);
    const working = async () => [await works(port, "/one"), await works(port, "/two")];
    expect(await working()).toEqual([true, true]);
    expect((await knock(port, { path: "/neither" })).status).toBe(404);
    detachers[first]?.();
    expect(await working()).toEqual(first === 0 ? [false, true] : [true, false]);
    requests = 0;
    expect((await knock(port, plain("/page"))).response.body).toBe("app");
    expect(requests).toBe(1);
    // A client that resets an upgrade nobody takes is nobody's error.
    const socket = await tcp(port);
    socket.write("GET /neither HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    socket.resetAndDestroy();
    detachers[1 - first]?.();
    requests = 0;
    expect((await knock(port, plain("/page"))).response.body).toBe("app");
    expect(requests).toBe(1);
  }
});

test("endpoints in one process never meet", async () => {
  const [one, two] = [endpointOn("/socket"), endpointOn("/socket")];
  const ports = [await one.listen({ port: 0, host: "127.0.0.1" }), await two.listen({ port: 0, host: "127.0.0.1" })];
  const clients = [];
  for (const { port } of ports) {
    const client = await knock(port);
    await client.join("ping:room");
    clients.push(client);
  }
  one.broadcast("ping:room", "only one", {});
  two.broadcast("ping:room", "only two", {});
  one.disconnect("users:1");
  for (const [index, client] of clients.entries()) {
    await client.push("phoenix", "heartbeat", {}, "h");
    const events = client.messages.map((message) => (message as unknown[])[3]);
    expect(events).toEqual(["phx_reply", index === 0 ? "only one" : "only two", "phx_reply"]);
  }
  expect([one.connectionCount, two.connectionCount]).toEqual([1, 1]);
  const token = one.tokens.sign("salt", "ada");
  const third = defineEndpoint({ secretKeyBase: `${secretKeyBase} of another`, sockets: {} });
  expect(third.tokens.verify("salt", token)).toEqual({ ok: false, reason: "invalid" });
});

test("the handler as a request listener and an upgrade listener of one's own", async () => {
  const endpoint = endpointOn("/socket");
  const server = createServer(endpoint.handler);
  const taken: boolean[] = [];
  server.on("upgrade", (request, socket, head) => {
    const ours = endpoint.handler.upgrade(request, socket, head);
    taken.push(ours);
    if (!ours) socket.destroy();
  });
  const port = await listening(server);
  expect(await works(port)).toBe(true);
  expect((await knock(port, plain("/page"))).status).toBe(404);
  await expect(knock(port, { path: "/other" })).rejects.toThrow(/Hung up/);
  expect(taken).toEqual([true, false]);
});

test("the handler as middleware, on http and https", async () => {
  const endpoint = endpointOn("/socket");
  const app = (request: IncomingMessage, response: ServerResponse): void =>
    endpoint.handler(request, response, () => response.end("next"));
  for (const server of [createServer(app), createTlsServer(certificate, app) as unknown as Server]) {
    const port = await listening(server);
    if (server instanceof (createServer().constructor as new () => Server)) {
      expect((await knock(port, plain("/page"))).response.body).toBe("next");
      expect((await knock(port, plain("/socket/websocket?vsn=2.0.0"))).status).toBe(400);
    } else {
      const request = requestTls({
        port,
        host: "localhost",
        path: "/page",
        rejectUnauthorized: false,
        agent: false,
      }).end();
      const [response] = (await once(request, "response")) as [IncomingMessage];
      expect(String((await once(response, "data"))[0])).toBe("next");
    }
  }
});

test("on a server that takes headers of megabytes the mount's own limits hold", async () => {
  const server = createServer({ maxHeaderSize: 4_194_304 }, hello);
  endpointOn("/socket", { subprotocols: ["chat"] }).attach(server);
  const port = await listening(server);
  const megabyte = "x".repeat(1_048_576);
  expect((await knock(port, { path: `/socket/websocket?vsn=2.0.0&a=${megabyte}` })).status).toBe(414);
  expect((await knock(port, { path: `/socket/websocket?vsn=2.0.0&a=${"x".repeat(16_000)}` })).status).toBe(101);
  expect((await knock(port, { headers: [`Origin: https://${megabyte}`] })).status).toBe(403);
  for (const value of [" ,".repeat(524_288), `chat${" ".repeat(1_048_576)}`, megabyte]) {
    const before = performance.now();
    expect([101, 403]).toContain((await knock(port, { headers: [`Sec-WebSocket-Protocol: ${value}`] })).status);
    expect(performance.now() - before).toBeLessThan(1_500);
  }
});

test("a mount without a websocket transport has no address", async () => {
  const { port } = await endpointOn("/socket", { websocket: false }).listen({ port: 0, host: "127.0.0.1" });
  expect((await knock(port)).status).toBe(404);
});

test("the websocket's path can be another, with variables", async () => {
  const endpoint = endpointOn("/socket", { websocket: { path: "live/:room" } });
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  expect((await knock(port, { path: "/socket/live/lobby?vsn=2.0.0" })).status).toBe(101);
  expect((await knock(port)).status).toBe(404);
});

test("close() ends every connection with 1001, refuses what comes after, and can be called again", async () => {
  const server = createServer(hello);
  const endpoint = endpointOn("/socket");
  endpoint.attach(server);
  const port = await listening(server);
  const clients = [await knock(port), await knock(port)];
  const left: string[] = [];
  await endpoint.close();
  for (const client of clients) left.push(String(await client.closed()));
  expect(left).toEqual(["1001", "1001"]);
  expect(endpoint.connectionCount).toBe(0);
  // The server is not ours to close.
  expect((await knock(port, plain("/page"))).response.body).toBe("hello");
  expect((await knock(port)).status).toBe(503);
  expect((await knock(port, plain("/socket/websocket?vsn=2.0.0"))).status).toBe(503);
  await endpoint.close();
});
