/** What `connect` gets to see of a request: what was asked for, and from proxies one trusts alone. */
import { expect, test } from "vitest";
import { type ConnectInfoItem, defineSocket } from "../../src/index.ts";
import { arena } from "../security/support/arena.ts";
import type { HandshakeOptions } from "../security/support/raw.ts";

/** The `info` a handshake yields. */
async function infoOf(
  items: readonly ConnectInfoItem[],
  handshake: HandshakeOptions = {},
  options: { trustedProxies?: readonly string[]; mount?: object } = {},
): Promise<Record<string, unknown>> {
  let seen: Record<string, unknown> = { refused: true };
  const socket = defineSocket({
    connectInfo: items,
    connect({ info }) {
      seen = info as Record<string, unknown>;
      return {};
    },
  });
  const sockets = { "/socket": { socket, channels: [], ...options.mount } };
  const { knock } = await arena({ sockets, ...options });
  await knock(handshake);
  return seen;
}

const everything = {
  headers: [
    "User-Agent: test",
    "X-One: 1",
    "x-Two: 2",
    "X-One: again",
    "Traceparent: 00-1",
    "tracestate: a=b",
    "Cookie: session=secret",
    "Authorization: Basic secret",
    "X-Phoenix-AuthToken: a-token",
    "Sec-WebSocket-Protocol: chat",
    "Referer: https://example.com/secret",
  ],
};

test("nothing is handed over that wasn't asked for", async () => {
  expect(await infoOf([], everything)).toEqual({});
});

test("each item is what it says", async () => {
  const names = ["peer", "uri", "userAgent", "xHeaders", "traceContext", "secWebSocketHeaders", "authToken"] as const;
  const info = await infoOf([...names, { region: "eu" }], {
    ...everything,
    path: "/socket/websocket?vsn=2.0.0&a=b",
    headers: everything.headers.filter((line) => !line.startsWith("Sec-WebSocket-Protocol")),
  });
  expect(Object.keys(info)).toEqual([...names, "region"]);
  expect(info["peer"]).toEqual({ address: "127.0.0.1", port: expect.any(Number), tls: false });
  expect(info["uri"]).toEqual({
    scheme: "http",
    host: "localhost",
    port: expect.any(Number),
    path: "/socket/websocket",
    query: "vsn=2.0.0&a=b",
  });
  expect(info["userAgent"]).toBe("test");
  expect(info["xHeaders"]).toEqual([
    ["x-one", "1"],
    ["x-two", "2"],
    ["x-one", "again"],
  ]);
  expect(info["traceContext"]).toEqual([
    ["traceparent", "00-1"],
    ["tracestate", "a=b"],
  ]);
  expect((info["secWebSocketHeaders"] as string[][]).map(([name]) => name)).toEqual([
    "sec-websocket-version",
    "sec-websocket-key",
  ]);
  expect(info["authToken"]).toBe("a-token");
  expect(info["region"]).toBe("eu");
  expect(JSON.stringify(info)).not.toContain("secret");
});

test("what is absent is null or empty", async () => {
  expect(await infoOf(["userAgent", "xHeaders", "traceContext", "authToken"])).toEqual({
    userAgent: null,
    xHeaders: [],
    traceContext: [],
    authToken: null,
  });
});

const forged = {
  headers: [
    "X-Forwarded-For: 203.0.113.7",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.io",
    "X-Forwarded-Port: 8443",
    "Forwarded: for=203.0.113.7;proto=https;host=evil.io",
  ],
};

test.each([[[]], [["10.0.0.0/8", "2001:db8::/32"]]])(
  "forwarded headers of somebody who is no trusted proxy change nothing (trusted: %j)",
  async (trustedProxies) => {
    const info = await infoOf(["peer", "uri"], forged, { trustedProxies });
    expect(info["peer"]).toMatchObject({ address: "127.0.0.1", tls: false });
    expect(info["uri"]).toMatchObject({ scheme: "http", host: "localhost" });
  },
);

test("those of a trusted proxy do", async () => {
  const info = await infoOf(["peer", "uri"], forged, { trustedProxies: ["127.0.0.1"] });
  expect(info["peer"]).toEqual({ address: "203.0.113.7", port: 0, tls: true });
  expect(info["uri"]).toMatchObject({ scheme: "https", host: "evil.io", port: 8443 });
});

test.each([
  ["what the client made up stands left of what the proxy saw", "6.6.6.6, 203.0.113.7", "203.0.113.7"],
  ["trusted proxies behind each other are passed over", "6.6.6.6, 203.0.113.7, 10.1.2.3", "203.0.113.7"],
  ["nothing but trusted proxies", "10.1.1.1, 10.1.2.3", "127.0.0.1"],
  ["garbage", "unknown", "127.0.0.1"],
  ["garbage from the one that counts", "203.0.113.7, <script>", "127.0.0.1"],
  ["IPv6", "2001:db8::7", "2001:db8::7"],
  ["empty entries", ", ,", "127.0.0.1"],
])("of several hops the right-most nobody vouches for is the client: %s", async (_name, hops, address) => {
  const handshake = { headers: [`X-Forwarded-For: ${hops}`] };
  const info = await infoOf(["peer"], handshake, { trustedProxies: ["127.0.0.1", "10.0.0.0/8"] });
  expect(info["peer"]).toMatchObject({ address });
});

test("two X-Forwarded-For lines are one list", async () => {
  const handshake = { headers: ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 203.0.113.7"] };
  const info = await infoOf(["peer"], handshake, { trustedProxies: ["127.0.0.1"] });
  expect(info["peer"]).toMatchObject({ address: "203.0.113.7" });
});

test("behind a trusted proxy conn compares with what the browser asked for", async () => {
  const mount = { origins: "conn" };
  const proxied = ["X-Forwarded-Proto: https", "X-Forwarded-Host: example.com"];
  const trusted = { trustedProxies: ["127.0.0.1"], mount };
  const from = (origin: string): HandshakeOptions => ({ headers: [...proxied, `Origin: ${origin}`] });
  expect(await infoOf([], from("https://example.com"), trusted)).toEqual({});
  expect(await infoOf([], from("http://example.com"), trusted)).toEqual({ refused: true });
  expect(await infoOf([], from("https://example.com"), { mount })).toEqual({ refused: true });
});

test.each(["nowhere", "10.0.0.0/33", "10.0.0.0/x", "", "::/129", "10.0.0.0/-1"])(
  "a proxy that is neither address nor network is a mistake at start-up: %j",
  async (entry) => {
    await expect(arena({ trustedProxies: [entry] })).rejects.toThrow(/trustedProxies/);
  },
);
