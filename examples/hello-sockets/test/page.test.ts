import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { chromiumMissing, chromiumPath } from "../../../scripts/chromium.ts";
import { buildPage, launch, signUp, step, type Watch, watch } from "./browser.ts";
import { type RunningApp, startApp } from "./start-app.ts";

const executablePath = chromiumPath();

describe.skipIf(executablePath === null)(`the page in a browser (${chromiumMissing})`, { timeout: 60_000 }, () => {
  let page: { directory: string; remove(): void };
  let running: RunningApp;
  let browser: Browser;
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    page = await buildPage();
    running = await startApp({ pageDirectory: page.directory });
    browser = await launch(executablePath ?? "");
  }, 60_000);
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
  });
  afterAll(async () => {
    await browser?.close();
    await running?.stop();
    page?.remove();
  });

  async function visit(
    options: BrowserContextOptions = {},
  ): Promise<{ tab: Page; context: BrowserContext; watched: Watch }> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    contexts.push(context);
    const tab = await context.newPage();
    const watched = watch(tab);
    await tab.goto(running.home);
    await tab.getByRole("heading", { name: "Sign in" }).waitFor();
    return { tab, context, watched };
  }

  it("loads nothing from elsewhere and breaks no rule of its policy", async () => {
    const { tab, watched } = await visit();
    await step(tab, "refusals").getByRole("button", { name: "Knock with all of them" }).click();
    await tab.frameLocator("iframe").getByText("Close code").waitFor();
    expect(watched.errors).toEqual([]);
    expect([...watched.hosts].sort()).toEqual(["127.0.0.1", "localhost"]);
  });

  it("pings the open socket and shows the round trip and its frames", async () => {
    const { tab } = await visit();
    const ping = step(tab, "open-door").getByRole("button", { name: "Ping" });
    await ping.click();
    await tab.getByText(/^\d+\.\d ms$/).waitFor();
    await ping.click();
    const frames = tab.getByRole("region", { name: "Frame log" }).getByRole("listitem");
    const answers = frames.filter({ hasText: '"ping","phx_reply",{"status":"ok"' });
    await expect.poll(() => answers.count()).toBe(3);
    expect(await frames.filter({ hasText: '"ping","phx_join",{}' }).count()).toBe(1);
    expect(await frames.filter({ hasText: '"ping","ping",{}' }).count()).toBe(2);
  });

  it.each([
    ["missing", "No token", '{"reason":"missing"}', "credential_missing"],
    ["forged", "A forged token", '{"reason":"invalid"}', "credential_invalid"],
    ["expired", "An expired token", '{"reason":"expired"}', "credential_expired"],
    ["audience", "A token for another app", "(no body)", "credential_invalid"],
  ])("shows both sides of a refusal, and what a page is told that asks: %s", async (scenario, title, body, reason) => {
    const { tab, watched } = await visit();
    await tab.getByRole("button", { name: `Knock: ${title}` }).click();
    const row = tab.locator(`[data-scenario=${scenario}]`);
    await row.getByText("Refused · 403").waitFor();
    const [saw, answered] = [row.locator(".facts"), row.locator(".raw > pre")];
    await saw.getByText("1006").waitFor();
    expect(await saw.textContent()).toContain("(empty)");
    // That, and nothing besides.
    await saw.getByText(reason, { exact: true }).waitFor();
    await saw.getByText("with another token", { exact: true }).waitFor();
    expect(await answered.textContent()).toMatch(/^HTTP\/1\.1 403 Forbidden\n/);
    expect(await answered.textContent()).toContain(body);
    // The browser really tried, with the same result.
    const path = scenario === "audience" ? "/pass_socket/websocket" : "/auth_socket/websocket";
    await expect
      .poll(() => watched.sockets)
      .toEqual([{ url: expect.stringContaining(path), failure: expect.stringContaining("403") }]);
  });

  it("shows a foreign page being refused, in a frame and in a tab of its own", async () => {
    const { tab, context } = await visit();
    await tab.getByRole("button", { name: "Knock: A foreign page" }).click();
    const row = tab.locator("[data-scenario=foreign]");
    await row.getByText("Refused · 403").waitFor();
    expect(await row.locator(".raw summary + pre").textContent()).toContain(`Origin: ${running.foreign}`);
    const frame = tab.frameLocator("iframe");
    await frame.getByText("1006").waitFor();
    expect(await frame.locator("dl").textContent()).toContain(`Its origin${running.foreign}`);

    const opened = context.waitForEvent("page");
    await row.getByRole("link", { name: /^Open / }).click();
    const foreign = await opened;
    await foreign.getByText("1006").waitFor();
    await foreign.getByRole("link", { name: "Back to the demo" }).click();
    await foreign.getByRole("heading", { name: "Sign in" }).waitFor();
  });

  it("opens the gate for the person's own token, and keeps it out of sight", async () => {
    const { tab } = await visit();
    const token = tab
      .waitForResponse(/socket-token/)
      .then(async (response) => ((await response.json()) as { token: string }).token);
    await signUp(tab, "Ada");
    await tab.getByRole("button", { name: "Knock: Your own token" }).click();
    await tab.locator("[data-scenario=held]").getByText("Let in · 101").waitFor();
    await tab.locator("[data-scenario=held] .facts").getByText("yes").waitFor();
    const text = await tab.evaluate("document.documentElement.innerText + document.documentElement.outerHTML");
    expect(text).toContain("base64url.bearer.phx.••••••••");
    expect(text).not.toContain(await token);
    expect(text).not.toContain(
      Buffer.from(await token)
        .toString("base64")
        .slice(0, 80),
    );
  });

  it("lets a person into their own channel and not into another's", async () => {
    const { tab, context } = await visit();
    await signUp(tab, "Grace");
    const own = step(tab, "own-channel");
    await own.getByRole("button", { name: /^Join user:\d+$/ }).click();
    await own.getByText("Joined").waitFor();

    await own.getByRole("button", { name: "Try to join" }).click();
    await own.getByText("Refused").waitFor();
    await own.getByText('{"reason":"unauthorized"}').waitFor();

    // A note reaches another tab of the same person, and so does the news of a sign-in elsewhere.
    const second = await context.newPage();
    await second.goto(running.home);
    const there = step(second, "own-channel");
    await there.getByRole("button", { name: /^Join user:\d+$/ }).click();
    await there.getByText("Joined").waitFor();
    await own.getByLabel("A note to yourself").fill("remember the milk");
    await own.getByRole("button", { name: "Send" }).click();
    await there.getByText("remember the milk").waitFor();
    const elsewhere = await visit();
    await elsewhere.tab.getByLabel("I have one").check();
    await elsewhere.tab.getByLabel("Name", { exact: true }).fill("grace");
    await elsewhere.tab.getByLabel("Password", { exact: true }).fill("correct horse battery");
    await elsewhere.tab.getByRole("button", { name: "Sign in" }).click();
    await there.getByText(/You signed in with Mozilla/).waitFor();
  });

  it("carries talk between two tabs and two people, under the names the server knows", async () => {
    const { tab, context } = await visit();
    await signUp(tab, "Barbara");
    const room = step(tab, "room");
    await room.getByRole("button", { name: "Enter" }).click();
    await room.getByText("Quiet in here").waitFor();

    const opened = context.waitForEvent("page");
    await room.getByRole("link", { name: "Open a second tab" }).click();
    const second = step(await opened, "room");
    await second.getByText("room:lobby").waitFor();
    await room.getByText("Barbara entered").waitFor();
    await second.getByLabel("Say something in lobby").fill("is anybody here?");
    await second.getByRole("button", { name: "Say", exact: true }).click();
    await room.getByText("is anybody here?").waitFor();

    const other = await visit();
    await signUp(other.tab, "Mallory");
    const theirs = step(other.tab, "room");
    await theirs.getByRole("button", { name: "Enter" }).click();
    await room.getByText("Mallory entered").waitFor();
    // A payload that claims to be somebody else, past the page's own form.
    await other.tab.evaluate(sayAsBarbara);
    const line = room.getByRole("listitem").filter({ hasText: "trust me" });
    await line.waitFor();
    expect(await line.textContent()).toMatch(/^Mallory/);

    await theirs.getByRole("button", { name: "Leave" }).click();
    await room.getByText("Mallory left").waitFor();
  });

  it("throws a person out of every tab, on every socket, and the client that comes back by itself gets 403", async () => {
    const { tab, context, watched } = await visit();
    await signUp(tab, "Radia");
    const second = await context.newPage();
    const secondWatched = watch(second);
    await second.goto(running.home);
    await second.getByText("Radia passed, as users:").waitFor();
    for (const each of [tab, second]) {
      await step(each, "short-life").getByRole("button", { name: "Connect with a pass" }).click();
      await step(each, "short-life").getByText("Connection no. 1 opened with a pass.").waitFor();
    }

    await step(tab, "sign-out").getByRole("button", { name: "Sign out everywhere" }).click();
    for (const each of [tab, second]) {
      const out = step(each, "sign-out");
      await out.getByText("Thrown out, and it stays that way.").waitFor();
      expect(await out.locator(".happenings").first().textContent()).toContain("closed the connection (4101, revoked)");
      expect(await out.locator(".explained pre").textContent()).toMatch(
        /403 \{"reason":"credential_revoked","retry":"reauth"\}$/,
      );
      // The other socket too. Its client knows what it is told, and has nobody to ask for another pass.
      await out.getByText("Closed with 4101: revoked.").waitFor();
      await step(each, "short-life").getByText("Signed out", { exact: true }).waitFor();
      const log = each.getByRole("region", { name: "Frame log" });
      const farewells = log.getByText('"phoenix","phx_closing",{"reason":"revoked","retry":"reauth"}');
      expect(await farewells.count()).toBe(2);
    }
    // One connection that opened, then the phoenix client's own attempts, each refused.
    for (const { sockets } of [watched, secondWatched]) {
      const [pass, ...others] = sockets.filter(({ url }) => url.includes("/pass_socket"));
      expect([pass?.failure, others]).toEqual([null, []]);
      const [first, ...retries] = sockets.filter(({ url }) => url.includes("/auth_socket"));
      expect(first?.failure).toBeNull();
      expect(retries.length).toBeGreaterThanOrEqual(3);
      for (const { failure } of retries.slice(0, 3)) expect(failure).toContain("403");
      // One more may have been on its way when the page gave up. None of them got in.
      await expect.poll(() => retries.filter(({ failure }) => failure === null)).toEqual([]);
    }

    await tab.reload();
    await tab.getByText("No token yet.").waitFor();
    await tab.getByLabel("I have one").check();
    await tab.getByLabel("Name", { exact: true }).fill("Radia");
    await tab.getByLabel("Password", { exact: true }).fill("correct horse battery");
    await tab.getByRole("button", { name: "Sign in" }).click();
    await tab.getByText("Radia passed, as users:").waitFor();
    await step(tab, "short-life").getByRole("button", { name: "Connect with a pass" }).click();
    await step(tab, "short-life").getByText("Connection no. 1 opened with a pass.").waitFor();
  });

  it("says what went wrong at the form, where it went wrong", async () => {
    const { tab } = await visit();
    await tab.getByLabel("Name", { exact: true }).fill("Nobody");
    await tab.getByLabel("Password", { exact: true }).fill("short");
    await tab.getByRole("button", { name: "Sign up" }).click();
    await tab.getByRole("alert").getByText("at least 8 characters").waitFor();
    expect(await tab.getByLabel("Password", { exact: true }).getAttribute("aria-invalid")).toBe("true");
    expect(await tab.evaluate("document.activeElement.name")).toBe("password");
    await tab.getByLabel("I have one").check();
    await tab.getByRole("button", { name: "Sign in" }).click();
    await tab.getByRole("alert").getByText("do not fit together").waitFor();
  });

  it("says so while the server does not answer, and goes on once it does", async () => {
    const context = await browser.newContext();
    contexts.push(context);
    const tab = await context.newPage();
    await tab.route("**/api/session", (route) => route.abort());
    await tab.goto(running.home);
    await tab.getByText("The server does not answer.").waitFor();
    await tab.unroute("**/api/session");
    await tab.getByRole("button", { name: "Try again" }).click();
    await tab.getByRole("button", { name: "Sign up" }).waitFor();
  });
});

