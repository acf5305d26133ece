/**
 * What the processes of one machine write to each other's sockets: frames with a length in front.
 *
 * `<bytes of what follows, 4><kind, 1><body>`. A `text` holds `<bytes of the channel, 4><channel><text>`, a `subscribe` and
 * an `unsubscribe` a channel as JSON, because a topic may hold half a surrogate pair and UTF-8 may not; a `hello` JSON; the
 * others nothing.
 *
 * @module
 */

import { bounds } from "../limit/bounds.ts";

const codes = { hello: 1, welcome: 2, subscribe: 3, unsubscribe: 4, ready: 5, text: 6, bye: 7 } as const;
/** What a frame is. */
export type FrameKind = keyof typeof codes;
const kinds: readonly (FrameKind | undefined)[] = Object.entries(codes).reduce<(FrameKind | undefined)[]>(
  (list, [kind, code]) => {
    list[code] = kind as FrameKind;
    return list;
  },
  [],
);

const headBytes = 4;
/** Who has not said who they are yet says little. */
const strangerBytesMax = 1_024;
/** A character takes three bytes at most. */
const frameBytesMax = bounds.busMessageBytesMax * 3 + 65_536;
const empty = Buffer.alloc(0);

/** Bytes that are no frame: whoever sent them is not listened to any longer. */
export class MeshFault extends Error {
  override readonly name = "MeshFault";
}

/** A frame of any kind but `text`. */
export function encodeFrame(kind: FrameKind, body = ""): Buffer {
  const bytes = Buffer.byteLength(body);
  const frame = Buffer.allocUnsafe(headBytes + 1 + bytes);
  frame.writeUInt32BE(1 + bytes, 0);
  frame[headBytes] = codes[kind];
  frame.write(body, headBytes + 1);
  return frame;
}

/** A text on a channel. */
export function encodeText(channel: string, text: string): Buffer {
  const channelBytes = Buffer.byteLength(channel);
  const bytes = 1 + 4 + channelBytes + Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(headBytes + bytes);
  frame.writeUInt32BE(bytes, 0);
  frame[headBytes] = codes.text;
  frame.writeUInt32BE(channelBytes, headBytes + 1);
  frame.write(channel, headBytes + 5);
  frame.write(text, headBytes + 5 + channelBytes);
  return frame;
}

/** Takes the body of a `text` apart. */
export function decodeText(body: Buffer): { readonly channel: string; readonly text: string } {
  const end = body.length < 4 ? Number.POSITIVE_INFINITY : 4 + body.readUInt32BE(0);
  if (end > body.length) throw new MeshFault("A text is shorter than its channel.");
  return { channel: body.toString("utf8", 4, end), text: body.toString("utf8", end) };
}

/** Reads the channel of a `subscribe` or `unsubscribe`. */
export function decodeChannel(body: Buffer): string {
  const channel = decodeJson(body);
  if (typeof channel !== "string") throw new MeshFault("A subscription is none of a channel.");
  return channel;
}

export function decodeJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8")) as unknown;
  } catch (cause) {
    throw new MeshFault("A frame holds no JSON.", { cause });
  }
}

/** Cuts what arrives into frames. Keeps no more than one that is not complete. */
export class FrameReader {
  #bytesMax = strangerBytesMax;
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** Whoever sends has said who they are. */
  trust(): void {
    this.#bytesMax = frameBytesMax;
  }

  /**
   * Calls `visit` for each frame that is complete with these bytes, until it returns false.
   *
   * @throws MeshFault for what is no frame.
   */
  read(chunk: Buffer, visit: (kind: FrameKind, body: Buffer) => boolean): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    // Joined only when there is something to cut off: a long frame comes in many chunks.
    if (this.#bytes < headBytes) return;
    if ((this.#chunks[0] as Buffer).length < headBytes) this.#chunks = [Buffer.concat(this.#chunks)];
    if (this.#bytes < headBytes + this.#lengthAt(this.#chunks[0] as Buffer, 0)) return;
    const bytes = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    let start = 0;
    while (bytes.length - start >= headBytes) {
      const end = start + headBytes + this.#lengthAt(bytes, start);
      if (end > bytes.length) break;
      const kind = kinds[bytes[start + headBytes] as number];
      if (kind === undefined) throw new MeshFault("A frame is of no known kind.");
      const isWanted = visit(kind, bytes.subarray(start + headBytes + 1, end));
      start = end;
      if (!isWanted) break;
    }
    const left = start === bytes.length ? empty : bytes.subarray(start);
    this.#chunks = left.length === 0 ? [] : [left];
    this.#bytes = left.length;
  }

  #lengthAt(bytes: Buffer, start: number): number {
    const length = bytes.readUInt32BE(start);
    if (length === 0 || length > this.#bytesMax) throw new MeshFault("A frame is empty, or too long.");
    return length;
  }
}
