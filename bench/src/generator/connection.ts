/** A minimal WebSocket client on a raw socket: one read buffer for all connections, frames built ahead, nothing parsed that nobody asked for. */
import { connect, type Socket } from "node:net";
import { roomTopic } from "../scenario.ts";
import type { Dialect } from "./dialect.ts";
import { closeFrame, textFrame } from "./frame.ts";
import { FrameReader } from "./frame-reader.ts";

/** What a workload wants to hear of its connections. */
export interface Listener {
  /** The upgrade is through. */
  opened?(connection: Connection): void;
  joined(connection: Connection): void;
  /** A text arrived on a connection that inspects. */
  text(connection: Connection, text: string): void;
  /** Frames arrived on a connection that only counts. */
  counted(connection: Connection, frames: number): void;
  /** Refused, closed or broken, whoever did it. */
  ended(connection: Connection, why: string): void;
}

export interface ConnectionOptions {
  readonly index: number;
  /** Loopback when left out. */
  readonly host?: string | undefined;
  readonly port: number;
  /** Where the server has its socket, if not at its dialect's usual place. */
  readonly mount?: string | undefined;
  /** The lobby when left out. */
  readonly room?: string;
  readonly token: string;
  readonly dialect: Dialect;
  readonly listener: Listener;
}

// A read is over before the next one begins, so every socket may read into the same memory.
const readBuffer = Buffer.allocUnsafe(64 * 1024);

const loopback = "127.0.0.1";

/** Source addresses the connections are spread over: one has some 28,000 ports, and a server may bound what one address opens. */
const addressCount = 16;

const headersEnd = Buffer.from("\r\n\r\n");

export class Connection {
  readonly index: number;
  readonly reader: FrameReader;
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  #response: Buffer | undefined = Buffer.alloc(0);
  #joined = false;
  #ended = false;

  constructor(options: ConnectionOptions) {
    this.index = options.index;
    this.#options = options;
    this.reader = new FrameReader({
      text: (text) => this.#text(text),
      counted: (frames) => options.listener.counted(this, frames),
      closed: () => {
        this.write(closeFrame());
        this.#end("the server closed it");
      },
    });
    this.#socket = connect({
      port: options.port,
      host: options.host ?? loopback,
      ...localAddress(options),
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (bytes) => {
          this.#read(readBuffer, bytes);
          return true;
        },
      },
    });
    this.#socket.on("connect", () => this.#socket.write(upgradeRequest(options)));
    this.#socket.on("error", (error) => this.#end(error.message));
    this.#socket.on("close", () => this.#end("the connection broke"));
  }

  get joined(): boolean {
    return this.#joined;
  }

  write(frame: Buffer): void {
    this.#socket.write(frame);
  }

  /** Reads no more, as a client that hangs: what is sent to it fills the buffers on the way and then the server's. */
  stall(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** From now on frames of at least `bytesMin` are counted and not looked into. */
  countOnly(bytesMin: number): void {
    this.reader.inspect = false;
    this.reader.countedBytesMin = bytesMin;
  }

  /** Breaks off without a word; the listener hears nothing of it. */
  destroy(): void {
    this.#ended = true;
    this.#socket.resetAndDestroy();
  }

  #read(buffer: Buffer, bytes: number): void {
    if (this.#response === undefined) {
      this.reader.read(buffer, bytes);
      return;
    }
    const response = Buffer.concat([this.#response, buffer.subarray(0, bytes)]);
    const end = response.indexOf(headersEnd);
    if (end < 0) {
      this.#response = response;
      return;
    }
    const statusLine = response.toString("latin1", 0, response.indexOf("\r\n"));
    if (!statusLine.startsWith("HTTP/1.1 101")) {
      this.#end(`the upgrade was answered with "${statusLine}"`);
      return;
    }
    this.#response = undefined;
    const { dialect, listener, room = roomTopic } = this.#options;
    const hello = dialect.hello(room);
    if (hello !== undefined) {
      this.write(textFrame(hello));
    }
    listener.opened?.(this);
    if (dialect.joinedByUpgrade) {
      this.#joined = true;
      listener.joined(this);
    }
    const rest = response.subarray(end + headersEnd.length);
    this.reader.read(rest, rest.length);
  }

  #text(text: string): void {
    const { dialect, listener, token, room = roomTopic } = this.#options;
    if (this.#joined) {
      const answer = dialect.keepAlive(text);
      if (answer === undefined) {
        listener.text(this, text);
      } else {
        this.write(textFrame(answer));
      }
      return;
    }
    const step = dialect.joining(text, token, room);
    if (step === "joined") {
      this.#joined = true;
      listener.joined(this);
    } else if (step === "refused") {
      this.#end("the join was refused");
    } else if (step !== "wait") {
      this.write(textFrame(step.send));
    }
  }

  #end(why: string): void {
    if (!this.#ended) {
      this.#ended = true;
      this.#socket.destroy();
      this.#options.listener.ended(this, why);
    }
  }
}

/** Only Linux answers on the whole of 127/8 without being told to. */
function localAddress({ index, host = loopback }: ConnectionOptions): { localAddress?: string } {
  const spread = host === loopback && process.platform === "linux";
  return spread ? { localAddress: `127.0.0.${1 + (index % addressCount)}` } : {};
}

function upgradeRequest({ dialect, host = loopback, port, mount, token }: ConnectionOptions): string {
  return [
    `GET ${dialect.path(token, mount)} HTTP/1.1`,
    `Host: ${host}:${port}`,
    // A server that was there before knows which pages it serves, and no program is one of them.
    ...(mount === undefined ? [`Origin: http://${host}:${port}`] : []),
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...dialect.headers(token),
    "\r\n",
  ].join("\r\n");
}
