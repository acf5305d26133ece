/** Who gets a session, whose session a request is about, and what the others are told. */
import { connect as connectTcp } from "node:net";
import { expect, test } from "vitest";
import {
  cookieSession,
  createSessionCookies,
  csrf,
  defineSocket,
  type MountOptions,
  reject,
  signedToken,
} from "../../src/index.ts";
import { createTokens } from "../../src/token/token.ts";
import {
  type Arena,
  afterwards,
  arena,
  openSocket,
  secretKeyBase,
  tokenSalt,
  userSocket,
} from "../security/support/arena.ts";
import { startNode } from "../support/node.ts";
import { ask, longpollPath, Poller } from "../support/poller.ts";
import { WatchedClock } from "../support/watched-clock.ts";
import { replyFrame } from "../support/wire.ts";

const tokenHeader = "x-phoenix-longpoll-token";
const heartbeat = '[null,"1","phoenix","heartbeat",{}]';
const refusals = ({ events }: Pick<Arena, "events">): unknown[] =>
  events.filter(({ name }) => name === "socket.refused").map(({ metadata }) => metadata);

/** An endpoint with nothing but long-poll on `/socket`. */
const open = (mount: Partial<MountOptions> = {}, options: Parameters<typeof arena>[0] = {}): Promise<Arena> => {
  const socket = mount.socket ?? openSocket();
  return arena({ ...options, sockets: { "/socket": { socket, channels: [], longpoll: true, ...mount } } });
};

/** Whether the session is reached with this: a post is answered 200 and not 410. */
async function reaches(port: number, path: string, headers: Readonly<Record<string, string>>): Promise<boolean> {
  const { status } = await ask(port, { method: "POST", path, headers, body: heartbeat }).answer;
  expect([200, 410]).toContain(status);
  return status === 200;
}

test("a session's token is taken from the header or the query, and the header wins, even an empty one", async () => {
  const { port } = await open();
  const { token } = await Poller.open(port);
  const inQuery = `${longpollPath}&token=${token}`;
  expect(await reaches(port, longpollPath, { [tokenHeader]: token })).toBe(true);
  expect(await reaches(port, inQuery, {})).toBe(true);
  expect(await reaches(port, inQuery, { [tokenHeader]: "" })).toBe(false);
  expect(await reaches(port, inQuery, { [tokenHeader]: `${token}x` })).toBe(false);
  expect(await reaches(port, `${longpollPath}&token=x`, { [tokenHeader]: token })).toBe(true);
  expect(await reaches(port, `${longpollPath}&token[]=${token}`, {})).toBe(false);
  expect(await reaches(port, longpollPath, {})).toBe(false);
});

test("with queryToken: false a token in the query is none", async () => {
  const { port, endpoint } = await open({ longpoll: { queryToken: false } });
  const { token } = await Poller.open(port);
  expect(await reaches(port, `${longpollPath}&token=${token}`, {})).toBe(false);
  expect(await ask(port, { path: `${longpollPath}&token=${token}` }).answer).toMatchObject({ status: 410 });
  expect(endpoint.connectionCount).toBe(2);
  expect(await reaches(port, longpollPath, { [tokenHeader]: token })).toBe(true);
});

test("two token headers are none", async () => {
  const { port } = await open();
  const { token } = await Poller.open(port);
  const answer = ask(port, { method: "POST", headers: { [tokenHeader]: [token, token] }, body: heartbeat });
  expect(await answer.answer).toMatchObject({ status: 410 });
});

test("a changed token is none, wherever it was changed", async () => {
  const { port, endpoint } = await open();
  const { token } = await Poller.open(port);
  const positions = Array.from({ length: 24 }, (_, index) => Math.floor((index * (token.length - 2)) / 23));
  for (const at of positions) {
    const changed = token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
    expect(await reaches(port, longpollPath, { [tokenHeader]: changed }), `at ${at}`).toBe(false);
  }
  expect(endpoint.connectionCount).toBe(1);
});

