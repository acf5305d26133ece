/** A client that keeps no rules: bytes out, bytes in, so that a test can say exactly what an attacker sends. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";

/** A response to a handshake, whatever it was. */
export interface RawResponse {
  readonly status: number;
  readonly statusLine: string;
  readonly headers: ReadonlyMap<string, string>;
  /** Everything before the first empty line, as it came. */
  readonly head: string;
  readonly body: string;
}

export interface HandshakeOptions {
  readonly path?: string;
  readonly method?: string;
  readonly version?: string;
  /** Sent as given, after the defaults. `null` in `without` leaves a default out. */
  readonly headers?: readonly string[];
  /** Names of default headers to leave out. */
  readonly without?: readonly string[];
  /** Sent directly behind the handshake, in the same packet. */
  readonly trailing?: Uint8Array;
  readonly connection?: Socket;
}

/** One frame of the server. */
export interface Frame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly rsv1: boolean;
  readonly payload: Buffer;
}

export interface FrameOptions {
  readonly opcode?: number;
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly masked?: boolean;
  /** What the header claims, in place of the truth. */
  readonly claimedLength?: number;
}

/** Makes a frame as a client sends it (RFC 6455, 5.2), or as no client should. */
export function frame(payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
  const data = typeof payload === "string" ? Buffer.from(payload, "utf8") : Buffer.from(payload);
  const { opcode = typeof payload === "string" ? 1 : 2, fin = true, rsv = 0, masked = true } = options;
  const length = options.claimedLength ?? data.length;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const header = Buffer.alloc(2 + extended);
  header[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  header[1] = (masked ? 0x80 : 0) | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) header.writeUInt16BE(length, 2);
  if (extended === 8) header.writeBigUInt64BE(BigInt(length), 2);
  if (!masked) return Buffer.concat([header, data]);
  const mask = randomBytes(4);
  const body = Buffer.from(data);
  for (let index = 0; index < body.length; index += 1)
    body[index] = (body[index] as number) ^ (mask[index % 4] as number);
  return Buffer.concat([header, mask, body]);
}

