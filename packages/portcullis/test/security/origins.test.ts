/** Pages that may not connect: no 101, and no hook learns of them (security rows 1.1 to 1.5, 1.7). */
import { expect, test } from "vitest";
import { afterwards, arena, openSocket, pingChannel } from "./support/arena.ts";

const own = { url: { host: "example.com" } };

async function outcome(origins: Parameters<typeof arena>[0], origin: string | readonly string[]) {
  const { knock, connects, events } = await arena(origins);
  const headers = (typeof origin === "string" ? [origin] : origin).map((line) => `Origin: ${line}`);
  const client = await knock({ headers });
  const socketEvents = events.map(({ name, metadata }) => `${name} ${metadata["code"] ?? ""}`.trim());
  return { status: client.status, body: client.response.body, connects: connects.count, events: socketEvents };
}

const refused = { status: 403, body: "", connects: 0, events: ["socket.refused origin_refused"] };

test.each([
  ["foreign", "https://evil.io"],
  ["null, as sandboxed frames and files send it", "null"],
  ["file:", "file://"],
  ["empty", ""],
  ["garbage", "%%%\u00ff,;"],
  ["a look-alike in front", "https://evilexample.com"],
  ["a look-alike behind", "https://example.com.evil.io"],
  ["userinfo", "https://example.com@evil.io"],
  ["the right host as userinfo of the right host", "https://user@example.com"],
  ["punycode", "https://xn--exmple-cua.com"],
  ["a trailing dot", "https://example.com."],
  ["a path", "https://example.com/path"],
  ["white space within", "https://example.com https://evil.io"],
  ["a port that is none", "https://example.com:99999"],
  ["no scheme", "example.com"],
  ["a subdomain", "https://a.example.com"],
  ["a backslash", "https://example.com\\@evil.io"],
  ["very long", `https://${"a".repeat(3_000)}.example.com`],
])("an origin that is %s gets 403, no upgrade and no hook", async (_name, origin) => {
  expect(await outcome(own, origin)).toEqual(refused);
});

test.each([
  [["https://example.com", "https://evil.io"]],
  [["https://evil.io", "https://example.com"]],
  [["https://example.com", "https://example.com"]],
])("two Origin headers are refused: %j", async (origin) => {
  expect(await outcome(own, origin)).toEqual(refused);
});

test.each(["https://example.com", "http://example.com:8080", "HTTPS://EXAMPLE.COM"])(
  "the endpoint's own host is let in, whatever its scheme, port and case: %s",
  async (origin) => {
    expect(await outcome(own, origin)).toMatchObject({ status: 101, connects: 1 });
  },
);

test("a client that is no browser sends no Origin, and is let in", async () => {
  const { enter } = await arena(own);
  await enter();
});

test("the request's own Host doesn't make a page one of ours", async () => {
  const { knock, connects } = await arena(own);
  const client = await knock({ without: ["Host"], headers: ["Host: evil.io", "Origin: https://evil.io"] });
  expect(client.status).toBe(403);
  expect(connects.count).toBe(0);
});

test("without url.host loopback pages alone are let in", async () => {
  for (const [origin, status] of [
    ["http://localhost:3000", 101],
    ["http://127.0.0.1", 101],
    ["http://[::1]:4000", 101],
    ["http://127.0.0.1.evil.io", 403],
    ["http://localhost.evil.io", 403],
    ["http://127.evil.io", 403],
  ] as const) {
    expect({ origin, ...(await outcome({}, origin)) }).toMatchObject({ origin, status });
  }
});

test.each([
  ["https://a.example.com", 101],
  ["https://a.b.example.com", 101],
  // Any depth and the bare host, as in Phoenix.
  ["https://example.com", 101],
  ["https://A.EXAMPLE.COM", 101],
  ["https://example.com.evil.io", 403],
  ["https://evilexample.com", 403],
  ["https://evil.io?.example.com", 403],
  ["https://evil.io/.example.com", 403],
  ["https://a.example.com:8443", 403],
  ["http://a.example.com", 403],
  ["https://a.example.com.", 403],
  ["null", 403],
] as const)("the list entry https://*.example.com:443 answers %s with %i (CVE-2022-42975)", async (origin, status) => {
  const result = await outcome({ mount: { origins: ["https://*.example.com:443"] } }, origin);
  expect(result).toMatchObject({ status, connects: status === 101 ? 1 : 0 });
});

