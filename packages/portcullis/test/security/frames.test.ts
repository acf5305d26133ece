import { expect, test } from "vitest";
import { arena } from "./support/arena.ts";
import { frame } from "./support/raw.ts";

test("deep ref in v1 binary", async () => {
  const { enter, bystander } = await arena();
  const other = await bystander();
  const client = await enter({ path: "/socket/websocket?vsn=1.0.0" });
  const depth = 400_000;
  const text = `{"topic":"x","event":"y","payload":{},"ref":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  client.send(frame(Buffer.from(text), { opcode: 2 }));
  expect(await client.closed()).toBe(1011);
  await other.noticedNothing();
});

test("join_ref echo", async () => {
  const { enter, bystander } = await arena();
  const other = await bystander();
  const client = await enter();
  client.message("x".repeat(1_000_000), "1", "ping:a", "phx_join", {});
  expect(await client.closed()).toBe(1011);
  await other.noticedNothing();
});
