/** A server that does what a test says, frame by frame, and remembers all it was told. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { Inbox } from "../../clients/inbox.ts";

/** `[join_ref, ref, topic, event, payload]` */
export type Frame = readonly [
  joinRef: string | null,
  ref: string | null,
  topic: string,
  event: string,
  payload: unknown,
];

/** Why the next handshakes are refused, as a probe is told; `null` for a refusal without a word. */
export type Refusal = { readonly reason: string; readonly retry: unknown } | null;

/** The server's end of one connection. */
export class Peer {
  readonly token: string | null;
  readonly frames = new Inbox<Frame>();
  readonly binary = new Inbox<Buffer>();
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  /** Whether joins, heartbeats and leaves are answered `ok` by themselves. */
  answers = true;

  constructor(socket: WebSocket, token: string | null) {
    this.#socket = socket;
    this.token = token;
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {});
    socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) return this.binary.add(data);
      const frame = JSON.parse(data.toString()) as Frame;
      this.frames.add(frame);
      if (this.answers && ["phx_join", "phx_leave", "heartbeat"].includes(frame[3])) this.reply(frame, "ok", {});
    });
  }

  send(...frame: Frame): void {
    this.#socket.send(JSON.stringify(frame));
  }

  sendRaw(data: string | Uint8Array): void {
    this.#socket.send(data);
  }

  reply([joinRef, ref, topic]: Frame, status: string, response: unknown): void {
    this.send(joinRef, ref, topic, "phx_reply", { status, response });
  }

  /** The next frame with this event that nobody has taken. */
  async next(event: string): Promise<Frame> {
    for (;;) {
      const frame = await this.frames.next();
      if (frame[3] === event) return frame;
    }
  }

  close(code: number): void {
    this.#socket.close(code);
  }

  cut(): void {
    this.#socket.terminate();
  }
}

export class ScriptedServer {
  readonly url: string;
  readonly peers = new Inbox<Peer>();
  /** Handshakes and probes, refused ones too. */
  readonly upgrades = new Inbox<IncomingMessage>();
  readonly probes = new Inbox<IncomingMessage>();
  /** `undefined`: everybody is let in. */
  refusal: Refusal | undefined;
  /** Handshakes are left without an answer. */
  silent = false;
  readonly #server: Server;
  readonly #unanswered = new Set<Duplex>();
  readonly #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (names) => names.has("phoenix") && "phoenix",
  });

  constructor(server: Server) {
    this.#server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/socket`;
    server.on("request", (request, response) => {
      this.probes.add(request);
      const { refusal } = this;
      if (refusal === null) return response.writeHead(403).end();
      const admitted = { reason: "upgrade_required", retry: "never" };
      response.writeHead(refusal === undefined ? 400 : 403, { "content-type": "application/json" });
      return response.end(JSON.stringify(refusal ?? admitted));
    });
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.upgrades.add(request);
      socket.on("error", () => {});
      if (this.silent) return void this.#unanswered.add(socket);
      if (this.refusal !== undefined) return void socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.peers.add(new Peer(webSocket, tokenOf(request)));
      });
    });
  }

  static async start(): Promise<ScriptedServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new ScriptedServer(server);
  }

  /** Connections that are open at this moment. */
  get open(): number {
    return this.#sockets.clients.size;
  }

  async stop(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate();
    for (const socket of this.#unanswered) socket.destroy();
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }
}

/** The token a handshake carries. */
export function tokenOf(request: IncomingMessage): string | null {
  const offered = request.headers["sec-websocket-protocol"] ?? "";
  const found = /base64url\.bearer\.phx\.([\w-]+)/.exec(offered)?.[1];
  return found === undefined ? null : Buffer.from(found, "base64url").toString();
}
