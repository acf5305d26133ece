// Plain HTTP beside the sockets: parsing an answer by hand, and making a request.
import { request } from "node:http";
import type { Headers } from "./recording.ts";

export interface ParsedResponse {
  readonly status: number;
  /** The status line. */
  readonly head: string;
  readonly headers: Headers;
  readonly body: string;
  /** What came after a 101: the first frames. */
  readonly rest: Buffer;
}

/** The response in `bytes`, or `undefined` as long as it is not whole. `ended`: the server sends no more. */
export function parseResponse(bytes: Buffer, ended: boolean): ParsedResponse | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [head = "", ...lines] = bytes.subarray(0, headEnd).toString("latin1").split("\r\n");
  const headers = toHeaders(lines);
  const status = Number(head.split(" ")[1]);
  const rest = bytes.subarray(headEnd + 4);
  if (status === 101) return { status, head, headers, body: "", rest };
  const body = bodyOf(rest, headers, ended);
  return body === undefined ? undefined : { status, head, headers, body, rest: Buffer.alloc(0) };
}

function toHeaders(lines: readonly string[]): Headers {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    const earlier = headers[name];
    if (earlier === undefined) headers[name] = name === "set-cookie" ? [value] : value;
    else headers[name] = [...(Array.isArray(earlier) ? earlier : [earlier]), value];
  }
  return headers;
}

function bodyOf(rest: Buffer, headers: Headers, ended: boolean): string | undefined {
  const length = headers["content-length"];
  if (length !== undefined) {
    const size = Number(length);
    return rest.length >= size ? rest.subarray(0, size).toString("utf8") : undefined;
  }
  if (headers["transfer-encoding"] === "chunked") return unchunk(rest);
  return ended ? rest.toString("utf8") : undefined;
}

function unchunk(rest: Buffer): string | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(rest.subarray(at, lineEnd).toString("latin1"), 16);
    if (size === 0) return Buffer.concat(parts).toString("utf8");
    if (rest.length < lineEnd + 2 + size + 2) return undefined;
    parts.push(rest.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

export interface PlainRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface PlainResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** One HTTP request on a connection of its own. Rejects when the server cannot be reached. */
export function send(base: URL, { method, path, headers = {}, body }: PlainRequest): Promise<PlainResponse> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, base), { method, agent: false, headers: { connection: "close", ...headers } });
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: response.statusCode ?? 0, headers: response.headers as Headers, body: text });
      });
    });
    sent.end(body);
  });
}
