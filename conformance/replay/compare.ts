// Whether what a server did means the same as what was recorded.
import type { Observation } from "./client.ts";
import { canonicalTerm, isCrashReason } from "./elixir-term.ts";
import type { Headers, ServerEvent } from "./recording.ts";

/** An answer to a plain HTTP request, beside what connections observe. */
export interface ResponseObservation {
  readonly type: "response";
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export type Seen = Observation | ResponseObservation;

/** `undefined` when both mean the same, else what differs. */
export function whatDiffers(expected: ServerEvent, seen: Seen): string | undefined {
  switch (expected.dir) {
    case "upgrade":
      if (seen.type !== "upgraded") return "not upgraded";
      return headersDiffer(expected.headers, seen.headers, upgradeHeaders);
    case "http_response":
      if (seen.type !== "refused") return "not refused";
      return answersDiffer(expected, seen);
    case "http_res":
      if (seen.type !== "response") return "not an HTTP response";
      return answersDiffer(expected, seen);
    case "close":
      if (seen.type !== "closed") return "not closed";
      if (seen.code !== expected.code) return `close code ${seen.code} instead of ${expected.code}`;
      return seen.reason === expected.reason ? undefined : "the reason in the close frame differs";
    default:
      if (seen.type !== expected.kind) return `not a ${expected.kind} frame`;
      if (seen.type === "text") return textsDiffer(expected.data, seen.text);
      if (seen.type !== "binary" && seen.type !== "ping" && seen.type !== "pong") return "no data";
      return Buffer.from(expected.data, "base64").equals(seen.data) ? undefined : "the bytes differ";
  }
}

/** A line for a report. */
export function describe(thing: ServerEvent | Seen): string {
  if ("dir" in thing) {
    switch (thing.dir) {
      case "upgrade":
        return `upgrade ${thing.status} ${JSON.stringify(pick(thing.headers, upgradeHeaders))}`;
      case "http_response":
      case "http_res":
        return `HTTP ${thing.status} ${JSON.stringify(pick(thing.headers, answerHeaders))} ${shorten(thing.body)}`;
      case "close":
        return `close ${thing.code} ${JSON.stringify(thing.reason)}`;
      default:
        return `${thing.kind} ${shorten(thing.data)}`;
    }
  }
  switch (thing.type) {
    case "upgraded":
      return `upgrade ${thing.status} ${JSON.stringify(pick(thing.headers, upgradeHeaders))}`;
    case "refused":
    case "response":
      return `HTTP ${thing.status} ${JSON.stringify(pick(thing.headers, answerHeaders))} ${shorten(thing.body)}`;
    case "closed":
      return `close ${thing.code} ${JSON.stringify(thing.reason)}`;
    case "broken":
    case "unreachable":
      return `${thing.type}: ${thing.message}`;
    case "text":
      return `text ${shorten(thing.text)}`;
    default:
      return `${thing.type} ${shorten(thing.data.toString("base64"))}`;
  }
}

// Everything else is the HTTP server's own (date, server, connection, content-length, vary) or computed.
const upgradeHeaders = ["upgrade", "connection", "sec-websocket-protocol", "sec-websocket-extensions"];
const answerHeaders = ["content-type", "location", "www-authenticate"];

function answersDiffer(
  expected: { readonly status: number; readonly headers: Headers; readonly body: string },
  seen: { readonly status: number; readonly headers: Headers; readonly body: string },
): string | undefined {
  if (seen.status !== expected.status) return `status ${seen.status} instead of ${expected.status}`;
  const headers = headersDiffer(expected.headers, seen.headers, answerHeaders);
  if (headers !== undefined) return headers;
  if (mayBeReused(seen.headers) && !mayBeReused(expected.headers)) return "a cache may reuse the answer";
  return textsDiffer(expected.body, seen.body);
}

function headersDiffer(expected: Headers, seen: Headers, names: readonly string[]): string | undefined {
  for (const name of names) {
    const [wanted, got] = [headerMeaning(name, expected[name]), headerMeaning(name, seen[name])];
    if (wanted !== got) return `header ${name}: ${got ?? "absent"} instead of ${wanted ?? "absent"}`;
  }
  return undefined;
}

function headerMeaning(name: string, value: string | readonly string[] | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = String(value);
  // The window sizes an extension agrees on are between the two ends.
  if (name === "sec-websocket-extensions") return text.split(";")[0]?.trim();
  return name === "sec-websocket-protocol" ? text : text.toLowerCase().replaceAll(" ", "");
}

// Phoenix forbids it with several directives. No header at all says the same of a 4xx or 5xx, a 101 and a POST.
function mayBeReused(headers: Headers): boolean {
  const value = headers["cache-control"];
  return value !== undefined && !/no-store|no-cache|max-age=0/.test(String(value));
}

function textsDiffer(expected: string, seen: string): string | undefined {
  if (expected === seen) return undefined;
  const [wanted, got] = [parse(expected), parse(seen)];
  if (wanted === undefined || got === undefined) return "the text differs";
  return valuesDiffer(wanted.value, got.value, "");
}

function parse(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

// Refs are made by the server: 16 characters, new for each meta.
function isPresenceRef(path: string, value: unknown): boolean {
  return /\/phx_ref(?:_prev)?$/.test(path) && typeof value === "string" && /^[\w-]{16}$/.test(value);
}

function valuesDiffer(expected: unknown, seen: unknown, path: string): string | undefined {
  if (isPresenceRef(path, expected) && isPresenceRef(path, seen)) return undefined;
  if (Object.is(expected, seen)) return undefined;
  const here = path === "" ? "the value" : path;
  if (typeof expected === "string" && typeof seen === "string") {
    return sameMeaning(expected, seen) ? undefined : `${here} differs`;
  }
  if (typeof expected !== "object" || typeof seen !== "object" || expected === null || seen === null) {
    return expected === seen ? undefined : `${here} differs`;
  }
  if (Array.isArray(expected) !== Array.isArray(seen)) return `${here} differs`;
  const keys = new Set([...Object.keys(expected), ...Object.keys(seen)]);
  for (const key of keys) {
    if (!Object.hasOwn(expected, key)) return `${path}/${key} is extra`;
    if (!Object.hasOwn(seen, key)) return `${path}/${key} is missing`;
    const difference = valuesDiffer(Reflect.get(expected, key), Reflect.get(seen, key), `${path}/${key}`);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

// Phoenix's application prints some terms: connect-info, and exit reasons with their stack. A stack is its own
// business, of a crash only that it was one counts. Another application may print connect-info as it likes.
function sameMeaning(expected: string, seen: string): boolean {
  if (expected.startsWith("{%") && expected.includes("...")) return isCrashReason(seen);
  if (!expected.startsWith("%{")) return false;
  const got = canonicalTerm(seen);
  if (got === undefined) return seen !== "" && !seen.startsWith("%");
  return got === canonicalTerm(expected);
}

function pick(headers: Headers, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])));
}

function shorten(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 300)}… (${text.length} characters)`;
}
