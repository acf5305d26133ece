/** A process that was held up has been silent itself: what its clients said meanwhile counts. */

import { once } from "node:events";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { type Clock, defineEndpoint, defineSocket, silentLogger } from "../../src/index.ts";

const idleTimeoutMs = 40_000;

/** A clock whose time jumps, and whose tasks run when they are told to. */
class JumpingClock implements Clock {
  at = 0;
  readonly #tasks: { readonly delayMs: number; readonly task: () => void }[] = [];

  now = (): number => this.at;

  after(delayMs: number, task: () => void): () => void {
    const entry = { delayMs, task };
    this.#tasks.push(entry);
    return () => void this.#tasks.splice(this.#tasks.indexOf(entry), 1);
  }

  /** Runs what was to run after `delayMs`. */
  run(delayMs: number): void {
    const at = this.#tasks.findIndex((entry) => entry.delayMs === delayMs);
    const [entry] = at === -1 ? [] : this.#tasks.splice(at, 1);
    if (entry === undefined) throw new Error(`Nothing waits for ${delayMs} ms.`);
    entry.task();
  }
}

async function connected(clock: Clock) {
  const endpoint = defineEndpoint({
    secretKeyBase: "a secret of the tests, long enough to be one",
    sockets: { "/socket": { socket: defineSocket(), channels: [], websocket: { idleTimeoutMs } } },
    clock,
    logger: silentLogger,
  });
  const { url } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  const client = new WebSocket(`${url.replace("http", "ws")}/socket/websocket?vsn=2.0.0`);
  await once(client, "open");
  return { endpoint, client };
}

const periodMs = idleTimeoutMs / 80;
const heartbeat = JSON.stringify([null, "1", "phoenix", "heartbeat", {}]);

test("a heartbeat that waits to be read is read first", async () => {
  const clock = new JumpingClock();
  const { endpoint, client } = await connected(clock);
  clock.at = idleTimeoutMs + 2 * periodMs;
  client.send(heartbeat);
  clock.run(periodMs);
  expect(String((await once(client, "message"))[0])).toContain("phx_reply");
  clock.run(periodMs);
  client.send(heartbeat);
  await once(client, "message");
  client.terminate();
  clock.run(periodMs);
  await endpoint.close();
});

test("who was heard as soon as it went on is not looked for in the time before", async () => {
  const clock = new JumpingClock();
  const { endpoint, client } = await connected(clock);
  clock.at = 3 * idleTimeoutMs;
  // Read in the run that took so long, or in a process that has slept: no timer has noticed yet.
  client.send(heartbeat);
  await once(client, "message");
  for (let period = 0; period < 40; period += 1) {
    clock.run(periodMs);
    clock.at += periodMs;
  }
  client.send(heartbeat);
  await once(client, "message");
  client.terminate();
  await endpoint.close();
});

test("a clock that is set, either way, is nobody's silence, and keeps nobody who is silent", async () => {
  for (const jumpMs of [100 * idleTimeoutMs, -100 * idleTimeoutMs]) {
    const clock = new JumpingClock();
    const { endpoint, client } = await connected(clock);
    clock.at += jumpMs;
    for (let period = 0; period < 79; period += 1) {
      clock.run(periodMs);
      clock.at += periodMs;
    }
    client.send(heartbeat);
    await once(client, "message");
    const closed = once(client, "close");
    for (let period = 0; period <= 82; period += 1) {
      clock.at += periodMs;
      clock.run(periodMs);
    }
    expect((await closed)[0]).toBe(1001);
    await endpoint.close();
  }
});

test("who has said nothing goes all the same, be the process held up all the time", async () => {
  const clock = new JumpingClock();
  const { endpoint, client } = await connected(clock);
  const closed = once(client, "close");
  for (let period = 0; period <= 82; period += 1) {
    expect(endpoint.connectionCount).toBe(1);
    clock.at += 3 * periodMs;
    clock.run(periodMs);
  }
  expect((await closed)[0]).toBe(1001);
  await endpoint.close();
});