const salt = "portcullis longpoll";
test.each<[what: string, forge: (id: string, node: string) => string]>([
  [
    "signed with another secret",
    (id, node) => createTokens({ secretKeyBase: "x".repeat(64) }).sign(salt, ["/socket", node, id]),
  ],
  ["signed for something else", (id, node) => createTokens({ secretKeyBase }).sign(tokenSalt, ["/socket", node, id])],
  ["genuine, of another shape", (id) => createTokens({ secretKeyBase }).sign(salt, id)],
  ["genuine, for a number", () => createTokens({ secretKeyBase }).sign(salt, ["/socket", 1, 2])],
  [
    "genuine, for a guessed id",
    (_id, node) => createTokens({ secretKeyBase }).sign(salt, ["/socket", node, "constructor"]),
  ],
  [
    "longer than any",
    (id, node) => createTokens({ secretKeyBase }).sign(salt, ["/socket", node, id, "x".repeat(9_000)]),
  ],
])("a token that is %s reaches nobody, and throws nothing", async (_what, forge) => {
  const { port, said } = await open();
  const { token } = await Poller.open(port);
  const claim = createTokens({ secretKeyBase }).verify(salt, token, { maxAgeSeconds: 60 });
  const [, node, id] = (claim as { readonly data: readonly [string, string, string] }).data;
  const forged = forge(id, node);
  expect(await reaches(port, longpollPath, { [tokenHeader]: forged })).toBe(false);
  expect(await ask(port, { headers: { [tokenHeader]: forged } }).answer).toMatchObject({ status: 410, raw: [] });
  expect(said).toEqual([]);
  expect(await reaches(port, longpollPath, { [tokenHeader]: token })).toBe(true);
});

test("a token of another mount is none, although its sessions live in the same process", async () => {
  const [first, second] = [openSocket(), openSocket()];
  const { port, endpoint } = await arena({
    sockets: {
      "/first": { socket: first, channels: [], longpoll: true },
      "/second": { socket: second, channels: [], longpoll: true },
    },
  });
  const client = await Poller.open(port, { path: "/first/longpoll?vsn=2.0.0" });
  expect(await reaches(port, "/second/longpoll", { [tokenHeader]: client.token })).toBe(false);
  expect(
    await ask(port, { path: "/second/longpoll?vsn=2.0.0", headers: { [tokenHeader]: client.token } }).answer,
  ).toMatchObject({ status: 410 });
  expect(endpoint.connectionCount).toBe(2);
  expect(await reaches(port, "/first/longpoll", { [tokenHeader]: client.token })).toBe(true);
});

test("a token of another endpoint with the same secret begins a new session, at once where no bus could reach that one", async () => {
  const clock = new WatchedClock();
  const [home, away] = [await startNode({ clock }), await startNode({ clock })];
  const client = await Poller.open(home.port);
  expect(await client.at(away.port).send(heartbeat).answer).toMatchObject({ httpStatus: 200, status: 410 });
  const polled = await client.at(away.port).poll().answer;
  expect(polled).toMatchObject({ httpStatus: 200, status: 410, token: expect.any(String) });
  expect(home.endpoint.connectionCount).toBe(1);
});

test("a token is good for as long as it may be old, to the second, and its session is another matter", async () => {
  const clock = new WatchedClock();
  const { port, endpoint } = await open({ longpoll: { tokenMaxAgeSeconds: 100, windowMs: 1_000_000 } }, { clock });
  const { token } = await Poller.open(port);
  clock.advance(100_000);
  expect(await reaches(port, longpollPath, { [tokenHeader]: token })).toBe(true);
  clock.advance(1);
  expect(await reaches(port, longpollPath, { [tokenHeader]: token })).toBe(false);
  expect(endpoint.connectionCount).toBe(1);
  const again = await ask(port, { headers: { [tokenHeader]: token } }).answer;
  expect(again).toMatchObject({ status: 410, token: expect.any(String) });
  expect(endpoint.connectionCount).toBe(2);
});

test("sessions have ids that say nothing of each other", async () => {
  const { port } = await open();
  const ids = new Set<string>();
  for (let count = 0; count < 20; count += 1) {
    const { token } = await Poller.open(port);
    const claim = createTokens({ secretKeyBase }).verify(salt, token, { maxAgeSeconds: 60 });
    ids.add(((claim as { readonly data: readonly string[] }).data[2] as string).slice(0, 6));
  }
  expect(ids.size).toBe(20);
});

