/** Tokens at every place they may stand, and where they must not (security rows 1.6, 2.1 to 2.4). */

import { expect, test } from "vitest";
import { type AuthenticateRequest, defineSocket, reject } from "../../src/index.ts";
import { createTokens } from "../../src/token/token.ts";
import { type Arena, arena, secretKeyBase, tokenSalt, userSocket } from "./support/arena.ts";
import type { HandshakeOptions } from "./support/raw.ts";

const tokens = createTokens({ secretKeyBase });
const good = tokens.sign(tokenSalt, "ada");
const base64 = (text: string): string => Buffer.from(text).toString("base64").replace(/=+$/, "");
const offer = (token: string): string => `Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.${base64(token)}`;

async function users(mount: object = {}): Promise<Arena & { readonly let: { count: number } }> {
  const connects = { count: 0 };
  const socket = userSocket(connects);
  const world = await arena({ sockets: { "/socket": { socket, channels: [], ...mount } } });
  return { ...world, let: connects };
}

async function refusal(world: Awaited<ReturnType<typeof users>>, handshake: HandshakeOptions) {
  const before = world.events.length;
  const { response } = await world.knock(handshake);
  expect(world.let.count).toBe(0);
  const codes = world.events.slice(before).map(({ metadata }) => metadata["code"]);
  return { status: response.status, body: response.body, code: codes.join(" ") };
}

test("a token in the subprotocol lets in, phoenix is selected and the token not echoed", async () => {
  const world = await users();
  const client = await world.enter({ headers: [offer(good)] });
  expect(client.response.headers.get("sec-websocket-protocol")).toBe("phoenix");
  expect(client.response.head).not.toContain(base64(good));
  expect(world.let.count).toBe(1);
});

test.each([
  ["Authorization", `Authorization: Bearer ${good}`],
  ["a scheme in capitals", `Authorization: BEARER    ${good}`],
  ["X-Phoenix-AuthToken", `X-Phoenix-AuthToken: ${good}`],
])("a token in a header lets in: %s", async (_name, header) => {
  const world = await users();
  await world.enter({ headers: [header] });
});

const forged = `${good.slice(0, -4)}AAAA`;
const otherSalt = tokens.sign("another salt", "ada");
const otherSecret = createTokens({ secretKeyBase: "some other secret of at least twenty bytes" }).sign(
  tokenSalt,
  "ada",
);
const expired = tokens.sign(tokenSalt, "ada", { signedAt: Date.now() - 3_601_000 });
const future = tokens.sign(tokenSalt, "ada", { signedAt: Date.now() + 60_000 });
const nobody = tokens.sign(tokenSalt, { role: "admin" });

test.each([
  ["forged", forged, "credential_invalid"],
  ["of another salt", otherSalt, "credential_invalid"],
  ["of another secret", otherSecret, "credential_invalid"],
  ["from the future", future, "credential_invalid"],
  ["without a subject", nobody, "credential_invalid"],
  ["garbage", "garbage", "credential_invalid"],
  ["prototype", "__proto__.constructor.prototype", "credential_invalid"],
  ["expired", expired, "credential_expired"],
])("a token that is %s gets a bare 403, the same for all", async (_name, token, code) => {
  const world = await users();
  for (const header of [offer(token), `Authorization: Bearer ${token}`]) {
    expect(await refusal(world, { headers: [header] })).toEqual({ status: 403, body: "", code });
  }
});

test("refusals of unknown, forged and expired tokens can't be told apart", async () => {
  const world = await users();
  const heads = new Set<string>();
  for (const token of [forged, otherSalt, expired, nobody]) {
    const { response } = await world.knock({ headers: [`Authorization: Bearer ${token}`] });
    heads.add(`${response.head}|${response.body}`);
  }
  expect(heads.size).toBe(1);
});

const prefix = "base64url.bearer.phx.";
test.each([
  ["no token at all", "phoenix", "credential_missing"],
  ["an empty one", `phoenix, ${prefix}`, "credential_invalid"],
  ["no base64", `phoenix, ${prefix}%%%%`, "credential_invalid"],
  ["a genuine token with something in the middle", `phoenix, ${prefix}!${base64(good)}`, "credential_invalid"],
  ["padding in the middle", `phoenix, ${prefix}QQ==QQ`, "credential_invalid"],
  ["base64 of no UTF-8", `phoenix, ${prefix}${Buffer.from([0xff, 0xfe]).toString("base64")}`, "credential_invalid"],
  ["huge", `phoenix, ${prefix}${"A".repeat(11_000)}`, "credential_invalid"],
  ["two, of which none counts", `phoenix, ${prefix}${base64(good)}, ${prefix}${base64(good)}`, "credential_missing"],
  ["without phoenix beside it", `${prefix}${base64(good)}`, "101"],
  ["an unknown subprotocol", "soap", "subprotocol_refused"],
  ["commas", ",,,,", "subprotocol_refused"],
] as const)("a subprotocol header with %s", async (_name, value, code) => {
  const world = await users();
  const headers = [`Sec-WebSocket-Protocol: ${value}`];
  if (code === "101") {
    const client = await world.enter({ headers });
    expect(client.response.headers.has("sec-websocket-protocol")).toBe(false);
  } else {
    expect(await refusal(world, { headers })).toEqual({ status: 403, body: "", code });
  }
});

