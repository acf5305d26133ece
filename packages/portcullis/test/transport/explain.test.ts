/** A client that asks is told why it is refused, and whether to come back; nobody else is. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { defineEndpoint, defineSocket, type Listening, reject, signedToken, silentLogger } from "../../src/index.ts";

const origin = "https://app.example";
const socket = defineSocket({
  authenticate: signedToken({ salt: "user socket", maxAgeSeconds: 60 }),
  connect({ identity }) {
    if (identity.subject === "mallory") return reject("banned");
    if (identity.subject === "crowd") return reject("busy", { retry: { afterMs: 7_000 } });
    return { userId: identity.subject };
  },
});
const endpoint = defineEndpoint({
  secretKeyBase: "a secret of the tests, long enough to be one",
  sockets: {
    "/socket": { socket, channels: [], origins: [origin] },
    "/silent": { socket, channels: [], origins: [origin], explain: false },
    "/mapped": {
      socket,
      channels: [],
      origins: [origin],
      refusal: () => ({ status: 418, headers: { "x-why": "tea" } }),
    },
  },
  logger: silentLogger,
});
const tokenOf = (subject: string, signedAt = Date.now()): string =>
  endpoint.tokens.sign("user socket", subject, { signedAt });

let listening: Listening;
beforeAll(async () => {
  listening = await endpoint.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(() => endpoint.close());

interface Asked {
  readonly path?: string;
  readonly token?: string;
  readonly headers?: Record<string, string>;
}

const asking = { accept: "application/json", origin };

function ask({ path = "/socket", token, headers = asking }: Asked): Promise<Response> {
  const credential = token === undefined ? {} : { "x-phoenix-authtoken": token };
  return fetch(`${listening.url}${path}/websocket?vsn=2.0.0`, { headers: { ...headers, ...credential } });
}

describe("by fetch", () => {
  test.each<[what: string, token: () => string | undefined, status: number, answer: object]>([
    ["no credential", () => undefined, 403, { reason: "credential_missing", retry: "reauth" }],
    ["a forged one", () => "forged", 403, { reason: "credential_invalid", retry: "reauth" }],
    ["an old one", () => tokenOf("ada", Date.now() - 61_000), 403, { reason: "credential_expired", retry: "reauth" }],
    ["one who may not", () => tokenOf("mallory"), 403, { reason: "banned", retry: "never" }],
    ["one who may later", () => tokenOf("crowd"), 403, { reason: "busy", retry: { afterMs: 7_000 } }],
    ["one who may", () => tokenOf("ada"), 400, { reason: "upgrade_required", retry: { afterMs: 1_000 } }],
  ])("%s", async (_what, token, status, answer) => {
    const given = token();
    const response = await ask(given === undefined ? {} : { token: given });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(response.headers.get("access-control-allow-origin")).toBe(origin);
    expect(response.headers.get("vary")).toBe("origin");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toEqual(answer);
  });

  test("who doesn't ask gets a status alone", async () => {
    for (const headers of [{ origin }, { origin, accept: "*/*" }, { origin, accept: "text/html, application/jsonp" }]) {
      const response = await ask({ token: "forged", headers });
      expect([response.status, await response.text()]).toEqual([403, ""]);
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  test("a page on a foreign origin is told nothing, and can't read that", async () => {
    const response = await ask({ token: tokenOf("mallory"), headers: { ...asking, origin: "https://evil.example" } });
    expect([response.status, await response.text()]).toEqual([403, ""]);
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("a mount may keep its reasons to itself", async () => {
    const response = await ask({ path: "/silent", token: tokenOf("mallory") });
    expect([response.status, await response.text()]).toEqual([403, ""]);
  });

  test("a refusal of the application's own keeps its status and headers", async () => {
    const response = await ask({ path: "/mapped", token: tokenOf("mallory") });
    expect([response.status, response.headers.get("x-why")]).toEqual([418, "tea"]);
    expect(await response.json()).toEqual({ reason: "banned", retry: "never" });
  });

  test("a browser may ask beforehand, from an allowed origin", async () => {
    const preflight = (from: string, path = "/socket"): Promise<Response> =>
      fetch(`${listening.url}${path}/websocket?vsn=2.0.0`, {
        method: "OPTIONS",
        headers: { origin: from, "access-control-request-method": "GET" },
      });
    const allowed = await preflight(origin);
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe(origin);
    expect(allowed.headers.get("access-control-allow-headers")).toContain("x-phoenix-authtoken");
    for (const other of [await preflight("https://evil.example"), await preflight(origin, "/silent")]) {
      expect(other.status).toBe(400);
      expect(other.headers.get("access-control-allow-origin")).toBeNull();
    }
  });
});

describe("over the socket", () => {
  interface Told {
    readonly status: number;
    readonly protocol: string;
    readonly frames: readonly unknown[];
    readonly code: number;
  }

  async function knock(protocols: readonly string[], from = origin, path = "/socket"): Promise<Told> {
    const client = new WebSocket(`${listening.url.replace("http", "ws")}${path}/websocket?vsn=2.0.0`, [...protocols], {
      headers: { origin: from },
    });
    const frames: unknown[] = [];
    let status = 101;
    client.on("unexpected-response", (_request, response) => {
      status = response.statusCode ?? 0;
      client.terminate();
    });
    client.on("error", () => {});
    client.on("message", (data) => frames.push(JSON.parse(String(data))));
    client.on("open", () => client.protocol === "phoenix" && client.close(1000));
    const code = await new Promise<number>((resolve) => client.on("close", resolve));
    return { status, protocol: client.protocol, frames, code };
  }

  const bearer = (token: string): string => `base64url.bearer.phx.${Buffer.from(token).toString("base64url")}`;
  const explain = "portcullis.explain";

  test.each<[what: string, protocols: () => string[], reason: string, retry: unknown, code: number]>([
    ["no credential", () => ["phoenix", explain], "credential_missing", "reauth", 4_100],
    ["nothing else offered", () => [explain], "credential_missing", "reauth", 4_100],
    ["a forged one", () => ["phoenix", explain, bearer("forged")], "credential_invalid", "reauth", 4_100],
    ["one who may not", () => ["phoenix", explain, bearer(tokenOf("mallory"))], "banned", "never", 4_200],
    ["one who may later", () => [bearer(tokenOf("crowd")), explain], "busy", { afterMs: 7_000 }, 1_013],
  ])("%s: upgraded, told, closed", async (_what, protocols, reason, retry, code) => {
    expect(await knock(protocols())).toEqual({
      status: 101,
      protocol: explain,
      frames: [[null, null, "phoenix", "phx_closing", { reason, retry }]],
      code,
    });
    expect(endpoint.connectionCount).toBe(0);
  });

  test("who may is let in, by the protocol the client speaks", async () => {
    const { protocol, frames, code } = await knock(["phoenix", explain, bearer(tokenOf("ada"))]);
    expect({ protocol, frames, code }).toEqual({ protocol: "phoenix", frames: [], code: 1000 });
  });

  test("who doesn't offer it, comes from a foreign origin, or to a mount that doesn't tell, gets a status", async () => {
    for (const told of [
      await knock(["phoenix", bearer("forged")]),
      await knock(["phoenix", explain, bearer("forged")], "https://evil.example"),
      await knock(["phoenix", explain, bearer("forged")], origin, "/silent"),
    ]) {
      expect(told).toMatchObject({ status: 403, frames: [] });
    }
  });
});
