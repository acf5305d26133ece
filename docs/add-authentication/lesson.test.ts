/** The page says what the files say, and the files do what the page says. */
import { readFileSync } from "node:fs";
import { createTokens } from "portcullis/token";
import { afterEach, describe, expect, test } from "vitest";
import { type Block, exchangesOf, partsOf, readSteps } from "./lesson-page.ts";
import { StepServer, Terminal } from "./lesson-terminal.ts";

const steps = readSteps(new URL("../add-authentication.md", import.meta.url));
const timeoutMs = 60_000;

function linesOf(file: string): string[] {
  return readFileSync(new URL(file, import.meta.url), "utf8")
    .trimEnd()
    .split("\n");
}

/** Where `part` stands in `lines`, at or after `from`; -1 if it doesn't. */
function positionOf(part: readonly string[], lines: readonly string[], from: number): number {
  for (let start = from; start + part.length <= lines.length; start += 1) {
    if (part.every((line, index) => line === lines[start + index])) return start;
  }
  return -1;
}

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const { stop } of running.splice(0).reverse()) await stop();
});

const secretKeyBase = "the secret of the lesson's tests".padEnd(64, ".");
const tokens = createTokens({ secretKeyBase });

/** Starts a step and a terminal to try it from. */
async function start(file: string): Promise<{ url: string; server: StepServer; terminal: Terminal }> {
  const server = new StepServer(file, { SECRET_KEY_BASE: secretKeyBase });
  running.push({ stop: () => server.stop() });
  const url = await server.url();
  const terminal = new Terminal(url);
  running.push({ stop: () => terminal.close() });
  return { url, server, terminal };
}

test("the lesson has six steps", () => {
  expect(steps.map(({ title }) => title.slice(0, 7))).toEqual([1, 2, 3, 4, 5, 6].map((n) => `Step ${n}:`));
});

describe.each(steps)("$title", ({ file, blocks }) => {
  const shown = blocks.filter((block) => block.file !== null);
  const consoles = blocks.filter(({ language }) => language === "console");
  const [starting, ...trying] = consoles;

  test("shows its files as they are", () => {
    expect(shown.map((block) => block.file)).toContain(file);
    for (const block of shown) {
      const lines = linesOf(block.file as string);
      let position = 0;
      for (const part of partsOf(block)) {
        const found = positionOf(part, lines, position);
        expect(found, `Not in ${block.file}, or not in this order:\n${part.join("\n")}`).not.toBe(-1);
        position = found + part.length;
      }
      if (partsOf(block).length === 1) expect(block.lines).toEqual(lines);
    }
  });

  test("shows everything that is new in it", () => {
    const index = steps.findIndex((step) => step.file === file);
    const known = new Set(index === 0 ? [] : linesOf(`step-${index}.ts`));
    for (const line of shown.filter((block) => block.file === file).flatMap((block) => block.lines)) known.add(line);
    expect(linesOf(file).filter((line) => line !== "" && !known.has(line))).toEqual([]);
  });

  test(
    "does what its transcripts show",
    async () => {
      expect(exchangesOf(starting as Block)).toEqual([
        { command: `npx tsx ${file}`, output: ["http://localhost:4000"] },
      ]);
      const { server, terminal } = await start(file);
      expect(trying.length).toBeGreaterThan(0);
      for (const { command, output } of trying.flatMap(exchangesOf)) {
        await terminal.type(command);
        const printed = await terminal.screen.take(output.length);
        // An ellipsis stands for what differs from run to run.
        expect(
          printed.map((line, at) => {
            const expected = output[at] as string;
            const fixed = expected.endsWith("…") ? expected.slice(0, -1) : null;
            return fixed !== null && line.startsWith(fixed) ? expected : line;
          }),
          `$ ${command}`,
        ).toEqual(output);
        expect(terminal.screen.lines, `printed beyond what the page shows: $ ${command}`).toEqual([]);
      }
      await server.stop();
      const logged = blocks.filter(({ language }) => language === "log").flatMap((block) => block.lines);
      expect(server.log.lines).toEqual(expect.arrayContaining(logged));
    },
    timeoutMs,
  );
});

const salt = "user socket";
const dayMs = 86_400_000;
const notGoodEnough: Record<string, () => string> = {
  "an expired token": () => tokens.sign(salt, "ada", { signedAt: Date.now() - dayMs - 1_000 }),
  "a token that lives longer than the server allows": () =>
    tokens.sign(salt, "ada", { signedAt: Date.now() - dayMs - 1_000, maxAgeSeconds: Number.POSITIVE_INFINITY }),
  "a token for another purpose": () => tokens.sign("password reset", "ada"),
  "a token signed with another secret": () =>
    createTokens({ secretKeyBase: "another secret".padEnd(64, ".") }).sign(salt, "ada"),
  "a token of which one letter was changed": () => tokens.sign(salt, "ada").replace("g2gDbQ", "g2gDbA"),
};
const admitted = "HTTP/1.1 400 Bad Request";
const refused = "HTTP/1.1 403 Forbidden";

async function knock(terminal: Terminal, how: string): Promise<string> {
  await terminal.type(`curl -si ${how} | head -1`);
  const [line] = await terminal.screen.take(1);
  return line as string;
}

describe.each(["step-3.ts", "step-4.ts", "step-5.ts", "step-6.ts"])("the gate of %s", (file) => {
  test(
    "lets a good token in and no other",
    async () => {
      const { url, terminal } = await start(file);
      const withToken = (token: string): string =>
        file === "step-6.ts"
          ? `-H "Authorization: Bearer ${token}" ${url}/socket/websocket`
          : `'${url}/socket/websocket?token=${token}'`;
      expect(await knock(terminal, withToken(tokens.sign(salt, "ada")))).toBe(admitted);
      for (const [what, make] of Object.entries(notGoodEnough)) {
        expect(await knock(terminal, withToken(make())), what).toBe(refused);
      }
    },
    timeoutMs,
  );
});

test.each(["step-1.ts", "step-6.ts"])(
  "%s refuses pages of other hosts",
  async (file) => {
    const { url, terminal } = await start(file);
    const withOrigin = (origin: string): string =>
      `-H "Origin: ${origin}" -H "Authorization: Bearer ${tokens.sign(salt, "ada")}" ${url}/socket/websocket`;
    expect(await knock(terminal, withOrigin("http://localhost:3000"))).toBe(admitted);
    expect(await knock(terminal, withOrigin("https://evil.example"))).toBe(refused);
    expect(await knock(terminal, withOrigin("http://localhost.evil.example"))).toBe(refused);
  },
  timeoutMs,
);

test(
  "step-6.ts keeps out every token signed before the sign-out, and those of nobody else",
  async () => {
    const { url, terminal } = await start("step-6.ts");
    const withToken = (token: string): string => `-H "Authorization: Bearer ${token}" ${url}/socket/websocket`;
    const signedEarlier = { signedAt: Date.now() - 1 };
    const [laptop, phone] = [
      tokens.sign(salt, "ada", signedEarlier),
      tokens.sign(salt, "ada", { signedAt: Date.now() - 60_000 }),
    ];
    const bobs = tokens.sign(salt, "bob", signedEarlier);
    expect(await knock(terminal, withToken(laptop))).toBe(admitted);
    await terminal.type(`curl -X POST ${url}/sign-out/ada`);
    expect(await knock(terminal, withToken(laptop))).toBe(refused);
    expect(await knock(terminal, withToken(phone))).toBe(refused);
    expect(await knock(terminal, withToken(bobs))).toBe(admitted);
  },
  timeoutMs,
);
