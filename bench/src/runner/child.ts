/** A process of a run. It and the runner say each other lines of JSON. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface ChildOptions {
  /** How errors call it. */
  readonly name: string;
  /** Compiled or source, as {@link processFile} gives it. */
  readonly file: string;
  readonly args?: readonly string[];
  /** Arguments for the runtime. */
  readonly nodeArguments?: readonly string[];
  /** The runtime; this `node` when left out. */
  readonly binary?: string | undefined;
  /** The core it is pinned to; left out, it runs on any. */
  readonly core?: number | undefined;
}

// `.js` beside the compiled file, `.ts` when a test runs the sources.
const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";

/** The file of a process, from its path under src without the extension. */
export function processFile(path: string): string {
  return fileURLToPath(new URL(`../${path}.${extension}`, import.meta.url));
}

/** Whether the machine has two cores and can give a process one of them. */
export function canPin(): boolean {
  return availableParallelism() >= 2 && spawnSync("taskset", ["-c", "0", "true"]).status === 0;
}

/** A server that was offered more than it can do has work for minutes, and nobody waits for it. */
const forceAfterMs = 3_000;

/** Whoever waits for the next line. */
interface Reader {
  take(line: string): void;
  fail(error: Error): void;
}

export class Child {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  readonly #readers: Reader[] = [];
  #failure: Error | undefined;

  constructor({ name, file, args = [], nodeArguments = [], binary = process.execPath, core }: ChildOptions) {
    this.#name = name;
    const all = [...nodeArguments, file, ...args];
    const [command, given] = core === undefined ? [binary, all] : ["taskset", ["-c", String(core), binary, ...all]];
    this.#process = spawn(command, given, {
      stdio: ["pipe", "pipe", "inherit"],
      // What people deploy with: no NODE_OPTIONS of the caller's, and no development checks in the libraries.
      env: { ...process.env, NODE_OPTIONS: "", NODE_ENV: "production" },
    });
    if (this.#process.stdout !== null) {
      createInterface({ input: this.#process.stdout }).on("line", (line) => this.#take(line));
    }
    // Said to one that is gone: `next` tells.
    this.#process.stdin?.on("error", () => {});
    // Not "exit": what it printed before may still be on its way.
    this.#process.once("close", (code, signal) => this.#fail(code, signal));
  }

  /** The next line it prints. Rejects when it ends without one. */
  async next<Message>(): Promise<Message> {
    const line = this.#lines.shift() ?? (await this.#nextLine());
    return JSON.parse(line) as Message;
  }

  tell(message: object): void {
    this.#process.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  /** Ends its standard input, on which it leaves by itself; by force if it does not. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
      return;
    }
    const exited = once(this.#process, "exit");
    this.#process.stdin?.end();
    const force = setTimeout(() => this.#process.kill("SIGKILL"), forceAfterMs);
    await exited;
    clearTimeout(force);
  }

  #nextLine(): Promise<string> {
    const failure = this.#failure;
    if (failure !== undefined) {
      return Promise.reject(failure);
    }
    return new Promise((resolve, reject) => this.#readers.push({ take: resolve, fail: reject }));
  }

  #take(line: string): void {
    const reader = this.#readers.shift();
    if (reader === undefined) {
      this.#lines.push(line);
    } else {
      reader.take(line);
    }
  }

  #fail(code: number | null, signal: NodeJS.Signals | null): void {
    this.#failure = new Error(
      `The ${this.#name} process ended (${signal ?? `code ${code}`}) before it answered; see its output above.`,
    );
    for (const { fail } of this.#readers.splice(0)) {
      fail(this.#failure);
    }
  }
}
