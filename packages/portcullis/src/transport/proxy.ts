/**
 * Where a request really comes from, and what it was really asked for, behind proxies one has named.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import type { TLSSocket } from "node:tls";
import { definitionError } from "../errors.ts";
import type { PeerInfo, UriInfo } from "../socket/connect-info.ts";

/** Reads the facts of a request; `X-Forwarded-*` count only from the proxies it was made with. */
export interface RequestReader {
  peer(request: IncomingMessage): PeerInfo;
  uri(request: IncomingMessage): UriInfo;
}

/**
 * @param trustedProxies addresses or networks (`"10.0.0.0/8"`) whose `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`
 * are believed. Default none: anybody can send those headers.
 * @throws PortcullisError `definition_invalid` for an entry that is neither.
 */
export function requestReader(trustedProxies: readonly string[]): RequestReader {
  const trusted = new BlockList();
  for (const entry of trustedProxies) addTo(trusted, entry);
  const isTrusted = (address: string): boolean => {
    const version = isIP(address);
    return version !== 0 && trusted.check(address, version === 6 ? "ipv6" : "ipv4");
  };
  const forwarded = (request: IncomingMessage, header: string): string | null => {
    if (trustedProxies.length === 0 || !isTrusted(toAddress(request.socket.remoteAddress))) return null;
    const value = request.headers[header];
    return typeof value === "string" && value !== "" ? value : null;
  };
  return {
    peer(request) {
      const tls = isTls(request) || lastOf(forwarded(request, "x-forwarded-proto")) === "https";
      const hops = forwarded(request, "x-forwarded-for")?.split(",").map(toHop) ?? [];
      // The right-most hop nobody vouches for is the client; what stands left of it, the client may have made up.
      const client = hops.reverse().find((hop) => !isTrusted(hop));
      if (client !== undefined && isIP(client) !== 0) return { address: client, port: 0, tls };
      return { address: toAddress(request.socket.remoteAddress), port: request.socket.remotePort ?? 0, tls };
    },
    uri(request) {
      const scheme =
        (lastOf(forwarded(request, "x-forwarded-proto")) ?? (isTls(request) ? "https" : "http")) === "https"
          ? "https"
          : "http";
      const authority = lastOf(forwarded(request, "x-forwarded-host")) ?? request.headers.host ?? "";
      const match = /^(\[[0-9A-Fa-f:.]+\]|[^:]*)(?::(\d{1,5}))?$/.exec(authority);
      const port = Number(
        lastOf(forwarded(request, "x-forwarded-port")) ?? match?.[2] ?? (scheme === "https" ? 443 : 80),
      );
      const url = request.url ?? "/";
      const mark = url.indexOf("?");
      return {
        scheme,
        host: match?.[1] ?? "",
        port,
        path: mark === -1 ? url : url.slice(0, mark),
        query: mark === -1 ? "" : url.slice(mark + 1),
      };
    },
  };
}

function isTls(request: IncomingMessage): boolean {
  return (request.socket as Partial<TLSSocket>).encrypted === true;
}

/** IPv4 behind a dual-stack listener looks like `::ffff:127.0.0.1`. */
function toAddress(address: string | undefined): string {
  if (address === undefined) return "";
  return address.startsWith("::ffff:") ? address.replace(/^::ffff:(?=\d+\.)/, "") : address;
}

/** An entry of X-Forwarded-For: some proxies write the port too, `1.2.3.4:5678` or `[::1]:5678`. */
function toHop(entry: string): string {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|(\d{1,3}(?:\.\d{1,3}){3}))(?::\d{1,5})?$/.exec(entry.trim());
  return toAddress(match?.[1] ?? match?.[2] ?? entry.trim());
}

/** Of several values the last: the proxy we trust wrote it, and whoever was before it may be anybody. */
function lastOf(list: string | null): string | null {
  return list === null ? null : (list.split(",").at(-1) as string).trim();
}

function addTo(list: BlockList, entry: string): void {
  const [address = "", bits] = entry.split("/");
  const version = isIP(address);
  const prefix = bits === undefined ? (version === 6 ? 128 : 32) : Number(bits);
  if (version === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > (version === 6 ? 128 : 32)) {
    throw definitionError(
      `Expected each entry of trustedProxies to be an address or a network like "10.0.0.0/8", got ${JSON.stringify(entry)}.`,
    );
  }
  list.addSubnet(address, prefix, version === 6 ? "ipv6" : "ipv4");
}
