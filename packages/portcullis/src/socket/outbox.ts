/**
 * What a connection's channels have to say while they may not: while it is being authorized anew, or its credential has lapsed,
 * their frames wait here in their order.
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

/** There is one only while frames wait, which is hardly ever. */
export class Outbox {
  readonly #heldBytesMax: number;
  #held: Held[] = [];
  #heldBytes = 0;

  constructor(heldBytesMax: number) {
    this.#heldBytesMax = heldBytesMax;
  }

  /** False when more would be held than may be. */
  hold(process: ChannelProcess, frame: FrameData | SharedFrame): boolean {
    this.#heldBytes += isShared(frame) ? frame.data.length : frame.length;
    if (this.#heldBytes > this.#heldBytesMax) return false;
    this.#held.push({ process, frame });
    return true;
  }

  /** What channels that are `denied` had to say is not said any more. Gives those that had something to say. */
  drop(denied: ReadonlyMap<ChannelProcess, unknown>): ReadonlySet<ChannelProcess> {
    const unheard = new Set<ChannelProcess>();
    if (denied.size > 0) this.#held = this.#held.filter(({ process }) => !denied.has(process) || !unheard.add(process));
    return unheard;
  }

  /** What waits goes out. */
  empty(mouth: Mouth): void {
    for (const { frame } of this.#held) {
      if (isShared(frame)) mouth.writeShared(frame);
      else mouth.write(frame);
    }
  }
}

function isShared(frame: FrameData | SharedFrame): frame is SharedFrame {
  return typeof frame !== "string" && !(frame instanceof Uint8Array);
}