/** Opens a TCP connection. */
export async function tcp(port: number): Promise<Socket> {
  const socket = connectTcp({ port, host: "127.0.0.1", noDelay: true });
  // A server that hangs up is what many of these tests are about.
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** The text of a handshake. */
export function handshakeText(port: number, options: HandshakeOptions = {}): string {
  const without = new Set((options.without ?? []).map((name) => name.toLowerCase()));
  const defaults = [
    `Host: localhost:${port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
  ].filter((line) => !without.has(line.slice(0, line.indexOf(":")).toLowerCase()));
  const requestLine = `${options.method ?? "GET"} ${options.path ?? "/socket/websocket?vsn=2.0.0"} HTTP/${options.version ?? "1.1"}`;
  return [requestLine, ...defaults, ...(options.headers ?? []), "", ""].join("\r\n");
}

/** A connection whose every byte the test decides. */
export class RawClient {
  readonly socket: Socket;
  readonly response: RawResponse;
  readonly frames: Frame[] = [];
  /** The code of the server's close frame. */
  closeCode: number | null = null;
  closeReason: string | null = null;
  /** Resolves when TCP is closed. */
  readonly ended: Promise<void>;
  #rest: Buffer;
  #waiting: (() => void)[] = [];
  #done = false;

  constructor(socket: Socket, response: RawResponse, rest: Buffer) {
    this.socket = socket;
    this.response = response;
    this.#rest = rest;
    this.ended = new Promise((resolve) => {
      const finish = (): void => {
        this.#done = true;
        this.#wake();
        resolve();
      };
      if (socket.destroyed) finish();
      else socket.once("close", finish);
    });
    socket.on("data", (chunk: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      this.#parse();
    });
    this.#parse();
  }

  get status(): number {
    return this.response.status;
  }

  /** Sends bytes; true when the network took them at once. */
  send(...parts: readonly (string | Uint8Array)[]): boolean {
    return this.socket.write(
      Buffer.concat(parts.map((part) => (typeof part === "string" ? frame(part) : Buffer.from(part)))),
    );
  }

  /** Sends a message as JSON in a text frame. */
  message(...fields: readonly unknown[]): void {
    this.send(JSON.stringify(fields));
  }

  /** Text frames so far, as JSON. */
  get messages(): unknown[] {
    return this.frames.filter(({ opcode }) => opcode === 1).map(({ payload }) => JSON.parse(payload.toString("utf8")));
  }

  /** Resolves with the first thing `look` finds; fails when the connection ends before it does. */
  async until<Found>(look: () => Found | undefined | false | null, what = "what was waited for"): Promise<Found> {
    for (;;) {
      const found = look();
      if (found !== undefined && found !== false && found !== null) return found;
      if (this.#done) throw new Error(`The connection ended (close code ${this.closeCode}) before ${what}.`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The reply to `ref`. */
  reply(ref: unknown): Promise<{ status: string; response: unknown; joinRef: unknown; topic: unknown }> {
    return this.until(
      () => {
        const text = JSON.stringify(ref);
        for (const message of this.messages) {
          const [joinRef, itsRef, topic, event, payload] = message as [unknown, unknown, unknown, unknown, never];
          if (event === "phx_reply" && JSON.stringify(itsRef) === text) {
            return { ...(payload as { status: string; response: unknown }), joinRef, topic };
          }
        }
        return undefined;
      },
      `the reply to ${JSON.stringify(ref)}`,
    );
  }

  /** Joins and gives the reply. */
  async join(topic: string, payload: unknown = {}, ref = `join ${topic}`) {
    this.message(ref, ref, topic, "phx_join", payload);
    return this.reply(ref);
  }

  async push(topic: string, event: string, payload: unknown, ref: unknown) {
    this.message(null, ref, topic, event, payload);
    return this.reply(ref);
  }

  /** The code the server closes with, once TCP is closed; `null` when it just hung up. */
  async closed(): Promise<number | null> {
    await this.ended;
    return this.closeCode;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #parse(): void {
    for (;;) {
      const buffer = this.#rest;
      if (buffer.length < 2) break;
      const short = (buffer[1] as number) & 0x7f;
      const headerLength = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (buffer.length < headerLength) break;
      const length = short < 126 ? short : short === 126 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2));
      if (buffer.length < headerLength + length) break;
      const payload = buffer.subarray(headerLength, headerLength + length);
      const first = buffer[0] as number;
      this.#rest = buffer.subarray(headerLength + length);
      this.frames.push({ opcode: first & 0x0f, fin: (first & 0x80) !== 0, rsv1: (first & 0x40) !== 0, payload });
      if ((first & 0x0f) === 8) {
        this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
        this.closeReason = payload.subarray(2).toString("utf8");
        // Answered, as a client must, so that the server need not wait for it.
        if (!this.socket.destroyed) this.socket.write(frame(payload.subarray(0, 2), { opcode: 8 }));
      }
    }
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Sends a handshake and reads the answer, whatever it is. */
export async function knock(port: number, options: HandshakeOptions = {}): Promise<RawClient> {
  const socket = options.connection ?? (await tcp(port));
  socket.write(
    Buffer.concat([Buffer.from(handshakeText(port, options), "latin1"), options.trailing ?? Buffer.alloc(0)]),
  );
  return readAnswer(socket);
}

/** Reads one HTTP answer off a socket. */
export async function readAnswer(socket: Socket): Promise<RawClient> {
  let bytes = Buffer.alloc(0);
  const headEnd = await new Promise<number>((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = bytes.indexOf("\r\n\r\n");
      if (end === -1) return;
      socket.off("data", onData);
      socket.off("close", onClose);
      resolve(end);
    };
    const onClose = (): void => reject(new Error(`Hung up without an answer, after ${bytes.length} bytes.`));
    socket.on("data", onData);
    socket.once("close", onClose);
  });
  const head = bytes.subarray(0, headEnd).toString("latin1");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const status = Number(statusLine.split(" ")[1]);
  let rest = bytes.subarray(headEnd + 4);
  let body = "";
  if (status !== 101) {
    const length = Number(headers.get("content-length") ?? 0);
    while (rest.length < length && !socket.destroyed) {
      const chunk = await Promise.race([
        once(socket, "data").then(([data]) => data as Buffer),
        once(socket, "close").then(() => null),
      ]);
      if (chunk === null) break;
      rest = Buffer.concat([rest, chunk]);
    }
    body = rest.toString("utf8");
    rest = Buffer.alloc(0);
  }
  return new RawClient(socket, { status, statusLine, headers, head, body }, rest);
}
