/**
 * The request a client would knock with, made without a network.
 *
 * @module
 */

import { IncomingMessage } from "node:http";
import { Socket } from "node:net";

/** Who is at the other end. */
export interface TestPeer {
  /** Default `"127.0.0.1"`. */
  readonly address?: string;
  readonly port?: number;
  /** Default false. */
  readonly tls?: boolean;
}

/** A request, taken apart. */
export interface RequestParts {
  readonly url: string;
  /** A list stands for a header that is sent several times. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly peer?: TestPeer;
}

/** A GET that asks for an upgrade, as node:http would hand it over. */
export function makeRequest({ url, headers, peer = {} }: RequestParts): IncomingMessage {
  const socket = new Socket();
  const facts = {
    remoteAddress: peer.address ?? "127.0.0.1",
    remotePort: peer.port ?? 0,
    encrypted: peer.tls === true,
  };
  for (const [name, value] of Object.entries(facts)) Object.defineProperty(socket, name, { value });
  const request = new IncomingMessage(socket);
  request.method = "GET";
  request.url = url;
  request.httpVersion = "1.1";
  const given = { host: "localhost", connection: "Upgrade", upgrade: "websocket", ...lowerCased(headers) };
  for (const [name, values] of Object.entries(given)) {
    for (const value of [values].flat()) request.rawHeaders.push(name, value);
    request.headers[name] = [values].flat().join(name === "cookie" ? "; " : ", ");
  }
  return request;
}

function lowerCased<Value>(headers: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** A query string as Plug reads it: `{ user: { id: 1 }, tags: ["a"] }` is `user[id]=1&tags[]=a`. */
export function toQuery(params: Readonly<Record<string, unknown>>): string {
  const pairs: string[] = [];
  const add = (name: string, value: unknown): void => {
    if (value === undefined) return;
    if (Array.isArray(value)) for (const item of value) add(`${name}[]`, item);
    else if (typeof value === "object" && value !== null && !(value instanceof Date))
      for (const [key, inner] of Object.entries(value)) add(`${name}[${key}]`, inner);
    else {
      const text = value instanceof Date ? value.toISOString() : value === null ? "" : String(value);
      pairs.push(`${encodeURIComponent(name)}=${encodeURIComponent(text)}`);
    }
  };
  for (const [name, value] of Object.entries(params)) add(name, value);
  return pairs.join("&");
}
