/**
 * What nodes write to each other: versioned, bounded, and signed with a key derived from the endpoint's secret, because a
 * bus is shared with others and believes whoever can write to it.
 *
 * `<HMAC-SHA-256 of the rest, base64url>.<JSON>`; the JSON names its sender, so that nobody hears himself.
 *
 * @module
 */

import { createHmac, type KeyObject, timingSafeEqual } from "node:crypto";
import { bounds } from "../limit/bounds.ts";
import { isReservedEvent } from "../protocol/events.ts";
import type { DerivedKeys, KeyDerivation } from "../token/key.ts";
import type { ControlMessage } from "./pubsub.ts";

const version = 1;
const salt = "portcullis pubsub";
const derivation: KeyDerivation = { keyIterations: 1000, keyLength: 32, keyDigest: "sha256" };
const macCharacters = 43;

/** What one node says to others. */
export type BusMessage =
  | {
      readonly kind: "broadcast";
      readonly topic: string;
      readonly event: string;
      readonly payload: unknown;
      readonly volatile?: boolean;
    }
  | { readonly kind: "control"; readonly message: ControlMessage };

/** Why a text from the bus was not taken. */
export type EnvelopeFault = "unsigned" | "unreadable" | "too_large";

type Opened =
  | { readonly ok: true; readonly from: string; readonly message: BusMessage }
  | { readonly ok: false; readonly fault: EnvelopeFault };

/** Seals and opens the envelopes of one endpoint. */
export class Envelopes {
  readonly #keys: DerivedKeys;

  constructor(keys: DerivedKeys) {
    this.#keys = keys;
  }

  /**
   * @throws what `JSON.stringify` throws for a payload it can't hold, and RangeError for a message beyond the bound: the
   * broadcaster is who can mend it.
   */
  seal(from: string, message: BusMessage): string {
    const body = JSON.stringify(
      message.kind === "broadcast"
        ? [version, from, message.topic, message.event, ...payloadFields(message)]
        : [version, from, message.message],
    );
    if (body.length > bounds.busMessageBytesMax) {
      throw new RangeError(
        `Expected a message to other nodes to take at most ${bounds.busMessageBytesMax} characters, got ${body.length}.`,
      );
    }
    return `${macOf(this.#key(0), body)}.${body}`;
  }

  /** Never throws. */
  open(text: string): Opened {
    if (text.length > bounds.busMessageBytesMax + macCharacters + 1) return { ok: false, fault: "too_large" };
    if (text[macCharacters] !== ".") return { ok: false, fault: "unsigned" };
    const mac = Buffer.from(text.slice(0, macCharacters));
    const body = text.slice(macCharacters + 1);
    if (!this.#isGenuine(mac, body)) return { ok: false, fault: "unsigned" };
    try {
      const opened = read(JSON.parse(body));
      if (opened !== null) return { ok: true, ...opened };
    } catch {
      // No JSON: what follows says it.
    }
    return { ok: false, fault: "unreadable" };
  }

  /** Any secret of the ring counts: nodes don't all get a new one at once. */
  #isGenuine(mac: Buffer, body: string): boolean {
    for (let index = 0; index < this.#keys.secretCount; index += 1) {
      if (!this.#keys.isUsable(index)) continue;
      const expected = Buffer.from(macOf(this.#key(index), body));
      if (expected.length === mac.length && timingSafeEqual(expected, mac)) return true;
    }
    return false;
  }

  #key(index: number): KeyObject {
    return this.#keys.get(index, salt, derivation);
  }
}

function macOf(key: KeyObject, body: string): string {
  return createHmac("sha256", key).update(body).digest("base64url");
}

/** Bytes have no JSON: they travel as base64, marked by a sixth field. A seventh marks what some can do without. */
function payloadFields({ payload, volatile }: Extract<BusMessage, { kind: "broadcast" }>): readonly unknown[] {
  const isBytes = payload instanceof Uint8Array;
  const fields = isBytes ? [Buffer.from(payload).toString("base64"), "base64"] : [payload];
  return volatile === true ? [fields[0], fields[1] ?? null, "volatile"] : fields;
}

function read(fields: unknown): { readonly from: string; readonly message: BusMessage } | null {
  if (!Array.isArray(fields) || fields[0] !== version || typeof fields[1] !== "string") return null;
  const from = fields[1];
  if (fields.length === 3) {
    const message = readControl(fields[2]);
    return message === null ? null : { from, message: { kind: "control", message } };
  }
  const [, , topic, event, sent, encoding, manner] = fields as readonly unknown[];
  if (typeof topic !== "string" || typeof event !== "string" || isReservedEvent(event)) return null;
  const payload =
    encoding === "base64" && typeof sent === "string" ? new Uint8Array(Buffer.from(sent, "base64")) : sent;
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) return null;
  const message = { kind: "broadcast" as const, topic, event, payload };
  return { from, message: manner === "volatile" ? { ...message, volatile: true } : message };
}

function readControl(value: unknown): ControlMessage | null {
  if (typeof value !== "object" || value === null) return null;
  const { kind, id, name, data } = value as Readonly<Record<string, unknown>>;
  switch (kind) {
    case "disconnect":
    case "gone":
    case "unrevoke":
    case "compromised":
      return typeof id === "string" ? { kind, id } : null;
    case "presence":
      return typeof name === "string" ? { kind, name, data } : null;
    case "handover":
    case "longpoll":
    case "revoke":
      return { kind, data };
    default:
      return null;
  }
}
