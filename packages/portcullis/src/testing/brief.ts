/**
 * Values as they are shown in a failure: on one line, and not for ever.
 *
 * @module
 */

import { AssertionError } from "node:assert";
import { inspect } from "node:util";

const charactersMax = 300;

/** `value` on one line. */
export function brief(value: unknown): string {
  const text = inspect(value, { depth: 6, breakLength: Number.POSITIVE_INFINITY, compact: true, maxStringLength: 120 });
  return text.length > charactersMax ? `${text.slice(0, charactersMax)}…` : text;
}

/** What a failed assertion throws. Every runner knows it for what it is. */
export function failure(message: string, cause?: unknown): AssertionError {
  const error = new AssertionError({ message, stackStartFn: failure });
  if (cause !== undefined) error.cause = cause;
  return error;
}
