import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { chromiumMissing, chromiumPath } from "../../../scripts/chromium.ts";
import { buildPage, launch, scrollsSideways, signUp, step, type Watch, watch } from "./browser.ts";
import { type OldProxy, startOldProxy } from "./old-proxy.ts";
import { type RunningApp, startApp } from "./start-app.ts";

const executablePath = chromiumPath();
const folder = fileURLToPath(new URL("../.screenshots/", import.meta.url));

/** Where WebSockets end: in the browser, on the way, or before they begin. Each with a screen of its own. */
const blocks = [
  { where: "by the browser", width: 1280, scheme: "light" },
  { where: "by a proxy", width: 390, scheme: "dark" },
  { where: "by their absence", width: 1280, scheme: "dark" },
] as const;

/** To Chromium a WebSocket is what goes through the proxy for https; there is none at that address. */
const noWebSockets = ["--proxy-server=https=localhost:1", "--proxy-bypass-list=<-loopback>"];

describe.skipIf(executablePath === null)(`the page over long-poll (${chromiumMissing})`, { timeout: 60_000 }, () => {
  let page: { directory: string; remove(): void };
  let running: RunningApp;
  let proxy: OldProxy;
  let browser: Browser;
  let strictBrowser: Browser;
  /** Somebody else, who has WebSockets, in the lobby. */
  let grace: Page;
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    page = await buildPage();
    running = await startApp({ pageDirectory: page.directory });
    proxy = await startOldProxy(running.port);
    browser = await launch(executablePath ?? "");
    strictBrowser = await launch(executablePath ?? "", noWebSockets);
    grace = await (await browser.newContext()).newPage();
    await grace.goto(`${running.home}/?room=lobby`);
    await signUp(grace, "Grace");
    await step(grace, "room").getByLabel("Say something in lobby").waitFor();
    expect(await badge(grace).textContent()).toBe("WebSocket");
  }, 60_000);
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
  });
  afterAll(async () => {
    await browser?.close();
    await strictBrowser?.close();
    proxy?.close();
    await running?.stop();
    page?.remove();
  });

  async function visit(
    { width, scheme }: { readonly width: number; readonly scheme: "light" | "dark" },
    { home = running.home, by = browser, script = "" } = {},
  ): Promise<{ tab: Page; watched: Watch; picture(name: string): Promise<void> }> {
    const context = await by.newContext({
      viewport: { width, height: width < 500 ? 844 : 900 },
      colorScheme: scheme,
      reducedMotion: "reduce",
    });
    contexts.push(context);
    const tab = await context.newPage();
    const watched = watch(tab);
    await tab.addInitScript(script);
    await tab.goto(home);
    return {
      tab,
      watched,
      async picture(name) {
        await tab.screenshot({ path: join(folder, `${width}-${scheme}-longpoll-${name}.png`) });
        expect(await scrollsSideways(tab)).toBe(false);
      },
    };
  }

  it.each(blocks)("blocked $where: every step but two works over long-poll", async (block) => {
    const { where } = block;
    proxy.upgrades("stop");
    const { tab, watched, picture } = await visit(block, {
      ...(where === "by the browser" && { by: strictBrowser }),
      ...(where === "by a proxy" && { home: proxy.home }),
      ...(where === "by their absence" && { script: "delete window.WebSocket" }),
    });
    const name = `Ada ${where}`;
    await signUp(tab, name);
    expect(await badge(tab).textContent()).toBe("long-poll");

    await step(tab, "open-door").getByRole("button", { name: "Ping" }).click();
    await step(tab, "open-door").getByText("there and back").waitFor();
    expect(await step(tab, "open-door").locator(".transport").textContent()).toBe("long-poll");

    const own = step(tab, "own-channel");
    await own.getByRole("button", { name: /^Join user:\d+$/ }).click();
    await own.getByLabel("A note to yourself").fill("remember the milk");
    await own.getByRole("button", { name: "Send" }).click();
    await own.getByText("remember the milk").waitFor();
    await own.getByRole("button", { name: "Try to join" }).click();
    await own.getByText('{"reason":"unauthorized"}').waitFor();

    const [room, theirs] = [step(tab, "room"), step(grace, "room")];
    await room.getByRole("button", { name: "Enter" }).click();
    await theirs.getByText(`${name} entered`).waitFor();
    for (const each of [room, theirs]) {
      const here = each.getByRole("list", { name: "Who is here" });
      await here.getByText("Grace").waitFor();
      await here.getByText(name).waitFor();
    }
    await say(grace, `Can you hear me, ${name}?`);
    await room.getByText(`Can you hear me, ${name}?`).waitFor();
    await say(tab, `Loud and clear, blocked ${where}.`);
    await theirs.getByText(`Loud and clear, blocked ${where}.`).waitFor();

    // Two steps know no way but WebSockets, and say so.
    await step(tab, "short-life").getByText("knows no way but WebSockets").waitFor();
    await step(tab, "taken-right").getByText("knows no way but WebSockets").waitFor();

    // A page may read what it is told over long-poll.
    await tab.getByRole("button", { name: "Knock: No token" }).click();
    await tab.locator("[data-scenario=missing] .facts").getByText('"status":403').waitFor();
    await tab.getByRole("button", { name: "Knock: Your own token" }).click();
    await tab.locator("[data-scenario=held] .facts").getByText("a session began").waitFor();

    const log = tab.getByRole("region", { name: "Frame log" });
    await step(tab, "open-door").getByText("Something on the way to the server blocks them already.").waitFor();
    await expectLines(log.locator(".sent"), "· in a POST");
    await expectLines(log.locator(".received"), "· answer to a GET");
    await tab.evaluate("scrollTo(0, 0)");
    await picture("1-inside");
    await tab.evaluate("document.querySelector('#open-door').scrollIntoView()");
    await picture("2-switch");
    await tab.evaluate("document.querySelector('[data-scenario=missing]').scrollIntoView()");
    await picture("3-knock");
    await tab.evaluate("document.querySelector('#room').scrollIntoView()");
    await picture("4-room");
    if (block.width < 500) {
      await tab.getByRole("button", { name: /^Frames/ }).click();
      await picture("4-frames");
      await tab.getByRole("button", { name: /^Frames/ }).click();
    }

    const out = step(tab, "sign-out");
    await out.getByRole("button", { name: "Sign out everywhere" }).click();
    await out.getByText("Thrown out, and it stays that way.").waitFor();
    expect(await out.locator(".happenings").textContent()).toMatch(
      /closed the connection \(1008, revoked\).*failed \(1008\)/,
    );
    expect(await out.locator(".explained pre").textContent()).toContain('"reason":"credential_revoked"');
    await theirs.getByText(`${name} left`).waitFor();
    await picture("5-out");

    // Nothing of this went over a WebSocket.
    expect(watched.sockets.filter(({ failure }) => failure === null)).toEqual([]);
    expect(watched.errors).toEqual([]);
  });

  it("tries no WebSocket again after a reload: the tab remembers", async () => {
    const { tab, watched } = await visit({ width: 390, scheme: "light" }, { by: strictBrowser });
    await signUp(tab, "Edsger");
    const tried = watched.sockets.length;
    expect(tried).toBe(1);
    await tab.reload();
    await tab.getByText("Edsger passed, as users:").waitFor();
    expect(await badge(tab).textContent()).toBe("long-poll");
    expect(watched.sockets.length).toBe(tried);
  });

  it("goes over in the middle of a conversation, by the page's own switch, and back", async () => {
    const { tab, picture } = await visit({ width: 390, scheme: "light" });
    await signUp(tab, "Barbara");
    expect(await badge(tab).textContent()).toBe("WebSocket");
    await step(tab, "room").getByRole("button", { name: "Enter" }).click();
    const block = tab.getByRole("switch", { name: "Block WebSockets in this page" });

    await block.check();
    await badge(tab).getByText("long-poll").waitFor();
    await say(tab, "now in requests");
    await step(grace, "room").getByText("now in requests").waitFor();
    expect(new URL(tab.url()).search).toBe("?transport=longpoll");
    await tab.evaluate("document.querySelector('#open-door').scrollIntoView()");
    await picture("2-switch");
    await tab.reload();
    await tab.getByText("Barbara passed, as users:").waitFor();
    expect(await badge(tab).textContent()).toBe("long-poll");
    await step(tab, "room").getByRole("button", { name: "Enter" }).click();

    await block.uncheck();
    await badge(tab).getByText("WebSocket").waitFor();
    await say(tab, "and in frames again");
    await step(grace, "room").getByText("and in frames again").waitFor();
  });

  it("goes over where a network begins to block what worked, once the server has said that it would let it in", async () => {
    proxy.upgrades("pass");
    const { tab } = await visit({ width: 1280, scheme: "light" }, { home: proxy.home });
    await signUp(tab, "Radia");
    expect(await badge(tab).textContent()).toBe("WebSocket");
    proxy.upgrades("stop");
    await badge(tab).getByText("long-poll").waitFor();
    await step(tab, "sign-out").getByText("the server would let it in").waitFor();
    await step(tab, "room").getByRole("button", { name: "Enter" }).click();
    await say(tab, "still here");
    await step(grace, "room").getByText("still here").waitFor();
  });

  /** What carries the connection with the token. */
  function badge(tab: Page) {
    return tab.locator(".gate-card .transport");
  }

  async function say(tab: Page, words: string): Promise<void> {
    await step(tab, "room").getByLabel("Say something in lobby").fill(words);
    await step(tab, "room").getByRole("button", { name: "Say", exact: true }).click();
  }

  async function expectLines(lines: ReturnType<Page["locator"]>, mark: string): Promise<void> {
    const texts = await lines.allTextContents();
    expect(texts.length).toBeGreaterThan(0);
    for (const text of texts) expect(text).toContain(mark);
  }
});
