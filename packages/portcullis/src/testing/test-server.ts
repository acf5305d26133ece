/**
 * A server for tests of clients: the real protocol and the real engine behind a `WebSocket` that needs no network, and as
 * many accidents as a test wants.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { defineEndpoint, type Endpoint } from "../endpoint.ts";
import type { FrameData, Message } from "../protocol/message.ts";
import { type Serializer, serializerFor } from "../protocol/serializer.ts";
import { silentLogger } from "../telemetry/logger.ts";
import type { LocalConnection, LocalPeer } from "../transport/local.ts";
import { brief } from "./brief.ts";
import { Inbox } from "./inbox.ts";
import { describeMatch, type Match, mismatch } from "./match.ts";
import { type MemoryHost, MemoryWebSocket, type MemoryWebSocketOptions } from "./memory-web-socket.ts";
import { type NetworkDoor, openDoor } from "./network-door.ts";
import { type ChannelScript, type ScriptedConnect, Scripts } from "./script.ts";

/** A message as the client sent it, with the frame it came in. One that is no message has the frame only. */
export interface ReceivedMessage extends Partial<Message> {
  readonly frame: FrameData;
}

/** A connection that was let in. */
export interface AcceptedConnection {
  /** Path and query as the client asked for them. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Options of {@link createTestServer}. */
export interface TestServerOptions {
  /** Where its socket is mounted: clients connect to this with `/websocket` behind it. Default `"/socket"`. */
  readonly path?: string;
  /** Decides who is let in, as `connect` of a socket does: `reject(…)`, or anything else for a yes. Default: everybody. */
  readonly connect?: (request: ScriptedConnect) => unknown;
  /** How long assertions wait. Default 1,000. */
  readonly withinMs?: number;
}

/** What a class like the browser's `WebSocket` is to a client. */
export type WebSocketClass = (new (
  url: string | URL,
  protocols?: string | readonly string[] | MemoryWebSocketOptions,
  options?: MemoryWebSocketOptions,
) => MemoryWebSocket) &
  Pick<typeof MemoryWebSocket, "CONNECTING" | "OPEN" | "CLOSING" | "CLOSED">;

/** A server for tests of clients; see {@link createTestServer}. */
export class TestServer {
  /**
   * For `new Socket(url, { transport: server.WebSocket })`, or as the global of that name. The host in the URL doesn't
   * matter, the path does.
   */
  readonly WebSocket: WebSocketClass;
  /** What answers. Broadcast with it, disconnect with it. */
  readonly endpoint: Endpoint;
  /** Every message of every client, heartbeats included, in the order of arrival. */
  readonly received: readonly ReceivedMessage[] = [];
  readonly #sockets = new Set<MemoryWebSocket>();
  readonly #doors = new Set<NetworkDoor>();
  readonly #messages: Inbox<ReceivedMessage>;
  readonly #connections: Inbox<AcceptedConnection>;
  #refusals: number[] = [];
  #holding = false;

  constructor(endpoint: Endpoint, withinMs: number) {
    this.endpoint = endpoint;
    this.#messages = new Inbox(describeReceived, withinMs);
    this.#connections = new Inbox(({ url }) => url, withinMs);
    const host = this.#host();
    this.WebSocket = class WebSocket extends MemoryWebSocket {
      constructor(...args: ConstructorParameters<WebSocketClass>) {
        super(host, ...args);
      }
    };
  }

