/** The page shows its files as they are, and they let in whom they should: tokens as each provider makes them, of keys of the test. */

import { createHmac, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AnySocket, createSessionCookies, csrf, defineEndpoint, type Endpoint, silentLogger } from "portcullis";
import { connect, refused } from "portcullis/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { JwksServer } from "../../packages/portcullis/test/auth/support/jwks-server.ts";
import { makeKey, rawToken, type TestKey } from "../../packages/portcullis/test/auth/support/jws.ts";

const page = readFileSync(new URL("../authenticators.md", import.meta.url), "utf8");
const blocks = [...page.matchAll(/^```ts (\S+)\n(.*?)^```$/gms)].map(([, file = "", code = ""]) => ({ file, code }));
const secretKeyBase = "a secret of the recipes that is long enough to be taken, at any rate";
const folder = mkdtempSync(join(tmpdir(), "portcullis-recipes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

describe("the page", () => {
  test.each(blocks)("shows $file as it is", ({ file, code }) => {
    expect(code).toBe(readFileSync(new URL(file, import.meta.url), "utf8"));
  });

  test("shows every file there is", () => {
    const files = readdirSync(new URL(".", import.meta.url)).filter((file) => !file.endsWith(".test.ts"));
    expect(blocks.map(({ file }) => file).sort()).toEqual(files.sort());
  });
});

const seconds = Math.floor(Date.now() / 1_000);

/** A token as this provider makes it; `undefined` leaves a claim out. */
function made(key: TestKey, claims: object, header: object = {}): string {
  return rawToken(JSON.stringify({ alg: key.alg, kid: key.kid, ...header }), JSON.stringify(claims), key.signer);
}

/** An endpoint with the recipe's socket, loaded with these variables set. */
async function load(file: string, env: Readonly<Record<string, string>>): Promise<Endpoint> {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  vi.resetModules();
  const { socket } = (await import(new URL(file, import.meta.url).href)) as { readonly socket: AnySocket };
  return defineEndpoint({
    secretKeyBase,
    sockets: { "/socket": { socket, channels: [] } },
    logger: silentLogger,
  }) as Endpoint;
}

async function assignsOf(endpoint: Endpoint, token: string): Promise<unknown> {
  const socket = await connect(endpoint as never, "/socket" as never, { token });
  return (socket as { readonly assigns: unknown }).assigns;
}

async function codeOf(endpoint: Endpoint, token: string): Promise<string> {
  return (await refused(endpoint as never, "/socket" as never, { token })).code;
}

let server: JwksServer;
beforeEach(async () => {
  server = await JwksServer.start();
});
afterEach(() => server.stop());

describe("Auth0", () => {
  const key = makeKey("RS256", "NzA3QkI1");
  const claims = () => ({
    iss: `${server.origin}/`,
    sub: "auth0|123456",
    aud: ["https://api.example.com", `${server.origin}/userinfo`],
    iat: seconds,
    exp: seconds + 86_400,
    azp: "my_client_id",
    scope: "openid profile listen:rooms",
    "https://example.com/roles": ["editor"],
  });
  const start = (): Promise<Endpoint> => {
    // As published: with the certificate in which the key came.
    server.publish({ ...key.jwk, x5t: "NzA3QkI1", x5c: ["MIIDDTCCAfWgAwIBAgIJ"] });
    return load("auth0.ts", { AUTH0_ISSUER: `${server.origin}/` });
  };

  test("lets in by an access token for the API", async () => {
    const endpoint = await start();
    expect(await assignsOf(endpoint, made(key, claims(), { typ: "JWT" }))).toEqual({
      userId: "auth0|123456",
      mayListen: true,
      roles: ["editor"],
    });
    expect(server.asked).toEqual(["/.well-known/jwks.json"]);
    const machine = {
      ...claims(),
      sub: "my_client_id@clients",
      aud: "https://api.example.com",
      gty: "client-credentials",
    };
    expect(
      await assignsOf(endpoint, made(key, { ...machine, scope: undefined, "https://example.com/roles": undefined })),
    ).toEqual({
      userId: "my_client_id@clients",
      mayListen: false,
      roles: [],
    });
  });

  test("lets nobody in by a token for another API, of another tenant, or by an id token", async () => {
    const endpoint = await start();
    for (const wrong of [
      { aud: "https://other.example.com" },
      { aud: "my_client_id" },
      { iss: "https://evil.eu.auth0.com/" },
      { iss: server.origin },
    ])
      expect(await codeOf(endpoint, made(key, { ...claims(), ...wrong }))).toBe("credential_invalid");
    expect(await codeOf(endpoint, made(key, { ...claims(), exp: seconds - 1 }))).toBe("credential_expired");
    expect(await codeOf(endpoint, made({ ...makeKey("RS256"), kid: key.kid }, claims()))).toBe("credential_invalid");
  });
});

describe("Supabase", () => {
  const key = makeKey("ES256", "1a9f5d1c-6b1e-4b0e-9c39-0d3b1f7a0a11");
  const legacy = makeKey("HS256");
  const secret = legacy.jwk.k as string;
  const claims = () => ({
    iss: `${server.origin}/auth/v1`,
    sub: "8ccaa7af-909f-44e7-84cb-67cdccb56be6",
    aud: "authenticated",
    iat: seconds,
    exp: seconds + 3_600,
    email: "ada@example.com",
    phone: "",
    app_metadata: { provider: "email", providers: ["email"] },
    user_metadata: {},
    role: "authenticated",
    aal: "aal1",
    amr: [{ method: "password", timestamp: seconds }],
    session_id: "4b938a09-5372-4177-a314-cfa292099ea2",
    is_anonymous: false,
  });
  const assigns = {
    userId: "8ccaa7af-909f-44e7-84cb-67cdccb56be6",
    sessionId: "4b938a09-5372-4177-a314-cfa292099ea2",
    isGuest: false,
  };

  test("lets in by a token of its signing keys", async () => {
    server.publish(key.jwk);
    const endpoint = await load("supabase.ts", { SUPABASE_URL: server.origin });
    expect(await assignsOf(endpoint, made(key, claims(), { typ: "JWT" }))).toEqual(assigns);
    expect(await assignsOf(endpoint, made(key, { ...claims(), is_anonymous: true }))).toMatchObject({ isGuest: true });
    expect(server.asked).toEqual(["/auth/v1/.well-known/jwks.json"]);
  });

  test("lets in by tokens of both kinds while the legacy secret is there", async () => {
    server.publish(key.jwk);
    // The secret is used as the text it is shown as, whatever it may look like.
    const old: TestKey = { ...legacy, signer: (input) => createHmac("sha256", secret).update(input).digest() };
    const both = await load("supabase.ts", { SUPABASE_URL: server.origin, SUPABASE_JWT_SECRET: secret });
    expect(await assignsOf(both, made(old, claims(), { kid: undefined, typ: "JWT" }))).toEqual(assigns);
    expect(server.asked).toEqual([]);
    expect(await assignsOf(both, made(key, claims()))).toEqual(assigns);
    vi.unstubAllEnvs();
    const fresh = await load("supabase.ts", { SUPABASE_URL: server.origin });
    expect(await codeOf(fresh, made(old, claims()))).toBe("credential_invalid");
  });

  test("lets nobody in by the project's public key, nor by another project's token", async () => {
    server.publish(key.jwk);
    const endpoint = await load("supabase.ts", { SUPABASE_URL: server.origin });
    const anon = { iss: "supabase", ref: "example", role: "anon", iat: seconds, exp: seconds + 1e8 };
    for (const wrong of [anon, { ...claims(), aud: "anon" }, { ...claims(), iss: "https://other.supabase.co/auth/v1" }])
      expect(await codeOf(endpoint, made(key, wrong))).toBe("credential_invalid");
  });
});

describe("Better Auth", () => {
  const key = makeKey("EdDSA", "kJ3Qm8ZxYw0v");
  const claims = () => ({
    iat: seconds,
    name: "Ada",
    email: "ada@example.com",
    emailVerified: true,
    image: null,
    createdAt: "2026-01-01T00:00:00.000Z",
    updatedAt: "2026-01-01T00:00:00.000Z",
    id: "u1qGjL0o",
    sub: "u1qGjL0o",
    exp: seconds + 900,
    iss: server.origin,
    aud: server.origin,
  });

  test("lets in by a token of the JWT plugin", async () => {
    const { use: _use, ...published } = key.jwk;
    server.publish(published);
    const endpoint = await load("better-auth.ts", { BETTER_AUTH_URL: server.origin });
    expect(await assignsOf(endpoint, made(key, claims()))).toEqual({ userId: "u1qGjL0o", name: "Ada" });
    expect(server.asked).toEqual(["/api/auth/jwks"]);
    expect(await codeOf(endpoint, made(key, { ...claims(), aud: "https://other.example.com" }))).toBe(
      "credential_invalid",
    );
    expect(await codeOf(endpoint, made(key, { ...claims(), email: undefined }))).toBe("credential_invalid");
    expect(await codeOf(endpoint, made(key, { ...claims(), iat: seconds - 901 }))).toBe("credential_expired");
  });
});

describe("several", () => {
  const key = makeKey("EdDSA", "billing-2026");
  const claims = {
    iss: "https://billing.example.com",
    aud: "realtime",
    sub: "invoices",
    iat: seconds,
    exp: seconds + 60,
  };

  test("let in users and the service, each by their own credential", async () => {
    const file = join(folder, "billing.pem");
    writeFileSync(file, (key.verifying as KeyObject).export({ type: "spki", format: "pem" }));
    const endpoint = await load("several.ts", { BILLING_PUBLIC_KEY: file });
    const user = endpoint.tokens.sign("user socket", "invoices");
    expect(await assignsOf(endpoint, user)).toEqual({ subject: "invoices", isUser: true });
    expect(await assignsOf(endpoint, made(key, claims))).toEqual({ subject: "invoices", isUser: false });
    expect(await codeOf(endpoint, made(makeKey("EdDSA", key.kid), claims))).toBe("credential_invalid");
  });
});

describe("the session", () => {
  test("lets in the page that sends its token", async () => {
    const cookies = createSessionCookies({ secretKeyBase, key: "_my_app_key", signingSalt: "a salt" });
    const state = csrf.state();
    const sealed = cookies.seal({ _csrf_token: state, user_id: "ada", signed_in_at: Date.now(), session_id: "s-1" });
    const endpoint = await load("session.ts", {});
    const headers = { cookie: `_my_app_key=${sealed}` };
    const params = { _csrf_token: csrf.token(state) };
    const socket = (await connect(endpoint as never, "/socket" as never, { headers, params })) as { assigns: unknown };
    expect(socket.assigns).toEqual({ userId: "ada" });
    expect((await refused(endpoint as never, "/socket" as never, { headers })).code).toBe("credential_missing");
  });
});

describe("tickets", () => {
  type Recipe = typeof import("./tickets.ts");
  let recipe: Recipe;
  let origin: string;
  beforeAll(async () => {
    vi.stubEnv("DATABASE_URL", `file:${join(folder, "credentials.db")}`);
    vi.stubEnv("SECRET_KEY_BASE", secretKeyBase);
    recipe = (await import(new URL("tickets.ts", import.meta.url).href)) as Recipe;
    recipe.server.listen(0, "127.0.0.1");
    await once(recipe.server, "listening");
    origin = `http://127.0.0.1:${(recipe.server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await recipe.endpoint.close();
    recipe.server.close();
  });

  test("are fetched by whoever is signed in, and open one connection", async () => {
    expect((await fetch(`${origin}/ticket`, { method: "POST" })).status).toBe(401);
    const response = await fetch(`${origin}/ticket`, { method: "POST", headers: { authorization: "Bearer of ada" } });
    const url = `${origin.replace("http", "ws")}/socket/websocket?vsn=2.0.0&ticket=${await response.text()}`;
    const client = new WebSocket(url);
    await once(client, "open");
    client.terminate();
    const again = new WebSocket(url);
    const [error] = await once(again, "error");
    expect(String(error)).toContain("403");
  });
});
