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
import { Batch } from "./batch.ts";
import { ConnectionSet, type Held, type TransportEvents } from "./connection-set.ts";
import { explainSubprotocol } from "./explain.ts";
import { leavesOutVolatile, type Mount, type WebSocketMount } from "./mount.ts";
import { toWire, wsErrors } from "./wire.ts";

/** How long a closing handshake may take before the connection is cut. */
const closeTimeoutMs = 5_000;
/** Chunks and fragments one unfinished message may be made of (CVE-2026-48779): far beyond any real client. */
const fragmentsMax = 4_096;
const chunksMax = 16_384;
/** Beyond one full message, what a client sends may inflate to so many times what was read of it (CVE-2026-39804). */
const inflateRatioMax = 25;
/** Connections are looked at so many times per idle timeout: a timeout is exact to two parts in this many. */
const sweepsPerTimeout = 80;
/** Pongs that wait for a client: an honest one asks again when it was answered. Each takes more memory than its bytes. */
const pongsMax = 60;

/** Every WebSocket connection of one mount. */
export class WebSocketTransport {
  readonly #mount: Mount;
  readonly #options: WebSocketMount;
  readonly #server: WebSocketServer;
  readonly connections: ConnectionSet<WebSocketConnection> = new ConnectionSet();
  readonly #events: TransportEvents;
  #cancelSweep: (() => void) | null = null;
  /** Periods are counted from here: small numbers take no memory of their own. Moved on by what is nobody's silence. */
  #since: number;
  #period = 0;
  /** Those that are told something in this run of the program. */
  #told: WebSocketConnection[] = [];
  #nothing = Batch.empty();
  readonly #writeAll = (): void => {
    const told = this.#told;
    this.#told = [];
    this.#nothing = Batch.empty();
    for (const connection of told) connection.writeBatch();
  };

  constructor(mount: Mount, options: WebSocketMount, events: TransportEvents) {
    this.#mount = mount;
    this.#options = options;
    this.#events = events;
    this.#since = mount.environment.clock.now();
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: options.frameBytesMax,
      maxFragments: fragmentsMax,
      maxBufferedChunks: chunksMax,
      closeTimeout: closeTimeoutMs,
      WebSocket: ServedWebSocket,
      // Answered here, where what waits for a client is counted: see pinged().
      autoPong: false,
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
    { identity, subprotocol }: { readonly identity: ConnectionIdentity; readonly subprotocol: string | null },
    since: number,
  ): boolean {
    // phoenix.js offers its token in an alphabet that RFC 6455 doesn't allow in a subprotocol, and the token must not be
    // echoed: `ws` gets to see the selected name only.
    if (subprotocol === null) delete request.headers["sec-websocket-protocol"];
    else request.headers["sec-websocket-protocol"] = subprotocol;
    let opened = false;
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      opened = true;
      this.#open(webSocket as ServedWebSocket, socket, identity, since);
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

  #open(webSocket: ServedWebSocket, socket: Duplex, identity: ConnectionIdentity, since: number): void {
    const { environment, path } = this.#mount;
    // First: it tells the time, and may not have been looked at for as long as nobody was here.
    this.#cancelSweep ??= this.#scheduleSweep();
    const connection = new WebSocketConnection(webSocket, socket, this, identity);
    this.connections.add(connection);
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

  /** What a connection is told in this run, before it is told anything. */
  get nothing(): Batch {
    return this.#nothing;
  }

  /**
   * Has `connection` write its batch when everything that is there to be read has been: a system call costs most of a frame,
   * and the busier the process, the more it says in one. With nothing to do that is at once.
   */
  writeSoon(connection: WebSocketConnection): void {
    if (this.#told.push(connection) === 1) setImmediate(this.#writeAll);
  }

  /** The period it is, as of the last look at the clock: exact enough for silence, and asked for with every frame. */
  get period(): number {
    return this.#period;
  }

  #scheduleSweep(waits = true): () => void {
    const { clock } = this.#mount.environment;
    const periodMs = this.#periodMs;
    const dueAt = clock.now() + periodMs;
    this.#period = this.#periodAt(clock.now());
    return clock.after(periodMs, () => {
      const lateMs = clock.now() - dueAt;
      const heldUp = Math.abs(lateMs) >= periodMs;
      // It was this process that was silent, or its clock that was set. Who was heard as soon as it went on was heard in the
      // period it believed in until now; what others said meanwhile is read before they are looked at.
      if (heldUp) this.#since += lateMs;
      if (heldUp && waits) this.#cancelSweep = this.#scheduleSweep(false);
      else this.#sweep();
    });
  }

  get #periodMs(): number {
    return this.#options.idleTimeoutMs / sweepsPerTimeout;
  }

  #periodAt(now: number): number {
    return Math.floor((now - this.#since) / this.#periodMs);
  }

  #sweep(): void {
    this.#period = this.#periodAt(this.#mount.environment.clock.now());
    for (const connection of this.connections) connection.endIfIdle(this.#period);
    this.#cancelSweep = this.connections.size === 0 ? null : this.#scheduleSweep();
  }
}

