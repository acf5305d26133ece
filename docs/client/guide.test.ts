/** The page says what the files say, and the files do what the page says. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";

interface Block {
  readonly language: string;
  readonly file: string | undefined;
  readonly text: string;
}

const guide = readFileSync(new URL("../client.md", import.meta.url), "utf8");
const blocks: readonly Block[] = [...guide.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language, file, text]) => ({ language: language as string, file, text: text as string }),
);

const ending: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

test("shows its files as they are", () => {
  const shown = blocks.filter(({ file }) => file !== undefined);
  expect(new Set(shown.map(({ file }) => file))).toEqual(new Set(["endpoint.ts", "page.ts"]));
  for (const { file, text } of shown) {
    const whole = readFileSync(new URL(file as string, import.meta.url), "utf8");
    for (const part of text.split("// …\n")) expect(whole).toContain(part);
  }
});

test("shows the whole page", () => {
  const lines = new Set(blocks.filter(({ file }) => file === "page.ts").flatMap(({ text }) => text.split("\n")));
  const whole = readFileSync(new URL("page.ts", import.meta.url), "utf8").split("\n");
  expect(whole.filter((line) => !lines.has(line))).toEqual([]);
});

test("the page does what its transcripts show", async () => {
  vi.stubEnv("SECRET_KEY_BASE", "the secret of the guide's test".padEnd(64, "."));
  const { endpoint } = await import("./endpoint.ts");
  const server = createServer((_request, response) => {
    response.end(endpoint.tokens.sign("user socket", "42"));
  });
  endpoint.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  ending.push(
    () => new Promise((resolve) => server.close(resolve)),
    () => endpoint.close(),
  );

  // What a page has, and this process hasn't.
  const href = `http://localhost:${(server.address() as AddressInfo).port}/`;
  const { fetch } = globalThis;
  vi.stubGlobal("location", { href });
  vi.stubGlobal("WebSocket", WebSocket);
  vi.stubGlobal("fetch", (url: string, init?: RequestInit) => fetch(new URL(url, href), init));

  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((...words) => void lines.push(words.map(String).join(" ")));
  const page = await import("./page.ts");
  page.onSignOutClicked();
  const transcripts = blocks.filter(({ language }) => language === "log").map(({ text }) => text);
  expect(lines).toEqual([...transcripts.join("").trimEnd().split("\n"), "closed signed_out"]);
});
