/**
 * A `WebSocket` as browsers have it, whose other end is in the same process. Each message is an event of its own turn, as
 * on a network, so that a client meets them in the order and at the distance it is used to.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import type { CloseCode } from "../errors.ts";
import type { FrameData } from "../protocol/message.ts";
import type { LocalConnection, LocalPeer } from "../transport/local.ts";
import { closingOf } from "./ending.ts";
import { makeRequest } from "./request.ts";
import { turn } from "./settle.ts";

/** The server a socket is the client of. */
export interface MemoryHost {
  /** Lets the client in, or says with which status it doesn't. */
  admit(request: IncomingMessage, peer: LocalPeer): Promise<LocalConnection | { readonly status: number }>;
  opened(socket: MemoryWebSocket, request: IncomingMessage): void;
  received(line: LocalConnection, data: FrameData): void;
  over(socket: MemoryWebSocket): void;
  /** Whether what the server says is held back at the moment. */
  readonly holding: boolean;
}

/** Options as the constructor of `ws` takes them. */
export interface MemoryWebSocketOptions {
  readonly headers?: Readonly<Record<string, string>>;
}

interface CloseFacts {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

type Listener<Of> = ((event: Of) => void) | null;

/** What `onclose` gets. */
export interface CloseEventLike extends Event, CloseFacts {}

export class MemoryWebSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readonly url: string;
  readonly extensions = "";
  readonly bufferedAmount = 0;
  protocol = "";
  binaryType = "blob";
  onopen: Listener<Event> = null;
  onmessage: Listener<Event & { readonly data: unknown }> = null;
  onclose: Listener<CloseEventLike> = null;
  onerror: Listener<Event & { readonly message: string }> = null;
  readonly #host: MemoryHost;
  readonly #gone = new AbortController();
  #readyState = 0;
  #line: LocalConnection | null = null;
  #paused = false;
  /** What the server said, and what the client did, that the other has not been told yet. */
  #toClient: (() => void)[] = [];
  #toServer: (() => void)[] = [];
  #moving = false;
  #closing: CloseFacts | null = null;

