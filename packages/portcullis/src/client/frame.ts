/**
 * The client's half of `vsn=2.0.0`: what the server encodes is decoded here, and the other way round.
 *
 * @module
 */

import { replyEvent } from "../protocol/events.ts";
import { decodeUtf8, FrameError, parseJson, stringifyJson } from "../protocol/frame.ts";

/** A payload ready for the wire: JSON text, or bytes. */
export type Encoded = string | Uint8Array<ArrayBuffer>;

/** What the server sent. Refs are the client's own, so whatever is no string is none of them. */
export interface Incoming {
  readonly joinRef: string | null;
  readonly ref: string | null;
  readonly topic: string;
  readonly event: string;
  readonly payload: unknown;
}

/** What is sent to the server. */
export interface Outgoing {
  readonly joinRef: string | null;
  readonly ref: string;
  readonly topic: string;
  readonly event: string;
  readonly payload: Encoded;
}

const encoder = new TextEncoder();

/**
 * Encodes a payload at once, so that what the program does to it while it waits changes nothing.
 *
 * @throws TypeError for what JSON can't hold.
 */
export function encodePayload(payload: unknown): Encoded {
  return payload instanceof Uint8Array ? new Uint8Array(payload) : stringifyJson(payload);
}

/** @throws RangeError when one of the names of a binary message is longer than 255 bytes. */
export function encode({ joinRef, ref, topic, event, payload }: Outgoing): Encoded {
  if (typeof payload === "string") {
    return `[${JSON.stringify(joinRef)},${JSON.stringify(ref)},${JSON.stringify(topic)},${JSON.stringify(event)},${payload}]`;
  }
  const names = [joinRef ?? "", ref, topic, event].map((name) => encoder.encode(name));
  if (names.some(({ length }) => length > 255)) {
    throw new RangeError("Expected topic and event of a binary message to be at most 255 bytes long.");
  }
  const parts = [Uint8Array.of(0, ...names.map(({ length }) => length)), ...names, payload];
  const frame = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let offset = 0;
  for (const part of parts) {
    frame.set(part, offset);
    offset += part.length;
  }
  return frame;
}

/** @throws FrameError for what is no message. */
export function decode(data: unknown): Incoming {
  if (data instanceof ArrayBuffer) return decodeBinary(new Uint8Array(data));
  const value = typeof data === "string" ? parseJson(data) : null;
  if (!Array.isArray(value)) throw new FrameError("Expected a V2 message, got something else.");
  const [joinRef, ref, topic, event, payload] = value as readonly unknown[];
  if (typeof topic !== "string" || typeof event !== "string") {
    throw new FrameError("Expected topic and event of a V2 message to be strings.");
  }
  return { joinRef: toRef(joinRef), ref: toRef(ref), topic, event, payload };
}

function toRef(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** The names in the header of each kind of binary frame: push, reply, broadcast. */
const namesByKind = [
  ["joinRef", "topic", "event"],
  ["joinRef", "ref", "topic", "status"],
  ["topic", "event"],
] as const;

function decodeBinary(bytes: Uint8Array): Incoming {
  const names = namesByKind[bytes[0] ?? -1];
  if (names === undefined) throw new FrameError("Expected a binary V2 message, got other bytes.");
  const found: { [Name in "joinRef" | "ref" | "topic" | "event" | "status"]?: string } = {};
  let offset = 1 + names.length;
  for (const [index, name] of names.entries()) {
    const end = offset + (bytes[1 + index] ?? 0);
    if (end > bytes.length) throw new FrameError("A size in a binary V2 message points past its end.");
    found[name] = decodeUtf8(bytes.subarray(offset, end));
    offset = end;
  }
  const { joinRef = "", ref = null, topic = "", event = replyEvent, status } = found;
  const data = bytes.slice(offset);
  const payload = status === undefined ? data : { status, response: data };
  // A null ref has no binary form of its own: it is empty.
  return { joinRef: joinRef === "" ? null : joinRef, ref, topic, event, payload };
}