/** Bytes that are held back for one write at most: a long run must not be taken for a slow reader. */
const batchBytesMax = 65_536;

/** Tells its connection what it hears. Five listeners for each would take more memory than the connection itself. */
class ServedWebSocket extends WebSocket {
  owner: WebSocketConnection | null = null;

  /** `ws` closes by itself too, as soon as it has read a close or what is no frame: what was said before that goes first. */
  override close(code?: number, reason?: string | Buffer): void {
    this.owner?.writeBatch();
    super.close(code, reason);
  }

  override emit(event: string | symbol, first?: unknown, second?: unknown): boolean {
    const { owner } = this;
    if (owner === null) return super.emit(event, first, second);
    switch (event) {
      case "message":
        owner.received(first as Buffer, second as boolean);
        return true;
      case "ping":
        owner.pinged(first as Buffer);
        return true;
      case "pong":
        owner.ponged();
        return true;
      case "close":
        owner.gone(first as number);
        return true;
      case "error":
        // `ws` closes by itself with the right code.
        owner.failed((first as NodeJS.ErrnoException).code ?? "");
        return true;
      default:
        return super.emit(event, first, second);
    }
  }
}

/**
 * Pongs that wait, whatever else does: `ws` holds them back while it compresses, and behind a stream that never runs dry a
 * client is answered all the same. Made for those who ping.
 */
class Pongs {
  waiting = 0;
  readonly onWritten = (): void => {
    this.waiting -= 1;
  };
}

class WebSocketConnection implements Sink, Held {
  readonly connection: Connection;
  readonly #webSocket: ServedWebSocket;
  readonly #socket: Duplex;
  readonly #transport: WebSocketTransport;
  readonly #deflating: boolean;
  /** The period in which it was last heard of. */
  #seenIn: number;
  /** Why it ends, where that is known here. */
  #code: CloseCode | null = null;
  #backlogWarned = false;
  #inflatedBytes = 0;
  #handledCount = 0;
  #pongs: Pongs | null = null;
  /** What it has been told in this run; `null` for nothing. */
  #batch: Batch | null = null;
  /** Whether more waited after the last write than a socket takes by itself. */
  #behind = false;

  constructor(webSocket: ServedWebSocket, socket: Duplex, transport: WebSocketTransport, identity: ConnectionIdentity) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#transport = transport;
    this.#deflating = webSocket.extensions !== "";
    this.#seenIn = transport.period;
    this.connection = new Connection(transport.mount.context, identity, this);
    webSocket.owner = this;
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
    this.#seenIn = this.#transport.period;
  }

  /** What it asks for is written where everything else is: who reads no answers is a slow reader. */
  pinged(data: Buffer): void {
    this.ponged();
    if (!this.#takes()) return;
    this.#pongs ??= new Pongs();
    if (this.#pongs.waiting >= pongsMax) return;
    this.#pongs.waiting += 1;
    this.#webSocket.pong(data, false, this.#pongs.onWritten);
  }

  ponged(): void {
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

  endIfIdle(period: number): void {
    const { paused, handledCount } = this.connection;
    if (paused && handledCount !== this.#handledCount) this.#seenIn = period;
    this.#handledCount = handledCount;
    // The one in which it was last heard of may have been over a moment later.
    if (period - this.#seenIn <= sweepsPerTimeout) return;
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
    if (this.#deflating) return this.#send(data);
    this.#tell(this.#before().with(toWire(data)));
  }

  writeShared(frame: SharedFrame): void {
    if (frame.volatile && leavesOutVolatile(this.#transport.mount, this.#backlog)) return;
    if (this.#deflating) return this.#send(frame.data);
    frame.wire ??= toWire(frame.data);
    this.#tell(this.#before().withShared(frame.wire));
  }

  /** `ws` compresses one message after the other. */
  #send(data: FrameData): void {
    if (this.#takes()) this.#webSocket.send(data);
  }

  #before(): Batch {
    if (this.#batch !== null) return this.#batch;
    this.#transport.writeSoon(this);
    return this.#transport.nothing;
  }

  #tell(batch: Batch): void {
    this.#batch = batch;
    if (batch.bytes > batchBytesMax) this.writeBatch();
  }

  writeBatch(): void {
    const batch = this.#batch;
    this.#batch = null;
    if (batch === null) return;
    // Who kept up the last time needs no look at what waits: of thousands each look is a wait for memory.
    const takes = this.#behind ? this.#takes() : this.#webSocket.readyState === WebSocket.OPEN;
    if (takes) this.#behind = !this.#socket.write(batch.joined());
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

  get #backlog(): number {
    return this.#deflating ? this.#webSocket.bufferedAmount : this.#socket.writableLength;
  }

  /**
   * Whether there is somebody to write to. What already waits is counted and not what is to come: one message of any size
   * reaches a client that reads.
   */
  #takes(): boolean {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return false;
    const { outgoingBytesMax } = this.#transport.options;
    const { environment, path } = this.#transport.mount;
    const backlog = this.#backlog;
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
