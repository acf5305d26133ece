/**
 * Why a connection was refused, for a client that asks. A browser can't read the answer to a refused handshake, so it asks
 * again by `fetch`, or offers a subprotocol over which it is told. Nobody else gets to see more than a status: plain clients
 * take an upgrade for success, and pages on foreign origins are told nothing.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { closingEvent, connectionTopic } from "../protocol/events.ts";
import type { FrameData } from "../protocol/message.ts";
import { serializers } from "../protocol/serializer.ts";
import { type RetryOnWire, retryOnWire } from "../socket/standing.ts";
import type { Mount } from "./mount.ts";
import type { RefusalResponse } from "./options.ts";
import type { Refused } from "./refusal.ts";

/** Offered by clients that want to be upgraded, told and closed where they would be refused. */
export const explainSubprotocol = "portcullis.explain";

/** Whether a plain request wants the answer in JSON. Browsers' own requests don't say so. */
export function asksForJson({ headers }: IncomingMessage): boolean {
  return (headers.accept ?? "").split(",").some((type) => /^\s*application\/json\s*(?:;|$)/i.test(type));
}

/** Whether a handshake wants to be told over itself. */
export function asksOverSocket({ headers }: IncomingMessage): boolean {
  return (headers["sec-websocket-protocol"] ?? "").split(",").some((name) => name.trim() === explainSubprotocol);
}

/** Whether it was refused before its page's origin was looked at, because there are too many. */
export function isHeldBack({ code }: Refused): boolean {
  return code === "rate_limited" || code === "connections_max";
}

/** Whether what a refused client asks is answered: not where the mount doesn't, and never a stranger's page. */
export function mayExplain(mount: Mount, { code }: Refused): boolean {
  return mount.explain && code !== "origin_refused";
}

/** A refusal with its reason, and what to do about it, in JSON. */
export function explained(request: IncomingMessage, { response, reason, retry }: Refused): RefusalResponse {
  return inJson(request, { ...response, body: JSON.stringify({ reason, retry }) });
}

/** The answer to somebody who would have been let in. */
export function wouldBeUpgraded(request: IncomingMessage, response: RefusalResponse): RefusalResponse {
  const body = JSON.stringify({ reason: "upgrade_required", retry: retryOnWire("backoff") });
  return inJson(request, { ...response, body });
}

/** The answer to a browser that asks beforehand whether it may ask with a token in a header. */
export function preflight(request: IncomingMessage): RefusalResponse | null {
  const { origin, "access-control-request-method": method } = request.headers;
  if (request.method !== "OPTIONS" || origin === undefined || method !== "GET") return null;
  return {
    status: 204,
    headers: {
      ...sharedWith(request),
      "access-control-allow-methods": "GET",
      "access-control-allow-headers": "accept, authorization, x-phoenix-authtoken",
      "access-control-max-age": "3600",
    },
  };
}

/** What a refused client that asked for it is sent over the socket, and the close code it gets. */
export function explanation({ reason, retry }: Refused): { readonly frame: FrameData; readonly closeCode: number } {
  const frame = serializers.v2.encodePush(null, null, connectionTopic, closingEvent, { reason, retry });
  return { frame, closeCode: closeCodeFor(retry) };
}

/** 41xx: come back with another credential. 42xx: don't. Anything else: later. */
function closeCodeFor(retry: RetryOnWire): number {
  return retry === "reauth" ? 4_100 : retry === "never" ? 4_200 : 1_013;
}

function inJson(request: IncomingMessage, response: RefusalResponse): RefusalResponse {
  const type = { "content-type": "application/json; charset=utf-8" };
  const after = retryAfter(response);
  return { ...response, headers: { ...response.headers, ...type, ...after, ...sharedWith(request) } };
}

/** The page's origin has passed the mount's check before anything is explained to it. */
function sharedWith({ headers }: IncomingMessage): Record<string, string> {
  return headers.origin === undefined ? {} : { "access-control-allow-origin": headers.origin, vary: "origin" };
}

function retryAfter({ headers }: RefusalResponse): Record<string, string> {
  const given = headers?.["retry-after"];
  return given === undefined ? {} : { "access-control-expose-headers": "retry-after" };
}
