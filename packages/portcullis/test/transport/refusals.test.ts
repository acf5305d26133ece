/** How a refusal reaches the client, the log and telemetry; and what a broken hook costs. */
import { expect, test } from "vitest";
import { accept, defineSocket, type MountOptions, reject } from "../../src/index.ts";
import { arena } from "../security/support/arena.ts";
import { FakeClock } from "../support/clock.ts";

const socketThat = (connect: () => unknown) => defineSocket({ connect: connect as () => object });

async function mounted(connect: () => unknown, options: Partial<MountOptions> = {}, more: object = {}) {
  const sockets = { "/socket": { socket: socketThat(connect), channels: [], ...options } };
  return arena({ sockets, ...more });
}

const busy = () => reject("busy", { afterMs: 500 });
const withoutUpgrade = { without: ["Connection", "Upgrade"] };

test("a refusal is 403 with an empty body, before any upgrade", async () => {
  const { knock, events } = await mounted(busy);
  for (const handshake of [{}, withoutUpgrade]) {
    const { response } = await knock(handshake);
    expect([response.status, response.body, response.headers.get("cache-control")]).toEqual([403, "", "no-store"]);
  }
  expect(events).toEqual([
    {
      name: "socket.refused",
      metadata: { mount: "/socket", transport: "websocket", code: "connect_refused", status: 403 },
    },
    {
      name: "socket.refused",
      metadata: { mount: "/socket", transport: "websocket", code: "connect_refused", status: 403 },
    },
  ]);
});

test("the mount may answer with a status, body and headers of its own", async () => {
  const { knock, events } = await mounted(busy, {
    refusal: ({ reason, details }) => ({
      status: 429,
      body: JSON.stringify({ reason, details, more: "ünïcode" }),
      headers: { "Content-Type": "application/json", "Retry-After": "1" },
    }),
  });
  for (const handshake of [{}, withoutUpgrade]) {
    const { response } = await knock(handshake);
    expect(response.statusLine).toBe("HTTP/1.1 429 Too Many Requests");
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("retry-after")).toBe("1");
    expect(JSON.parse(response.body)).toEqual({ reason: "busy", details: { afterMs: 500 }, more: "ünïcode" });
  }
  expect(events.map(({ metadata }) => metadata["status"])).toEqual([429, 429]);
});

test("the mount is asked about its hooks' refusals only, not about what is no handshake of its", async () => {
  const asked: string[] = [];
  const { knock } = await mounted(() => ({}), {
    origins: ["https://example.com"],
    refusal: ({ reason }) => {
      asked.push(reason);
      return { status: 404 };
    },
  });
  expect((await knock({ headers: ["Origin: https://evil.io"] })).status).toBe(403);
  expect((await knock({ path: "/socket/websocket?vsn=9" })).status).toBe(403);
  expect(asked).toEqual([]);
});

const split = "x\r\nSet-Cookie: admin=1\r\n\r\n<html>";
test.each<[string, () => unknown]>([
  [
    "throws",
    () => {
      throw new Error("broken");
    },
  ],
  ["returns nothing", () => undefined],
  ["says it went well", () => ({ status: 200 })],
  ["upgrades all the same", () => ({ status: 101 })],
  ["has no such status", () => ({ status: 1_000 })],
  ["has a status that is no number", () => ({ status: "403" })],
  ["has a body that is no text", () => ({ status: 403, body: { reason: "busy" } })],
  ["splits the response by a header", () => ({ status: 403, headers: { "x-reason": split } })],
  ["splits the response by a header's name", () => ({ status: 403, headers: { [split]: "x" } })],
  ["has a header that is no latin1", () => ({ status: 403, headers: { "x-reason": "→" } })],
  ["has a header that is a number", () => ({ status: 403, headers: { "retry-after": 5 } })],
])("a refusal that is no answer is answered 500, by request and by upgrade: it %s", async (_name, refusal) => {
  const { knock, said } = await mounted(busy, { refusal: refusal as NonNullable<MountOptions["refusal"]> });
  for (const handshake of [{}, withoutUpgrade]) {
    const { response } = await knock(handshake);
    expect([response.status, response.body]).toEqual([500, ""]);
    expect(response.head).not.toContain("Set-Cookie");
  }
  expect(said.filter(({ level }) => level === "error")).toHaveLength(1);
});

test("how long an answer is, is not for the mount to say", async () => {
  const { knock } = await mounted(busy, {
    refusal: () => ({
      status: 403,
      body: "12345",
      headers: { "Content-Length": "1", "Transfer-Encoding": "chunked", Connection: "keep-alive" },
    }),
  });
  const { response } = await knock();
  expect(response.body).toBe("12345");
  expect(response.head.match(/content-length/gi)).toHaveLength(1);
  expect(response.headers.get("content-length")).toBe("5");
  expect(response.head).toContain("connection: close");
  expect(response.head).not.toMatch(/transfer-encoding/i);
});

