/**
 * How joins and connections of a test end that don't go on.
 *
 * @module
 */

import { type CloseCode, errorTable } from "../errors.ts";
import { brief } from "./brief.ts";
import type { ErrorPayload } from "./types.ts";

/** A join that was answered with an error: what `socket.join` rejects with. */
export class JoinRefused extends Error {
  override readonly name = "JoinRefused";
  readonly topic: string;
  /** The payload of the refusal. */
  readonly response: ErrorPayload;

  constructor(topic: string, response: ErrorPayload) {
    super(`Joining "${topic}" was refused: ${brief(response)}. To test a refusal: await socket.refused("${topic}").`);
    this.topic = topic;
    this.response = response;
  }
}

/** How a connection ended. */
export interface Closing {
  /** The WebSocket's close code. */
  readonly closeCode: number;
  /** The server's own name for it, `null` where the test hung up. */
  readonly code: CloseCode | null;
}

/** Of a connection that has ended. */
export function closingOf(code: CloseCode | null): Closing {
  return { code, closeCode: code === null ? 1005 : errorTable[code].closeCode };
}

/** Completes "the connection was …". */
export function describeClosing(closing: Closing | null): string {
  if (closing === null) return "open";
  return closing.code === null ? "closed by the test" : `closed with ${closing.closeCode} (${closing.code})`;
}
