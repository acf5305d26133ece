/** A server under attack: everything it says is kept, and an honest client stands by to notice what it notices. */
import { inspect } from "node:util";
import { afterEach, expect } from "vitest";
import {
  type Clock,
  defineEndpoint,
  defineSocket,
  type Endpoint,
  type MountOptions,
  type SocketDefinition,
  signedToken,
} from "../../../src/index.ts";
import { type HandshakeOptions, knock, type RawClient } from "./raw.ts";

export const secretKeyBase = "a secret of the tests that no line of any log may ever show, 64 characters";
export const tokenSalt = "user socket";

/** What an endpoint said. */
export interface Said {
  readonly level: string;
  readonly message: string;
  readonly details: unknown;
}

export interface ArenaOptions {
  readonly sockets?: Readonly<Record<string, MountOptions>>;
  /** Merged into the default mount. */
  readonly mount?: Partial<MountOptions>;
  readonly clock?: Clock;
  readonly url?: { readonly host: string };
  readonly trustedProxies?: readonly string[];
}

export interface Arena {
  readonly endpoint: Endpoint;
  readonly port: number;
  readonly said: Said[];
  readonly events: { readonly name: string; readonly metadata: Record<string, unknown> }[];
  /** How often `connect` of the default socket was called. */
  readonly connects: { count: number };
  knock(options?: HandshakeOptions): Promise<RawClient>;
  /** Like `knock`, and insists on being let in. */
  enter(options?: HandshakeOptions): Promise<RawClient>;
  /** An honest client that keeps pushing and counting replies. */
  bystander(): Promise<Bystander>;
  /** Everything the endpoint said, as text to grep. */
  transcript(): string;
}

const closers: (() => Promise<void> | void)[] = [];

/** Undone when the test is over, last first. */
export function afterwards(close: () => Promise<void> | void): void {
  closers.push(close);
}

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  expectPristinePrototypes();
});

const pristine = [Object.prototype, Array.prototype, Function.prototype].map((prototype) =>
  Reflect.ownKeys(prototype).map(String).join(" "),
);

/** No attack has put anything onto the prototypes everybody shares. */
export function expectPristinePrototypes(): void {
  const now = [Object.prototype, Array.prototype, Function.prototype].map((prototype) =>
    Reflect.ownKeys(prototype).map(String).join(" "),
  );
  expect(now).toEqual(pristine);
  expect(Object.keys({})).toEqual([]);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
}

/** Tells its subscribers what was said. */
export function listener(): {
  readonly said: Said[];
  readonly logger: Record<"debug" | "info" | "warn" | "error", (message: string, details?: object) => void>;
} {
  const said: Said[] = [];
  const at =
    (level: string) =>
    (message: string, details?: object): void =>
      void said.push({ level, message, details });
  return { said, logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") } };
}

/** Anybody may connect and do all there is to do; `connects` counts. */
export function openSocket(connects: { count: number } = { count: 0 }) {
  return defineSocket({
    connect() {
      connects.count += 1;
      return {};
    },
  });
}

/** `ping:{name}`: replies, broadcasts, and the ways a handler can fail. */
export function pingChannel(socket: SocketDefinition<object, never, false>) {
  return socket.channel("ping:{name}").on({
    ping: (payload) => payload,
    shout(payload, channel) {
      channel.broadcast("shout", payload as object);
    },
    flood(payload, channel) {
      const { count, bytes } = payload as { count: number; bytes: number };
      const text = "x".repeat(bytes);
      for (let index = 0; index < count; index += 1) channel.push("flood", { text });
      return {};
    },
    throws() {
      throw new Error("thrown by the handler");
    },
    rejects: () => Promise.reject(new Error("rejected by the handler")),
    hangs: () => new Promise(() => {}),
  });
}

/** Sockets with a signed token; their ids are `users:<subject>`. */
export function userSocket(connects: { count: number } = { count: 0 }) {
  return defineSocket({
    authenticate: signedToken({ salt: tokenSalt, maxAgeSeconds: 3_600 }),
    connect({ identity }) {
      connects.count += 1;
      return { userId: identity.subject };
    },
    id: ({ userId }) => `users:${userId}`,
  });
}

/** Starts an endpoint on a free port. Closed by itself after the test. */
export async function arena(options: ArenaOptions = {}): Promise<Arena> {
  const { said, logger } = listener();
  const events: Arena["events"] = [];
  const connects = { count: 0 };
  const sockets = options.sockets ?? defaultSockets(connects, options.mount);
  const endpoint = defineEndpoint({
    secretKeyBase,
    sockets,
    logger,
    telemetry: (name, metadata) => void events.push({ name, metadata: metadata as Record<string, unknown> }),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.url === undefined ? {} : { url: options.url }),
    ...(options.trustedProxies === undefined ? {} : { trustedProxies: options.trustedProxies }),
  } as Parameters<typeof defineEndpoint>[0]) as Endpoint;
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  const clients = new Set<RawClient>();
  afterwards(async () => {
    for (const client of clients) client.destroy();
    await endpoint.close();
  });
  const enterWith = async (handshake: HandshakeOptions = {}): Promise<RawClient> => {
    const client = await knock(port, handshake);
    clients.add(client);
    return client;
  };
  return {
    endpoint,
    port,
    said,
    events,
    connects,
    knock: enterWith,
    async enter(handshake) {
      const client = await enterWith(handshake);
      expect(client.response.statusLine).toBe("HTTP/1.1 101 Switching Protocols");
      return client;
    },
    async bystander() {
      const client = await enterWith();
      expect(client.status).toBe(101);
      return Bystander.start(client);
    },
    transcript: () => inspect({ said, events }, { depth: 20, maxArrayLength: null, maxStringLength: null }),
  };
}

function defaultSockets(connects: { count: number }, mount: Partial<MountOptions> = {}) {
  const socket = openSocket(connects);
  return { "/socket": { socket, channels: [pingChannel(socket)], ...mount } };
}

/** Pushes all the time, and every push has to be answered. */
export class Bystander {
  readonly client: RawClient;
  #stopAt = Number.POSITIVE_INFINITY;
  #asked = 0;
  #slowestMs = 0;
  readonly #loop: Promise<void>;

  private constructor(client: RawClient) {
    this.client = client;
    this.#loop = this.#run();
    this.#loop.catch(() => {});
  }

  static async start(client: RawClient): Promise<Bystander> {
    await client.join("ping:bystander");
    return new Bystander(client);
  }

  async #run(): Promise<void> {
    while (this.#asked < this.#stopAt) {
      this.#asked += 1;
      const before = performance.now();
      const ref = `b${this.#asked}`;
      const { status, response } = await this.client.push("ping:bystander", "ping", { ref }, ref);
      expect({ status, response }).toEqual({ status: "ok", response: { ref } });
      this.client.frames.length = 0;
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - before);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Ends the watch after two more round trips: every push was answered, and none unreasonably late. */
  async noticedNothing(slowestMs = 2_000): Promise<void> {
    this.#stopAt = this.#asked + 2;
    await this.#loop;
    expect(this.#slowestMs).toBeLessThan(slowestMs);
  }
}
