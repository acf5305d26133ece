/**
 * Checking the Origin header. Browsers let any page open a WebSocket to any server and send cookies along; no CORS
 * stands in the way. The origin is the one thing a page can't forge.
 *
 * @module
 */

import { definitionError } from "../errors.ts";

/**
 * Which origins a mount allows. `true`: the host of the endpoint's `url`, or loopback hosts without one. A list of
 * `scheme://host`, `scheme://host:port`, `//host`, `//host:port`, `//*.host` (any depth, and the bare host). `"conn"`:
 * scheme, host and port the request itself came to; a page that points its own name at this server's address passes that.
 * A function. `false`: any, so something else has to protect it.
 */
export type Origins = boolean | "conn" | readonly string[] | ((origin: ParsedOrigin) => boolean);

/** An Origin header, taken apart. `host` is lower-case; `port` is the scheme's own where none was written. */
export interface ParsedOrigin {
  readonly text: string;
  readonly scheme: string | null;
  readonly host: string | null;
  readonly port: number | null;
}

/** What the request itself came to, for `"conn"`. */
export interface RequestAddress {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
}

/** Decides on one request. `origin` is the raw header, `undefined` when there is none. */
export interface OriginPolicy {
  allows(origin: string | undefined, request: () => RequestAddress): boolean;
  /** For the log: what is allowed, in words. */
  readonly allowed: string;
}

const originBytesMax = 2_048;
const schemePorts: Readonly<Record<string, number>> = { http: 80, https: 443, ws: 80, wss: 443 };
const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * Takes an origin apart. Stricter than a URL parser on purpose: no userinfo, no path, no white space, nothing a
 * comparison by eye would read differently. What doesn't fit has no host.
 */
export function parseOrigin(text: string): ParsedOrigin {
  const nothing: ParsedOrigin = { text, scheme: null, host: null, port: null };
  if (text.length > originBytesMax) return nothing;
  const match = /^(?:([a-z][a-z0-9+.-]*):)?\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/.exec(text.toLowerCase());
  if (match === null) return nothing;
  const scheme = match[1] ?? null;
  const port = match[3] === undefined ? (scheme === null ? null : (schemePorts[scheme] ?? null)) : Number(match[3]);
  if (port !== null && port > 65_535) return nothing;
  return { text, scheme, host: match[2] as string, port };
}

/**
 * Makes the policy of one mount and transport; never shared between mounts (Phoenix once cached it per socket).
 *
 * @throws PortcullisError `definition_invalid` for entries that are no origins, and for `true` without a `url.host` in
 * production.
 */
export function originPolicy(
  origins: Origins,
  options: { readonly mount: string; readonly urlHost: string | null; readonly production: boolean },
): OriginPolicy {
  if (origins === false) return { allows: () => true, allowed: "any origin" };
  const check = toCheck(origins, options);
  const isLasting = origins === true || Array.isArray(origins);
  let last: string | null = null;
  return {
    allows(origin, request) {
      // No Origin header: not a browser, so not a page somebody was lured to.
      if (origin === undefined || origin === last) return true;
      const allows = check.allows(parseOrigin(origin), request);
      // Nearly everybody comes from the same page, and what a list says of it does not change.
      if (allows && isLasting) last = origin;
      return allows;
    },
    allowed: check.allowed,
  };
}

interface Check {
  readonly allows: (origin: ParsedOrigin, request: () => RequestAddress) => boolean;
  readonly allowed: string;
}

function toCheck(
  origins: Exclude<Origins, false>,
  options: { mount: string; urlHost: string | null; production: boolean },
): Check {
  if (typeof origins === "function")
    return { allows: (origin) => origins(origin) === true, allowed: "what the mount's own function says" };
  if (origins === "conn") {
    return {
      allows({ scheme, host, port }, request) {
        const own = request();
        return scheme === own.scheme && host === own.host.toLowerCase() && port === own.port;
      },
      allowed: "the origin the request itself came to",
    };
  }
  if (origins === true) return ownHost(options);
  if (!Array.isArray(origins)) {
    throw definitionError(
      `Expected origins of ${options.mount} to be true, false, "conn", a list or a function, got ${typeof origins}.`,
    );
  }
  const rules = origins.map((entry) => toRule(entry, options.mount));
  return { allows: (origin) => rules.some((rule) => rule(origin)), allowed: origins.join(", ") };
}

function ownHost({
  mount,
  urlHost,
  production,
}: {
  mount: string;
  urlHost: string | null;
  production: boolean;
}): Check {
  if (urlHost !== null) {
    const own = urlHost.toLowerCase();
    const { host, port } = parseOrigin(`//${own}`);
    if (host === null || port !== null) {
      throw definitionError(
        `Expected url.host of defineEndpoint to be a bare host like "example.com", without scheme, port or path, got ${JSON.stringify(urlHost)}: no page's host would be equal to it.`,
      );
    }
    return { allows: ({ host }) => host === own, allowed: `any origin on the host ${own} (url.host)` };
  }
  if (production) {
    throw definitionError(
      `The mount ${mount} checks origins against the endpoint's own host, and the endpoint doesn't know it. Write ` +
        'url: { host: "example.com" } in defineEndpoint, or list the origins on the mount: origins: ["https://example.com"].',
    );
  }
  return {
    allows: ({ host }) => host !== null && loopback.test(host),
    allowed: "loopback hosts only (url.host is not set)",
  };
}

function toRule(entry: unknown, mount: string): (origin: ParsedOrigin) => boolean {
  const wildcard = typeof entry === "string" && /^([a-z][a-z0-9+.-]*:)?\/\/\*\./i.test(entry);
  const { scheme, host, port } = parseOrigin(typeof entry === "string" ? entry.replace("//*.", "//") : "");
  if (host === null) {
    throw definitionError(
      `Expected each entry of origins of ${mount} to look like "https://example.com", "//example.com:8443" or "//*.example.com", got ${JSON.stringify(entry)}.`,
    );
  }
  return (origin) =>
    origin.host !== null &&
    (origin.host === host || (wildcard && origin.host.endsWith(`.${host}`))) &&
    (scheme === null || origin.scheme === scheme) &&
    (port === null || origin.port === port);
}
