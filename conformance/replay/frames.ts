// WebSocket frames from the client's side (RFC 6455 section 5), written plainly: a library would refuse to
// send, or would hide, part of what the recordings hold.
import { constants, inflateRawSync } from "node:zlib";

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A whole message or a control frame. */
export interface Frame {
  readonly opcode: number;
  readonly data: Buffer;
}

/** One masked frame, final, uncompressed. */
export function encodeFrame(opcode: number, data: Uint8Array, maskingKey: Uint8Array): Buffer {
  const size = data.length;
  const lengthBytes = size < 126 ? 0 : size < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (lengthBytes === 0 ? size : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) head.writeUInt16BE(size, 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(size), 2);
  return Buffer.concat([head, maskingKey, mask(data, maskingKey)]);
}

// Four bytes at a time: a message of 10 MB must not hold up everything else that is timed.
function mask(data: Uint8Array, maskingKey: Uint8Array): Uint8Array {
  const words = new Uint32Array(Math.ceil(data.length / 4));
  const masked = new Uint8Array(words.buffer, 0, data.length);
  masked.set(data);
  const [key = 0] = new Uint32Array(Uint8Array.from(maskingKey).buffer);
  for (let at = 0; at < words.length; at++) words[at] = (words[at] ?? 0) ^ key;
  return masked;
}

/** The data of a close frame: nothing without a code. */
export function encodeClose(code: number | null, reason: string): Buffer {
  if (code === null) return Buffer.alloc(0);
  const data = Buffer.alloc(2 + Buffer.byteLength(reason));
  data.writeUInt16BE(code, 0);
  data.write(reason, 2);
  return data;
}

const inflateWindowBytes = 32_768;

/** Puts bytes from a server together to messages. Throws an `Error` when they break RFC 6455. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);
  #fragments: Buffer[] = [];
  #messageOpcode = 0;
  #compressed = false;
  // What was inflated last: the server may refer back to it (context takeover, RFC 7692 section 7.2.3.2).
  #dictionary: Buffer = Buffer.alloc(0);

  read(chunk: Buffer): Frame[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const frames: Frame[] = [];
    for (;;) {
      const frame = this.#next();
      if (frame === "incomplete") return frames;
      if (frame !== "fragment") frames.push(frame);
    }
  }

  #next(): Frame | "incomplete" | "fragment" {
    const bytes = this.#pending;
    if (bytes.length < 2) return "incomplete";
    const first = bytes.readUInt8(0);
    const second = bytes.readUInt8(1);
    if ((second & 0x80) !== 0) throw new Error("the server masked a frame");
    const short = second & 0x7f;
    const headBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < headBytes) return "incomplete";
    const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (bytes.length < headBytes + size) return "incomplete";
    const data = bytes.subarray(headBytes, headBytes + size);
    this.#pending = bytes.subarray(headBytes + size);
    return this.#take(first, data);
  }

  #take(first: number, data: Buffer): Frame | "fragment" {
    const opcode = first & 0x0f;
    const final = (first & 0x80) !== 0;
    if (opcode >= 8) {
      if (!final || data.length > 125) throw new Error("the server sent a control frame in pieces or over 125 bytes");
      return { opcode, data };
    }
    if (opcode !== opcodes.continuation) {
      if (this.#fragments.length > 0) throw new Error("the server began a message inside another");
      this.#messageOpcode = opcode;
      this.#compressed = (first & 0x40) !== 0;
    }
    this.#fragments.push(data);
    if (!final) return "fragment";
    const whole = Buffer.concat(this.#fragments);
    this.#fragments = [];
    return { opcode: this.#messageOpcode, data: this.#compressed ? this.#inflate(whole) : whole };
  }

  #inflate(data: Buffer): Buffer {
    const tail = Buffer.from([0x00, 0x00, 0xff, 0xff]);
    const options = { finishFlush: constants.Z_SYNC_FLUSH, dictionary: this.#dictionary };
    const inflated = inflateRawSync(Buffer.concat([data, tail]), options);
    this.#dictionary = Buffer.concat([this.#dictionary, inflated]).subarray(-inflateWindowBytes);
    return inflated;
  }
}
