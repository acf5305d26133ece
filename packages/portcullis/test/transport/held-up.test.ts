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

const periodMs = idleTimeoutMs / 40;
const heartbeat = JSON.stringify([null, "1", "phoenix", "heartbeat", {}]);

test("a heartbeat that waits to be read is read first", async () => {
  const clock = new JumpingClock();
  const { endpoint, client } = await connected(clock);
  clock.at = idleTimeoutMs + periodMs;
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

test("who has said nothing goes all the same", async () => {
  const clock = new JumpingClock();
  const { endpoint, client } = await connected(clock);
  clock.at = idleTimeoutMs + periodMs;
  clock.run(periodMs);
  expect(endpoint.connectionCount).toBe(1);
  clock.run(periodMs);
  expect((await once(client, "close"))[0]).toBe(1001);
  await endpoint.close();
});