test.each([
  ["https://example.com", "https://example.com", 101],
  ["https://example.com", "https://example.com:443", 101],
  ["https://example.com", "http://example.com", 403],
  ["https://example.com", "https://example.com:8443", 403],
  ["https://example.com:8443", "https://example.com:8443", 101],
  ["https://example.com:8443", "http://example.com:8443", 403],
  ["//example.com", "http://example.com:81", 101],
  ["//example.com:81", "http://example.com:81", 101],
  ["//example.com:81", "http://example.com", 403],
  ["//example.com:81", "http://example.com:82", 403],
] as const)("the list entry %s answers %s with %i", async (entry, origin, status) => {
  expect(await outcome({ mount: { origins: [entry] } }, origin)).toMatchObject({ status });
});

test("conn compares scheme, host and port with the request, and believes no forged header", async () => {
  const { knock, port, connects } = await arena({ mount: { origins: "conn" } });
  expect((await knock({ headers: [`Origin: http://localhost:${port}`] })).status).toBe(101);
  for (const headers of [
    [`Origin: https://localhost:${port}`],
    [`Origin: http://localhost:${port + 1}`],
    ["Origin: http://evil.io"],
    ["Origin: http://evil.io", "X-Forwarded-Host: evil.io", "X-Forwarded-Port: 80"],
    [`Origin: https://localhost:${port}`, "X-Forwarded-Proto: https"],
    ["Origin: http://evil.io", "Forwarded: host=evil.io;proto=http"],
  ]) {
    expect((await knock({ headers })).status).toBe(403);
  }
  expect(connects.count).toBe(1);
});

test("a function sees what was asked, taken apart, and only true lets in", async () => {
  const asked: unknown[] = [];
  const origins = (origin: unknown): boolean => {
    asked.push(origin);
    return "yes" as unknown as boolean;
  };
  expect(await outcome({ mount: { origins } }, "https://A.example.com:8443")).toEqual(refused);
  expect(asked).toEqual([{ text: "https://A.example.com:8443", scheme: "https", host: "a.example.com", port: 8443 }]);
});

test("a function that throws lets nobody in", async () => {
  const origins = (): boolean => {
    throw new Error("lost its list");
  };
  expect(await outcome({ mount: { origins } }, "https://example.com")).toMatchObject({ status: 500, connects: 0 });
});

test("false lets any page in: one has to ask for it", async () => {
  expect(await outcome({ mount: { origins: false } }, "https://evil.io")).toMatchObject({ status: 101 });
});

