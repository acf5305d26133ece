/**
 * Refusals as they are written: to the client, and to the log.
 *
 * @module
 */

import { type ServerResponse, STATUS_CODES, validateHeaderName, validateHeaderValue } from "node:http";
import type { Duplex } from "node:stream";
import { errorTable, type RefusalCode } from "../errors.ts";
import { type RetryOnWire, retryOnWire } from "../socket/standing.ts";
import type { Mount } from "./mount.ts";
import type { RefusalResponse } from "./options.ts";

/** A connection that does not come to be: why, and what the client is answered. */
export interface Refused {
  readonly ok: false;
  readonly code: RefusalCode;
  readonly response: RefusalResponse;
  /** What a client that asks is told: the application's own reason, or the code. */
  readonly reason: string;
  readonly retry: RetryOnWire;
}

/** A refusal that says what the table says. */
export function refusalOf(code: RefusalCode): Refused {
  const { status, retry } = errorTable[code];
  return { ok: false, code, response: { status }, reason: code, retry: retryOnWire(retry) };
}

/** Refuses, and tells the operator why. */
export function refuse(mount: Mount, code: RefusalCode, why: (() => string) | null, kind = ""): Refused {
  if (why !== null) {
    mount.environment.telemetry.warn(
      `${code} ${mount.path} ${kind}`,
      () => `portcullis: refused a connection to ${mount.path} (${code}): ${why()}`,
    );
  }
  return refusalOf(code);
}

/** A refusal of the application's own, which it may map to a response of its own. */
export function refuseReason(
  mount: Mount,
  code: RefusalCode,
  rejection: { readonly reason: string | Uint8Array; readonly details: object | null },
): Refused {
  const reason = typeof rejection.reason === "string" ? rejection.reason : "refused";
  const own = retryIn(rejection.details);
  const refused = {
    ...refuse(mount, code, () => `the reason given was ${quote(reason)}.`, reason),
    // What the table has a code for goes by that; a reason of the application's own is its to tell.
    ...(ownCodes.has(code) ? { reason } : {}),
    ...(own === null ? {} : { retry: own }),
  };
  if (mount.refusal === null) return refused;
  const response = mount.refusal({ reason, details: rejection.details });
  return { ...refused, response: checkedResponse({ ...response, status: response.status ?? refused.response.status }) };
}

const ownCodes: ReadonlySet<RefusalCode> = new Set(["connect_refused", "credential_refused"]);

/** `reject(reason, { retry })` says how to come back, where the table's advice is not the application's. */
function retryIn(details: object | null): RetryOnWire | null {
  const retry = (details as { readonly retry?: unknown } | null)?.retry;
  if (retry === "never" || retry === "reauth") return retry;
  const afterMs = (retry as { readonly afterMs?: unknown } | null | undefined)?.afterMs;
  return typeof afterMs === "number" && afterMs >= 0 ? { afterMs } : null;
}

/** A hook of the application threw, or answered what is no answer. */
export function failed(mount: Mount, error: unknown): Refused {
  const message = `connecting to ${mount.path} failed, and the connection was refused (connect_failed)`;
  mount.environment.telemetry.error(`connect_failed ${mount.path}`, message, error);
  return refusalOf("connect_failed");
}

/** Tells telemetry who was not let in, and why. */
export function reportRefused({ path, environment }: Mount, transport: string, { code, response }: Refused): void {
  environment.telemetry.emit("socket.refused", { mount: path, transport, code, status: response.status });
}

/** What everybody is told from the moment the endpoint begins to close. */
export function refuseClosing(mount: Mount, transport: string): Refused {
  const refused = refusalOf("shutting_down");
  reportRefused(mount, transport, refused);
  return refused;
}

/** An application puts reasons into headers, and clients into reasons what they like. */
function checkedResponse(response: RefusalResponse): RefusalResponse {
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

function headersOf(response: RefusalResponse): Record<string, string> {
  const headers: Record<string, string> = { "cache-control": "no-store" };
  for (const [name, value] of Object.entries(response.headers ?? {})) headers[name.toLowerCase()] = value;
  // Where the answer ends is not for the application to say.
  delete headers["transfer-encoding"];
  delete headers["connection"];
  headers["content-length"] = String(Buffer.byteLength(response.body ?? ""));
  return headers;
}

/** Answers a request, unless a listener added after ours has done so meanwhile. */
export function writeResponse(response: ServerResponse, answer: RefusalResponse): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(answer.status, headersOf(answer));
  response.end(answer.body ?? "");
}

/** Answers an upgrade, and hangs up. */
export function writeRefusal(socket: Duplex, response: RefusalResponse): void {
  const lines = [`HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? "Refused"}`];
  for (const [name, value] of Object.entries({ ...headersOf(response), connection: "close" })) {
    lines.push(`${name}: ${value}`);
  }
  socket.on("error", () => {});
  socket.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  socket.end(response.body ?? "", () => socket.destroy());
}
