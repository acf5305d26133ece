/** A program with workers, started for one test, and clients of it. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { afterwards } from "../../security/support/arena.ts";
import { type Frame, readV2 } from "../../support/wire.ts";
import type { Order, Said, Settings } from "./program.ts";

type Event = Extract<Said, { readonly say: "event" }>;

/** Ways to share a port that the running Node and system have. */
export const sharings: readonly (readonly [string, NonNullable<Settings["sharing"]>])[] = [
  ["dealt out by node:cluster", "cluster"],
  ...(Number(process.versions.node.split(".")[0]) >= 24 && process.platform === "linux"
    ? [["with reusePort", "reusePort"] as const]
    : []),
];

/** The primary, as its program reports. */
export class House {
  readonly child: ChildProcess;
  /** What its processes have for a temporary directory. */
  readonly folder: string = mkdtempSync(join(tmpdir(), "portcullis-house-"));
  readonly said: Said[] = [];
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  stderr = "";
  #waiting: { readonly fits: (said: Said) => boolean; readonly resolve: (said: Said) => void }[] = [];

  constructor(settings: Partial<Settings> = {}) {
    const full: Settings = { workers: 2, sharing: null, ...settings };
    this.child = fork(fileURLToPath(new URL("./program.ts", import.meta.url)), {
      execArgv: ["--import", import.meta.resolve("tsx")],
      env: { ...process.env, TMPDIR: this.folder, WORKERS_TEST: JSON.stringify(full) },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr += String(chunk);
    });
    this.ended = once(this.child, "exit").then(([code, signal]) => ({ code, signal }) as never);
    this.child.on("message", (said: Said) => {
      this.said.push(said);
      for (const waiting of [...this.#waiting]) {
        if (!waiting.fits(said)) continue;
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        waiting.resolve(said);
      }
    });
    // Workers end when their primary does.
    afterwards(async () => {
      this.child.kill("SIGKILL");
      await this.ended;
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  static async open(settings: Partial<Settings> = {}): Promise<House & { readonly port: number }> {
    const house = new House(settings);
    const said = await house.says((one) => one.say === "listening" || one.say === "failed");
    if (said.say !== "listening") throw new Error(`It didn't listen: ${JSON.stringify(said)} ${house.stderr}`);
    return Object.assign(house, { port: said.port });
  }

  /** What it said first, or says next, that fits. */
  says(fits: (said: Said) => boolean): Promise<Said> {
    const found = this.said.find(fits);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve) => void this.#waiting.push({ fits, resolve }));
  }

  /** Waits until there were so many events of a name. */
  async events(name: string, count: number): Promise<readonly Event["metadata"][]> {
    const all = (): Event[] => this.said.filter((one): one is Event => one.say === "event" && one.name === name);
    while (all().length < count) await once(this.child, "message");
    return all().map(({ metadata }) => metadata);
  }

  async does(order: Order): Promise<unknown> {
    const answered = new Promise<Said>((resolve) => {
      this.#waiting.push({ fits: ({ say }) => say === "done", resolve });
    });
    this.child.send(order);
    return ((await answered) as Extract<Said, { readonly say: "done" }>).value;
  }
}

/** One WebSocket. */
export class Guest {
  readonly frames: Frame[] = [];
  readonly socket: WebSocket;
  readonly user: string;
  readonly closed: Promise<number>;
  /** The worker it is connected to. */
  pid = 0;
  #heard = (): void => {};
  #refs = 1;

  constructor(socket: WebSocket, user: string) {
    this.socket = socket;
    this.user = user;
    this.closed = once(socket, "close").then(([code]) => code as number);
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      this.frames.push(readV2(isBinary ? data : data.toString()));
      this.#heard();
    });
    afterwards(() => socket.terminate());
  }

  static async open(port: number, options: { readonly user?: string; readonly token?: string } = {}): Promise<Guest> {
    const { user = "ada", token } = options;
    const socket = new WebSocket(
      `ws://127.0.0.1:${port}/${token === undefined ? "socket" : "vip"}/websocket?vsn=2.0.0&user=${user}`,
      token === undefined
        ? []
        : ["phoenix", `base64url.bearer.phx.${Buffer.from(token).toString("base64").replace(/=+$/, "")}`],
    );
    const guest = new Guest(socket, user);
    await once(socket, "open");
    guest.socket.send(JSON.stringify(["1", "1", "room:lobby", "phx_join", {}]));
    await guest.hears(([, ref]) => ref === "1");
    guest.pid = ((await guest.asks("who", {})) as { pid: number }).pid;
    return guest;
  }

  /** One guest in each of so many workers, whichever they get into. */
  static async inEach(port: number, workers: number, options: { readonly token?: string } = {}): Promise<Guest[]> {
    const found = new Map<number, Guest>();
    for (let n = 0; found.size < workers; n += 1) {
      const guest = await Guest.open(port, { user: `user${n}`, ...options });
      if (found.has(guest.pid)) guest.socket.terminate();
      else found.set(guest.pid, guest);
    }
    return [...found.values()];
  }

  push(event: string, payload: object, ref: string | null = null): void {
    this.socket.send(JSON.stringify(["1", ref, "room:lobby", event, payload]));
  }

  async asks(event: string, payload: object): Promise<unknown> {
    this.#refs += 1;
    const own = String(this.#refs);
    this.push(event, payload, own);
    const frame = await this.hears(([, ref]) => ref === own);
    return (frame[4] as { response: unknown }).response;
  }

  /** The first frame that fits, once there is one. */
  async hears(fits: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(fits);
      if (found !== undefined) return found;
      await this.#more();
    }
  }

  /** Waits for so many broadcasts of an event, and gives their payloads. */
  async hearsAll(event: string, count: number): Promise<readonly unknown[]> {
    const all = (): Frame[] => this.frames.filter((frame) => frame[3] === event);
    while (all().length < count) await this.#more();
    return all().map((frame) => frame[4]);
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#heard = resolve;
    });
  }
}
