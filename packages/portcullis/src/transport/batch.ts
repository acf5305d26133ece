/**
 * What is said to connections in one run of the program. Those that are told the same, and nothing else, share one buffer:
 * made once, written by each, with nothing allocated for any of them.
 *
 * @module
 */

/**
 * Frames in their order: one frame after those of another batch. Connections move from one to the next as they are told
 * something. Who is told the same arrives at the same one, because a batch knows which of the shared frames came next.
 */
export class Batch {
  /** Of all frames in it. */
  readonly bytes: number;
  readonly #before: Batch | null;
  readonly #frame: Uint8Array;
  #nextFrame: Uint8Array | null = null;
  #next: Batch | null = null;
  #joined: Uint8Array | null = null;

  private constructor(before: Batch | null, frame: Uint8Array) {
    this.#before = before;
    this.#frame = frame;
    this.bytes = before === null ? 0 : before.bytes + frame.length;
  }

  /** The one nothing is in yet: a new one for every run, so that nothing of the last one is kept. */
  static empty(): Batch {
    return new Batch(null, noFrame);
  }

  /** This one and a frame that is for one connection alone. */
  with(frame: Uint8Array): Batch {
    return new Batch(this, frame);
  }

  /** This one and a frame that many are told: the same batch for all of them who come from here. */
  withShared(frame: Uint8Array): Batch {
    if (this.#nextFrame !== frame || this.#next === null) {
      this.#nextFrame = frame;
      this.#next = new Batch(this, frame);
    }
    return this.#next;
  }

  /** All frames in one buffer. */
  joined(): Uint8Array {
    if (this.#before === null || this.#before.bytes === 0) return this.#frame;
    this.#joined ??= this.#join();
    return this.#joined;
  }

  #join(): Uint8Array {
    const bytes = Buffer.allocUnsafe(this.bytes);
    let end = this.bytes;
    for (let batch: Batch = this; batch.#before !== null; batch = batch.#before) {
      end -= batch.#frame.length;
      bytes.set(batch.#frame, end);
    }
    return bytes;
  }
}

const noFrame = new Uint8Array(0);
