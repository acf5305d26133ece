/**
 * The README's first example, run as it stands there.
 *
 * The block is the first one after a line `<!-- example: start -->`. What the test has to know about it stands in the
 * same comment: `<!-- example: start path=/socket join=room:lobby token=printed -->`. `path` is the mount (default
 * `/socket`), `join` a topic to join, `token=printed` says that the example prints a signed token to connect with.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../../../../scripts/repository.ts";

/** The example's code, and what its marker says. */
export interface Example {
  readonly code: string;
  readonly path: string;
  readonly join: string | null;
  readonly tokenPrinted: boolean;
}

/** Reads the example out of a README. Throws, with the marker to write, if there is none. */
export function exampleIn(readme: string): Example {
  const found = /^<!-- example: start(?<facts>[^>]*)-->\s*^```ts\n(?<code>.*?)^```$/msu.exec(readme)?.groups;
  if (!found) throw new Error('README.md has no ```ts block right under "<!-- example: start path=/socket -->".');
  const facts = new Map(
    (found["facts"] ?? "")
      .trim()
      .split(/\s+/)
      .map((fact) => fact.split("=", 2) as [string, string]),
  );
  return {
    code: found["code"] ?? "",
    path: facts.get("path") ?? "/socket",
    join: facts.get("join") ?? null,
    tokenPrinted: facts.get("token") === "printed",
  };
}

/**
 * Loaded before the example: has every server take a free port whatever the example says, so that it runs unchanged
 * beside anything else, and reports which one that was.
 */
const freePort = `
import net from "node:net";
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  this.once("listening", () => process.send({ port: this.address().port }));
  const anyPort = typeof first === "object" && first !== null && "port" in first ? { ...first, port: 0 } : first;
  return listen.call(this, typeof first === "number" ? 0 : anyPort, ...rest);
};
`;

/** A running example: where it listens and what token it printed. */
export interface Running {
  readonly port: number;
  readonly token: string | null;
  stop(): Promise<void>;
}

/** Starts an example's file and waits until it listens (and, if it shall, has printed a token). */
export async function startExample(file: string, example: Example): Promise<Running> {
  const preload = `data:text/javascript,${encodeURIComponent(freePort)}`;
  const loader = pathToFileURL(join(root, "node_modules/tsx/dist/loader.mjs")).href;
  const child = spawn(process.execPath, ["--import", preload, "--import", loader, file], {
    cwd: join(file, ".."),
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let printed = "";
  const token = () => /\b[\w-]{4,}\.[\w-]{16,}\.[\w-]{16,}\b/.exec(printed)?.[0] ?? null;
  const listening = once(child, "message").then(([message]) => (message as { port: number }).port);
  const printedToken = new Promise<void>((resolve) => {
    const read = (chunk: Buffer) => {
      printed += chunk.toString();
      if (!example.tokenPrinted || token()) resolve();
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    if (!example.tokenPrinted) resolve();
  });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`The example ended with exit code ${code}:\n${printed}`);
  });
  ended.catch(() => {});
  const [port] = await Promise.race([Promise.all([listening, printedToken]), ended]);
  return { port, token: example.tokenPrinted ? token() : null, stop: () => stop(child) };
}

/** The repository's README. */
export function readme(): string {
  return readFileSync(join(root, "README.md"), "utf8");
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill();
  await exit;
}