/** What `connect` of a second session sees, whose request names a first one that is not there any more. */
async function infoAfter(): Promise<{ readonly info: object; readonly token: string }> {
  const seen: object[] = [];
  const socket = defineSocket({
    connectInfo: ["xHeaders", "authToken"],
    connect({ info }) {
      seen.push(info);
      return {};
    },
    id: () => "ada",
  });
  const { port, endpoint } = await open({ socket });
  const headers = { "x-phoenix-authtoken": "an-auth-token", "x-one": "1" };
  const client = await Poller.open(port, { headers });
  endpoint.disconnect("ada");
  expect(await client.poll().answer).toMatchObject({ status: 410 });
  expect(seen).toHaveLength(2);
  return { info: seen[1] as object, token: client.token };
}

test("connect sees its own token where it asks for it, and not among the x-headers", async () => {
  const { info } = await infoAfter();
  expect(info).toMatchObject({ authToken: "an-auth-token", xHeaders: expect.arrayContaining([["x-one", "1"]]) });
  expect(JSON.stringify(info).split("an-auth-token")).toHaveLength(2);
});

test("connect does not see a session's token among the x-headers", async () => {
  const { info, token } = await infoAfter();
  expect(JSON.stringify(info)).not.toContain(token);
});

test("a signed token lets in over long-poll as over WebSocket, in either header; a bad one or none does not", async () => {
  const world = await open({ socket: userSocket() });
  const { port, endpoint, connects } = world;
  const token = endpoint.tokens.sign(tokenSalt, "ada");
  for (const headers of [{ "x-phoenix-authtoken": token }, { authorization: `Bearer ${token}` }]) {
    await Poller.open(port, { headers });
  }
  const both = { "x-phoenix-authtoken": token, authorization: `Bearer ${token}` };
  const attempts: [headers: Record<string, string>, code: string][] = [
    [{}, "credential_missing"],
    [{ "x-phoenix-authtoken": `${token}x` }, "credential_invalid"],
    [both, "credential_ambiguous"],
  ];
  for (const [headers, code] of attempts) {
    const answer = await ask(port, { headers }).answer;
    expect(answer).toMatchObject({ httpStatus: 200, text: '{"status":403}' });
    expect(refusals(world).at(-1)).toEqual({ mount: "/socket", transport: "longpoll", code, status: 403 });
  }
  expect(endpoint.connectionCount).toBe(2);
  expect(connects.count).toBe(0);
  expect(await ask(port, { path: `${longpollPath}&token=${token}` }).answer).toMatchObject({ status: 403 });
  expect(refusals(world).at(-1)).toMatchObject({ code: "credential_missing" });
});

test.each<[from: MountOptions["from"], place: string, letIn: boolean]>([
  [["subprotocol"], "x-phoenix-authtoken", true],
  [["header"], "x-phoenix-authtoken", true],
  [["header"], "authorization", true],
  [["params"], "x-phoenix-authtoken", false],
  [["params"], "params", true],
  [["subprotocol"], "params", false],
  [["subprotocol"], "sec-websocket-protocol", false],
])("where credentials are read from %j, one in %s lets in: %s", async (from, place, letIn) => {
  const { port, endpoint } = await open({ socket: userSocket(), from: from ?? [] });
  const token = endpoint.tokens.sign(tokenSalt, "ada");
  const base64 = Buffer.from(token).toString("base64").replaceAll("=", "");
  const headers: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "x-phoenix-authtoken": { "x-phoenix-authtoken": token },
    authorization: { authorization: `Bearer ${token}` },
    "sec-websocket-protocol": { "sec-websocket-protocol": `phoenix, base64url.bearer.phx.${base64}` },
  };
  const path = place === "params" ? `${longpollPath}&token=${token}` : longpollPath;
  expect((await ask(port, { path, headers: headers[place] ?? {} }).answer).status).toBe(letIn ? 410 : 403);
});

