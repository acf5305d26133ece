/**
 * Reading along on a connection's wire: what a client of another process sends is recorded as if it were one of this.
 *
 * @module
 */

import type { Duplex } from "node:stream";
import type { FrameData } from "../protocol/message.ts";

/** Calls `onMessage` for each message that comes over `socket`, which goes on being read by whom it belongs to. */
export function tapMessages(socket: Duplex, head: Uint8Array, onMessage: (data: FrameData) => void): void {
  const reader = new ClientFrames(onMessage);
  reader.read(head);
  const emit = socket.emit.bind(socket);
  // A listener of its own would begin the reading too early.
  socket.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event === "data") reader.read(args[0] as Uint8Array);
    return emit(event, ...args);
  };
}

const continuation = 0;
const text = 1;
const binary = 2;

/** Frames as clients send them: masked, perhaps in fragments, not compressed (RFC 6455, 5.2). */
class ClientFrames {
  readonly #onMessage: (data: FrameData) => void;
  #bytes: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #opcode = text;

  constructor(onMessage: (data: FrameData) => void) {
    this.#onMessage = onMessage;
  }

  read(chunk: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#readFrame());
  }

  /** False when more has to come first. */
  #readFrame(): boolean {
    const bytes = this.#bytes;
    if (bytes.length < 2) return false;
    const [first, second] = [bytes[0] as number, bytes[1] as number];
    const short = second & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const maskAt = 2 + lengthBytes;
    if (bytes.length < maskAt + 4) return false;
    const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    const start = maskAt + 4;
    if (bytes.length < start + length) return false;
    const data = Buffer.from(bytes.subarray(start, start + length));
    for (let index = 0; index < length; index += 1)
      data[index] = (data[index] as number) ^ (bytes[maskAt + (index % 4)] as number);
    this.#bytes = bytes.subarray(start + length);
    this.#frame(first & 0x0f, (first & 0x80) !== 0, data);
    return true;
  }

  #frame(opcode: number, final: boolean, data: Buffer): void {
    if (opcode !== continuation && opcode !== text && opcode !== binary) return;
    if (opcode !== continuation) this.#opcode = opcode;
    this.#parts.push(data);
    if (!final) return;
    const whole = Buffer.concat(this.#parts.splice(0));
    this.#onMessage(this.#opcode === text ? whole.toString("utf8") : Uint8Array.from(whole));
  }
}
