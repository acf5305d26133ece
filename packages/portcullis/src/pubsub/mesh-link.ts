/**
 * What one process says to another: frames in their order, those of one turn of the event loop in one write, and no more
 * of them held than a bound.
 *
 * @module
 */

import type { Socket } from "node:net";

export interface MeshLinkOptions {
  readonly socket: Socket;
  /** Bytes that may wait for the other process to read them. */
  readonly queueBytesMax: number;
  /** Called once, when more would have to wait: the link says nothing any more. */
  readonly onOverflow: (bytes: number) => void;
}

export class MeshLink {
  readonly socket: Socket;
  readonly #options: MeshLinkOptions;
  #batch: Buffer[] = [];
  #bytes = 0;
  #bytesMax: number;
  #ended = false;

  constructor(options: MeshLinkOptions) {
    this.#options = options;
    this.socket = options.socket;
    this.#bytesMax = options.queueBytesMax;
  }

  /** One that is longer than the bound is taken when nothing else waits. */
  send(frame: Buffer): void {
    if (this.#ended) return;
    const waiting = this.#bytes + this.socket.writableLength;
    if (waiting > 0 && waiting + frame.length > this.#bytesMax) {
      this.drop();
      return this.#options.onOverflow(waiting + frame.length);
    }
    this.#add(frame);
  }

  /** Sends what the other process can't do without, and what is as long as it is long: it counts for nothing. */
  sendAll(frames: readonly Buffer[]): void {
    for (const frame of frames) {
      if (this.#ended) return;
      this.#bytesMax += frame.length;
      this.#add(frame);
    }
  }

  /** Sends what waits, a last frame, and nothing more. */
  end(last: Buffer): void {
    if (this.#ended) return;
    this.#add(last);
    this.#flush();
    this.#ended = true;
    this.socket.end();
  }

  /** Says nothing more, and throws away what waits. */
  drop(): void {
    this.#ended = true;
    this.#batch = [];
    this.#bytes = 0;
    this.socket.destroy();
  }

  #add(frame: Buffer): void {
    // After what the other sockets had to say in this turn: one write for all of it.
    if (this.#batch.length === 0) setImmediate(() => this.#flush());
    this.#batch.push(frame);
    this.#bytes += frame.length;
  }

  #flush(): void {
    const [first] = this.#batch;
    if (first === undefined || this.#ended) return;
    const bytes = this.#batch.length === 1 ? first : Buffer.concat(this.#batch, this.#bytes);
    this.#batch = [];
    this.#bytes = 0;
    this.socket.write(bytes);
  }
}
