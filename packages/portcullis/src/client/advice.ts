/**
 * Whether to come back, when, and with what: as the server says it, or as a close code implies it.
 *
 * @module
 */

import type { RetryAdvice } from "../errors.ts";
import { isRecord } from "./error.ts";

/** Why there is no connection, and what to do about it. */
export interface Advice {
  readonly reason: string;
  readonly retry: RetryAdvice;
  /** No sooner than this, in milliseconds. */
  readonly afterMs: number;
}

/** A server that asks for longer has made a mistake, and would not be asked again before the next visit anyway. */
const afterMsMax = 86_400_000;
const reasonLengthMax = 200;

/** Reads `{"reason", "retry": "never" | "reauth" | {"afterMs"}}`; `null` for anything else. */
export function toAdvice(value: unknown): Advice | null {
  if (!isRecord(value) || typeof value["reason"] !== "string") return null;
  const reason = value["reason"].slice(0, reasonLengthMax);
  const { retry } = value;
  if (retry === "never" || retry === "reauth") return { reason, retry, afterMs: 0 };
  const afterMs = isRecord(retry) ? retry["afterMs"] : undefined;
  if (typeof afterMs !== "number" || !(afterMs >= 0)) return null;
  return { reason, retry: "backoff", afterMs: Math.min(afterMs, afterMsMax) };
}

/** Trying again with the same, later. */
export function backoff(reason: string): Advice {
  return { reason, retry: "backoff", afterMs: 0 };
}

/**
 * What a close code says where the server said nothing before: 41xx asks for a new credential, 42xx to stay away. After any
 * other one comes back. The error table is too long for a browser; a test holds these ranges to it.
 */
export function adviceOf(closeCode: number): Advice {
  const range = Math.floor(closeCode / 100);
  const retry = range === 41 ? "reauth" : range === 42 ? "never" : "backoff";
  return { reason: `close_${closeCode}`, retry, afterMs: 0 };
}
