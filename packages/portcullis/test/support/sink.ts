/** A transport without a network: it remembers what a connection did. */

import type { SharedFrame } from "../../src/channel/fastlane.ts";
import type { CloseCode } from "../../src/errors.ts";
import type { FrameData } from "../../src/protocol/message.ts";
import type { Sink } from "../../src/socket/connection.ts";
import type { FakeClock } from "./clock.ts";

export class RecordingSink implements Sink {
  /** Frames in the order they were written, shared ones among the others. */
  readonly frames: FrameData[] = [];
  readonly shared: SharedFrame[] = [];
  readonly closes: CloseCode[] = [];
  /** `pause` and `resume` in the order they were called. */
  readonly flow: ("pause" | "resume")[] = [];
  /** Called for every frame before it is remembered: a transport may end the connection while it writes. */
  onWrite: (data: FrameData) => void = () => {};
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  write(data: FrameData): void {
    this.frames.push(data);
    this.onWrite(data);
  }

  writeShared(frame: SharedFrame): void {
    this.shared.push(frame);
    this.write(frame.data);
  }

  close(code: CloseCode): void {
    this.closes.push(code);
  }

  pause(): void {
    this.flow.push("pause");
  }

  resume(): void {
    this.flow.push("resume");
  }

  after(delayMs: number, task: () => void): () => void {
    return this.#clock.after(delayMs, task);
  }
}
