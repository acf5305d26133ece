// A WebSocket client that shows everything: the refused upgrade as it came, every frame in order, the exact
// close code, and whether TCP ended with or without a close frame. It answers pings and close frames, nothing else.
import { createHash, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { encodeClose, encodeFrame, type Frame, FrameReader, opcodes } from "./frames.ts";
import { parseResponse } from "./http.ts";
import type { Headers } from "./recording.ts";

/** What a connection saw. */
export type Observation =
  | { readonly type: "upgraded"; readonly status: number; readonly headers: Headers; readonly head: string }
  | { readonly type: "refused"; readonly status: number; readonly headers: Headers; readonly body: string }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "binary" | "ping" | "pong"; readonly data: Buffer }
  | { readonly type: "closed"; readonly code: number; readonly reason: string }
  /** The server broke HTTP or WebSocket. */
  | { readonly type: "broken"; readonly message: string }
  /** There is no server to talk to. */
  | { readonly type: "unreachable"; readonly message: string };

export interface ClientOptions {
  /** `http://host:port` of the server. */
  readonly base: URL;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly protocols: readonly string[];
  /** Offers per-message deflate. */
  readonly deflate: boolean;
  readonly observe: (observation: Observation) => void;
}

const acceptGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export class Client {
  readonly #options: ClientOptions;
  readonly #socket: Socket;
  readonly #key = randomBytes(16).toString("base64");
  readonly #reader = new FrameReader();
  #answer: Buffer = Buffer.alloc(0);
  #state: "upgrading" | "open" | "over" = "upgrading";

  constructor(options: ClientOptions) {
    this.#options = options;
    const { hostname, port } = options.base;
    this.#socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || 80) });
    this.#socket.setNoDelay(true);
    this.#socket.on("connect", () => this.#socket.write(this.#request()));
    this.#socket.on("data", (chunk) => this.#received(chunk));
    this.#socket.on("error", (error: NodeJS.ErrnoException) => {
      if (this.#state === "upgrading" && error.syscall === "connect") {
        this.#end({ type: "unreachable", message: `${options.base.host}: ${error.code ?? error.message}` });
      }
    });
    this.#socket.on("end", () => this.#socket.end());
    this.#socket.on("close", () => this.#lost());
  }

  /** Whether frames can still be sent. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Sends one frame. What is sent after the end is lost, as on any network. */
  send(opcode: number, data: Uint8Array): void {
    if (this.#state === "open") this.#socket.write(encodeFrame(opcode, data, randomBytes(4)));
  }

  /** Writes bytes as they are, to send what no frame encoder would. */
  write(bytes: Uint8Array): void {
    if (this.#state === "open") this.#socket.write(bytes);
  }

  /** Drops the TCP connection, without a close frame, and observes nothing more. */
  kill(): void {
    this.#state = "over";
    this.#socket.destroy();
  }

  #request(): string {
    const { base, path, headers, protocols, deflate } = this.#options;
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: ${base.host}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      `Sec-WebSocket-Key: ${this.#key}`,
      "Sec-WebSocket-Version: 13",
    ];
    if (protocols.length > 0) lines.push(`Sec-WebSocket-Protocol: ${protocols.join(", ")}`);
    if (deflate) lines.push("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits");
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    return `${lines.join("\r\n")}\r\n\r\n`;
  }

  #received(chunk: Buffer): void {
    if (this.#state === "open") {
      this.#frames(chunk);
    } else if (this.#state === "upgrading") {
      this.#answer = Buffer.concat([this.#answer, chunk]);
      this.#answered(false);
    }
  }

  #answered(ended: boolean): void {
    const response = parseResponse(this.#answer, ended);
    if (response === undefined) {
      if (ended) this.#end({ type: "broken", message: "the connection ended before the upgrade was answered" });
      return;
    }
    if (response.status !== 101) {
      this.#end({ type: "refused", ...response });
      this.#socket.destroy();
      return;
    }
    const accept = createHash("sha1")
      .update(this.#key + acceptGuid)
      .digest("base64");
    if (response.headers["sec-websocket-accept"] !== accept) {
      this.#end({ type: "broken", message: "sec-websocket-accept does not fit the key" });
      this.#socket.destroy();
      return;
    }
    this.#state = "open";
    this.#options.observe({ type: "upgraded", status: 101, headers: response.headers, head: response.head });
    if (response.rest.length > 0) this.#frames(response.rest);
  }

  #frames(chunk: Buffer): void {
    let frames: Frame[];
    try {
      frames = this.#reader.read(chunk);
    } catch (error) {
      this.#end({ type: "broken", message: (error as Error).message });
      this.#socket.destroy();
      return;
    }
    for (const frame of frames) {
      if (this.#state === "open") this.#frame(frame);
    }
  }

  #frame({ opcode, data }: Frame): void {
    const { observe } = this.#options;
    switch (opcode) {
      case opcodes.text:
        observe({ type: "text", text: data.toString("utf8") });
        break;
      case opcodes.binary:
        observe({ type: "binary", data: Buffer.from(data) });
        break;
      case opcodes.ping:
        this.send(opcodes.pong, data);
        observe({ type: "ping", data: Buffer.from(data) });
        break;
      case opcodes.pong:
        observe({ type: "pong", data: Buffer.from(data) });
        break;
      case opcodes.close:
        this.#closed(data);
        break;
      default:
        this.#end({ type: "broken", message: `the server sent a frame of unknown opcode ${opcode}` });
        this.#socket.destroy();
    }
  }

  #closed(data: Buffer): void {
    const code = data.length >= 2 ? data.readUInt16BE(0) : 1005;
    this.send(opcodes.close, encodeClose(code === 1005 ? null : code, ""));
    this.#end({ type: "closed", code, reason: data.subarray(2).toString("utf8") });
  }

  #lost(): void {
    if (this.#state === "upgrading") this.#answered(true);
    else if (this.#state === "open") this.#end({ type: "closed", code: 1006, reason: "" });
  }

  #end(observation: Observation): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#options.observe(observation);
  }
}
