import type { ServerResponse } from "node:http";
import type { Problem } from "../../shared/api.ts";

/** Ends a request with a status and a sentence for the person in front of the page. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly field: Problem["field"];

  constructor(status: number, sentence: string, field?: Problem["field"]) {
    super(sentence);
    this.status = status;
    this.field = field;
  }
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  // Answers carry names and tokens: no cache on the way keeps them.
  response.setHeader("cache-control", "no-store");
  if (status === 204) {
    response.writeHead(204).end();
    return;
  }
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(value));
}

export function sendProblem(response: ServerResponse, problem: HttpProblem): void {
  // Who sends too much does not get to send the next request on the same connection.
  if (problem.status === 413) response.setHeader("connection", "close");
  const { message, field } = problem;
  sendJson(response, problem.status, (field ? { problem: message, field } : { problem: message }) satisfies Problem);
}

/** What the page may load, and from where. Everything it needs comes from this server. */
export interface PagePolicy {
  /** Origins besides its own that the page may open sockets to. */
  readonly connect: readonly string[];
  /** Origins it may show in a frame. */
  readonly frames: readonly string[];
  /** Origins that may show it in a frame. */
  readonly framedBy: readonly string[];
}

export function setSecurityHeaders(response: ServerResponse, policy: PagePolicy): void {
  const list = (origins: readonly string[]) => (origins.length === 0 ? "'none'" : origins.join(" "));
  response.setHeader(
    "content-security-policy",
    [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      // Older browsers do not count ws: as 'self', so the socket's origin is written out.
      `connect-src 'self' ${policy.connect.join(" ")}`,
      `frame-src ${list(policy.frames)}`,
      `frame-ancestors ${list(policy.framedBy)}`,
      "form-action 'self'",
      "base-uri 'none'",
    ].join("; "),
  );
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("referrer-policy", "same-origin");
  response.setHeader("cross-origin-opener-policy", "same-origin");
  response.setHeader("permissions-policy", "camera=(), geolocation=(), microphone=()");
}
