/** Mistakes in an endpoint's definition and calls are told where they are made. */

import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  cookieSession,
  defineEndpoint,
  defineSocket,
  isPortcullisError,
  type Logger,
  session,
  silentLogger,
} from "../../src/index.ts";

const secretKeyBase = "a secret of the tests, long enough to be one";
const socket = defineSocket();
const nothing = z.unknown();

test.each<[what: string, define: () => unknown, message: RegExp]>([
  [
    "an event in `in` of a channel that never got handlers",
    () => {
      const channel = socket.channel("room", { in: { say: nothing } });
      return defineEndpoint({ secretKeyBase, sockets: { "/socket": { socket, channels: [channel] } } });
    },
    /"room" on \/socket declares "say" in "in" but has no handler/,
  ],
  ...["https://example.com", "example.com:4000", "example.com/", ""].map((host): [string, () => unknown, RegExp] => [
    `url.host "${host}"`,
    () => defineEndpoint({ secretKeyBase, url: { host }, sockets: { "/socket": { socket, channels: [] } } }),
    /Expected url\.host of defineEndpoint to be a bare host/,
  ]),
  ...(
    [
      [{ subprotocols: "chat" }, /subprotocols of \/socket to be a list of names, got "chat"/],
      [{ subprotocols: [""] }, /subprotocols of \/socket/],
      [{ serializers: "v2" }, /serializers of \/socket to be a list of "v1" and "v2", got "v2"/],
      [{ serializers: ["v3"] }, /serializers of \/socket/],
      [{ serializers: [] }, /serializers of \/socket/],
      [{ websocket: { path: 5 } }, /path of \/socket \(websocket\) to be a string, got number/],
      [{ longpoll: { path: null } }, /path of \/socket \(longpoll\) to be a string, got object/],
      [{ drain: 5 }, /drain of \/socket to be false or an object, got 5/],
    ] as const
  ).map(([options, message]): [string, () => unknown, RegExp] => [
    `the mount option ${JSON.stringify(options)}`,
    () => defineEndpoint({ secretKeyBase, sockets: { "/socket": { socket, channels: [], ...(options as object) } } }),
    message,
  ]),
  [
    "an authenticator by session on a socket that asks for none",
    () => {
      const bySession = defineSocket({
        authenticate: session({ subject: () => "ada", issuedAt: () => 0, maxAgeSeconds: 60 }),
      });
      return defineEndpoint({ secretKeyBase, sockets: { "/socket": { socket: bySession, channels: [] } } });
    },
    /authenticates by session\(…\) and asks for no session/,
  ],
  [
    "an authenticator by session that any site may use",
    () => {
      const bySession = defineSocket({
        authenticate: session({ subject: () => "ada", issuedAt: () => 0, maxAgeSeconds: 60 }),
        connectInfo: [cookieSession({ key: "_key", signingSalt: "a salt of the tests" })],
      });
      const mount = { socket: bySession, channels: [], csrf: "any-site" as const };
      return defineEndpoint({ secretKeyBase, sockets: { "/socket": mount } });
    },
    /csrf: "any-site" would let any page connect/,
  ],
  ["params of a socket that are no schema", () => defineSocket({ params: {} as never }), /params of a socket/],
  ["params of a channel that are no schema", () => socket.channel("a", { params: {} as never }), /Zod has it from/],
  ["a null in `in`", () => socket.channel("a", { in: { say: null as never } }), /schema of "say".*got null/],
  ["a string in `out`", () => socket.channel("a", { out: { said: "x" as never } }), /schema of "said".*got string/],
  ["a join that is no function", () => socket.channel("a", { join: true as never }), /join.*function, got boolean/],
  ["a leave that is no function", () => socket.channel("a").leave("b" as never), /leave.*function, got string/],
])("%s", (_what, define, message) => {
  let caught: unknown;
  try {
    define();
  } catch (error) {
    caught = error;
  }
  expect(isPortcullisError(caught) && caught.code).toBe("definition_invalid");
  expect((caught as Error).message).toMatch(message);
});

test("a host may be an IPv6 address, and be written in capitals", () => {
  for (const host of ["[::1]", "Example.COM", "127.0.0.1", "localhost"]) {
    defineEndpoint({ secretKeyBase, url: { host }, sockets: { "/socket": { socket, channels: [] } } });
  }
});

test.each([undefined, null, "text", 5, ["list"]])("a broadcast of %j throws though nobody hears it", (payload) => {
  const endpoint = defineEndpoint({ secretKeyBase, sockets: {} });
  expect(() => endpoint.broadcast("topic", "event", payload as never)).toThrow(/to be an object or a Uint8Array/);
  expect(() => endpoint.localBroadcast("topic", "event", payload as never)).toThrow(/to be an object or a Uint8Array/);
});

test("listeners that throw at every broadcast write one line a second", () => {
  const lines: string[] = [];
  const logger: Logger = { ...silentLogger, error: (message) => lines.push(message) };
  const endpoint = defineEndpoint({ secretKeyBase, logger, sockets: {} });
  endpoint.subscribe("topic", () => {
    throw new Error("the listener's own");
  });
  for (let count = 0; count < 50; count += 1) endpoint.broadcast("topic", "event", {});
  expect(lines).toEqual(["portcullis: a listener of endpoint.subscribe threw"]);
});

test("a port that is taken rejects, and the endpoint can listen elsewhere and close", async () => {
  const other = createServer().listen(0);
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  const endpoint = defineEndpoint({ secretKeyBase, sockets: { "/socket": { socket, channels: [] } } });
  await expect(endpoint.listen({ port })).rejects.toThrow("EADDRINUSE");
  const listening = await endpoint.listen({ port: 0 });
  expect(listening.port).not.toBe(port);
  await listening.close();
  await endpoint.close();
  other.close();
});
