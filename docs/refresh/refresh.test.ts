/** The page shows its file as it is, and the plain client of Phoenix does what the page says. */
import { readFileSync } from "node:fs";
import { defineEndpoint, defineSocket, signedToken, silentLogger } from "portcullis";
import { fakeClock } from "portcullis/testing";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";

const page = readFileSync(new URL("../refresh.md", import.meta.url), "utf8");
const file = new URL("stay.mjs", import.meta.url);

/** What is used of the client, which has no types of its own. */
interface Channel {
  join(): { receive(status: string, callback: (response: unknown) => void): void };
  on(event: string, callback: (payload: { readonly n: number }) => void): void;
  onClose(callback: (payload: unknown) => void): void;
}
interface Staying {
  readonly socket: {
    channel(topic: string): Channel;
    isConnected(): boolean;
    disconnect(callback?: () => void): void;
    onOpen(callback: () => void): void;
    onClose(callback: (event: { readonly code: number }) => void): void;
  };
  renew(): Promise<void>;
}
type Stay = (url: string, fetchToken: () => Promise<string>, options: object) => Promise<Staying>;
const { stay } = (await import(file.href)) as { readonly stay: Stay };

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

/** Tokens of ten minutes, whose data says which rooms their bearer may be in. */
async function start() {
  const clock = fakeClock();
  const refreshed: string[] = [];
  const socket = defineSocket({
    authenticate: signedToken({ salt: "user", maxAgeSeconds: 600 }),
    connect: ({ identity }) => ({ rooms: (identity.claims as { readonly rooms: readonly string[] }).rooms }),
  });
  const room = socket.channel("room:{id}", {
    authorize: ({ topicParams, assigns }) => assigns.rooms.includes(topicParams.id),
  });
  const endpoint = defineEndpoint({
    secretKeyBase: "a secret of the documentation, which is long enough",
    sockets: { "/socket": { socket, channels: [room], websocket: { idleTimeoutMs: 86_400_000 } } },
    logger: silentLogger,
    telemetry: (name) => void (name === "credential.refreshed" && refreshed.push(name)),
    clock,
  });
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  undo.push(() => endpoint.close());
  const rooms = { current: ["a", "b"] };
  const subject = { current: "ada" };
  const fetched: string[] = [];
  const fetchToken = async (): Promise<string> => {
    const token = endpoint.tokens.sign("user", { sub: subject.current, rooms: rooms.current });
    fetched.push(token);
    return token;
  };
  const refusals: unknown[] = [];
  const staying = await stay(`ws://127.0.0.1:${port}/socket`, fetchToken, {
    transport: WebSocket,
    reconnectAfterMs: () => 5,
    onRefused: (response: unknown) => refusals.push(response),
  });
  undo.push(() => new Promise((resolve) => staying.socket.disconnect(resolve)));
  const codes: number[] = [];
  staying.socket.onClose(({ code }) => codes.push(code));
  let opens = 0;
  staying.socket.onOpen(() => {
    opens += 1;
  });
  const join = async (topic: string): Promise<{ readonly heard: number[]; readonly closed: unknown[] }> => {
    const channel = staying.socket.channel(topic);
    const heard: number[] = [];
    const closed: unknown[] = [];
    channel.on("said", ({ n }) => heard.push(n));
    channel.onClose((payload) => closed.push(payload));
    await new Promise((resolve) => channel.join().receive("ok", resolve));
    return { heard, closed };
  };
  return { clock, endpoint, refreshed, rooms, subject, fetched, refusals, staying, codes, join, opens: () => opens };
}

test("the page shows the file as it is", () => {
  const [, code = ""] = /^```js stay\.mjs\n(.*?)^```$/ms.exec(page) ?? [];
  expect(code).not.toBe("");
  expect(readFileSync(file, "utf8")).toContain(code);
});

test("a client that renews its token stays through many of its lives, over one connection", async () => {
  const { clock, endpoint, fetched, refreshed, join, opens, codes } = await start();
  const { heard } = await join("room:a");
  for (let life = 1; life <= 3; life += 1) {
    // A tenth of ten minutes before the end the server says so.
    await clock.advance(540_000);
    await expect.poll(() => fetched).toHaveLength(life + 1);
    await expect.poll(() => refreshed).toHaveLength(life);
    endpoint.broadcast("room:a", "said", { n: life });
    await expect.poll(() => heard).toHaveLength(life);
  }
  expect(heard).toEqual([1, 2, 3]);
  expect([opens(), codes]).toEqual([1, []]);
});

test("what a new token doesn't allow is closed with the reason, and not joined again", async () => {
  const { endpoint, rooms, staying, join, refusals } = await start();
  const [a, b] = [await join("room:a"), await join("room:b")];
  rooms.current = ["b"];
  await staying.renew();
  await expect.poll(() => a.closed).toEqual([{ reason: "unauthorized" }]);
  endpoint.broadcast("room:a", "said", { n: 1 });
  endpoint.broadcast("room:b", "said", { n: 2 });
  await expect.poll(() => b.heard).toEqual([2]);
  expect([a.heard, b.closed, refusals]).toEqual([[], [], []]);
});

test("a refusal is told, and changes nothing", async () => {
  const { endpoint, refusals, subject, staying, join, codes } = await start();
  const { heard } = await join("room:a");
  subject.current = "bob";
  await staying.renew();
  await expect.poll(() => refusals).toEqual([{ reason: "other identity", retry: "reauth" }]);
  endpoint.broadcast("room:a", "said", { n: 1 });
  await expect.poll(() => heard).toEqual([1]);
  expect(codes).toEqual([]);
});

test("whoever is revoked comes back with another token, by itself", async () => {
  const { clock, endpoint, fetched, codes, opens, join } = await start();
  const { heard } = await join("room:a");
  await clock.advance(1);
  // What is issued from now on counts, which the default would leave for the next millisecond.
  await endpoint.revoke({ subject: "ada", issuedBefore: clock.now() });
  await expect.poll(() => codes).toEqual([4101]);
  await expect.poll(opens).toBe(2);
  expect(fetched.length).toBeGreaterThanOrEqual(2);
  await expect
    .poll(() => {
      endpoint.broadcast("room:a", "said", { n: 1 });
      return heard.length;
    })
    .toBeGreaterThan(0);
});
