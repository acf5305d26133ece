/** Client frames, built once and written many times. */

const maskKey = Uint8Array.of(0x5a, 0xc3, 0x3c, 0xa5);

/** A whole masked text frame (RFC 6455, section 5.2). The mask is real, so that servers unmask as they do for a browser; it is always the same, so that a frame can be built ahead. */
export function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const extended = payload.length > 125 ? 2 : 0;
  if (payload.length > 65_535) {
    throw new RangeError(`Expected a text of at most 65535 bytes, got ${payload.length}.`);
  }
  const frame = Buffer.allocUnsafe(6 + extended + payload.length);
  frame[0] = 0x81;
  frame[1] = 0x80 | (extended === 0 ? payload.length : 126);
  if (extended !== 0) {
    frame.writeUInt16BE(payload.length, 2);
  }
  frame.set(maskKey, 2 + extended);
  const start = 6 + extended;
  for (let index = 0; index < payload.length; index++) {
    frame[start + index] = (payload[index] ?? 0) ^ (maskKey[index & 3] ?? 0);
  }
  return frame;
}

/** The answer to a close frame, without a code: masked, so that it may be sent by a client. */
export function closeFrame(): Buffer {
  return Buffer.of(0x88, 0x80, ...maskKey);
}
