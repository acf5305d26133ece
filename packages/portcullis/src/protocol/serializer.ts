/**
 * The contract of a serializer, and how a client's `vsn` chooses one.
 *
 * @module
 */

import type { FrameData, Message } from "./message.ts";
import { serializerV1 } from "./serializer-v1.ts";
import { serializerV2 } from "./serializer-v2.ts";

export type SerializerName = "v1" | "v2";

/** Turns messages into frames and back. Stateless: one of each kind serves every connection. */
export interface Serializer {
  readonly name: SerializerName;
  /** Throws {@link FrameError} for what is no message. */
  decode(data: string | Uint8Array): Message;
  /** A `phx_reply`. Throws what `JSON.stringify` throws when the response can't be encoded. */
  encodeReply(joinRef: unknown, ref: unknown, topic: unknown, status: string, response: unknown): FrameData;
  /** A message from a channel to its own client, with or without a ref. */
  encodePush(joinRef: unknown, ref: unknown, topic: string, event: string, payload: unknown): FrameData;
  /** A message for every subscriber of a topic; `null` when this version has no form for it. */
  encodeBroadcast(topic: string, event: string, payload: unknown): FrameData | null;
}

/** Every serializer there is. */
export const serializers: Readonly<Record<SerializerName, Serializer>> = { v1: serializerV1, v2: serializerV2 };

/**
 * The serializer for the `vsn` parameter of a connection: missing means `1.0.0`, `1.0.x` is V1, `2.0.x` is V2. Anything
 * else, a list, a map, `2` or `2.1.0`, is `null`: refuse the connection. As Phoenix.Socket.Transport does.
 */
export function serializerFor(vsn: unknown, allowed: readonly SerializerName[]): Serializer | null {
  const version = vsn === undefined ? "1.0.0" : vsn;
  if (typeof version !== "string" || !/^[12]\.0\.(?:0|[1-9]\d{0,9})$/.test(version)) return null;
  const name: SerializerName = version.startsWith("1") ? "v1" : "v2";
  return allowed.includes(name) ? serializers[name] : null;
}