test.each<[string, () => unknown]>([
  [
    "throws",
    () => {
      throw new Error("connect is broken");
    },
  ],
  ["rejects", () => Promise.reject(new Error("connect is broken"))],
])("connect that %s is 500 with an empty body, and logged once a second", async (_name, connect) => {
  const { knock, said, events } = await mounted(connect);
  for (let index = 0; index < 5; index += 1) {
    const { response } = await knock();
    expect([response.status, response.body]).toEqual([500, ""]);
  }
  expect(said).toHaveLength(1);
  expect(said[0]?.message).toContain("(connect_failed)");
  expect(said[0]?.details).toMatchObject({ error: { message: "connect is broken" } });
  expect(events.map(({ metadata }) => metadata["code"])).toEqual(Array(5).fill("connect_failed"));
});

test.each<[string, unknown]>([
  ["undefined", undefined],
  ["null", null],
  ["true", true],
  ["a string", "ok"],
  ["an array", []],
  ["an acceptance of no object", accept({ assigns: "x" as never })],
])("connect that forgets to say who it is lets nobody in: %s", async (_name, value) => {
  const { knock } = await mounted(() => value);
  expect((await knock()).status).toBe(403);
});

test("an id that is no text is a mistake, not a connection nobody can end", async () => {
  const socket = defineSocket({ connect: () => ({}), id: (() => 7) as unknown as () => string });
  const { knock } = await arena({ sockets: { "/socket": { socket, channels: [] } } });
  expect((await knock()).status).toBe(500);
});

test("connect that takes too long is 503 and told to stop; what it says later lets nobody in", async () => {
  const clock = new FakeClock();
  const late: { signal: AbortSignal; go: () => void }[] = [];
  const socket = defineSocket({
    connect: ({ signal }) => new Promise<object>((resolve) => late.push({ signal, go: () => resolve({}) })),
  });
  const sockets = { "/socket": { socket, channels: [], connectTimeoutMs: 300 } };
  const { knock, events, said, endpoint } = await arena({ clock, sockets });
  const answer = knock();
  await expect.poll(() => late.length).toBe(1);
  clock.advance(299);
  expect(late[0]?.signal.aborted).toBe(false);
  clock.advance(1);
  const { response } = await answer;
  expect([response.status, response.body]).toEqual([503, ""]);
  expect(late[0]?.signal.aborted).toBe(true);
  late[0]?.go();
  expect(endpoint.connectionCount).toBe(0);
  expect(events.map(({ metadata }) => metadata["code"])).toEqual(["connect_timeout"]);
  expect(said[0]?.message).toContain("connectTimeoutMs");
});

test("a time limit of Infinity is a long one, not none", async () => {
  const { enter } = await mounted(() => new Promise((resolve) => setTimeout(() => resolve({}), 20)), {
    connectTimeoutMs: Number.POSITIVE_INFINITY,
    websocket: { idleTimeoutMs: Number.POSITIVE_INFINITY },
  });
  const client = await enter();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect((await client.push("phoenix", "heartbeat", {}, "1")).status).toBe("ok");
});

test("refusals are logged one line per kind and second, with a count, what was asked, what is allowed and the fix", async () => {
  const clock = new FakeClock();
  const { knock, said } = await mounted(busy, { origins: ["https://example.com"] }, { clock });
  const foreign = { headers: ["Origin: https://evil.io"] };
  for (let second = 0; second < 3; second += 1) {
    for (let index = 0; index < 10; index += 1) {
      await knock(foreign);
      await knock({ path: "/socket/websocket?vsn=9.9.9" });
    }
    clock.advance(1_000);
  }
  const lines = said.map(({ message }) => message);
  const origin = lines.filter((line) => line.includes("(origin_refused)"));
  const version = lines.filter((line) => line.includes("(vsn_unsupported)"));
  // The first of all at once, then one for each second that is over.
  expect(origin.length + version.length).toBe(lines.length);
  expect(origin.length).toBeLessThanOrEqual(4);
  expect(version.length).toBeLessThanOrEqual(4);
  expect(origin[0]).toMatch(/"https:\/\/evil\.io".*https:\/\/example\.com.*To fix it/);
  expect(version[0]).toMatch(/"9\.9\.9".*v1, v2/);
  const counted = origin.reduce((sum, line) => sum + 1 + Number(/\((\d+) more/.exec(line)?.[1] ?? 0), 0);
  expect(counted).toBeGreaterThanOrEqual(29);
});
