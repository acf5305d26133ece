import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { build, defaultClientConditions } from "vite";
import { chromiumArguments } from "../../../scripts/chromium.ts";

/** Builds the page where no other test looks, and gives the folder back. */
export async function buildPage(): Promise<{ directory: string; remove(): void }> {
  const directory = mkdtempSync(join(tmpdir(), "hello-page-"));
  await build({
    configFile: fileURLToPath(new URL("../page/vite.config.ts", import.meta.url)),
    build: { outDir: directory, emptyOutDir: true },
    // "portcullis/client" is its sources, as everywhere in the tests.
    resolve: { conditions: ["portcullis-source", ...defaultClientConditions] },
    logLevel: "warn",
  });
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

export function launch(executablePath: string, more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      ...chromiumArguments(),
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...more,
    ],
  });
}

/** What a page must not do, collected while it runs. */
export interface Watch {
  /** Violations of the content security policy, and errors nobody caught. */
  readonly errors: string[];
  /** Every host that was asked for anything. */
  readonly hosts: Set<string>;
  /** Every WebSocket the page opened, with what the handshake failed with. */
  readonly sockets: { url: string; failure: string | null }[];
}

export function watch(page: Page): Watch {
  const watched: Watch = { errors: [], hosts: new Set(), sockets: [] };
  page.on("pageerror", (error) => watched.errors.push(error.message));
  page.on("console", (message) => {
    if (/Content.Security.Policy/i.test(message.text())) watched.errors.push(message.text());
  });
  page.on("request", (request) => {
    if (/^https?:/.test(request.url())) watched.hosts.add(new URL(request.url()).hostname);
  });
  page.on("websocket", (socket) => {
    const entry: Watch["sockets"][number] = { url: socket.url(), failure: null };
    watched.sockets.push(entry);
    socket.on("socketerror", (failure) => {
      entry.failure = failure;
    });
  });
  return watched;
}

export async function signUp(page: Page, name: string): Promise<void> {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.getByText(`${name} passed, as users:`).waitFor();
}

export function step(page: Page, id: string) {
  return page.locator(`#${id}`);
}

/** True if the page is wider than the screen. */
export function scrollsSideways(page: Page): Promise<boolean> {
  return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth");
}
