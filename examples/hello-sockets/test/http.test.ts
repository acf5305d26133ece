import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "../server/config.ts";
import { createRate } from "../server/http/rate.ts";
import { listenLocally } from "../server/listen.ts";
import { type RunningApp, startApp } from "./start-app.ts";
import { Visitor } from "./visitor.ts";

let running: RunningApp;
let visitor: Visitor;

beforeAll(async () => {
  running = await startApp();
  visitor = new Visitor(running);
  await visitor.post("/api/sign-up", { name: "Ada", password: "correct horse battery" });
});
afterAll(() => running.stop());

describe("requests that change something", () => {
  it.each([
    ["from another site", { origin: "http://evil.example", "sec-fetch-site": "cross-site" }, 403],
    ["from another port of this machine", { origin: "http://localhost:1", "sec-fetch-site": "same-site" }, 403],
    ["from another site, in an older browser", { origin: "http://evil.example", "sec-fetch-site": "" }, 403],
    ["from a look-alike", { origin: "http://localhost.evil.example", "sec-fetch-site": "" }, 403],
    ["from nowhere", { origin: "null", "sec-fetch-site": "" }, 403],
    ["without saying where from", { origin: "", "sec-fetch-site": "" }, 403],
    ["by a person in the address bar", { origin: "", "sec-fetch-site": "none" }, 403],
    ["by a form", { "content-type": "text/plain" }, 415],
    ["without a type", { "content-type": "" }, 415],
  ])("are refused %s", async (_from, headers: Record<string, string>, status) => {
    const answer = await visitor.send("/api/sign-out-everywhere", { method: "POST", headers, body: {} });
    expect(answer.status).toBe(status);
    expect((await visitor.get("/api/session")).json.person.name).toBe("Ada");
  });

  it("are not made by GET", async () => {
    expect((await visitor.get("/api/sign-out-everywhere")).status).toBe(404);
  });
});

describe("bodies", () => {
  const long = JSON.stringify({ name: "Long", password: "p".repeat(9_000) });

  it("longer than the bound are refused, announced or not", async () => {
    expect((await visitor.send("/api/sign-in", { method: "POST", body: long })).status).toBe(413);
    const inChunks = [long.slice(0, 5_000), long.slice(5_000)];
    expect((await visitor.send("/api/sign-in", { method: "POST", chunks: inChunks })).status).toBe(413);
  });

  it.each(["", "{", "\u0000"])("that are not JSON are refused: %j", async (body) => {
    expect((await visitor.send("/api/sign-in", { method: "POST", body })).status).toBe(400);
  });

  it("with keys of Object.prototype change nothing", async () => {
    const body = '{"__proto__":{"name":"Ada"},"constructor":1,"password":"x"}';
    expect((await visitor.send("/api/sign-in", { method: "POST", body })).status).toBe(422);
    expect(({} as { name?: string }).name).toBeUndefined();
  });
});

describe("names of the server", () => {
  it("other than its own get nothing, for an attacker may have pointed them here", async () => {
    const rebound = await visitor.get("/api/session", { host: `evil.example:${running.port}` });
    expect(rebound.status).toBe(421);
    expect(rebound.text).not.toContain("Ada");
  });

  it("make it a foreign page, without any route", async () => {
    const host = `127.0.0.1:${running.port}`;
    expect((await visitor.get("/", { host })).text).toContain("foreign.html");
    expect((await visitor.get("/home.json", { host })).json).toEqual({ home: running.home });
    expect((await visitor.get("/api/session", { host })).status).toBe(404);
  });
});

describe("the page", () => {
  it("is served with a policy that lets nothing else in", async () => {
    const { status, headers, text } = await visitor.get("/");
    expect(status).toBe(200);
    expect(text).toContain("index.html");
    const policy = String(headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe-");
    expect(headers["x-content-type-options"]).toBe("nosniff");
  });

  it.each(["/../package.json", "/..%2fpackage.json", "/%2e%2e/package.json", "/accounts.db", "//etc/passwd"])(
    "has nothing at %s",
    async (path) => {
      expect((await visitor.get(path)).status).toBe(404);
    },
  );

  it("is not sent again while it is the same", async () => {
    const { headers } = await visitor.get("/");
    const again = await visitor.get("/", { "if-none-match": String(headers["etag"]) });
    expect(again.status).toBe(304);
  });

  it("says how to build it where it is missing", async () => {
    await expect(startApp({ pageDirectory: "/nowhere" })).rejects.toThrow(/npm run build/);
  });
});

describe("starting", () => {
  it("takes the next port if either address of localhost is taken on the first", async () => {
    for (const address of ["127.0.0.1", "::1"]) {
      const holder = createServer();
      await new Promise<void>((listening) => holder.listen(0, address, listening));
      const wanted = (holder.address() as AddressInfo).port;
      const server = createServer();
      const { port, close } = await listenLocally(server, wanted);
      expect(port).toBeGreaterThan(wanted);
      close();
      server.close();
      holder.close();
    }
  });

  it("keeps its development secret, and has none in production", () => {
    const { dataDirectory } = running;
    const first = readConfig({}, { dataDirectory }).secretKeyBase;
    expect(first.length).toBeGreaterThanOrEqual(64);
    expect(readConfig({}, { dataDirectory }).secretKeyBase).toBe(first);
    expect(() => readConfig({ NODE_ENV: "production" }, { dataDirectory })).toThrow(/SECRET_KEY_BASE/);
    expect(readConfig({ SECRET_KEY_BASE: "from outside" }, { dataDirectory }).secretKeyBase).toBe("from outside");
  });
});

describe("a rate", () => {
  it("gives back what time has given, per key, and remembers only so many keys", () => {
    let now = 0;
    const rate = createRate(2, () => now);
    expect([rate.take("a"), rate.take("a"), rate.take("a"), rate.take("b")]).toEqual([true, true, false, true]);
    now += 30_000;
    expect([rate.take("a"), rate.take("a")]).toEqual([true, false]);
    for (let key = 0; key < 20_000; key += 1) rate.take(`key ${key}`);
    expect(rate.take("one more")).toBe(false);
    now += 60_000;
    expect(rate.take("one more")).toBe(true);
  });
});
