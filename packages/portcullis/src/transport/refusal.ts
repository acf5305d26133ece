/**
 * Refusals as they are written: to the client, and to the log.
 *
 * @module
 */

import { validateHeaderName, validateHeaderValue } from "node:http";
import type { RefusalResponse } from "./mount.ts";

/** An application puts reasons into headers, and clients into reasons what they like. */
export function checkedResponse(response: RefusalResponse): RefusalResponse {
  const { status, body, headers = {} } = response;
  if (!Number.isInteger(status) || status < 300 || status > 599)
    throw new RangeError(`Expected refusal to return a status between 300 and 599, got ${String(status)}.`);
  if (body !== undefined && typeof body !== "string")
    throw new TypeError(`Expected refusal to return a string as body, got ${typeof body}.`);
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    if (typeof value !== "string")
      throw new TypeError(`Expected refusal to return strings as headers, got ${typeof value}.`);
  }
  return response;
}

/** Client data in a log line: short, on one line, and visibly a quotation. */
export function quote(value: unknown): string {
  const text = typeof value === "string" ? value : typeof value;
  const short = JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
  // What a terminal takes for a command or a line break, and JSON leaves as it is.
  return short.replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Names of subprotocols are short. What is longer may be a token that was put there in a way nobody here reads. */
export function quoteNames(names: readonly string[]): string {
  return quote(names.map((name) => (name.length > 24 ? "[FILTERED]" : name)).join(", "));
}
