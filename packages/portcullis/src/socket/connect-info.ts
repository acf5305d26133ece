/**
 * What a socket may know of the request it came with: an allow-list, nothing else is kept.
 *
 * @module
 */

import { isSessionSource, type SessionSource } from "./session.ts";

/** Where a connection comes from. */
export interface PeerInfo {
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
}

/** The address the client asked for. */
export interface UriInfo {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly query: string;
}

/** Everything that can be asked for by name. */
export interface ConnectInfo {
  readonly peer: PeerInfo;
  readonly uri: UriInfo;
  readonly userAgent: string | null;
  /** Request headers that start with `x-`, lower-case, in order. */
  readonly xHeaders: readonly (readonly [name: string, value: string])[];
  /** `traceparent` and `tracestate`. */
  readonly traceContext: readonly (readonly [name: string, value: string])[];
  /** Request headers that start with `sec-websocket-`, but for the protocols: those may hold a token. */
  readonly secWebSocketHeaders: readonly (readonly [name: string, value: string])[];
  /** The token offered as a subprotocol by phoenix.js (`authToken`), or in `x-phoenix-authtoken`; `null` without. */
  readonly authToken: string | null;
}

/**
 * An entry of `connectInfo`: a name, a source of sessions, or an object of values of your own that are handed over as they
 * are.
 */
export type ConnectInfoItem = keyof ConnectInfo | SessionSource | Readonly<Record<string, unknown>>;

/** The `info` a list of items yields. */
export type InfoOf<Items extends readonly ConnectInfoItem[]> = Pick<
  ConnectInfo,
  Extract<Items[number], keyof ConnectInfo>
> &
  UnionToIntersection<Exclude<Items[number], string | SessionSource>> &
  SessionInfo<Extract<Items[number], SessionSource>>;

type SessionInfo<Source> = [Source] extends [never]
  ? unknown
  : {
      /** `null` without a session, and where the param `_csrf_token` doesn't fit it. */
      readonly session: Source extends SessionSource<infer Content> ? Content | null : never;
    };

type UnionToIntersection<Union> = [Union] extends [never]
  ? unknown
  : (Union extends unknown ? (value: Union) => void : never) extends (value: infer Intersection) => void
    ? Intersection
    : never;

/** The request, as far as connect-info is concerned. */
export interface RequestFacts {
  readonly peer: () => PeerInfo;
  readonly uri: () => UriInfo;
  readonly authToken: string | null;
  readonly session: unknown;
  /** Name, value, name, value, as node:http's `rawHeaders`. */
  readonly rawHeaders: readonly string[];
}

/** Picks what `items` ask for. */
export function collectInfo(items: readonly ConnectInfoItem[], facts: RequestFacts): Readonly<Record<string, unknown>> {
  const info: Record<string, unknown> = {};
  for (const item of items) {
    if (isSessionSource(item)) info["session"] = facts.session;
    else if (typeof item !== "string") Object.assign(info, item);
    else info[item] = lookUp(item, facts);
  }
  return info;
}

const tokenHeaders: readonly string[] = ["x-phoenix-authtoken", "x-phoenix-longpoll-token"];

function lookUp(name: keyof ConnectInfo, facts: RequestFacts): unknown {
  switch (name) {
    case "peer":
      return facts.peer();
    case "uri":
      return facts.uri();
    case "authToken":
      return facts.authToken;
    case "userAgent":
      return headers(facts, (header) => header === "user-agent")[0]?.[1] ?? null;
    case "xHeaders":
      // The tokens of the long-poll client are credentials: they travel as authToken or not at all.
      return headers(facts, (header) => header.startsWith("x-") && !tokenHeaders.includes(header));
    case "traceContext":
      return headers(facts, (header) => header === "traceparent" || header === "tracestate");
    case "secWebSocketHeaders":
      return headers(facts, (header) => header.startsWith("sec-websocket-") && header !== "sec-websocket-protocol");
  }
}

function headers(facts: RequestFacts, wanted: (header: string) => boolean): (readonly [string, string])[] {
  const found: (readonly [string, string])[] = [];
  for (let index = 0; index + 1 < facts.rawHeaders.length; index += 2) {
    const header = (facts.rawHeaders[index] as string).toLowerCase();
    if (wanted(header)) found.push([header, facts.rawHeaders[index + 1] as string]);
  }
  return found;
}
