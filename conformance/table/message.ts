// The five fields of a message, and how each version of the protocol writes them: a client's side of PROTOCOL.md section 2.

/** What travels, in either version. */
export interface Message {
  readonly joinRef: unknown;
  readonly ref: unknown;
  readonly topic: unknown;
  readonly event: unknown;
  /** Bytes in a binary message, else what the JSON holds. A binary reply is `{status, response: bytes}`. */
  readonly payload: unknown;
}

export type Vsn = 1 | 2;
/** One frame: text, or bytes. */
export type Frame = string | Buffer;

/** `1.0.0` or `2.0.0`. */
export const versionOf = (vsn: Vsn): string => `${vsn}.0.0`;

/** As a client sends it. Bytes need version 2 and fields that are text. */
export function encode(vsn: Vsn, { joinRef, ref, topic, event, payload }: Message): Frame {
  if (payload instanceof Uint8Array) return encodeBinary([joinRef, ref, topic, event].map(String), payload);
  if (vsn === 2) return JSON.stringify([joinRef, ref, topic, event, payload]);
  return JSON.stringify({ topic, event, payload, ref, join_ref: joinRef });
}

function encodeBinary(fields: readonly string[], payload: Uint8Array): Buffer {
  const encoded = fields.map((field) => Buffer.from(field));
  return Buffer.concat([Buffer.from([0, ...encoded.map((field) => field.length)]), ...encoded, payload]);
}

/**
 * What a server sent. `joinRef` is `undefined` where the version has none. Throws an `Error` when there is one field too
 * many or too few: clients tell messages apart by what they don't hold.
 */
export function decode(vsn: Vsn, frame: Frame): Message {
  if (typeof frame !== "string") return decodeBinary(frame);
  const json: unknown = JSON.parse(frame);
  if (vsn === 2) {
    if (!Array.isArray(json) || json.length !== 5) throw new Error(`no array of five: ${frame}`);
    const [joinRef, ref, topic, event, payload] = json as unknown[];
    return { joinRef, ref, topic, event, payload };
  }
  const keys = typeof json === "object" && json !== null ? Object.keys(json).sort().join(" ") : typeof json;
  if (keys !== "event payload ref topic") throw new Error(`not exactly event, payload, ref and topic: ${frame}`);
  return { joinRef: undefined, ...(json as Omit<Message, "joinRef">) };
}

const fieldsOfKind: readonly (readonly string[])[] = [
  ["joinRef", "topic", "event"],
  ["joinRef", "ref", "topic", "status"],
  ["topic", "event"],
];

function decodeBinary(frame: Buffer): Message {
  const names = fieldsOfKind[frame[0] ?? -1];
  if (names === undefined) throw new Error(`an unknown kind of binary message: ${frame.toString("hex")}`);
  let at = 1 + names.length;
  const field: Record<string, string> = {};
  for (const [index, name] of names.entries()) {
    const end = at + (frame[1 + index] ?? 0);
    field[name] = frame.subarray(at, end).toString("utf8");
    at = end;
  }
  if (at > frame.length) throw new Error(`sizes past the end: ${frame.toString("hex")}`);
  const data = Buffer.from(frame.subarray(at));
  const { joinRef = null, ref = null, topic, event = "phx_reply", status } = field;
  return { joinRef, ref, topic, event, payload: status === undefined ? data : { status, response: data } };
}
