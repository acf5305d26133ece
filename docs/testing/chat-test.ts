import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { connect, fakeClock, refused } from "portcullis/testing";
import { chat } from "./chat.ts";

const clock = fakeClock();
let endpoint: ReturnType<typeof chat>;

beforeEach(() => {
  endpoint = chat({ clock });
});

async function enter(userId: string) {
  const token = endpoint.tokens.sign("user socket", userId);
  return connect(endpoint, "/socket", { token });
}

test("what one says, all hear", async () => {
  const ada = await (await enter("ada")).join("room:lobby");
  const bob = await (await enter("bob")).join("room:lobby");
  assert.deepEqual(bob.reply, { you: "bob" });

  const ref = ada.push("say", { text: "hello" });
  await ada.assertReply(ref, "ok", { ok: true });
  await bob.assertPush("said", { text: "hello", by: "ada" });
});

test("what one thinks, nobody hears, and it isn't answered", async () => {
  const room = await (await enter("ada")).join("room:lobby");
  const ref = room.push("think", { text: "hm" });
  await room.refuteReply(ref);
  await room.refuteBroadcast("said");
});

test("strangers are not let in", async () => {
  assert.equal((await refused(endpoint, "/socket")).code, "credential_missing");
  const { status } = await refused(endpoint, "/socket", { origin: "https://elsewhere.example" });
  assert.equal(status, 403);
});

test("a token lives for a day", async () => {
  const token = endpoint.tokens.sign("user socket", "ada");
  await clock.advance(86_399_000);
  await connect(endpoint, "/socket", { token });
  await clock.advance(2_000);
  assert.equal((await refused(endpoint, "/socket", { token })).code, "credential_expired");
});

test("rooms have their rules", async () => {
  const bob = await enter("bob");
  assert.deepEqual(await bob.refused("room:secret"), { reason: "unauthorized" });
  assert.deepEqual(await bob.refused("room:attic"), { reason: "room full", max: 0 });
});

test("texts have an end", async () => {
  const room = await (await enter("ada")).join("room:lobby");
  const ref = room.push("say", { text: "x".repeat(201) });
  await room.assertReply(ref, "error", { reason: "invalid payload" });
});

test("a channel counts its ticks", async () => {
  const room = await (await enter("ada")).join("room:lobby");
  room.server.send("tick");
  room.server.send("tick");
  await room.assertPush("tick", { count: 2 });
  assert.equal(room.server.assigns.ticks, 2);
});

test("who is thrown out is disconnected", async () => {
  const ada = await enter("ada");
  const room = await ada.join("room:lobby");
  endpoint.disconnect("users:ada");
  await ada.assertClosed("disconnected");
  assert.equal(room.joined, false);
});