  /**
   * Waits for a message of a client.
   *
   * @example
   * ```ts
   * await server.assertReceived({ topic: "room:1", event: "phx_join", payload: { since: 7 } });
   * ```
   *
   * @throws AssertionError that lists what came instead.
   */
  assertReceived(match: Match<ReceivedMessage>): Promise<ReceivedMessage> {
    return this.#messages.take({
      expected: `the client to send a message like ${describeMatch(match)}`,
      mismatch: (message) => mismatch(message, match),
    });
  }

  /** Waits until a client is let in: each time for one more. */
  assertConnected(): Promise<AcceptedConnection> {
    return this.#connections.take({ expected: "a client to connect", mismatch: () => null });
  }

  /** Sends to everybody on a topic, as `endpoint.broadcast` does. */
  push(topic: string, event: string, payload: object = {}): void {
    this.endpoint.broadcast(topic, event, payload);
  }

  /** Refuses the next connections, so many, with an HTTP status. Clients can't tell it from a server that is not there. */
  refuse(options: { readonly times?: number; readonly status?: number } = {}): void {
    this.#refusals.push(...Array.from({ length: options.times ?? 1 }, () => options.status ?? 503));
  }

  /** Ends every connection with a close code. Default 1001. Unlike the server's own, it may be any. */
  close(code = 1_001, reason = ""): void {
    for (const socket of [...this.#sockets]) socket["~close"](code, reason);
    for (const door of this.#doors) door.closeAll(code, reason);
  }

  /** Ends every connection without a close frame: clients see code 1006. */
  drop(): void {
    for (const socket of [...this.#sockets]) socket["~drop"]();
    for (const door of this.#doors) door.drop();
  }

  /** Holds back what is said to clients in memory, until {@link TestServer.release}: late replies, lost heartbeats. */
  hold(): void {
    this.#holding = true;
  }

  /** Lets what was held back go, in its order. */
  release(): void {
    this.#holding = false;
    for (const socket of this.#sockets) socket["~release"]();
  }

  /**
   * Listens on a real port, any free one by default, for clients that can't be given a class.
   *
   * @example
   * ```ts
   * const { url } = await server.listen(); // "ws://localhost:49152"
   * ```
   */
  async listen(options: { readonly port?: number; readonly host?: string } = {}): Promise<NetworkDoor> {
    const door = await openDoor(
      this.endpoint,
      { port: options.port ?? 0, host: options.host },
      {
        refusal: () => this.#refusals.shift() ?? null,
        opened: (request) => this.#connected(request),
        received: (vsn, data) => this.#received(serializerFor(vsn ?? undefined, ["v1", "v2"]), data),
      },
    );
    this.#doors.add(door);
    return door;
  }

  /** Ends everything: connections, ports, the endpoint. */
  async stop(): Promise<void> {
    this.release();
    this.drop();
    await Promise.all([...this.#doors].map((door) => door.close()));
    await this.endpoint.close();
  }

  #host(): MemoryHost {
    const server = this;
    return {
      get holding() {
        return server.#holding;
      },
      admit: (request, peer) => this.#admit(request, peer),
      opened: (socket, request) => {
        this.#sockets.add(socket);
        this.#connected(request);
      },
      received: ({ connection }, data) => this.#received(connection.serializer, data),
      over: (socket) => this.#sockets.delete(socket),
    };
  }

  async #admit(request: IncomingMessage, peer: LocalPeer): Promise<LocalConnection | { readonly status: number }> {
    const status = this.#refusals.shift();
    if (status !== undefined) return { status };
    const answer = await this.endpoint["~local"].knock(request, peer, "address");
    if (answer === null) return { status: 404 };
    return answer.ok ? answer.local : { status: answer.response.status };
  }

  #connected({ url = "/", headers }: IncomingMessage): void {
    this.#connections.add({ url, headers });
  }

  #received(serializer: Serializer | null, frame: FrameData): void {
    const message: ReceivedMessage = { frame, ...decoded(serializer, frame) };
    (this.received as ReceivedMessage[]).push(message);
    this.#messages.add(message);
  }
}

/** A server whose channels are said by the test; see {@link createTestServer}. */
export class ScriptedServer extends TestServer {
  readonly #scripts: Scripts;

  constructor({ path = "/socket", connect = () => ({}), withinMs = 1_000 }: TestServerOptions) {
    const scripts = new Scripts(connect);
    const mount = { socket: scripts.socket, channels: [scripts.channel], origins: false };
    const endpoint = defineEndpoint({
      secretKeyBase: "a test server signs nothing that is worth anything",
      logger: silentLogger,
      sockets: { [path]: mount },
    });
    super(endpoint, withinMs);
    this.#scripts = scripts;
  }

  /**
   * Says what happens on the topics of a pattern, from now on: saying it again replaces it.
   *
   * @example
   * ```ts
   * server.on("room:*", {
   *   join: ({ token }) => (token === "good" ? { unread: 3 } : reject("unauthorized")),
   *   events: { say: (payload) => ({ said: payload }), typing: undefined },
   * });
   * ```
   */
  on(pattern: string, script: ChannelScript = {}): this {
    this.#scripts.on(pattern, script);
    return this;
  }

  /** Ends the channels on a topic with `phx_close`: clients don't come back to it. */
  closeChannel(topic: string): void {
    this.#scripts.end(topic, "close");
  }

  /** Ends the channels on a topic with `phx_error`: clients join again. */
  crash(topic: string): void {
    this.#scripts.end(topic, "crash");
  }
}

/**
 * Makes a server for tests of clients: with channels said by the test, or in front of an endpoint of yours.
 *
 * @example
 * ```ts
 * const server = createTestServer().on("room:*", { events: { ping: { pong: true } } });
 * const socket = new Socket("ws://test/socket", { transport: server.WebSocket });
 * ```
 */
export function createTestServer(options?: TestServerOptions): ScriptedServer;
export function createTestServer(options: { readonly endpoint: Endpoint; readonly withinMs?: number }): TestServer;
export function createTestServer(options: TestServerOptions & { readonly endpoint?: Endpoint } = {}): TestServer {
  const { endpoint, withinMs = 1_000 } = options;
  return endpoint === undefined ? new ScriptedServer(options) : new TestServer(endpoint, withinMs);
}

function decoded(serializer: Serializer | null, frame: FrameData): Message | null {
  try {
    return serializer?.decode(frame) ?? null;
  } catch {
    return null;
  }
}

function describeReceived({ topic, event, payload, frame }: ReceivedMessage): string {
  return topic === undefined
    ? `a frame that is no message: ${brief(frame)}`
    : `"${topic}" "${event}" ${brief(payload)}`;
}
