/**
 * The serializer of `vsn=2.0.x`: a JSON array a message, and binary frames for binary payloads. Layout as in
 * Phoenix.Socket.V2.JSONSerializer; every size in a binary header is one byte and counts bytes, not characters.
 *
 * @module
 */

import { replyEvent } from "./events.ts";
import { assertPayload, decodeUtf8, FrameError, parseJson, stringifyJson } from "./frame.ts";
import type { Message } from "./message.ts";
import type { Serializer } from "./serializer.ts";

const kindPush = 0;
const kindReply = 1;
const kindBroadcast = 2;

const encoder = new TextEncoder();

function decodeText(text: string): Message {
  const value = parseJson(text);
  if (!Array.isArray(value) || value.length < 5) {
    throw new FrameError("Expected a JSON array of five elements as a V2 message, got another JSON value.");
  }
  return { joinRef: value[0], ref: value[1], topic: value[2], event: value[3], payload: value[4] };
}

/** `0, |join_ref|, |ref|, |topic|, |event|`, then the four strings, then the payload. */
function decodeBinary(bytes: Uint8Array): Message {
  if (bytes.length < 5 || bytes[0] !== kindPush) {
    throw new FrameError("Expected a binary V2 frame to start with kind 0 and four sizes.");
  }
  let offset = 5;
  const take = (size: number): string => {
    const end = offset + size;
    if (end > bytes.length) throw new FrameError("A size in a binary V2 frame points past its end.");
    const text = decodeUtf8(bytes.subarray(offset, end));
    offset = end;
    return text;
  };
  const joinRef = take(bytes[1] as number);
  const ref = take(bytes[2] as number);
  const topic = take(bytes[3] as number);
  const event = take(bytes[4] as number);
  return { joinRef, ref, topic, event, payload: bytes.subarray(offset) };
}

function encodeBinary(kind: number, fields: readonly (readonly [name: string, value: unknown])[], data: Uint8Array) {
  const header: number[] = [kind];
  const parts: Uint8Array[] = [];
  let size = 1 + fields.length + data.length;
  for (const [name, value] of fields) {
    // A null ref has no binary form of its own; Phoenix sends it as an empty string.
    const part = encoder.encode(value === null || value === undefined ? "" : String(value));
    if (part.length > 255) {
      throw new RangeError(`Expected ${name} of a binary message to be at most 255 bytes long, got ${part.length}.`);
    }
    header.push(part.length);
    parts.push(part);
    size += part.length;
  }
  const frame = new Uint8Array(size);
  frame.set(header, 0);
  let offset = header.length;
  for (const part of [...parts, data]) {
    frame.set(part, offset);
    offset += part.length;
  }
  return frame;
}

export const serializerV2: Serializer = {
  name: "v2",
  decode: (data) => (typeof data === "string" ? decodeText(data) : decodeBinary(data)),
  encodeReply(joinRef, ref, topic, status, response) {
    if (response instanceof Uint8Array) {
      const fields = [["join_ref", joinRef] as const, ["ref", ref] as const, ["topic", topic] as const];
      return encodeBinary(kindReply, [...fields, ["status", status] as const], response);
    }
    const payload = `{"status":${JSON.stringify(status)},"response":${stringifyJson(response)}}`;
    return `[${JSON.stringify(joinRef ?? null)},${JSON.stringify(ref ?? null)},${JSON.stringify(topic ?? null)},"${replyEvent}",${payload}]`;
  },
  encodePush(joinRef, ref, topic, event, payload) {
    if (payload instanceof Uint8Array) {
      const fields = [["join_ref", joinRef] as const, ["topic", topic] as const, ["event", event] as const];
      return encodeBinary(kindPush, fields, payload);
    }
    assertPayload(payload);
    return stringifyJson([joinRef ?? null, ref ?? null, topic, event, payload]);
  },
  encodeBroadcast(topic, event, payload) {
    if (payload instanceof Uint8Array) {
      return encodeBinary(kindBroadcast, [["topic", topic] as const, ["event", event] as const], payload);
    }
    assertPayload(payload);
    return `[null,null,${JSON.stringify(topic)},${JSON.stringify(event)},${stringifyJson(payload)}]`;
  },
};
