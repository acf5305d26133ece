/** The reader's two terminals: one runs a step's server, the other types what the transcripts show. */
import { type ChildProcess, spawn } from "node:child_process";
import { request } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
const urlInPage = "http://localhost:4000";

/** The lines that appear in a terminal, whoever prints them. */
class Screen {
  readonly lines: string[] = [];
  #waiting: (() => void)[] = [];

  print(line: string): void {
    this.lines.push(line);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The first `count` lines, which are taken off. */
  async take(count: number): Promise<string[]> {
    while (this.lines.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.lines.splice(0, count);
  }

  async find(fits: (line: string) => boolean): Promise<string> {
    for (let index = 0; ; index += 1) {
      while (index >= this.lines.length) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      const line = this.lines[index] as string;
      if (fits(line)) return line;
    }
  }

  show(child: ChildProcess): void {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface(stream).on("line", (line) => this.print(line));
    }
  }
}

/** Resolves when a process has ended and everything it printed has been read. */
function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once("close", () => resolve()));
}

/** A step's server, run from the sources of the library on a free port. */
export class StepServer {
  readonly log: Screen = new Screen();
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  constructor(file: string, environment: Readonly<Record<string, string>>) {
    const args = ["--conditions=portcullis-source", "--import", "tsx", file];
    this.#child = spawn(process.execPath, args, { cwd: folder, env: { ...process.env, PORT: "0", ...environment } });
    this.log.show(this.#child);
    this.#ended = ended(this.#child);
    // Whoever waits for a line of it gets this one instead.
    void this.#ended.then(() => this.log.print("(the server has ended)"));
  }

  /** The URL it prints as its first line. */
  async url(): Promise<string> {
    const line = await this.log.find((text) => text !== "");
    if (!/^http:\/\/localhost:\d+$/.test(line)) throw new Error(`Expected the server to print its URL, got: ${line}`);
    return line;
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await this.#ended;
  }
}

/** The terminal in which the reader tries things. Knows `node try.mjs …`, with or without `&`, and curl as the page uses it. */
export class Terminal {
  readonly screen: Screen = new Screen();
  readonly #url: string;
  readonly #variables = new Map<string, string>();
  readonly #background: ChildProcess[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  /** Types a line. Resolves when the prompt is back. */
  async type(line: string): Promise<void> {
    const assignment = /^(\w+)=\$\((.*)\)$/.exec(line);
    if (assignment !== null) {
      const [, name, command] = assignment as unknown as [string, string, string];
      this.#variables.set(name, await this.#curl(this.#words(command)));
      return;
    }
    const words = this.#words(line);
    if (words[0] === "curl") {
      const printed = await this.#curl(words);
      if (printed !== "") this.screen.print(printed);
    } else if (words[0] === "node") {
      await this.#node(words.slice(1));
    } else {
      throw new Error(`This terminal doesn't know the command: ${line}`);
    }
  }

  /** Ends what still runs in the background. */
  async close(): Promise<void> {
    await Promise.all(
      this.#background.map((child) => {
        const end = child.exitCode === null ? ended(child) : Promise.resolve();
        child.kill();
        return end;
      }),
    );
  }

  #words(line: string): string[] {
    return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, literal, quoted, plain]) => {
      const text = literal ?? (quoted ?? plain ?? "").replace(/\$(\w+)/g, (_all, name: string) => this.#value(name));
      return text.replaceAll(urlInPage, this.#url);
    });
  }

  #value(name: string): string {
    const value = this.#variables.get(name);
    if (value === undefined) throw new Error(`The page uses $${name} before it says what it is.`);
    return value;
  }

  async #node(words: readonly string[]): Promise<void> {
    const inBackground = words.at(-1) === "&";
    const env = { ...process.env, SOCKET_URL: `${this.#url.replace("http", "ws")}/socket` };
    const child = spawn(process.execPath, inBackground ? words.slice(0, -1) : words, { cwd: folder, env });
    this.screen.show(child);
    if (inBackground) this.#background.push(child);
    else await ended(child);
  }

  /** `-X METHOD`, `-H "Name: value"`, `-s`; with `-i … | head -1` the status line, else the body. */
  #curl(words: readonly string[]): Promise<string> {
    let url = "";
    let method = "GET";
    let statusOnly = false;
    const headers: Record<string, string> = {};
    const end = words.indexOf("|");
    for (let index = 1; index < (end === -1 ? words.length : end); index += 1) {
      const word = words[index] as string;
      if (word === "-X") method = words[++index] as string;
      else if (word === "-H") {
        const [name, value] = (words[++index] as string).split(": ") as [string, string];
        headers[name] = value;
      } else if (word.startsWith("-")) statusOnly ||= word.includes("i");
      else url = word;
    }
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, headers }, (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          body += chunk;
        });
        response.on("end", () =>
          resolve(statusOnly ? `HTTP/${response.httpVersion} ${response.statusCode} ${response.statusMessage}` : body),
        );
      });
      sent.on("error", reject);
      sent.end();
    });
  }
}
