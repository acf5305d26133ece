/** The bundled client in a real browser, on a page from another origin than the server. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { chromiumArguments, chromiumMissing, chromiumPath } from "../../../../scripts/chromium.ts";
import { maxAgeSeconds, type RealServer, startServer } from "./support/server.ts";

const executablePath = chromiumPath();

describe.skipIf(executablePath === null)(`in a browser (${chromiumMissing})`, () => {
  let server: RealServer;
  let pages: Server;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const { outputFiles } = await build({
      entryPoints: [new URL("../../src/client/client.ts", import.meta.url).pathname],
      bundle: true,
      format: "iife",
      globalName: "portcullis",
      platform: "browser",
      write: false,
    });
    const html = `<!doctype html><title>client</title><link rel="icon" href="data:,"><script>${outputFiles[0]?.text}</script>`;
    pages = createServer((_request, response) => {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(html);
    });
    await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
    server = await startServer();
    browser = await chromium.launch({ executablePath: executablePath as string, args: chromiumArguments() });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    pages?.close();
  });

  const errors: string[] = [];
  beforeEach(async () => {
    errors.length = 0;
    page = await browser.newPage();
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`);
    return () => page.close();
  });

  /** Makes a client in the page whose provider returns the given tokens, one after the other, and keeps its statuses. */
  async function start(...tokens: string[]): Promise<void> {
    const content = `
      const tokens = ${JSON.stringify(tokens)};
      const client = portcullis.createClient(${JSON.stringify(server.privateUrl)}, {
        token: async () => tokens.length > 1 ? tokens.shift() : tokens[0],
        retryBaseMs: 10,
      });
      const statuses = [];
      client.onStatus(({ state, reason }) => statuses.push(state + " " + reason));
    `;
    await page.addScriptTag({ content });
  }

  test("joins, pushes and hears, bytes too", async () => {
    const answers = await page.evaluate(`(async () => {
      const client = portcullis.createClient(${JSON.stringify(server.openUrl)});
      const room = client.channel("room:lobby");
      const { welcome } = await room.join();
      const poked = new Promise((resolve) => room.on("poked", resolve));
      room.send("poke", { n: 1 });
      const bytes = await room.push("reverse", Uint8Array.of(1, 2, 255));
      return [welcome, await poked, Array.from(bytes)];
    })()`);
    expect(answers).toEqual(["lobby", { n: 1 }, [255, 2, 1]]);
    expect(errors).toEqual([]);
  });

  test("learns why it was refused, which the browser doesn't tell, and comes back with a better token", async () => {
    const old = server.token("ada");
    server.clock.advance(maxAgeSeconds * 1_000 + 1);
    await start(old, server.token("ada"));
    const answer = await page.evaluate(`(async () => {
      const me = client.channel("me");
      await me.join();
      return [await me.push("whoami"), statuses];
    })()`);
    expect(answer).toEqual([
      { userId: "ada" },
      ["connecting null", "waiting credential_expired", "connecting credential_expired", "open null"],
    ]);
    expect(errors).toEqual([]);
  });

  test("stays away when it is told to", async () => {
    await start(server.token("mallory"));
    const error = await page.evaluate(`client.channel("me").join().catch(({ code, reason }) => [code, reason])`);
    expect(error).toEqual(["closed", "banned"]);
    expect(await page.evaluate("statuses")).toEqual(["connecting null", "refused banned"]);
  });
});
