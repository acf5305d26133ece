import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, it, type TestContext } from "vitest";
import { chromiumMissing, chromiumPath } from "../../../scripts/chromium.ts";
import { buildPage, launch, scrollsSideways, signUp, step, type Watch, watch } from "./browser.ts";
import { type RunningApp, startApp } from "./start-app.ts";

const executablePath = chromiumPath();
const folder = fileURLToPath(new URL("../.screenshots/", import.meta.url));

const patience = { timeout: 15_000 };
const wideLight = { width: 1280, height: 900, scheme: "light" } as const;
const wideDark = { width: 1280, height: 900, scheme: "dark" } as const;
const narrowDark = { width: 390, height: 844, scheme: "dark" } as const;

describe.skipIf(executablePath === null)(
  `a pass, from its first second (${chromiumMissing})`,
  { timeout: 60_000 },
  () => {
    let page: { directory: string; remove(): void };
    let running: RunningApp;
    let browser: Browser;

    // Each waits for seconds of somebody's life, so they are lived side by side.
    beforeAll(async () => {
      mkdirSync(folder, { recursive: true });
      page = await buildPage();
      running = await startApp({ pageDirectory: page.directory, passSeconds: 3, passGraceMs: 3_000 });
      browser = await launch(executablePath ?? "");
    }, 60_000);
    afterAll(async () => {
      await browser?.close();
      await running?.stop();
      page?.remove();
    });

    async function visit(
      { expect, onTestFinished }: TestContext,
      name: string,
      { width, height, scheme }: typeof wideLight | typeof wideDark | typeof narrowDark,
    ) {
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: scheme,
        reducedMotion: "reduce",
      });
      onTestFinished(() => context.close());
      const tab = await context.newPage();
      const watched = watch(tab);
      await tab.goto(running.home);
      await signUp(tab, name);
      const life = step(tab, "short-life");
      await life.getByRole("button", { name: "Connect with a pass" }).click();
      await life.getByText("Connection no. 1 opened with a pass.").waitFor();
      const picture = async (of: "short-life" | "taken-right", what: string) => {
        await tab.evaluate(`document.querySelector("#${of}").scrollIntoView()`);
        await tab.screenshot({ path: join(folder, `${width}-${scheme}-life-${what}.png`) });
        expect(await scrollsSideways(tab)).toBe(false);
      };
      return { tab, watched, life, picture };
    }

    it.concurrent("is followed by the next before it lapses, over the same connection", async (test) => {
      const { expect } = test;
      const passes: Promise<string>[] = [];
      const { tab, watched, life, picture } = await visit(test, "Ada", wideLight);
      tab.on("response", (response) => {
        if (response.url().endsWith("/api/pass")) passes.push(response.text());
      });
      const handedOver = life.getByText("The page handed over another. The same connection goes on.");
      await expect.poll(() => handedOver.count(), patience).toBeGreaterThanOrEqual(2);
      await life
        .getByText(/^The server warns: the pass lapses in 0\.\d s\.$/)
        .first()
        .waitFor();
      await life.getByText(/^[34], one after the other$/).waitFor();
      await life.getByText(/^no\. 1, open since/).waitFor();
      await life.getByText(/^Good for [1-3] s$/).waitFor();
      await picture("short-life", "1-refreshed");
      expect(socketsTo(watched, "/pass_socket")).toHaveLength(1);

      const log = tab.getByRole("region", { name: "Frame log" });
      expect(await log.getByText('"phoenix","auth",{"token":"[FILTERED]"}').count()).toBeGreaterThanOrEqual(2);
      expect(
        await log.getByText(/"phx_reply",\{"status":"ok","response":\{"expiresAt":\d+,"closed":\[\]\}\}/).count(),
      ).toBeGreaterThanOrEqual(2);
      const seen = await tab.evaluate("document.documentElement.outerHTML");
      expect(passes.length).toBeGreaterThanOrEqual(2);
      for (const pass of await Promise.all(passes))
        expect(seen).not.toContain((JSON.parse(pass) as { token: string }).token);
      expect(watched.errors).toEqual([]);
    });

    it.concurrent("that no other follows ends in silence, in 4100, and in a refusal the page can explain", async (test) => {
      const { expect } = test;
      const { tab, watched, life, picture } = await visit(test, "Grace", narrowDark);
      const chimes = step(tab, "taken-right").locator("[data-chamber=hall] strong");
      await expect.poll(async () => Number(await chimes.textContent()), patience).toBeGreaterThan(0);
      await life.getByRole("switch", { name: "Hand over no new pass" }).check();
      await life.getByText("Lapsed: silence").waitFor();
      const heard = await chimes.textContent();
      await picture("short-life", "2-lapsed");
      await life.getByText("Closed with 4100: credential_lapsed.").waitFor();
      expect(await chimes.textContent()).toBe(heard);
      await life.getByText("Came back, and was refused: credential_expired.").first().waitFor();
      await life.getByText("Refused", { exact: true }).waitFor();
      await life.getByText("The client stops asking.").waitFor();
      await picture("short-life", "3-refused");
      const attempts = socketsTo(watched, "/pass_socket").slice(1);
      expect(attempts).toHaveLength(3);
      for (const { failure } of attempts) expect(failure).toContain("403");

      // It only ever lacked a new one.
      await life.getByRole("switch", { name: "Hand over no new pass" }).uncheck();
      await life.getByText("Connection no. 2 opened with a pass.").waitFor();
      await expect.poll(async () => Number(await chimes.textContent()), patience).toBeGreaterThan(Number(heard));
    });

    it.concurrent("still saves the connection in the silence after the end of the last", async (test) => {
      const { expect } = test;
      const { watched, life } = await visit(test, "Edsger", wideDark);
      await life.getByRole("switch", { name: "Hand over no new pass" }).check();
      await life.getByText("Lapsed: silence").waitFor();
      await life.getByRole("switch", { name: "Hand over no new pass" }).uncheck();
      await life.getByText("The page handed over another. The same connection goes on.").waitFor();
      await life.getByText(/^Good for [1-3] s$/).waitFor();
      expect(socketsTo(watched, "/pass_socket")).toHaveLength(1);
    });

    it.concurrent("that follows brings less where a right was taken away: that channel is closed, the other goes on", async (test) => {
      const { expect } = test;
      const { tab, watched, picture } = await visit(test, "Barbara", wideDark);
      const taken = step(tab, "taken-right");
      const [hall, treasury] = [taken.locator("[data-chamber=hall]"), taken.locator("[data-chamber=treasury]")];
      await hall.getByText("Joined").waitFor();
      await treasury.getByText("Joined").waitFor();
      await taken.getByRole("button", { name: "Take away my right to the treasury" }).click();
      await taken.getByText(/^Taken away\. The next refresh notices, within [0-3] s/).waitFor();

      await treasury.getByText("Closed").waitFor();
      await treasury.getByText("Reason: your right was taken away").waitFor();
      const last = Number(await hall.locator("strong").textContent());
      const lastThere = await treasury.locator("strong").textContent();
      await expect
        .poll(async () => Number(await hall.locator("strong").textContent()), patience)
        .toBeGreaterThan(last + 1);
      expect(await treasury.locator("strong").textContent()).toBe(lastThere);
      expect(await hall.getByText("Joined").count()).toBe(1);
      await picture("taken-right", "4-taken");
      const log = tab.getByRole("region", { name: "Frame log" });
      await log.getByText('"chamber:treasury","phx_close",{"reason":"your right was taken away"}').waitFor();
      await log.getByText('"closed":["chamber:treasury"]').waitFor();

      await taken.getByRole("button", { name: "Give it back" }).click();
      await treasury.getByText("Joined").waitFor();
      expect(socketsTo(watched, "/pass_socket")).toHaveLength(1);
    });

    it.concurrent("needs WebSockets, and the steps say so where there are none", async (test) => {
      const { tab } = await visit(test, "Radia", narrowDark);
      await tab.getByRole("switch", { name: "Block WebSockets in this page" }).check();
      for (const id of ["short-life", "taken-right"]) {
        await step(tab, id).getByText("knows no way but WebSockets").waitFor();
      }
      await tab.getByRole("switch", { name: "Block WebSockets in this page" }).uncheck();
      await step(tab, "short-life").getByRole("button", { name: "Connect with a pass" }).click();
      await step(tab, "short-life").getByText("Connection no. 1 opened with a pass.").waitFor();
    });
  },
);

function socketsTo({ sockets }: Watch, path: string): Watch["sockets"] {
  return sockets.filter(({ url }) => url.includes(path));
}
