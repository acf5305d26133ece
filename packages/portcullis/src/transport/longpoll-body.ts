/**
 * The body of a long-poll POST: reading it within bounds, and the frames in it.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import type { Clock } from "../clock.ts";
import type { FrameData } from "../protocol/message.ts";

/** Why there is no body: too long, not there in time, or already read by somebody else. */
export type BodyFault = "too_large" | "late" | "gone" | "read_before";

/** The bytes of a request's body, or why there are none. Never rejects. */
export function readBody(
  request: IncomingMessage,
  limits: { readonly bytesMax: number; readonly timeoutMs: number; readonly clock: Clock },
): Promise<Buffer | BodyFault> {
  if (Number(request.headers["content-length"] ?? 0) > limits.bytesMax) return Promise.resolve("too_large");
  if (request.readableEnded || request.readableDidRead) return Promise.resolve("read_before");
  return new Promise((resolve) => {
    // One buffer that grows: kept by themselves, chunks of a byte each would take a hundred times what they hold.
    let buffer: Buffer = Buffer.alloc(0);
    let bytes = 0;
    const onData = (chunk: Buffer): void => {
      const from = bytes;
      bytes += chunk.length;
      if (bytes > limits.bytesMax) return finish("too_large");
      if (from === 0) {
        buffer = chunk;
        return;
      }
      if (bytes > buffer.length) buffer = grown(buffer.subarray(0, from), bytes);
      chunk.copy(buffer, from);
    };
    const onEnd = (): void => finish(buffer.subarray(0, bytes));
    const onGone = (): void => finish("gone");
    const cancel = limits.clock.after(limits.timeoutMs, () => finish("late"));
    const finish = (result: Buffer | BodyFault): void => {
      cancel();
      request.off("data", onData);
      request.off("end", onEnd);
      request.off("close", onGone);
      // An error needs a listener for as long as anything of the request may still come.
      resolve(result);
    };
    request.on("data", onData);
    request.on("end", onEnd);
    request.on("close", onGone);
    request.on("error", onGone);
  });
}

/** The same bytes with room for `bytes`, and for as many again as there are. */
function grown(buffer: Buffer, bytes: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(bytes, buffer.length * 2));
  buffer.copy(larger);
  return larger;
}

/** Why a body holds no frames. */
export type FramesFault = "unreadable" | "too_many" | "too_large";

/** What a line may take, and how many there may be. */
export interface FrameLimits {
  readonly frameBytesMax: number;
  readonly batchMax: number;
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The frames of a POST: the whole body as one text, or, with exactly this content type, one a line, where a line that starts
 * with `[` is text and any other a binary frame in base64. A body with one bad line is refused whole: nothing of it counts.
 */
export function readFrames(
  body: Buffer,
  contentType: string | undefined,
  limits: FrameLimits,
): readonly FrameData[] | FramesFault {
  let text: string;
  try {
    text = decoder.decode(body);
  } catch {
    return "unreadable";
  }
  if (contentType !== "application/x-ndjson") return body.length > limits.frameBytesMax ? "too_large" : [text];
  const frames: FrameData[] = [];
  for (let from = 0; from < text.length; ) {
    // After the last line break, say, nothing was said. A body of nothing else must not cost more than its bytes.
    if (isLineBreak(text, from)) {
      from += 1;
      continue;
    }
    const end = text.indexOf("\n", from);
    const next = end === -1 ? text.length : end;
    const line = text.slice(from, text.endsWith("\r", next) ? next - 1 : next);
    from = next;
    if (frames.length === limits.batchMax) return "too_many";
    const frame = line.startsWith("[") ? line : fromBase64(line);
    if (frame === null) return "unreadable";
    if (Buffer.byteLength(frame) > limits.frameBytesMax) return "too_large";
    frames.push(frame);
  }
  return frames;
}

function isLineBreak(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 10 || (code === 13 && text.charCodeAt(at + 1) === 10);
}

function fromBase64(line: string): Uint8Array | null {
  return line.length % 4 === 0 && base64.test(line) ? new Uint8Array(Buffer.from(line, "base64")) : null;
}
