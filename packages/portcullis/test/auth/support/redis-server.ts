/** A Redis of the test's own: on a socket in a folder of its own, so that it can meet no other. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Redis } from "ioredis";
import { createClient } from "redis";
import type { IoRedisClient, NodeRedisClient } from "../../../src/auth/redis.ts";

export class RedisServer {
  readonly #program: string;
  readonly #folder: string;
  #child: ChildProcess | null = null;

  private constructor(program: string) {
    this.#program = program;
    this.#folder = mkdtempSync(join(tmpdir(), "portcullis-redis-"));
  }

  /** Starts one, and waits until it answers. */
  static async start(program: string): Promise<RedisServer> {
    const server = new RedisServer(program);
    await server.#run();
    return server;
  }

  get #socket(): string {
    return join(this.#folder, "redis.sock");
  }

  async #run(): Promise<void> {
    const options = ["--port", "0", "--unixsocket", this.#socket, "--dir", this.#folder];
    const child = spawn(this.#program, [...options, "--save", "", "--appendonly", "yes", "--appendfsync", "always"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child = child;
    const lines = createInterface({ input: child.stdout });
    for await (const line of lines) {
      if (/Ready to accept connections|now ready to accept connections/i.test(line)) break;
    }
    child.stdout.resume();
    if (child.exitCode !== null) throw new Error("redis-server ended before it was ready.");
  }

  /** Ends the process as a power cut would, and starts another on what it left behind. */
  async restart(): Promise<void> {
    await this.#end("SIGKILL");
    await this.#run();
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  /** A connected client of the package `redis`. */
  async nodeRedis(): Promise<{ readonly client: NodeRedisClient; readonly shut: () => Promise<void> }> {
    const client = createClient({ socket: { path: this.#socket, tls: false } });
    client.on("error", () => {});
    await client.connect();
    return { client, shut: async () => client.destroy() };
  }

  /** A connected client of the package `ioredis`. */
  async ioRedis(): Promise<{ readonly client: IoRedisClient; readonly shut: () => Promise<void> }> {
    const client = new Redis(this.#socket, { lazyConnect: true });
    client.on("error", () => {});
    await client.connect();
    return { client, shut: async () => client.disconnect() };
  }
}
