/**
 * Where to connect, and what goes along.
 *
 * @module
 */

/** Values of the query. A token is none: it would end up in logs. */
export type ConnectParams = Readonly<Record<string, string | number | boolean>>;

/** One address, as a WebSocket's and as a page's. */
export interface Address {
  readonly socketUrl: string;
  readonly probeUrl: string;
}

const schemes: Readonly<Record<string, string>> = {
  "ws:": "http:",
  "wss:": "https:",
  "http:": "http:",
  "https:": "https:",
};

/**
 * The address of a mounted socket: `wss://host/socket`, or in a page a path of its own host.
 *
 * @throws TypeError for what is no such URL, and for a param called `token`.
 */
export function toAddress(url: string, params: ConnectParams): Address {
  const page = (globalThis as { readonly location?: { readonly href: string } }).location?.href;
  const parsed = URL.canParse(url, page) ? new URL(url, page) : null;
  const scheme = parsed === null ? undefined : schemes[parsed.protocol];
  if (parsed === null || scheme === undefined) {
    const got = JSON.stringify(url.split("?", 1)[0]);
    throw new TypeError(`Expected the address of a socket, like "wss://example.com/socket", got ${got}.`);
  }
  parsed.hash = "";
  parsed.pathname = `${parsed.pathname.replace(/\/+$/, "")}/websocket`;
  for (const [name, value] of Object.entries(params)) parsed.searchParams.set(name, String(value));
  if (parsed.searchParams.has("token")) {
    throw new TypeError("Expected no param `token`: URLs end up in logs. Use the option: { token: () => … }.");
  }
  parsed.searchParams.set("vsn", "2.0.0");
  parsed.protocol = scheme;
  const probeUrl = parsed.href;
  parsed.protocol = scheme === "http:" ? "ws:" : "wss:";
  return { socketUrl: parsed.href, probeUrl };
}

/** The subprotocols that carry a token. None without one: a browser wants what it offers to be answered. */
export function toProtocols(token: string | null): string[] {
  if (token === null) return [];
  const bytes = new TextEncoder().encode(token);
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  // In the alphabet for URLs: a `/` or `=` may not stand in a subprotocol's name (RFC 6455, 4.1).
  const safe = base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return ["phoenix", `base64url.bearer.phx.${safe}`];
}
