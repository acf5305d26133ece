import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumMissing, chromiumPath } from "../../../scripts/chromium.ts";
import { buildPage, launch, scrollsSideways, signUp, step } from "./browser.ts";
import { type RunningApp, startApp } from "./start-app.ts";

const executablePath = chromiumPath();
const folder = fileURLToPath(new URL("../.screenshots/", import.meta.url));

const screens = [1280, 390].flatMap((width) => (["light", "dark"] as const).map((scheme) => ({ width, scheme })));

describe.skipIf(executablePath === null)(`the looks of the page (${chromiumMissing})`, { timeout: 60_000 }, () => {
  let page: { directory: string; remove(): void };
  let running: RunningApp;
  let browser: Browser;

  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    page = await buildPage();
    running = await startApp({ pageDirectory: page.directory });
    browser = await launch(executablePath ?? "");
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await running?.stop();
    page?.remove();
  });

  it.each(screens)(
    "at $width pixels, $scheme: pictures for .screenshots/, and no scrolling sideways",
    async ({ width, scheme }) => {
      const context = await browser.newContext({
        viewport: { width, height: width < 500 ? 844 : 900 },
        colorScheme: scheme,
        reducedMotion: "reduce",
      });
      const tab = await context.newPage();
      const picture = async (name: string, whole = true) => {
        await tab.screenshot({ path: join(folder, `${width}-${scheme}-${name}.png`), fullPage: whole });
        expect(await scrollsSideways(tab)).toBe(false);
      };
      await tab.goto(running.home);
      await tab.getByRole("button", { name: "Sign up" }).waitFor();
      await picture("1-arrived", false);
      await tab.getByLabel("Name", { exact: true }).fill("A");
      await tab.getByRole("button", { name: "Sign up" }).click();
      await tab.getByRole("alert").waitFor();
      await picture("2-problem", false);

      await signUp(tab, `Ada of ${width} ${scheme}`);
      for (let ping = 0; ping < 6; ping += 1) {
        await step(tab, "open-door").getByRole("button", { name: "Ping" }).click();
        await step(tab, "open-door")
          .getByText(/there and back/)
          .waitFor();
      }
      await knockWithAll(tab);
      await step(tab, "own-channel")
        .getByRole("button", { name: /^Join user/ })
        .click();
      await step(tab, "own-channel").getByLabel("A note to yourself").fill("Remember the milk.");
      await step(tab, "own-channel").getByRole("button", { name: "Send" }).click();
      await step(tab, "own-channel").getByText("Remember the milk.").waitFor();
      await step(tab, "own-channel").getByRole("button", { name: "Try to join" }).click();
      await step(tab, "own-channel").getByText("unauthorized").waitFor();
      await talk(tab);
      await lose(tab);
      await tab.evaluate("scrollTo(0, 0)");
      await picture("3-inside", false);
      await picture("4-inside-whole");
      await tab.evaluate("document.querySelector('[data-scenario=audience]').scrollIntoView()");
      await picture("4-gate", false);
      await tab.evaluate("document.querySelector('[data-scenario=foreign]').scrollIntoView()");
      // A frame of another site is drawn by another process, a moment later.
      for (const frame of tab.frames()) await frame.evaluate("new Promise(requestAnimationFrame)");
      await picture("4-foreign", false);
      await tab.evaluate("document.querySelector('#short-life').scrollIntoView()");
      await picture("5-life", false);
      await tab.evaluate("document.querySelector('#taken-right').scrollIntoView()");
      await picture("5-right", false);
      await tab.evaluate("scrollTo(0, 0)");
      if (width < 500) {
        await tab.getByRole("button", { name: /^Frames/ }).click();
        await picture("5-frames", false);
        await tab.getByRole("button", { name: /^Frames/ }).click();
      }

      await step(tab, "sign-out").getByRole("button", { name: "Sign out everywhere" }).click();
      await step(tab, "sign-out").getByText("Thrown out, and it stays that way.").waitFor();
      await step(tab, "sign-out").scrollIntoViewIfNeeded();
      await picture("6-out", false);
      await picture("7-out-whole");
      await tab.goto(running.foreign);
      await tab.getByText("1006").waitFor();
      await picture("8-foreign", false);
      await context.close();
    },
  );

  async function knockWithAll(tab: Page): Promise<void> {
    await tab.getByRole("button", { name: "Knock with all of them" }).click();
    await tab.frameLocator("iframe").getByText("1006").waitFor();
    await expect.poll(() => tab.locator(".sides").count()).toBe(6);
  }

  /** A pass, and a right of its holder that is taken away. */
  async function lose(tab: Page): Promise<void> {
    await step(tab, "short-life").getByRole("button", { name: "Connect with a pass" }).click();
    const taken = step(tab, "taken-right");
    await taken.locator("[data-chamber=treasury]").getByText("Joined").waitFor();
    await taken.getByRole("button", { name: "Take away my right to the treasury" }).click();
    await taken.getByRole("button", { name: "Refresh now" }).click();
    await taken.locator("[data-chamber=treasury]").getByText("Closed").waitFor();
  }

  /** The second voice comes from another person in a browser of their own. */
  async function talk(tab: Page): Promise<void> {
    const room = step(tab, "room");
    await room.getByRole("button", { name: "Enter" }).click();
    const context = await browser.newContext();
    const other = await context.newPage();
    await other.goto(`${running.home}/?room=lobby`);
    await signUp(other, `Grace ${Date.now()}`);
    await step(other, "room").getByLabel("Say something in lobby").fill("Anybody home? I came in through another tab.");
    await step(other, "room").getByRole("button", { name: "Say", exact: true }).click();
    await room.getByText("Anybody home?").waitFor();
    await room.getByLabel("Say something in lobby").fill("Come in, the gate is up.");
    await room.getByRole("button", { name: "Say", exact: true }).click();
    await room.getByText("Come in, the gate is up.").waitFor();
    await context.close();
    await room.getByText(/ left$/).waitFor();
  }
});