test("a session in a cookie is seen with its CSRF token and not without", async () => {
  const seen: unknown[] = [];
  const cookies = { key: "_key", signingSalt: "signing salt" };
  const socket = defineSocket({
    connectInfo: [cookieSession({ ...cookies })],
    connect({ info }) {
      seen.push(info.session);
      return {};
    },
  });
  const { port } = await open({ socket });
  const session = { _csrf_token: csrf.state(), user: "ada" };
  const cookie = `_key=${createSessionCookies({ secretKeyBase, ...cookies }).seal(session)}`;
  const fitting = encodeURIComponent(csrf.token(session._csrf_token));
  for (const query of [`&_csrf_token=${fitting}`, `&_csrf_token=${encodeURIComponent(csrf.token(csrf.state()))}`, ""]) {
    await Poller.open(port, { path: `${longpollPath}${query}`, headers: { cookie } });
  }
  expect(seen).toEqual([session, null, null]);
});

test.each<[what: string, asking: Parameters<typeof ask>[1], http: number, body: string, code: string]>([
  ["an unknown version", { path: "/socket/longpoll?vsn=9.0.0" }, 200, '{"status":403}', "vsn_unsupported"],
  ["a foreign origin", { headers: { origin: "https://evil.example" } }, 200, '{"status":403}', "origin_refused"],
  ["an origin null", { headers: { origin: "null" } }, 200, '{"status":403}', "origin_refused"],
  ["a query that is too long", { path: `/socket/longpoll?a=${"x".repeat(1_000)}` }, 414, "", "query_too_long"],
  ["too many params", { path: `/socket/longpoll?${"a=1&".repeat(101)}` }, 200, '{"status":403}', "params_invalid"],
  ["HEAD", { method: "HEAD" }, 400, "", "method_refused"],
  ["PUT", { method: "PUT", body: "x" }, 400, "", "method_refused"],
  ["DELETE", { method: "DELETE" }, 400, "", "method_refused"],
  ["PATCH", { method: "PATCH", body: "x" }, 400, "", "method_refused"],
])("%s is refused, and reported once", async (_what, asking, http, body, code) => {
  const world = await open({ limits: { queryBytesMax: 1_000, queryParamsMax: 100 } });
  const answer = await ask(world.port, asking).answer;
  expect({ http: answer.httpStatus, body: answer.text }).toEqual({ http, body });
  expect(answer.headers["cache-control"]).toBe("no-store");
  const status = code.endsWith("refused") && http === 400 ? 400 : http === 414 ? 414 : 403;
  expect(refusals(world)).toEqual([{ mount: "/socket", transport: "longpoll", code, status }]);
  expect(world.endpoint.connectionCount).toBe(0);
});

test("what the application refuses is 403 in the JSON, whatever it makes of it elsewhere; what fails is 500", async () => {
  const socket = defineSocket({
    connect({ params }) {
      if (params["how"] === "throw") throw new Error("connect is broken");
      return reject("not today");
    },
  });
  const world = await open({ socket, refusal: () => ({ status: 429, headers: { "retry-after": "5" } }) });
  const refused = await ask(world.port).answer;
  expect(refused).toMatchObject({ httpStatus: 200, text: '{"status":403}' });
  const broken = await ask(world.port, { path: `${longpollPath}&how=throw` }).answer;
  expect(broken).toMatchObject({ httpStatus: 500, text: "" });
  expect(refusals(world)).toMatchObject([{ code: "connect_refused" }, { code: "connect_failed", status: 500 }]);
});

test("a connect that takes too long is 503, and one whose client leaves is aborted", async () => {
  const clock = new WatchedClock();
  const signals: AbortSignal[] = [];
  const socket = defineSocket({
    connect({ signal }) {
      signals.push(signal);
      return new Promise<object>(() => {});
    },
  });
  const world = await open({ socket }, { clock });
  const slow = ask(world.port);
  await clock.waits(5_000);
  clock.advance(5_000);
  expect(await slow.answer).toMatchObject({ httpStatus: 503 });
  const left = ask(world.port);
  await clock.waits(5_000);
  left.hangUp();
  await expect.poll(() => signals[1]?.aborted).toBe(true);
  expect(signals[0]?.aborted).toBe(true);
});

