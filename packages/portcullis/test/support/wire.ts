/** Frames as a client writes and reads them, made here by hand so that the serializers aren't tested with themselves. */

import type { FrameData } from "../../src/protocol/message.ts";

/** `[join_ref, ref, topic, event, payload]`, as V2 text frames hold it. */
export type Frame = readonly [joinRef: unknown, ref: unknown, topic: unknown, event: unknown, payload: unknown];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A client's binary push: `0`, four sizes, four strings, the data. */
export function binaryPush(joinRef: string, ref: string, topic: string, event: string, data: Uint8Array): Uint8Array {
  const parts = [joinRef, ref, topic, event].map((part) => encoder.encode(part));
  return Uint8Array.from([0, ...parts.map((part) => part.length), ...parts.flatMap((part) => [...part]), ...data]);
}

/** Reads a frame of the server as a V2 client does. */
export function readV2(data: FrameData): Frame {
  if (typeof data === "string") return JSON.parse(data) as Frame;
  const kind = data[0];
  const count = kind === 0 ? 3 : kind === 1 ? 4 : 2;
  const fields: string[] = [];
  let offset = 1 + count;
  for (let index = 0; index < count; index += 1) {
    const size = data[1 + index] as number;
    fields.push(decoder.decode(data.subarray(offset, offset + size)));
    offset += size;
  }
  const payload = Uint8Array.from(data.subarray(offset));
  if (kind === 0) return [fields[0], null, fields[1], fields[2], payload];
  if (kind === 1) return [fields[0], fields[1], fields[2], "phx_reply", { status: fields[3], response: payload }];
  return [null, null, fields[0], fields[1], payload];
}

/** Reads a frame of the server as a V1 client does. */
export function readV1(data: FrameData): object {
  if (typeof data !== "string") throw new TypeError("Expected a text frame for a V1 client, got a binary one.");
  return JSON.parse(data) as object;
}

/** What a reply looks like to a V2 client. */
export function replyFrame(joinRef: unknown, ref: unknown, topic: unknown, status: string, response: unknown): Frame {
  return [joinRef, ref, topic, "phx_reply", { status, response }];
}
