/**
 * The WebSocket transport, on `ws`: the handshake, reading, closing and deflate are its business. Writing is ours where
 * nothing is compressed: one buffer with its header for a frame, made once for all subscribers of a broadcast.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket, WebSocketServer } from "ws";
import type { SharedFrame } from "../channel/fastlane.ts";
import { type CloseCode, errorTable } from "../errors.ts";
import { bounds } from "../limit/bounds.ts";
import type { FrameData } from "../protocol/message.ts";
import { Connection, type ConnectionIdentity, type Sink } from "../socket/connection.ts";
import { ConnectionSet, type Held, type TransportEvents } from "./connection-set.ts";
import { explainSubprotocol } from "./explain.ts";
import type { Mount, WebSocketMount } from "./mount.ts";
import { toWire, wsErrors } from "./wire.ts";

/** How long a closing handshake may take before the connection is cut. */
const closeTimeoutMs = 5_000;
/** Chunks and fragments one unfinished message may be made of (CVE-2026-48779): far beyond any real client. */
const fragmentsMax = 4_096;
const chunksMax = 16_384;
/** Beyond one full message, what a client sends may inflate to so many times what was read of it (CVE-2026-39804). */
const inflateRatioMax = 25;
/** Connections are looked at so many times per idle timeout: a timeout is exact to one part in this many. */
const sweepsPerTimeout = 40;

/** Every WebSocket connection of one mount. */
export class WebSocketTransport {
  readonly #mount: Mount;
  readonly #options: WebSocketMount;
  readonly #server: WebSocketServer;
  readonly connections: ConnectionSet<WebSocketConnection> = new ConnectionSet();
  readonly #events: TransportEvents;
  #cancelSweep: (() => void) | null = null;
  #corked: Duplex[] = [];

  constructor(mount: Mount, options: WebSocketMount, events: TransportEvents) {
    this.#mount = mount;
    this.#options = options;
    this.#events = events;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: options.frameBytesMax,
      maxFragments: fragmentsMax,
      maxBufferedChunks: chunksMax,
      closeTimeout: closeTimeoutMs,
      perMessageDeflate: options.deflate
        ? { serverNoContextTakeover: true, clientNoContextTakeover: true, concurrencyLimit: 10, threshold: 1_024 }
        : false,
      // The selected one is put into the request beforehand: see upgrade().
      handleProtocols: (protocols: Set<string>) => protocols.values().next().value ?? false,
    } as ConstructorParameters<typeof WebSocketServer>[0]);
  }

  /** Makes the connection of an admitted request. False for a handshake that `ws` finds wanting, and answers 400. */
  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    admitted: { readonly identity: ConnectionIdentity; readonly subprotocol: string | null; readonly since: number },
  ): boolean {
    // phoenix.js offers its token in an alphabet that RFC 6455 doesn't allow in a subprotocol, and the token must not be
    // echoed: `ws` gets to see the selected name only.
    if (admitted.subprotocol === null) delete request.headers["sec-websocket-protocol"];
    else request.headers["sec-websocket-protocol"] = admitted.subprotocol;
    let opened = false;
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      opened = true;
      this.#open(webSocket, socket, admitted.identity, admitted.since);
    });
    return opened;
  }

  /** Upgrades somebody who is refused and asked to be told why: one frame, and a close. Never a connection. */
  explain(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    { frame, closeCode }: { readonly frame: FrameData; readonly closeCode: number },
  ): void {
    request.headers["sec-websocket-protocol"] = explainSubprotocol;
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on("error", () => {});
      webSocket.send(frame);
      webSocket.close(closeCode);
    });
  }

  #open(webSocket: WebSocket, socket: Duplex, identity: ConnectionIdentity, since: number): void {
    const { environment, path } = this.#mount;
    const connection = new WebSocketConnection(webSocket, socket, this, identity);
    this.connections.add(connection);
    this.#cancelSweep ??= this.#scheduleSweep();
    environment.telemetry.emit("socket.connected", { mount: path, transport: identity.transport });
    this.#events.onOpen(connection.connection, since);
  }

  get mount(): Mount {
    return this.#mount;
  }

  get options(): WebSocketMount {
    return this.#options;
  }

  closed(connection: WebSocketConnection, closeCode: number, code: CloseCode | null): void {
    if (!this.connections.delete(connection)) return;
    this.#events.onClosed(connection.connection);
    const { environment, path } = this.#mount;
    environment.telemetry.emit("socket.closed", { mount: path, transport: "websocket", closeCode, code });
    if (this.connections.size > 0) return;
    this.#cancelSweep?.();
    this.#cancelSweep = null;
  }

  /** Lets go of what was held for `socket` when the present run of the program is over. */
  uncorkSoon(socket: Duplex): void {
    if (this.#corked.push(socket) > 1) return;
    queueMicrotask(() => {
      const corked = this.#corked;
      this.#corked = [];
      for (const held of corked) held.uncork();
    });
  }

  #scheduleSweep(): () => void {
    const { clock } = this.#mount.environment;
    const periodMs = this.#options.idleTimeoutMs / sweepsPerTimeout;
    const dueAt = clock.now() + periodMs;
    return clock.after(periodMs, () => {
      const heldUp = clock.now() - dueAt >= periodMs;
      // It was this process that was silent: what clients said meanwhile is read before they are looked at.
      if (heldUp) this.#cancelSweep = clock.after(periodMs, () => this.#sweep());
      else this.#sweep();
    });
  }

  #sweep(): void {
    const now = this.#mount.environment.clock.now();
    for (const connection of this.connections) connection.endIfIdle(now);
    this.#cancelSweep = this.connections.size === 0 ? null : this.#scheduleSweep();
  }
}

