/** Reads server frames, and looks no further than their length where nobody asked for the text. */

const opcodeText = 1;
const opcodeClose = 8;

export interface FrameSink {
  /** A text frame's content: every one while `inspect` is on, else only those shorter than `countedBytesMin`. */
  text(text: string): void;
  /** So many frames came in full and were not looked into. */
  counted(frames: number): void;
  closed(): void;
}

export class FrameReader {
  /** On: frames are handed over as text. Off: they are skipped by their length and counted. */
  inspect = true;
  /** Shorter frames are housekeeping (pings, heartbeat replies) and are never counted. */
  countedBytesMin = 0;
  readonly #sink: FrameSink;
  #skipBytes = 0;
  #rest: Buffer | undefined;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Takes the first `end` bytes of `chunk`, which belongs to the caller again afterwards. */
  read(chunk: Buffer, end: number): void {
    let buffer = chunk;
    let offset = 0;
    let counted = 0;
    if (this.#rest !== undefined) {
      buffer = Buffer.concat([this.#rest, chunk.subarray(0, end)]);
      end = buffer.length;
      this.#rest = undefined;
    } else if (this.#skipBytes > 0) {
      offset = Math.min(this.#skipBytes, end);
      this.#skipBytes -= offset;
      counted = this.#skipBytes === 0 ? 1 : 0;
    }
    while (end - offset >= 2) {
      const size = frameSize(buffer, offset, end);
      if (size === undefined) {
        break;
      }
      const { headerBytes, payloadBytes } = size;
      const next = offset + headerBytes + payloadBytes;
      const opcode = (buffer[offset] ?? 0) & 15;
      if (!this.inspect && opcode === opcodeText && payloadBytes >= this.countedBytesMin) {
        if (next > end) {
          this.#skipBytes = next - end;
          offset = end;
          break;
        }
        counted++;
      } else if (next > end) {
        break;
      } else if (opcode === opcodeText) {
        this.#sink.text(buffer.toString("utf8", offset + headerBytes, next));
      } else if (opcode === opcodeClose) {
        this.#sink.closed();
      }
      offset = next;
    }
    if (offset < end) {
      this.#rest = Buffer.from(buffer.subarray(offset, end));
    }
    if (counted > 0) {
      this.#sink.counted(counted);
    }
  }
}

// One object for all: the reader is synchronous and the values are taken out at once.
const size = { headerBytes: 0, payloadBytes: 0 };

function frameSize(buffer: Buffer, offset: number, end: number): typeof size | undefined {
  const short = (buffer[offset + 1] ?? 0) & 127;
  size.headerBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (end - offset < size.headerBytes) {
    return undefined;
  }
  size.payloadBytes =
    short < 126 ? short : short === 126 ? buffer.readUInt16BE(offset + 2) : Number(buffer.readBigUInt64BE(offset + 2));
  return size;
}