  constructor(host: MemoryHost, url: string | URL, protocols: string | readonly string[] | object = [], options = {}) {
    super();
    this.#host = host;
    const { href, pathname, search, protocol } = new URL(url);
    this.url = href.replace(/^http/, "ws");
    // `ws` takes its options in place of the protocols too.
    const offered = typeof protocols === "string" ? [protocols] : Array.isArray(protocols) ? protocols : [];
    const given = typeof protocols === "object" && !Array.isArray(protocols) ? protocols : options;
    const { headers = {} } = given as MemoryWebSocketOptions;
    const subprotocols = offered.length === 0 ? {} : { "sec-websocket-protocol": offered.join(", ") };
    const request = makeRequest({
      url: `${pathname}${search}`,
      headers: { ...headers, ...subprotocols },
      peer: { tls: /^(wss|https):$/.test(protocol) },
    });
    void turn().then(() => this.#knock(request, offered.length > 0));
  }

  get readyState(): number {
    return this.#readyState;
  }

  /** @throws DOMException `InvalidStateError` before the connection is open. */
  send(data: string | ArrayBufferLike | ArrayBufferView): void {
    if (this.#readyState === 0) throw new DOMException("Still in CONNECTING state.", "InvalidStateError");
    if (this.#readyState !== 1) return;
    const frame = toFrame(data);
    this.#toServer.push(() => {
      if (this.#line === null) return;
      this.#host.received(this.#line, frame);
      this.#line.receive(frame);
    });
    this.#move();
  }

  /** @throws DOMException `InvalidAccessError` for a code that is not a program's to use. */
  close(code?: number, reason = ""): void {
    if (code !== undefined && code !== 1_000 && !(code >= 3_000 && code <= 4_999))
      throw new DOMException(`The close code ${code} is not for programs.`, "InvalidAccessError");
    if (this.#readyState > 1) return;
    if (this.#readyState === 0) {
      this.#gone.abort();
      return this.#fail("closed before the connection was established");
    }
    this.#readyState = 2;
    this.#closing = { code: code ?? 1_005, reason, wasClean: true };
    this.#toServer.push(() => this.#line?.hangUp());
    this.#move();
  }

  // --- for the server that it belongs to ----------------------------------------------------------------------------

  /** @internal Ends it with any code. */
  "~close"(code: number, reason: string): void {
    this.#closing = { code, reason, wasClean: true };
    this.#line?.hangUp();
  }

  /** @internal Ends it without a word. */
  "~drop"(): void {
    this.#toServer = [];
    this.#line?.hangUp();
    this.#toClient = [];
    void turn().then(() => this.#fail("the connection was lost"));
  }

  /** @internal Goes on with what was held back. */
  "~release"(): void {
    this.#move();
  }

  async #knock(request: IncomingMessage, offersProtocols: boolean): Promise<void> {
    const peer: LocalPeer = {
      gone: this.#gone.signal,
      write: (data) => this.#say(data),
      writeShared: ({ data }) => this.#say(data),
      close: () => {},
      pause: () => {
        this.#paused = true;
      },
      resume: () => {
        this.#paused = false;
        this.#move();
      },
      closed: (code) => this.#ended(code),
    };
    const answer = await this.#host.admit(request, peer);
    if (this.#readyState !== 0) return;
    if ("status" in answer) return this.#fail(`Unexpected server response: ${answer.status}`);
    this.#line = answer;
    if (offersProtocols && answer.subprotocol === null) {
      answer.hangUp();
      return this.#fail("Server sent no subprotocol");
    }
    this.protocol = answer.subprotocol ?? "";
    this.#readyState = 1;
    this.#host.opened(this, request);
    this.#emit("open", {});
    this.#move();
  }

  #say(data: FrameData): void {
    this.#toClient.push(() => {
      if (this.#readyState === 1) this.#emit("message", { data: this.#toData(data) });
    });
    this.#move();
  }

  #ended(code: CloseCode | null): void {
    this.#line = null;
    this.#closing ??= { code: closingOf(code).closeCode, reason: "", wasClean: true };
    const facts = this.#closing;
    this.#toClient.push(() => this.#close(facts));
    this.#move();
  }

  #fail(message: string): void {
    if (this.#readyState === 3) return;
    const close = (): void => {
      this.#readyState = 3;
      this.#emit("error", { message });
      this.#close({ code: 1_006, reason: "", wasClean: false });
    };
    if (this.#readyState !== 0) return close();
    this.#readyState = 2;
    void turn().then(close);
  }

  #close(facts: CloseFacts): void {
    this.#readyState = 3;
    this.#host.over(this);
    this.#emit("close", facts);
  }

  /** One message in each direction a turn. */
  #move(): void {
    if (this.#moving || this.#readyState === 0) return;
    this.#moving = true;
    void turn().then(() => {
      this.#moving = false;
      if (!this.#paused) this.#toServer.shift()?.();
      if (!this.#host.holding) this.#toClient.shift()?.();
      if ((!this.#paused && this.#toServer.length > 0) || (!this.#host.holding && this.#toClient.length > 0))
        this.#move();
    });
  }

  #toData(data: FrameData): unknown {
    if (typeof data === "string") return data;
    const bytes = Uint8Array.from(data);
    if (this.binaryType === "arraybuffer") return bytes.buffer;
    return this.binaryType === "nodebuffer" ? Buffer.from(bytes) : new Blob([bytes]);
  }

  #emit(type: "open" | "message" | "close" | "error", facts: object): void {
    const event = Object.assign(new Event(type), facts);
    const listener = this[`on${type}`] as Listener<Event>;
    // One listener among the others: what one of them throws keeps none from being told.
    this.addEventListener(type, (each) => listener?.call(this, each), { once: true });
    this.dispatchEvent(event);
  }
}

/** A copy: the client may write on in its buffer. */
function toFrame(data: unknown): FrameData {
  if (typeof data === "string") return data;
  if (ArrayBuffer.isView(data)) return Uint8Array.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  if (data instanceof ArrayBuffer || Object.prototype.toString.call(data) === "[object ArrayBuffer]")
    return Uint8Array.from(new Uint8Array(data as ArrayBuffer));
  throw new TypeError("Expected text, an ArrayBuffer or a view of one to be sent, got something else.");
}
