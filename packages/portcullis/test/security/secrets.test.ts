/** What must not get out: tokens, secrets, payloads, in whatever is said, thrown or shown (security row 2.1). */
import { inspect } from "node:util";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { expect, test, vi } from "vitest";
import {
  accept,
  type Channel,
  defineEndpoint,
  defineSocket,
  type MountOptions,
  reject,
  signedToken,
} from "../../src/index.ts";
import { createTokens } from "../../src/token/token.ts";
import { afterwards, arena, secretKeyBase, tokenSalt } from "./support/arena.ts";
import { frame, knock, type RawClient } from "./support/raw.ts";

const tokens = createTokens({ secretKeyBase });
const token = tokens.sign(tokenSalt, "ada");
const base64 = (text: string): string => Buffer.from(text).toString("base64").replace(/=+$/, "");
const offered = `base64url.bearer.phx.${base64(token)}`;
const payloadMark = "payload-mark-4711";
const paramMark = "param-mark-0815";

/** Every spelling under which a secret could slip out. */
const secrets: Readonly<Record<string, string>> = {
  "the secret key base": secretKeyBase,
  "the secret key base in base64": base64(secretKeyBase).slice(0, 60),
  "the token": token,
  "the token's signature": token.split(".")[2] as string,
  "the token in base64": base64(token),
  "a payload": payloadMark,
  "a param": paramMark,
};

function expectNoSecret(text: string, where: string): void {
  for (const [name, secret] of Object.entries(secrets)) {
    if (text.includes(secret))
      throw new Error(
        `${where} shows ${name}: …${text.slice(Math.max(0, text.indexOf(secret) - 200), text.indexOf(secret) + 40)}`,
      );
  }
}

const show = (value: unknown): string =>
  inspect(value, { depth: 30, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null });

/** A schema without anything of a library in it, which inspecting would run. */
function schema<Output>(fits: (value: Record<string, unknown>) => boolean): StandardSchemaV1<Output, Output> {
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) =>
        fits(value as Record<string, unknown>)
          ? { value: value as Output }
          : { issues: [{ path: ["field"], message: "doesn't fit" }] },
    },
  };
}

/** Everything a program gets hold of, collected while it is attacked. */
function collecting() {
  const held: unknown[] = [];
  const socket = defineSocket({
    params: schema<{ room?: string }>(({ room }) => room === undefined || String(room).length <= 20),
    authenticate: signedToken({ salt: tokenSalt, maxAgeSeconds: 3_600 }),
    connectInfo: ["peer", "userAgent", "traceContext", "secWebSocketHeaders"],
    connect(request) {
      held.push(request.identity, request.info, request.tokens);
      if (request.params.room === "refuse") return reject("not here");
      if (request.params.room === "throw") throw new Error("connect is broken");
      return accept({ assigns: { userId: request.identity.subject } });
    },
    id: ({ userId }) => `users:${userId}`,
  });
  const hold = (channel: Channel<never, never, never>): void =>
    void held.push(channel, channel.endpoint, channel.signal);
  const channel = socket
    .channel("room:{id}", {
      authorize: "everyone",
      params: schema<object>(({ since }) => since === undefined || typeof since === "number"),
      in: {
        say: schema<{ text: string }>(({ text }) => typeof text === "string" && text.length <= 40),
        boom: schema<unknown>(() => true),
        nonsense: schema<unknown>(() => true),
      },
      join(_params, channel) {
        hold(channel as never);
      },
    })
    .on({
      say: (_payload, channel) => void hold(channel as never),
      boom() {
        throw new Error("a handler is broken");
      },
      nonsense: () => ({ toJSON: () => undefined }),
    });
  return { socket, channel, held };
}

