/**
 * The JSON serializer of `vsn=1.0.x`: one object a message, no binary form. A binary frame is parsed as if it were
 * text, and any JSON value passes as a payload, as in Phoenix.Socket.V1.JSONSerializer.
 *
 * @module
 */

import { replyEvent } from "./events.ts";
import { decodeUtf8, FrameError, parseJson, stringifyJson } from "./frame.ts";
import type { Message } from "./message.ts";
import type { Serializer } from "./serializer.ts";

const required = ["topic", "event", "payload", "ref"] as const;

function decode(data: string | Uint8Array): Message {
  const value = parseJson(typeof data === "string" ? data : decodeUtf8(data));
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new FrameError("Expected a JSON object as a V1 message, got another JSON value.");
  }
  for (const key of required) {
    if (!Object.hasOwn(value, key)) throw new FrameError(`Expected a V1 message to have "${key}".`);
  }
  const fields = value as Readonly<Record<string, unknown>>;
  return {
    joinRef: Object.hasOwn(fields, "join_ref") ? fields["join_ref"] : null,
    ref: fields["ref"],
    topic: fields["topic"],
    event: fields["event"],
    payload: fields["payload"],
  };
}

function assertNoBinary(payload: unknown): void {
  if (payload instanceof Uint8Array) {
    throw new TypeError(
      "A client with vsn=1.0.0 can't receive binary payloads. Send JSON, or allow only V2 on the mount: serializers: ['v2'].",
    );
  }
}

function encode(ref: unknown, topic: unknown, event: string, payload: unknown): string {
  const fields = `"ref":${JSON.stringify(ref ?? null)},"event":${JSON.stringify(event)}`;
  return `{${fields},"payload":${stringifyJson(payload)},"topic":${JSON.stringify(topic ?? null)}}`;
}

export const serializerV1: Serializer = {
  name: "v1",
  decode,
  encodeReply(_joinRef, ref, topic, status, response) {
    assertNoBinary(response);
    const payload = `{"status":${JSON.stringify(status)},"response":${stringifyJson(response)}}`;
    return `{"ref":${JSON.stringify(ref ?? null)},"event":"${replyEvent}","payload":${payload},"topic":${JSON.stringify(topic ?? null)}}`;
  },
  encodePush(_joinRef, ref, topic, event, payload) {
    assertNoBinary(payload);
    return encode(ref, topic, event, payload);
  },
  encodeBroadcast(topic, event, payload) {
    if (payload instanceof Uint8Array) return null;
    return encode(null, topic, event, payload);
  },
};