describe.skipIf(executablePath === null)(`a server that goes away (${chromiumMissing})`, { timeout: 60_000 }, () => {
  it("is not taken for a refusal: the client waits for it, and its channels come back", async () => {
    const page = await buildPage();
    const dataDirectory = mkdtempSync(join(tmpdir(), "hello-data-"));
    const settings = { pageDirectory: page.directory, dataDirectory };
    const first = await startApp(settings);
    const browser = await launch(executablePath ?? "");
    const tab = await browser.newPage();
    await tab.goto(first.home);
    await signUp(tab, "Ada");
    const room = step(tab, "room");
    await room.getByRole("button", { name: "Enter" }).click();
    await room.getByText("Quiet in here").waitFor();

    await first.stop();
    await tab.getByText("The gate fell").waitFor();
    await step(tab, "sign-out").getByText("Attempt 3 with the same token: failed").waitFor();
    expect(await tab.getByText("it stays that way").count()).toBe(0);

    const second = await startApp(settings, first.port);
    expect(second.port).toBe(first.port);
    await tab.getByText("Ada passed, as users:").waitFor();
    // A break is no block: the client has waited for its WebSocket.
    expect(await tab.locator(".gate-card .transport").textContent()).toBe("WebSocket");
    await room.getByLabel("Say something in lobby").fill("back again");
    await room.getByRole("button", { name: "Say", exact: true }).click();
    await room.getByRole("listitem").filter({ hasText: "back again" }).waitFor();

    await browser.close();
    await second.stop();
    page.remove();
    rmSync(dataDirectory, { recursive: true, force: true });
  });
});

/** Runs in the page: joins the lobby once more, over a socket of its own, and lies about who it is. */
const sayAsBarbara = `(async () => {
  const { token } = await (await fetch("/api/socket-token")).json();
  const socket = new WebSocket("ws://" + location.host + "/auth_socket/websocket?vsn=2.0.0",
    ["phoenix", "base64url.bearer.phx." + btoa(token).replaceAll("=", "")]);
  await new Promise((open) => { socket.onopen = open; });
  const answered = () => new Promise((done) => { socket.onmessage = done; });
  socket.send(JSON.stringify(["1", "1", "room:lobby", "phx_join", {}]));
  await answered();
  const payload = { text: "trust me", from: { id: "1", name: "Barbara" }, name: "Barbara" };
  socket.send(JSON.stringify(["1", "2", "room:lobby", "say", payload]));
  await answered();
})()`;