/** Everything that can go wrong, with secrets in all of it. */
async function attack(port: number): Promise<RawClient[]> {
  const header = `Authorization: Bearer ${token}`;
  const protocol = `Sec-WebSocket-Protocol: phoenix, ${offered}`;
  const clients: RawClient[] = [];
  const path = (query: string): string => `/socket/websocket?vsn=2.0.0&${query}`;
  for (const handshake of [
    { headers: [header, protocol] },
    { headers: [header, "Origin: https://evil.io"] },
    { headers: [`Authorization: Bearer ${token}x`] },
    { headers: [`Authorization: Bearer ${token.slice(0, 40)}`] },
    // Misspelt, so that it is not read as a token: still none to show.
    { headers: [`Sec-WebSocket-Protocol: base64url.bearer.${base64(token)}`] },
    { headers: [`Sec-WebSocket-Protocol: bearer, ${token}`] },
    { headers: [`Sec-WebSocket-Protocol: phoenix, ${offered}, ${offered}`] },
    { path: path(`token=${token}`) },
    { path: path(`room=${paramMark}${"x".repeat(20)}`), headers: [header] },
    { path: path("room=refuse"), headers: [header] },
    { path: path("room=throw"), headers: [header] },
    { path: path(`p=${paramMark}&p[]=1`), headers: [protocol], without: ["Sec-WebSocket-Key"] },
    { path: `/socket/websocket?vsn=${"9".repeat(20)}&token=${token}` },
    { path: path(`token=${token}${"&a=1".repeat(300)}`) },
    { headers: [header], method: "POST" },
    { headers: [header], without: ["Upgrade", "Connection"] },
  ]) {
    clients.push(await knock(port, handshake));
  }
  for (const frames of [
    [frame(`${payloadMark} is no JSON`)],
    [frame(`["${payloadMark}"]`)],
    [frame(Buffer.from(`\x00\xff${payloadMark}`))],
    [frame(`[null,"1","room:1","phx_join",{"since":"${payloadMark}"}]`)],
    [
      frame('["1","1","room:1","phx_join",{}]'),
      frame(`[null,"2","room:1","say",{"text":"${payloadMark}${"x".repeat(50)}"}]`),
      frame(`[null,"2","room:1","say",{"text":["${payloadMark}"]}]`),
      frame(`[null,"2","room:1","say",{"text":"${payloadMark}"}]`),
      frame(`["stale","2","room:1","say",{"text":"${payloadMark}"}]`),
      frame(`[null,"3","room:1","nonsense",{"text":"${payloadMark}"}]`),
    ],
    [frame('["1","1","room:2","phx_join",{}]'), frame(`[null,"2","room:2","boom",{"text":"${payloadMark}"}]`)],
    [frame('["1","1","room:3","phx_join",{}]'), frame(`[null,"2","room:3","unknown",{"text":"${payloadMark}"}]`)],
  ]) {
    const client = await knock(port, { headers: [header] });
    expect(client.status).toBe(101);
    client.send(...frames, frame("", { opcode: 9 }));
    await Promise.race([client.ended, client.until(() => client.frames.some(({ opcode }) => opcode === 10))]);
    clients.push(client);
  }
  return clients;
}

test("no log line, telemetry, error, refusal or inspected object shows a token, a secret, a param or a payload", async () => {
  const { socket, channel, held } = collecting();
  const sockets: Record<string, MountOptions> = {
    "/socket": { socket, channels: [channel], subprotocols: ["chat"], origins: ["https://example.com"] },
  };
  const world = await arena({ sockets });
  const clients = await attack(world.port);
  for (const client of clients.slice(0, 16)) {
    const { head, body } = client.response;
    expectNoSecret(`${head}\n${body}`, "an answer to a handshake");
  }
  expect(world.said.length).toBeGreaterThan(5);
  expect(world.events.length).toBeGreaterThan(20);
  expectNoSecret(show(world.said), "the log");
  expectNoSecret(show(world.events), "telemetry");
  expect(held.length).toBeGreaterThan(10);
  // While they live, and again once they are over.
  for (const round of ["alive", "closed"]) {
    expectNoSecret(show(held), `what hooks and handlers hold (${round})`);
    expectNoSecret(show(world.endpoint), `the endpoint (${round})`);
    expectNoSecret(show(world.endpoint.handler), `the handler (${round})`);
    expectNoSecret(show(sockets), `the definitions (${round})`);
    for (const client of clients) client.destroy();
    await world.endpoint.close();
  }
  expectNoSecret(show(world.said), "the log");
});

test("the console, where no logger is given, is told no more", async () => {
  const lines: unknown[] = [];
  for (const method of ["debug", "info", "log", "warn", "error"] as const) {
    const spy = vi.spyOn(console, method).mockImplementation((...args) => void lines.push(args));
    afterwards(() => spy.mockRestore());
  }
  const { socket, channel } = collecting();
  const endpoint = defineEndpoint({ secretKeyBase, sockets: { "/socket": { socket, channels: [channel] } } });
  afterwards(() => endpoint.close());
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  for (const client of await attack(port)) client.destroy();
  expect(lines.length).toBeGreaterThan(5);
  expectNoSecret(show(lines), "the console");
});

test("mistakes in a definition are explained without the secret", () => {
  const thrown: unknown[] = [];
  const attempt = (make: () => unknown): void => {
    try {
      make();
      throw new Error("This definition was expected to be refused.");
    } catch (error) {
      thrown.push(error);
    }
  };
  const { socket } = collecting();
  const define = (options: object) => () => defineEndpoint({ secretKeyBase, sockets: {}, ...options } as never);
  attempt(define({ sockets: { "/socket": { socket, channels: [], orgins: true } } }));
  attempt(define({ sockets: { "/socket": { socket, channels: [], channelsMax: 0 } } }));
  attempt(define({ trustedProxies: ["nowhere"] }));
  attempt(define({ secretKeyBase: secretKeyBase.slice(0, 10) }));
  attempt(define({ secretKeyBase: [secretKeyBase, ""] }));
  expectNoSecret(show(thrown), "a definition error");
  expect(show(thrown)).not.toContain(secretKeyBase.slice(0, 10));
  expect(thrown.map((error) => (error as Error).message).join()).not.toContain("expected to be refused");
});
