/** How the kit knows that nothing more comes, and what it can't know. */
import { setTimeout as sleep } from "node:timers/promises";
import { defineEndpoint, defineSocket, silentLogger } from "portcullis";
import { connect, fakeClock } from "portcullis/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { secretKeyBase } from "./support.ts";

const clock = fakeClock();
let held: Promise<void> = Promise.resolve();
const socket = defineSocket();
const channel = socket.channel("a").on({
  async turns() {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    return { done: true };
  },
  async disk() {
    await sleep(30);
    return { done: true };
  },
  async holds() {
    await held;
    return { done: true };
  },
  timer(_payload, { endpoint }) {
    clock.after(1_000, () => endpoint.broadcast("a", "rang", {}));
  },
});
const endpoint = defineEndpoint({
  secretKeyBase,
  logger: silentLogger,
  sockets: { "/socket": { socket, channels: [channel] } },
});

async function joined() {
  return (await connect(endpoint, "/socket")).join("a");
}

afterEach(() => {
  vi.useRealTimers();
});

describe("a refutation waits", () => {
  test.each(["turns", "disk"])("for a handler that is still busy (%s)", async (event) => {
    const room = await joined();
    await expect(room.refuteReply(room.push(event))).rejects.toThrow('"ok" { done: true }');
  });

  test("not for ever for a handler that waits for the test itself", async () => {
    let release = (): void => {};
    held = new Promise((resolve) => {
      release = resolve;
    });
    const room = await joined();
    const ref = room.push("holds");
    await room.refuteReply(ref);
    release();
    await room.assertReply(ref, "ok", { done: true });
  });

  test("for no time that a fake clock has not let pass", async () => {
    const room = await joined();
    room.push("timer");
    await room.refutePush("rang");
    await clock.advance(1_000);
    await room.assertPush("rang");
  });
});

test("a runner's fake timers stop neither assertions nor refutations", async () => {
  vi.useFakeTimers();
  const room = await joined();
  await room.refutePush("rang");
  endpoint.broadcast("a", "rang", {});
  await room.assertPush("rang");
  await (await connect(endpoint, "/socket")).close();
});
