/** What `connect` sees does not depend on what carries the connection. */
import { expect, test } from "vitest";
import { defineSocket } from "../../src/index.ts";
import { arena } from "../security/support/arena.ts";

test("connect sees over long-poll what it asked for, as over WebSocket", async () => {
  let seen: unknown;
  const socket = defineSocket({
    connectInfo: ["peer", "uri", "userAgent", "xHeaders", "traceContext", "authToken", { region: "eu" }],
    connect({ info }) {
      seen = info;
      return {};
    },
  });
  const { port } = await arena({ sockets: { "/rooms/:room": { socket, channels: [], longpoll: true } } });
  const answer = await fetch(`http://127.0.0.1:${port}/rooms/hall/longpoll?vsn=2.0.0&a=b`, {
    headers: {
      "user-agent": "test",
      "x-one": "1",
      traceparent: "00-1",
      tracestate: "a=b",
      "x-phoenix-authtoken": "a-token",
      authorization: "Basic unasked",
    },
  });
  expect(await answer.json()).toMatchObject({ status: 410 });
  expect(seen).toMatchObject({
    peer: { address: "127.0.0.1", port: expect.any(Number), tls: false },
    uri: { scheme: "http", path: "/rooms/hall/longpoll", query: "vsn=2.0.0&a=b" },
    userAgent: "test",
    xHeaders: expect.arrayContaining([["x-one", "1"]]),
    traceContext: [
      ["traceparent", "00-1"],
      ["tracestate", "a=b"],
    ],
    authToken: "a-token",
    region: "eu",
  });
  expect(JSON.stringify(seen)).not.toContain("unasked");
});
