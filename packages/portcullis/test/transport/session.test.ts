/** Sessions in connect-info over real sockets: seen by `connect` only when the page knows the session's token. */
import { inspect } from "node:util";
import { expect, test } from "vitest";
import {
  type ConnectInfoItem,
  cookieSession,
  createSessionCookies,
  csrf,
  defineEndpoint,
  defineSocket,
  isPortcullisError,
  type MountOptions,
  requestSession,
  type Session,
} from "../../src/index.ts";
import { arena, secretKeyBase } from "../security/support/arena.ts";

const key = "_my_app_key";
const signingSalt = "a signing salt";
const cookies = createSessionCookies({ secretKeyBase, key, signingSalt });
const state = csrf.state();
const session = { _csrf_token: state, who: "session-mark-4711" };
const cookie = `${key}=${cookies.seal(session)}`;
const fitting = csrf.token(state);

/** A server with one socket, and what its `connect` was given. */
async function serve(item: ConnectInfoItem, mount: Partial<MountOptions> = {}) {
  const seen: unknown[] = [];
  const socket = defineSocket({
    connectInfo: [item],
    connect({ info }) {
      seen.push((info as { session: unknown }).session);
      return {};
    },
  });
  const world = await arena({ sockets: { "/socket": { socket, channels: [], ...mount } } });
  return {
    ...world,
    seen,
    /** The session `connect` saw, and the status. */
    async connect(token: string | null, ...headers: string[]): Promise<unknown> {
      const query = token === null ? "" : `&${token}`;
      const { status } = await world.knock({ path: `/socket/websocket?vsn=2.0.0${query}`, headers });
      return status === 101 ? seen.at(-1) : status;
    },
  };
}

const withToken = (token: string): string => `_csrf_token=${encodeURIComponent(token)}`;
const withCookie = (value: string): string => `Cookie: ${value}`;
const plain = cookieSession({ key, signingSalt });

test("the session is seen with a token that fits, whatever stands around its cookie", async () => {
  const { connect } = await serve(plain);
  expect(await connect(withToken(fitting), withCookie(cookie))).toEqual(session);
  expect(await connect(withToken(csrf.token(state)), withCookie(`a=1; ${cookie}; b=2`))).toEqual(session);
  expect(await connect(withToken(fitting), withCookie("a=1"), withCookie(cookie))).toEqual(session);
});

test.each<[what: string, query: string | null]>([
  ["none", null],
  ["an empty one", "_csrf_token="],
  ["a word", "_csrf_token=bad"],
  ["another session's", withToken(csrf.token(csrf.state()))],
  ["the state itself", withToken(state)],
  ["a list", `_csrf_token[]=${fitting}`],
  ["a map", `_csrf_token[a]=${fitting}`],
  ["a wrong one after the right one", `${withToken(fitting)}&_csrf_token=bad`],
  ["one under another name", `csrf_token=${fitting}`],
])("connect sees null, and is called, with another token: %s", async (_what, query) => {
  const { connect, seen } = await serve(plain);
  expect(await connect(query, withCookie(cookie))).toBeNull();
  expect(seen).toHaveLength(1);
});

const tampered = cookie.replace(/\.(.)/, (_dot, first: string) => `.${first === "g" ? "h" : "g"}`);
const otherSecret = "a secret of somebody else's tests, that signs as well as any, 64 characters";

test.each<[what: string, header: string | null]>([
  ["none", null],
  ["another cookie", "other=1"],
  ["a tampered one", tampered],
  [
    "another secret's",
    `${key}=${createSessionCookies({ secretKeyBase: otherSecret, key, signingSalt }).seal(session)}`,
  ],
  ["another salt's", `${key}=${createSessionCookies({ secretKeyBase, key, signingSalt: "other" }).seal(session)}`],
  ["a session without state", `${key}=${cookies.seal({ who: "me" })}`],
  ["a state of another kind", `${key}=${cookies.seal({ _csrf_token: 5 })}`],
  ["a huge one", `${key}=${"A".repeat(12_000)}`],
  ["__proto__", `__proto__=${cookies.seal(session)}`],
  ["a foreign one first", `${key}=${cookies.seal({ _csrf_token: csrf.state() })}; ${cookie}`],
  ["garbage first", `${key}=garbage; ${cookie}`],
])("connect sees null with another cookie: %s", async (_what, header) => {
  const { connect } = await serve(plain);
  expect(await connect(withToken(fitting), ...(header === null ? [] : [withCookie(header)]))).toBeNull();
});

