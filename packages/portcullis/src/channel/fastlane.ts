/**
 * The fastlane: a broadcast is encoded once per serializer, not once per subscriber (Phoenix.Channel.Server dispatch/3).
 *
 * @module
 */

import type { FrameData } from "../protocol/message.ts";
import type { Serializer } from "../protocol/serializer.ts";
import type { Broadcast } from "../pubsub/pubsub.ts";

/** One encoded broadcast, shared by every connection of the same serializer. */
export interface SharedFrame {
  readonly data: FrameData;
  /** Where a transport keeps its own form of the frame (a WebSocket frame with its header), made once. */
  wire: Uint8Array | null;
  /** Whether it may be left out for a client that is behind in reading. */
  readonly volatile: boolean;
}

interface Lanes {
  v1?: SharedFrame | null;
  v2?: SharedFrame | null;
}

/**
 * The frame of `broadcast` for `serializer`; `null` when that version has no form for it. Throws what encoding throws.
 */
export function frameOf(broadcast: Broadcast, serializer: Serializer): SharedFrame | null {
  let lanes = broadcast.shared as Lanes | null;
  if (lanes === null) {
    lanes = {};
    broadcast.shared = lanes;
  }
  let frame = lanes[serializer.name];
  if (frame === undefined) {
    const data = serializer.encodeBroadcast(broadcast.topic, broadcast.event, broadcast.payload);
    frame = data === null ? null : { data, wire: null, volatile: broadcast.volatile };
    lanes[serializer.name] = frame;
  }
  return frame;
}
