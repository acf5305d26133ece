/** Messages that are never refused, sent as a flood: heartbeats, leaves and new credentials cost somebody something too. */

import { expect, test } from "vitest";
import { arena, tokenSalt, userSocket } from "./support/arena.ts";
import { frame } from "./support/raw.ts";

test.each([
  ["pongs nobody asked for", frame("x", { opcode: 10 })],
  ["heartbeats", [null, "1", "phoenix", "heartbeat", {}]],
  ["leaves of what was never joined", [null, "1", "ping:nowhere", "phx_leave", {}]],
  ["leaves of the connection's topic", [null, "1", "phoenix", "phx_leave", {}]],
])("a flood of %s closes its connection, and others notice nothing", async (_what, message) => {
  const { enter, bystander, events } = await arena();
  const honest = await bystander();
  const client = await enter();
  const one = message instanceof Uint8Array ? message : frame(JSON.stringify(message));
  const many = Buffer.concat(Array.from({ length: 500 }, () => one));
  for (let sent = 0; sent < 60_000 && !client.socket.destroyed; sent += 500) {
    client.frames.length = 0;
    if (!client.send(many)) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(await client.closed()).toBe(1008);
  await expect
    .poll(() => events.filter(({ name }) => name === "socket.closed").map(({ metadata }) => metadata["code"]))
    .toEqual(["flooding"]);
  await honest.noticedNothing(5_000);
});

test("so does a flood of pings, however patiently each answer is waited for", async () => {
  const { enter, events } = await arena();
  const client = await enter();
  const some = Buffer.concat(Array.from({ length: 50 }, () => frame("x", { opcode: 9 })));
  for (let sent = 0; sent < 60_000 && client.closeCode === null; sent += 50) {
    client.frames.length = 0;
    client.send(some);
    await client.until(() => client.closeCode !== null || client.frames.length >= 50).catch(() => {});
  }
  expect(await client.closed()).toBe(1008);
  await expect.poll(() => events.at(-1)?.metadata["code"]).toBe("flooding");
});

test("nobody renews a genuine credential over and over: each costs a look at every channel", async () => {
  const connects = { count: 0 };
  const socket = userSocket(connects);
  const { enter, endpoint } = await arena({ sockets: { "/socket": { socket, channels: [] } } });
  const token = endpoint.tokens.sign(tokenSalt, "ada");
  const client = await enter({ headers: [`X-Phoenix-AuthToken: ${token}`] });
  let renewed = 0;
  for (; renewed < 1_000; renewed += 1) {
    client.frames.length = 0;
    const answered = await client.push("phoenix", "auth", { token }, `r${renewed}`).catch(() => null);
    if (answered === null) break;
    expect(answered.status).toBe("ok");
  }
  expect(await client.closed()).toBe(1008);
  expect(renewed).toBeGreaterThanOrEqual(100);
  expect(connects.count).toBeLessThan(500);
});
