import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Socket } from "phoenix";
import { reject } from "portcullis";
import { createTestServer } from "portcullis/testing";

const server = createTestServer().on("room:*", {
  join: ({ token }) => (token === "good" ? { unread: 3 } : reject("unauthorized")),
  events: { say: ({ text }) => ({ said: text }), typing: undefined },
});
const socket = new Socket("ws://anywhere/socket", { transport: server.WebSocket, rejoinAfterMs: () => 1 });
socket.connect();

after(async () => {
  socket.disconnect();
  await server.stop();
});

test("the client joins again after a crash", async () => {
  const room = socket.channel("room:1", { token: "good" });
  const reply = await new Promise((resolve) => room.join().receive("ok", resolve));
  assert.deepEqual(reply, { unread: 3 });
  await server.assertReceived({ topic: "room:1", event: "phx_join", payload: { token: "good" } });

  server.crash("room:1");
  await server.assertReceived({ topic: "room:1", event: "phx_join" });
});
