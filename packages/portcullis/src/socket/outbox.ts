/**
 * What a connection has to say, and whether it may at the moment: while it is being authorized anew, or its credential has
 * lapsed, its channels' frames wait here in their order.
 *
 * @module
 */

import type { SharedFrame } from "../channel/fastlane.ts";
import type { ChannelProcess } from "../channel/process.ts";
import type { FrameData } from "../protocol/message.ts";

/** Where frames go in the end. */
export interface Mouth {
  write(data: FrameData): void;
  writeShared(frame: SharedFrame): void;
}

interface Held {
  readonly process: ChannelProcess;
  readonly frame: FrameData | SharedFrame;
}

export class Outbox {
  readonly #mouth: Mouth;
  readonly #heldBytesMax: number;
  /** `null` while everything goes out at once, which is nearly always. */
  #held: Held[] | null = null;
  #heldBytes = 0;

  constructor(mouth: Mouth, heldBytesMax: number) {
    this.#mouth = mouth;
    this.#heldBytesMax = heldBytesMax;
  }

  /** Of a channel; `null` is the connection's own, which is never held. False when more would be held than may be. */
  write(data: FrameData, process: ChannelProcess | null): boolean {
    if (this.#held !== null && process !== null) return this.#hold({ process, frame: data }, data.length);
    this.#mouth.write(data);
    return true;
  }

  writeShared(frame: SharedFrame, process: ChannelProcess): boolean {
    if (this.#held !== null) return this.#hold({ process, frame }, frame.data.length);
    this.#mouth.writeShared(frame);
    return true;
  }

  /** From here on frames of channels wait. */
  stop(): void {
    this.#held ??= [];
  }

  get stopped(): boolean {
    return this.#held !== null;
  }

  /** What channels that are `denied` had to say is not said any more. Gives those that had something to say. */
  drop(denied: ReadonlyMap<ChannelProcess, unknown>): ReadonlySet<ChannelProcess> {
    const unheard = new Set<ChannelProcess>();
    if (denied.size === 0) return unheard;
    this.#held = (this.#held ?? []).filter(({ process }) => !denied.has(process) || !unheard.add(process));
    return unheard;
  }

  /** What waits goes out. */
  go(): void {
    const held = this.#held ?? [];
    this.#held = null;
    this.#heldBytes = 0;
    for (const { frame } of held) {
      if (typeof frame === "string" || frame instanceof Uint8Array) this.#mouth.write(frame);
      else this.#mouth.writeShared(frame);
    }
  }

  #hold(held: Held, bytes: number): boolean {
    this.#heldBytes += bytes;
    if (this.#heldBytes > this.#heldBytesMax) return false;
    this.#held?.push(held);
    return true;
  }
}
