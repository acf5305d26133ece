/** A page on somebody else's site, in a real browser: what it can set off, and what it can read. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { chromiumArguments, chromiumMissing, chromiumPath } from "../../../../scripts/chromium.ts";
import { defineEndpoint, defineSocket, type Endpoint, requestSession, silentLogger } from "../../src/index.ts";
import { secretKeyBase } from "./support/arena.ts";

const executablePath = chromiumPath();

describe.skipIf(executablePath === null)(`in a browser (${chromiumMissing})`, () => {
  let pages: Server;
  let browser: Browser;
  beforeAll(async () => {
    pages = createServer((_request, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>elsewhere</title>");
    });
    await new Promise<void>((resolve) => pages.listen(0, resolve));
    browser = await chromium.launch({ executablePath: executablePath as string, args: chromiumArguments() });
  });
  afterAll(async () => {
    await browser?.close();
    pages?.close();
  });

  let endpoint: Endpoint;
  let context: BrowserContext;
  let port: number;
  /** Whose session `connect` was called with. */
  const connected: unknown[] = [];
  const requests: string[] = [];

  beforeEach(async () => {
    connected.length = 0;
    requests.length = 0;
    const socket = defineSocket({
      connectInfo: [
        requestSession({
          load: ({ headers }) => (headers.cookie?.includes("user=ada") === true ? { userId: "ada" } : null),
          csrfState: () => null,
        }),
      ],
      connect({ info }) {
        connected.push(info.session);
        return {};
      },
    });
    endpoint = defineEndpoint({
      secretKeyBase,
      // The check of origins alone stands between a session and a stranger's page: the least a mount may have.
      sockets: { "/socket": { socket, channels: [], origins: ["https://app.example"], csrf: false, longpoll: true } },
      telemetry: (name, metadata) => {
        if (name === "socket.refused") requests.push((metadata as { code: string }).code);
      },
      logger: silentLogger,
    }) as unknown as Endpoint;
    ({ port } = await endpoint.listen({ port: 0, host: "localhost" }));
    context = await browser.newContext();
    await context.addCookies([
      { name: "user", value: "ada", domain: "localhost", path: "/", sameSite: "None", secure: true, httpOnly: true },
    ]);
  });
  afterEach(async () => {
    await context.close();
    await endpoint.close();
  });

  async function pageOn(host: string): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`http://${host}:${(pages.address() as AddressInfo).port}/`);
    return page;
  }

  describe.each([
    ["of another site", "127.0.0.1"],
    ["of the same site and another origin", "localhost"],
  ])("a page %s", (_what, host) => {
    test("opens no WebSocket, whatever it offers", async () => {
      const page = await pageOn(host);
      const outcomes = await page.evaluate(`Promise.all([[], ["phoenix"], ["portcullis.explain"]].map((offered) =>
        new Promise((resolve) => {
          const socket = new WebSocket("ws://localhost:${port}/socket/websocket?vsn=2.0.0", offered);
          socket.onopen = () => resolve("open");
          socket.onclose = ({ code }) => resolve(code);
        })))`);
      expect(outcomes).toEqual([1006, 1006, 1006]);
      expect(connected).toEqual([]);
    });

    test("reads nothing by fetch, with cookies or without, of any method, and is told nothing", async () => {
      const page = await pageOn(host);
      const read = await page.evaluate(`Promise.all(
        ["GET", "HEAD", "POST", "DELETE"].flatMap((method) => ["omit", "include"].map((credentials) =>
          fetch("http://localhost:${port}/socket/websocket?vsn=2.0.0", { method, credentials, headers: { accept: "application/json" } })
            .then((response) => response.text(), () => "unreadable"))))`);
      expect(new Set(read as string[])).toEqual(new Set(["unreadable"]));
      expect(connected).toEqual([]);
    });

    test("gets no preflight for a header with a token", async () => {
      const page = await pageOn(host);
      const outcome = await page.evaluate(`fetch("http://localhost:${port}/socket/websocket?vsn=2.0.0",
        { headers: { authorization: "Bearer x" } }).then(() => "readable", () => "unreadable")`);
      expect(outcome).toBe("unreadable");
      expect(requests).not.toContain("credential_invalid");
    });

    test("opens no long-poll session, neither one it could read nor one it could not", async () => {
      const page = await pageOn(host);
      const url = `http://localhost:${port}/socket/longpoll?vsn=2.0.0`;
      await page.evaluate(`(async () => {
        const url = ${JSON.stringify(url)};
        const quiet = () => {};
        await fetch(url).catch(quiet);
        await fetch(url, { credentials: "include" }).catch(quiet);
        await fetch(url, { mode: "no-cors", credentials: "include" }).catch(quiet);
        for (const tag of ["img", "script"]) await new Promise((resolve) => {
          const element = document.createElement(tag);
          element.onload = element.onerror = resolve;
          element.src = url;
          document.body.append(element);
        });
      })()`);
      expect(connected).toEqual([]);
      expect(endpoint.connectionCount).toBe(0);
    });

    test("has nobody's connect called by a picture, or by a link", async () => {
      const page = await pageOn(host);
      const url = `http://localhost:${port}/socket/websocket?vsn=2.0.0`;
      await page.evaluate(`new Promise((resolve) => {
        const image = new Image();
        image.onload = image.onerror = resolve;
        image.src = ${JSON.stringify(url)};
      })`);
      await page.evaluate(`void (location.href = ${JSON.stringify(url)})`);
      await page.waitForURL(url).catch(() => {});
      expect(connected).toEqual([]);
    });
  });
});
