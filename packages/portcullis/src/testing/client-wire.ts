/**
 * The client's end of the wire: what phoenix.js would write, and how it would read what is written to it.
 *
 * @module
 */

import { replyEvent } from "../protocol/events.ts";
import type { FrameData } from "../protocol/message.ts";

/** Versions of the protocol a test client speaks. */
export type Vsn = "1.0.0" | "2.0.0";

/** A message of the server. */
export interface ServerMessage {
  readonly joinRef: unknown;
  readonly ref: unknown;
  readonly topic: string;
  readonly event: string;
  readonly payload: unknown;
}

/** A message of the client. */
export interface ClientMessage {
  readonly joinRef: string | null;
  readonly ref: string | null;
  readonly topic: string;
  readonly event: string;
  readonly payload: unknown;
}

/** @throws TypeError for bytes in version 1, which has no form for them. */
export function encodeMessage(vsn: Vsn, { joinRef, ref, topic, event, payload }: ClientMessage): FrameData {
  if (payload instanceof Uint8Array) {
    if (vsn === "1.0.0") throw new TypeError("Expected a JSON payload from a client with vsn 1.0.0, got bytes.");
    return encodeBytes([joinRef ?? "", ref ?? "", topic, event], payload);
  }
  return vsn === "1.0.0"
    ? JSON.stringify({ topic, event, payload, ref, join_ref: joinRef })
    : JSON.stringify([joinRef, ref, topic, event, payload]);
}

function encodeBytes(fields: readonly string[], data: Uint8Array): Uint8Array {
  const parts = fields.map((field) => Buffer.from(field));
  for (const part of parts) {
    if (part.length > 255)
      throw new RangeError("Expected refs, topic and event of a binary push to fit 255 bytes each.");
  }
  return new Uint8Array(Buffer.concat([Buffer.from([0, ...parts.map(({ length }) => length)]), ...parts, data]));
}

/** Reads what the server wrote. */
export function decodeMessage(vsn: Vsn, data: FrameData): ServerMessage {
  if (typeof data !== "string") return decodeBytes(data);
  if (vsn === "2.0.0") {
    const [joinRef, ref, topic, event, payload] = JSON.parse(data) as [unknown, unknown, string, string, unknown];
    return { joinRef, ref, topic, event, payload };
  }
  const fields = JSON.parse(data) as Omit<ServerMessage, "joinRef">;
  return { joinRef: null, ref: fields.ref, topic: fields.topic, event: fields.event, payload: fields.payload };
}

function decodeBytes(data: Uint8Array): ServerMessage {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const kind = bytes[0] as number;
  const count = [3, 4, 2][kind] as number;
  const fields: string[] = [];
  let offset = 1 + count;
  for (let index = 0; index < count; index += 1) {
    const size = bytes[1 + index] as number;
    fields.push(bytes.toString("utf8", offset, offset + size));
    offset += size;
  }
  const payload = Uint8Array.from(bytes.subarray(offset));
  const [first = "", second = "", third = "", status = ""] = fields;
  if (kind === 0) return { joinRef: first, ref: null, topic: second, event: third, payload };
  if (kind === 2) return { joinRef: null, ref: null, topic: first, event: second, payload };
  return { joinRef: first, ref: second, topic: third, event: replyEvent, payload: { status, response: payload } };
}