test("what a page reads by fetch of the same address passes the same check", async () => {
  const { knock, connects } = await arena(own);
  const client = await knock({ without: ["Connection", "Upgrade"], headers: ["Origin: https://evil.io"] });
  expect(client.status).toBe(403);
  expect([...client.response.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  expect(connects.count).toBe(0);
});

test("two mounts of one socket keep their own origins, whichever is reached first", async () => {
  for (const order of [
    ["/one", "/two"],
    ["/two", "/one"],
  ] as const) {
    const socket = openSocket();
    const channels = [pingChannel(socket)];
    const { knock } = await arena({
      sockets: {
        "/one": { socket, channels, origins: ["https://one.example.com"] },
        "/two": { socket, channels, origins: ["https://two.example.com"] },
      },
    });
    const seen: Record<string, number> = {};
    for (const path of order) {
      for (const name of ["one", "two"]) {
        const headers = [`Origin: https://${name}.example.com`];
        seen[`${path} from ${name}`] = (await knock({ path: `${path}/websocket?vsn=2.0.0`, headers })).status;
      }
    }
    expect(seen).toEqual({ "/one from one": 101, "/one from two": 403, "/two from one": 403, "/two from two": 101 });
  }
});

test("the websocket transport's origins stand in place of the mount's", async () => {
  const { knock } = await arena({
    mount: { origins: false, websocket: { origins: ["https://example.com"] } },
  });
  expect((await knock({ headers: ["Origin: https://evil.io"] })).status).toBe(403);
});

test("production without a host to compare with doesn't start", async () => {
  const before = process.env["NODE_ENV"];
  afterwards(() => {
    process.env["NODE_ENV"] = before;
  });
  process.env["NODE_ENV"] = "production";
  await expect(arena({})).rejects.toThrow(/url: \{ host: "example.com" \}/);
  const { enter } = await arena(own);
  await enter({ headers: ["Origin: https://example.com"] });
});

test.each([["https://"], ["example.com"], ["https://user@example.com"], ["*"], ["https://example.com/path"], [42]])(
  "a list entry that could never match as meant is a mistake at start-up: %j",
  async (entry) => {
    await expect(arena({ mount: { origins: [entry as string] } })).rejects.toThrow(/Expected each entry of origins/);
  },
);

test("a refused origin is logged with what was asked, what is allowed and how to fix it, once a second", async () => {
  const { knock, said, endpoint } = await arena(own);
  for (let index = 0; index < 5; index += 1) await knock({ headers: ['Origin: https://evil.io/"\u009b31m'] });
  expect(said).toHaveLength(1);
  expect(said[0]?.message).toContain('"https://evil.io/\\"\\u009b31m"');
  expect(said[0]?.message).toContain("any origin on the host example.com");
  expect(said[0]?.message).toContain("url: { host }");
  await endpoint.close();
  expect(said).toHaveLength(2);
  expect(said[1]?.message).toMatch(/\(4 more like it within a second\)$/);
});

test("the answer to a foreign page comes before anything else is looked at", async () => {
  const { knock, said } = await arena(own);
  const client = await knock({
    path: "/socket/websocket?vsn=nonsense&token[a]=b",
    without: ["Sec-WebSocket-Key"],
    headers: ["Origin: https://evil.io", "Sec-WebSocket-Protocol: base64url.bearer.phx.%%%"],
  });
  expect(client.status).toBe(403);
  expect(said.map(({ message }) => message)).toEqual([expect.stringContaining("(origin_refused)")]);
});

test.each([
  ["a query that is too long", { path: `/socket/websocket?vsn=2.0.0&x=${"x".repeat(200)}` }, 414],
  ["headers that are too many", { headers: Array.from({ length: 60 }, (_, index) => `x-${index}: 1`) }, 431],
  ["a method that is none", { method: "POST" }, 400],
])(
  "what is decided before the origin is looked at is explained to no foreign page: %s",
  async (_what, asked, status) => {
    const { knock } = await arena({ ...own, mount: { limits: { queryBytesMax: 100, headersMax: 50 } } });
    const headers = [...((asked as { headers?: string[] }).headers ?? []), "Accept: application/json"];
    for (const [origin, offered] of [
      ["Origin: https://evil.io", "Sec-WebSocket-Protocol: portcullis.explain"],
      ["Origin: https://evil.io", "x-offers: nothing"],
    ]) {
      const asking = { ...asked, headers: [...headers, origin as string, offered as string] };
      // As a handshake, and as the plain request of a page's `fetch`.
      for (const without of [[], ["Connection", "Upgrade"]]) {
        const { response } = await knock({ ...asking, without });
        expect([response.status, response.body, response.headers.get("access-control-allow-origin")]).toEqual([
          status,
          "",
          undefined,
        ]);
      }
    }
  },
);

test.each(["cross-site", "same-site"])("a browser that sends no Origin for a %s page is none of ours", async (site) => {
  const { knock, connects } = await arena({ ...own, mount: { longpoll: true } });
  const headers = [`Sec-Fetch-Site: ${site}`];
  expect((await knock({ headers })).status).toBe(403);
  expect((await knock({ headers, without: ["Connection", "Upgrade"] })).status).toBe(403);
  const poll = await knock({ headers, path: "/socket/longpoll?vsn=2.0.0", without: ["Connection", "Upgrade"] });
  expect(poll.response.body).toBe('{"status":403}');
  expect(connects.count).toBe(0);
  for (const own of ["same-origin", "none"])
    expect((await knock({ headers: [`Sec-Fetch-Site: ${own}`] })).status).toBe(101);
});

test("where any origin may connect, a page without one may", async () => {
  const { knock } = await arena({ ...own, mount: { origins: false } });
  expect((await knock({ headers: ["Sec-Fetch-Site: cross-site"] })).status).toBe(101);
});