test("the origin is asked of every request: a page elsewhere with a stolen token can do nothing", async () => {
  const world = await open({}, { url: { host: "app.example.com" } });
  const { port } = world;
  const own = { origin: "https://app.example.com" };
  const client = await Poller.open(port, { headers: own });
  const headers = { [tokenHeader]: client.token, origin: "https://evil.example" };
  for (const method of ["GET", "POST", "OPTIONS"]) {
    const body = method === "POST" ? { body: heartbeat } : {};
    const answer = await ask(port, { method, headers, ...body }).answer;
    expect(answer, method).toMatchObject({ httpStatus: 200, text: '{"status":403}' });
    expect(answer.headers["access-control-allow-methods"], method).toBeUndefined();
  }
  expect(refusals(world)).toHaveLength(3);
  // None of it was handled, or taken.
  expect(await client.send(heartbeat).answer).toMatchObject({ status: 200 });
  expect(await client.fetch()).toEqual([replyFrame(null, "1", "phoenix", "ok", {})]);
});

test("long-poll may have origins of its own", async () => {
  const { port, knock } = await open({
    origins: ["https://both.example"],
    longpoll: { origins: ["https://poll.example"] },
  });
  expect((await ask(port, { headers: { origin: "https://poll.example" } }).answer).status).toBe(410);
  expect((await ask(port, { headers: { origin: "https://both.example" } }).answer).status).toBe(403);
  expect((await knock({ headers: ["Origin: https://poll.example"] })).status).toBe(403);
  const both = await knock({ headers: ["Origin: https://both.example"] });
  expect(both.status).toBe(101);
});

test("a preflight is told what it may do, and what it asked for is repeated to it within reason", async () => {
  const { port, endpoint, connects } = await open();
  const preflight = async (headers: Record<string, string>) =>
    (await ask(port, { method: "OPTIONS", headers }).answer) as Awaited<ReturnType<typeof ask>["answer"]>;
  const usual = await preflight({ "access-control-request-headers": "x-phoenix-authtoken, content-type" });
  expect(usual).toMatchObject({ httpStatus: 200, text: "" });
  expect(usual.headers).toMatchObject({
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "x-phoenix-authtoken, content-type",
    "access-control-allow-methods": "get, post, options",
    "access-control-max-age": "3600",
    "cache-control": "no-store",
  });
  expect(usual.headers["access-control-allow-credentials"]).toBeUndefined();
  const long = await preflight({ "access-control-request-headers": "x".repeat(8_000) });
  expect(long.headers["access-control-allow-headers"]).toBe("");
  expect((await preflight({})).headers["access-control-allow-headers"]).toBe("");
  expect(endpoint.connectionCount).toBe(0);
  expect(connects.count).toBe(0);
});

test.each([
  ["folded lines", "x-one\r\n set-cookie: a=b"],
  ["a bare carriage return", "x-one\rset-cookie: a=b"],
  ["a bare line feed", "x-one\nset-cookie: a=b"],
  ["control characters", "x-one\u0001\u0000\u007f"],
  ["bytes beyond ASCII", "x-\u00e9\u00ff"],
])(
  "a preflight that asks for headers with %s puts none of its own into the answer, and ends nothing",
  async (_what, asked) => {
    const { port } = await open();
    const socket = connectTcp({ port, host: "127.0.0.1" });
    afterwards(() => void socket.destroy());
    socket.write(
      `OPTIONS /socket/longpoll HTTP/1.1\r\nHost: x\r\nConnection: close\r\naccess-control-request-headers: ${asked}\r\n\r\n`,
      "latin1",
    );
    let answer = "";
    for await (const chunk of socket) answer += (chunk as Buffer).toString("latin1");
    expect(answer).toMatch(/^HTTP\/1\.1 (200|400) /);
    expect(answer.toLowerCase()).not.toMatch(/^set-cookie/m);
    await Poller.open(port);
  },
);

test("an authenticator of long-poll clients is asked once, at the beginning", async () => {
  let asked = 0;
  const verify = signedToken({ salt: tokenSalt, maxAgeSeconds: 3_600 });
  const socket = defineSocket({
    authenticate(request) {
      asked += 1;
      return verify(request);
    },
    connect: () => ({}),
  });
  const { port, endpoint } = await open({ socket });
  const token = endpoint.tokens.sign(tokenSalt, "ada");
  const client = await Poller.open(port, { headers: { "x-phoenix-authtoken": token } });
  const bare = client.at(port, {});
  expect(await bare.send(heartbeat).answer).toMatchObject({ status: 200 });
  expect(await bare.fetch()).toHaveLength(1);
  expect(asked).toBe(1);
});