/** Bytes that are held back for one write at most. */
const corkedBytesMax = 65_536;

/** Where a `ws` finds its connection: one property instead of a closure for every listener and connection. */
const owner: unique symbol = Symbol("portcullis connection");
type Owned = WebSocket & { [owner]?: WebSocketConnection };

function onMessage(this: WebSocket, data: Buffer, isBinary: boolean): void {
  (this as Owned)[owner]?.received(data, isBinary);
}
function onControlFrame(this: WebSocket): void {
  (this as Owned)[owner]?.pinged();
}
function onClose(this: WebSocket, code: number): void {
  (this as Owned)[owner]?.gone(code);
}
/** `ws` closes by itself with the right code; without a listener the process would die. */
function onError(this: WebSocket, error: Error): void {
  (this as Owned)[owner]?.failed((error as NodeJS.ErrnoException).code ?? "");
}

class WebSocketConnection implements Sink, Held {
  readonly connection: Connection;
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  readonly #transport: WebSocketTransport;
  readonly #deflating: boolean;
  #seenAt: number;
  /** Why it ends, where that is known here. */
  #code: CloseCode | null = null;
  #backlogWarned = false;
  #inflatedBytes = 0;
  #handledCount = 0;

  constructor(webSocket: WebSocket, socket: Duplex, transport: WebSocketTransport, identity: ConnectionIdentity) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#transport = transport;
    this.#deflating = webSocket.extensions !== "";
    this.#seenAt = transport.mount.environment.clock.now();
    this.connection = new Connection(transport.mount.context, identity, this);
    (webSocket as Owned)[owner] = this;
    webSocket.on("message", onMessage);
    webSocket.on("ping", onControlFrame);
    webSocket.on("pong", onControlFrame);
    webSocket.on("close", onClose);
    webSocket.on("error", onError);
  }

  received(data: Buffer, isBinary: boolean): void {
    this.touch();
    if (this.#deflating && this.#inflatesTooFar(data.length)) return;
    try {
      this.connection.receive(isBinary ? data : data.toString("utf8"));
    } catch (error) {
      // Nothing is expected here. Were it to go on, it would end the process, and with it everybody's connection.
      const { environment, path } = this.#transport.mount;
      environment.telemetry.error(`receive ${path}`, `a frame on ${path} could not be handled`, error);
      this.connection.end("frame_invalid", { kind: "error", error });
    }
  }

  /** Each message is bounded by `ws`; this bounds what one packet of many small ones can become. */
  #inflatesTooFar(bytes: number): boolean {
    this.#inflatedBytes += bytes;
    const { bytesRead = 0 } = this.#socket as Partial<Socket>;
    const { frameBytesMax } = this.#transport.options;
    if (this.#inflatedBytes <= frameBytesMax + inflateRatioMax * bytesRead) return false;
    this.connection.end("frame_too_large", { kind: "closed" });
    return true;
  }

  touch(): void {
    this.#seenAt = this.#transport.mount.environment.clock.now();
  }

  pinged(): void {
    this.touch();
    this.connection.pinged();
  }

  gone(closeCode: number): void {
    this.connection.closed({ kind: "closed" });
    this.#transport.closed(this, closeCode, this.#code);
  }

  failed(wsCode: string): void {
    if (!wsCode.startsWith("WS_ERR_")) return;
    const code = wsErrors[wsCode] ?? "protocol_violated";
    this.#code ??= code;
    const { environment, path } = this.#transport.mount;
    const text = `portcullis: a connection to ${path} was closed (${code}): ${errorTable[code].means}`;
    environment.telemetry.warn(`${code} ${path}`, () => text);
  }

  endIfIdle(now: number): void {
    const { paused, handledCount } = this.connection;
    if (paused && handledCount !== this.#handledCount) this.#seenAt = now;
    this.#handledCount = handledCount;
    if (now - this.#seenAt < this.#transport.options.idleTimeoutMs) return;
    if (!paused) return this.connection.end("idle", { kind: "closed" });
    const { environment, path } = this.#transport.mount;
    environment.telemetry.warn(
      `stalled ${path}`,
      () =>
        `portcullis: a connection to ${path} was closed (stalled): its handlers finished nothing for ${this.#transport.options.idleTimeoutMs} ms while more than its queue holds was waiting.`,
    );
    this.connection.end("stalled", { kind: "closed" });
  }

  cut(): void {
    this.#webSocket.terminate();
  }

  // --- Sink ---------------------------------------------------------------------------------------------------------

  write(data: FrameData): void {
    if (!this.#takes()) return;
    if (this.#deflating) this.#webSocket.send(data);
    else this.#put(toWire(data));
  }

  writeShared(frame: SharedFrame): void {
    if (!this.#takes()) return;
    if (this.#deflating) {
      this.#webSocket.send(frame.data);
    } else {
      frame.wire ??= toWire(frame.data);
      this.#put(frame.wire);
    }
  }

  close(code: CloseCode): void {
    // A peer that was held back must be read again, or its answer to the close never arrives.
    if (this.connection.paused) this.#webSocket.resume();
    this.#code ??= code;
    this.#webSocket.close(errorTable[code].closeCode);
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    // What we held back ourselves is no silence of the client's.
    this.touch();
    this.#webSocket.resume();
  }

  after(delayMs: number, task: () => void): () => void {
    return this.#transport.mount.environment.clock.after(delayMs, task);
  }

  /** What one synchronous run of the program says to a client leaves in one write: a system call costs most of a frame. */
  #put(frame: Uint8Array): void {
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      this.#transport.uncorkSoon(this.#socket);
    }
    this.#socket.write(frame);
    // A long run must not be taken for a slow reader: the kernel gets its share meanwhile.
    if (this.#socket.writableLength > corkedBytesMax) this.#socket.uncork();
  }

  /**
   * Whether there is somebody to write to. What already waits is counted and not what is to come: one message of any size
   * reaches a client that reads.
   */
  #takes(): boolean {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return false;
    const { outgoingBytesMax } = this.#transport.options;
    const { environment, path } = this.#transport.mount;
    const backlog = this.#deflating ? this.#webSocket.bufferedAmount : this.#socket.writableLength;
    if (backlog <= outgoingBytesMax) {
      if (this.#backlogWarned || backlog < outgoingBytesMax * bounds.warnAt) return true;
      this.#backlogWarned = true;
      const limit = { mount: path, limit: "outgoingBytesMax", value: backlog, max: outgoingBytesMax };
      environment.telemetry.emit("limit.warned", limit);
      return true;
    }
    environment.telemetry.emit("limit.reached", { mount: path, limit: "outgoingBytesMax", max: outgoingBytesMax });
    environment.telemetry.warn(
      `slow_reader ${path}`,
      () =>
        `portcullis: a connection to ${path} was dropped (slow_reader): its client left more than ${outgoingBytesMax} bytes unread.`,
    );
    this.connection.end("slow_reader", { kind: "closed" });
    // Its close frame stands behind everything it doesn't read: waiting for the answer would keep all of that.
    this.#webSocket.terminate();
    return false;
  }
}