test("of two cookies with one name the first counts, as for the page", async () => {
  const { connect } = await serve(plain);
  const other = `${key}=${cookies.seal({ _csrf_token: csrf.state() })}`;
  expect(await connect(withToken(fitting), withCookie(`${cookie}; ${other}`))).toEqual(session);
});

test("the state may be under another key of the session", async () => {
  const { connect } = await serve(cookieSession({ key, signingSalt, csrfStateKey: "_mine" }));
  const sealed = cookies.seal({ _mine: state, _csrf_token: csrf.state() });
  expect(await connect(withToken(fitting), withCookie(`${key}=${sealed}`))).toMatchObject({ _mine: state });
  expect(await connect(withToken(fitting), withCookie(cookie))).toBeNull();
});

test("an encrypted session is read by whoever has both salts", async () => {
  const encryptionSalt = "an encryption salt";
  const sealed = createSessionCookies({ secretKeyBase, key, signingSalt, encryptionSalt }).seal(session);
  const { connect } = await serve(cookieSession({ key, signingSalt, encryptionSalt }));
  expect(await connect(withToken(fitting), withCookie(`${key}=${sealed}`))).toEqual(session);
  expect(await connect(withToken(fitting), withCookie(cookie))).toBeNull();
});

test("a foreign page is refused before anybody looks at the session", async () => {
  const { connect, seen } = await serve(plain, { origins: ["https://example.com"] });
  expect(await connect(withToken(fitting), withCookie(cookie), "Origin: https://evil.io")).toBe(403);
  expect(seen).toEqual([]);
});

test("where any origin may connect, the token alone guards the session", async () => {
  const { connect } = await serve(plain, { origins: false });
  const foreign = "Origin: https://evil.io";
  expect(await connect(null, withCookie(cookie), foreign)).toBeNull();
  expect(await connect(withToken(csrf.token(csrf.state())), withCookie(cookie), foreign)).toBeNull();
  expect(await connect(withToken(fitting), withCookie(cookie), foreign)).toEqual(session);
});

test("with the check off the cookie is enough, a genuine one", async () => {
  const { connect } = await serve(plain, { csrf: false });
  expect(await connect(null, withCookie(cookie))).toEqual(session);
  expect(await connect("_csrf_token=bad", withCookie(cookie))).toEqual(session);
  expect(await connect(null, withCookie(tampered))).toBeNull();
  expect(await connect(null)).toBeNull();
});

/** As Express's: a store behind an id in a cookie that says nothing by itself. */
function fakeStore(asynchronous: boolean) {
  const stored = new Map([["1", { csrfState: state, user: { id: 7 } }]]);
  const asked: string[] = [];
  const source = requestSession({
    load(request) {
      const id = /sid=(\w+)/.exec(request.headers.cookie ?? "")?.[1] ?? "";
      asked.push(id);
      if (id === "broken") throw new Error("the store is away");
      if (id === "text") return "text" as never;
      return asynchronous ? Promise.resolve(stored.get(id)) : stored.get(id);
    },
    csrfState: ({ csrfState }) => csrfState,
  });
  return { source, asked };
}

test.each([false, true])(
  "a session of another library is held to the same check (asynchronous: %s)",
  async (asynchronous) => {
    const { source, asked } = fakeStore(asynchronous);
    const { connect } = await serve(source);
    expect(await connect(withToken(fitting), "Cookie: sid=1")).toEqual({ csrfState: state, user: { id: 7 } });
    expect(await connect(withToken(csrf.token(csrf.state())), "Cookie: sid=1")).toBeNull();
    expect(await connect(withToken(fitting), "Cookie: sid=2")).toBeNull();
    expect(await connect(withToken(fitting))).toBeNull();
    expect(asked).toEqual(["1", "1", "2", ""]);
  },
);

test("a store is not asked for somebody without a token", async () => {
  const { source, asked } = fakeStore(false);
  const { connect } = await serve(source);
  for (const query of [null, "_csrf_token=bad", `_csrf_token[]=${fitting}`]) {
    expect(await connect(query, "Cookie: sid=1")).toBeNull();
  }
  expect(asked).toEqual([]);
});

test.each(["broken", "text"])("a source of sessions that fails refuses, and lets nobody in: %s", async (id) => {
  const { source } = fakeStore(false);
  const { connect, seen } = await serve(source);
  expect(await connect(withToken(fitting), `Cookie: sid=${id}`)).toBe(500);
  expect(seen).toEqual([]);
});

test("a session store that never answers is bounded by connectTimeoutMs", async () => {
  const source = requestSession({
    load: () => new Promise<{ state: string }>(() => {}),
    csrfState: (own) => own.state,
  });
  const { connect, seen } = await serve(source, { connectTimeoutMs: 20 });
  expect(await connect(withToken(fitting), "Cookie: sid=1")).toBe(503);
  expect(seen).toEqual([]);
});

