/**
 * The WebSocket wire as far as it is ours: frames as a server sends them, and what `ws` calls its own complaints.
 *
 * @module
 */

import type { CloseCode } from "../errors.ts";
import type { FrameData } from "../protocol/message.ts";

/** What `ws` calls the reasons it closes for. Everything else of its own is a frame that is none. */
export const wsErrors: Readonly<Record<string, CloseCode>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: "frame_too_large",
  WS_ERR_INVALID_UTF8: "text_invalid",
  WS_ERR_TOO_MANY_BUFFERED_PARTS: "fragments_max",
};

/** A frame as the server sends it: not masked, not fragmented (RFC 6455, 5.2). */
export function toWire(data: FrameData): Buffer {
  const length = typeof data === "string" ? Buffer.byteLength(data) : data.length;
  const headerLength = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerLength + length);
  frame[0] = typeof data === "string" ? 0x81 : 0x82;
  if (length < 126) {
    frame[1] = length;
  } else if (length < 65_536) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUIntBE(0, 2, 2);
    frame.writeUIntBE(length, 4, 6);
  }
  if (typeof data === "string") frame.write(data, headerLength, "utf8");
  else frame.set(data, headerLength);
  return frame;
}