test("a token spread over several header lines is still one header", async () => {
  const world = await users();
  const client = await world.enter({
    headers: ["Sec-WebSocket-Protocol: phoenix", `Sec-WebSocket-Protocol: ${prefix}${base64(good)}`],
  });
  expect(client.response.headers.get("sec-websocket-protocol")).toBe("phoenix");
});

test("the url-safe alphabet is taken as the standard one is", async () => {
  const world = await users();
  const token = tokens.sign(tokenSalt, "ÿÿÿ???>>>~~~");
  const safe = Buffer.from(token).toString("base64url");
  await world.enter({ headers: [`Sec-WebSocket-Protocol: phoenix, ${prefix}${safe}`] });
});

test.each([
  ["subprotocol and header", "", [offer(good), `Authorization: Bearer ${good}`]],
  ["two headers", "", [`X-Phoenix-AuthToken: ${good}`, `Authorization: Bearer ${good}`]],
  ["two of the same header", "", [`Authorization: Bearer ${good}`, `Authorization: Bearer ${forged}`]],
  ["param and header", `&token=${good}`, [`Authorization: Bearer ${good}`]],
  ["an empty param and a header", "&token=", [`Authorization: Bearer ${good}`]],
])("credentials at two places are ambiguous: %s", async (_name, query, headers) => {
  const world = await users({ from: ["subprotocol", "header", "params"] });
  const path = `/socket/websocket?vsn=2.0.0${query}`;
  expect(await refusal(world, { path, headers })).toEqual({ status: 403, body: "", code: "credential_ambiguous" });
});

test.each([
  ["a list", "token[]=TOKEN"],
  ["a map", "token[a]=TOKEN"],
  ["a list behind the token", "token=TOKEN&token[]=TOKEN"],
  ["empty", "token="],
  ["too long", `token=${"A".repeat(9_000)}`],
])("a token param that is %s is an invalid credential", async (_name, query) => {
  const world = await users({ from: ["params"] });
  const path = `/socket/websocket?vsn=2.0.0&${query.replaceAll("TOKEN", good)}`;
  expect(await refusal(world, { path })).toEqual({ status: 403, body: "", code: "credential_invalid" });
});

test("of two equal params the last counts", async () => {
  const world = await users({ from: ["params"] });
  expect(await refusal(world, { path: `/socket/websocket?vsn=2.0.0&token=${good}&token=${forged}` })).toMatchObject({
    code: "credential_invalid",
  });
  await world.enter({ path: `/socket/websocket?vsn=2.0.0&token=${forged}&token=${good}` });
});

test("by default a token in the URL is not even looked at, and a cookie never", async () => {
  const world = await users();
  for (const handshake of [
    { path: `/socket/websocket?vsn=2.0.0&token=${good}` },
    { headers: [`Cookie: token=${good}; session=${good}; authorization=Bearer ${good}`] },
  ]) {
    expect(await refusal(world, handshake)).toEqual({ status: 403, body: "", code: "credential_missing" });
  }
});

test("a header is not read where the mount reads the subprotocol alone", async () => {
  const world = await users({ from: ["subprotocol"] });
  expect(await refusal(world, { headers: [`Authorization: Bearer ${good}`] })).toMatchObject({
    code: "credential_missing",
  });
});

test.each([
  ["undefined", undefined],
  ["null", null],
  ["false", false],
])("an authenticator that returns %s lets nobody in", async (_name, value) => {
  const connects = { count: 0 };
  const socket = defineSocket({
    authenticate: () => value,
    connect() {
      connects.count += 1;
      return {};
    },
  });
  const { knock } = await arena({ sockets: { "/socket": { socket, channels: [] } } });
  expect((await knock()).status).toBe(500);
  expect(connects.count).toBe(0);
});

test("an authenticator of one's own sees the credential and may refuse in its own words", async () => {
  const seen: unknown[] = [];
  const socket = defineSocket({
    authenticate({ credential }: AuthenticateRequest) {
      seen.push(credential);
      return credential === "key" ? { name: "ada" } : reject("unknown key");
    },
  });
  const { knock, events } = await arena({ sockets: { "/socket": { socket, channels: [] } } });
  expect((await knock({ headers: ["Authorization: Bearer key"] })).status).toBe(101);
  expect((await knock({ headers: ["Authorization: Bearer lock"] })).status).toBe(403);
  expect((await knock({ headers: ["Authorization: Basic key"] })).status).toBe(403);
  expect(seen).toEqual(["key", "lock", null]);
  expect(events.filter(({ name }) => name === "socket.refused").map(({ metadata }) => metadata["code"])).toEqual([
    "credential_refused",
    "credential_refused",
  ]);
});