test("a session that was kept back is told, with how to mend it and without any of it", async () => {
  const world = await serve(plain);
  await world.connect(null, withCookie(cookie));
  await world.connect("_csrf_token=bad", withCookie(cookie));
  const strange = csrf.token(csrf.state());
  await world.connect(withToken(strange), withCookie(cookie));
  await world.connect(withToken(fitting), withCookie(tampered));
  await world.connect(withToken(fitting), withCookie(cookie));
  const lines = world.said.map(({ message }) => message);
  expect(lines.map((line) => /the param _csrf_token (.*?)\. This happens/.exec(line)?.[1])).toEqual([
    "was not sent",
    "is no token",
    "does not fit the session",
  ]);
  expect(lines[0]).toMatch(/csrf\.token\(state\)/);
  await world.endpoint.close();
  const shown = inspect([world.said, world.events, world.endpoint, plain], {
    depth: 30,
    showHidden: true,
    getters: true,
  });
  const payload = cookie.split(".")[1] as string;
  for (const secret of [cookie, payload, state, fitting, strange, session.who, signingSalt, secretKeyBase])
    expect(shown).not.toContain(secret);
});

test("whoever sends no cookie is no reason for a line", async () => {
  const world = await serve(plain);
  await world.connect(null);
  await world.connect(withToken(fitting));
  expect(world.said).toEqual([]);
});

const asking = defineSocket({ connectInfo: [plain] });
const define = (mount: object, socket: unknown = asking) =>
  defineEndpoint({ secretKeyBase, sockets: { "/socket": { socket, channels: [], ...mount } as MountOptions } });

test.each<[what: string, attempt: () => unknown, message: RegExp]>([
  [
    "both checks off",
    () => define({ origins: false, csrf: false }),
    /neither an origin check.*To fix it: 1\. .*any-site/,
  ],
  ["both off, one below", () => define({ csrf: false, websocket: { origins: false } }), /neither an origin check/],
  ["a csrf that is neither", () => define({ csrf: "no" }), /csrf of \/socket to be true, false or "any-site"/],
  ["a check of nothing", () => define({ csrf: true }, defineSocket()), /has nothing to check/],
  ["two sources", () => define({}, defineSocket({ connectInfo: [plain, plain] })), /one source of sessions/],
  ["the name alone", () => define({}, defineSocket({ connectInfo: ["session" as never] })), /write cookieSession/],
  ["no salt", () => cookieSession({ key } as never), /signingSalt/],
  [
    "a key of the state that is none",
    () => cookieSession({ key, signingSalt, csrfStateKey: 5 as never }),
    /csrfStateKey/,
  ],
  ["no csrfState", () => requestSession({ load: () => null } as never), /csrfState of requestSession/],
  ["no load", () => requestSession({ csrfState: () => null } as never), /load of requestSession/],
])("a mistake at start-up: %s", (_what, attempt, message) => {
  let caught: unknown;
  try {
    attempt();
  } catch (error) {
    caught = error;
  }
  expect(isPortcullisError(caught) && caught.code).toBe("definition_invalid");
  expect((caught as Error).message).toMatch(message);
});

test.each([{ origins: false }, { csrf: false }, { origins: false, csrf: true }, { origins: false, csrf: "any-site" }])(
  "one check is enough, or the word that none is wanted: %j",
  (mount) => {
    expect(() => define(mount)).not.toThrow();
  },
);

test("with any-site any page has the session", async () => {
  const { connect } = await serve(plain, { origins: false, csrf: "any-site" });
  expect(await connect(null, withCookie(cookie), "Origin: https://evil.io")).toEqual(session);
});

test("the session's type is its source's, or null", () => {
  defineSocket({
    connectInfo: ["userAgent", cookieSession({ key, signingSalt }), { region: "eu" }],
    connect({ info }) {
      const own: Session | null = info.session;
      const region: "eu" = info.region;
      // @ts-expect-error it may be null
      info.session["who"];
      // @ts-expect-error what it holds is to be checked
      const who: string | undefined = info.session?.["who"];
      return { own, region, who };
    },
  });
  defineSocket({
    connectInfo: [requestSession({ load: async () => ({ user: 7, state: "" }), csrfState: (own) => own.state })],
    connect({ info }) {
      const user: number | undefined = info.session?.user;
      // @ts-expect-error it holds no such thing
      info.session?.usr;
      return { user };
    },
  });
  defineSocket({
    connectInfo: ["userAgent"],
    // @ts-expect-error it wasn't asked for
    connect: ({ info }) => ({ own: info.session }),
  });
});
