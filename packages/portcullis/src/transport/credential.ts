/**
 * Where a credential travels: in a subprotocol, a header, or, if one insists, the URL.
 *
 * @module
 */

import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";

/**
 * A place a mount reads credentials from. `"subprotocol"`: what phoenix.js sends as `authToken`. `"header"`:
 * `Authorization: Bearer …` or `X-Phoenix-AuthToken`, for clients that are no browsers. `"params"`: the `token` param,
 * Phoenix's classic way, which proxies and access logs get to see.
 */
export type CredentialPlace = "subprotocol" | "header" | "params";

/** The subprotocol phoenix.js offers beside its token, and expects to be selected. */
export const phoenixSubprotocol = "phoenix";
const tokenPrefix = "base64url.bearer.phx.";

/** What the subprotocols of a request hold. */
export interface OfferedSubprotocols {
  /** The offered names, token entries left out. */
  readonly names: readonly string[];
  /** The token, `null` when none was offered (or several: then none counts), `undefined` when it is garbage. */
  readonly token: string | null | undefined;
}

/** Reads `Sec-WebSocket-Protocol`. Linear in the header's length. */
export function readSubprotocols(header: string | undefined, tokenBytesMax: number): OfferedSubprotocols {
  const names: string[] = [];
  const tokens: string[] = [];
  for (const entry of header === undefined ? [] : header.split(",")) {
    const name = entry.trim();
    if (name.startsWith(tokenPrefix)) tokens.push(name.slice(tokenPrefix.length));
    else if (name !== "") names.push(name);
  }
  return { names, token: tokens.length === 1 ? decodeToken(tokens[0] as string, tokenBytesMax) : null };
}

/**
 * Despite the prefix phoenix.js uses the standard alphabet: both are taken, padded or not. Garbage is `undefined`.
 */
function decodeToken(text: string, bytesMax: number): string | undefined {
  if (text === "" || text.length > Math.ceil(bytesMax / 3) * 4 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(text))
    return undefined;
  const bytes = Buffer.from(text, "base64");
  return isUtf8(bytes) ? bytes.toString("utf8") : undefined;
}

/** The tokens in a request's headers: none, one, or several of which nobody can say which is meant. */
export function readHeaderTokens({ rawHeaders }: IncomingMessage): string[] {
  const found: string[] = [];
  // The raw ones: of two Authorization headers node:http shows the first alone.
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const value = rawHeaders[index + 1] as string;
    if (name.length === 19 && name.toLowerCase() === "x-phoenix-authtoken") {
      if (value !== "") found.push(value);
    } else if (name.length === 13 && name.toLowerCase() === "authorization") {
      const match = /^Bearer +(\S+)$/i.exec(value);
      if (match !== null) found.push(match[1] as string);
    }
  }
  return found;
}
