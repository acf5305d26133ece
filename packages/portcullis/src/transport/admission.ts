/**
 * The gate. Every check between a request and a connection, in the order Phoenix makes them: origin, token in the
 * subprotocols, other subprotocols, version, and then who it is and whether they may. What passes here is never asked
 * again; what doesn't is an HTTP status, before any connection exists.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { whenThere } from "../outcome.ts";
import { type Serializer, serializerFor } from "../protocol/serializer.ts";
import { collectInfo } from "../socket/connect-info.ts";
import type { ConnectionIdentity } from "../socket/connection.ts";
import { type Params, parseQuery } from "../socket/params.ts";
import type { Attempt } from "./attempt.ts";
import { type OfferedSubprotocols, phoenixSubprotocol, readHeaderTokens, readSubprotocols } from "./credential.ts";
import { explainSubprotocol } from "./explain.ts";
import { checkParams, credentialOf, enter, type Identified, identify, whyRevoked } from "./identify.ts";
import type { Mount } from "./mount.ts";
import type { OriginPolicy } from "./origin.ts";
import { failed, quote, quoteNames, type Refused, refuse, reportRefused } from "./refusal.ts";
import type { Variables } from "./route.ts";
import { sessionFor } from "./session.ts";

/** What a transport asks. */
export interface Knock {
  readonly request: IncomingMessage;
  readonly transport: string;
  readonly origins: OriginPolicy;
  readonly pathVariables: Variables;
  readonly attempt: Attempt;
}

export type Admission =
  | { readonly ok: true; readonly identity: ConnectionIdentity; readonly subprotocol: string | null }
  | Refused;

/**
 * Decides on one request within the mount's `connectTimeoutMs`: at once, unless somebody has to think. Never throws or
 * rejects; reports and logs what it refuses.
 */
export function admit(mount: Mount, knock: Knock): Admission | Promise<Admission> {
  const refused = passTurnstile(mount, knock);
  const decision = refused ?? decideSafely(mount, knock);
  return whenThere(decision instanceof Promise ? withinTime(mount, knock, decision) : decision, (admission) => {
    if (!admission.ok) reportRefused(mount, knock.transport, admission);
    return admission;
  });
}

function decideSafely(mount: Mount, knock: Knock): Admission | Promise<Admission> {
  try {
    return decide(mount, knock);
  } catch (error) {
    return failed(mount, error);
  }
}

/** What is decided before anything is read that costs something. */
function passTurnstile(mount: Mount, knock: Knock): Refused | null {
  if (knock.request.method !== "GET") return refuse(mount, "method_refused", null);
  const refused = measure(mount, knock.request);
  if (refused !== null) return refused;
  const place = mount.environment.turnstile.enter(mount, knock.request);
  if ("code" in place) return place;
  knock.attempt.place = place;
  return null;
}

function withinTime(mount: Mount, knock: Knock, decision: Promise<Admission>): Promise<Admission> {
  const { connectTimeoutMs, environment } = mount;
  return new Promise((resolve) => {
    const cancel = environment.clock.after(connectTimeoutMs, () => {
      knock.attempt.end();
      const why = (): string =>
        `connect took longer than ${connectTimeoutMs} ms. Make it faster, or raise connectTimeoutMs on the mount.`;
      resolve(refuse(mount, "connect_timeout", why));
    });
    const settle = (admission: Admission): void => {
      cancel();
      resolve(admission);
    };
    decision.then(settle, (error) => settle(failed(mount, error)));
  });
}

/** What no request passes that fails it, whatever it is for: its size and its origin. */
export function screen(mount: Mount, knock: Pick<Knock, "request" | "origins">): Refused | null {
  return measure(mount, knock.request) ?? checkOrigin(mount, knock);
}

function measure(mount: Mount, request: IncomingMessage): Refused | null {
  if (request.rawHeaders.length / 2 > mount.limits.headersMax)
    return refuse(mount, "headers_too_many", () => `it had more than ${mount.limits.headersMax} headers.`);
  if (queryOf(request).length > mount.limits.queryBytesMax)
    return refuse(
      mount,
      "query_too_long",
      () => `its query string was longer than ${mount.limits.queryBytesMax} bytes.`,
    );
  return null;
}

function checkOrigin(mount: Mount, { request, origins }: Pick<Knock, "request" | "origins">): Refused | null {
  const { reader } = mount.environment;
  const origin = originOf(request);
  return origins.allows(origin, () => reader.uri(request)) ? null : refuseOrigin(mount, origins, origin);
}

/** The params of a request, from its query and its path; refused when there are too many of them. */
export function paramsOf(mount: Mount, { request, pathVariables }: Pick<Knock, "request" | "pathVariables">): ParamsOf {
  const { queryParamsMax: paramsMax, queryDepthMax: depthMax } = mount.limits;
  const params = parseQuery(queryOf(request), { paramsMax, depthMax });
  if (params !== null) return { ok: true, params: Object.assign(params, pathVariables) };
  return refuse(mount, "params_invalid", () => "its query string held too many params, or nested too deeply.");
}

type ParamsOf = { readonly ok: true; readonly params: Params } | Refused;

function decide(mount: Mount, knock: Knock): Admission | Promise<Admission> {
  const refused = checkOrigin(mount, knock);
  if (refused !== null) return refused;

  const subprotocols = chooseSubprotocol(mount, knock);
  if (!subprotocols.ok) return subprotocols.refused;

  const parsed = paramsOf(mount, knock);
  if (!parsed.ok) return parsed;
  const { params } = parsed;
  const serializer = serializerFor(params["vsn"], mount.serializers);
  if (serializer === null) {
    return refuse(
      mount,
      "vsn_unsupported",
      () =>
        `it asked for the protocol version ${quote(params["vsn"])}; spoken here: ${mount.serializers.join(", ")} (1.0.x is v1, 2.0.x is v2).`,
    );
  }
  return connect(mount, knock, { serializer, params, offered: subprotocols });
}

interface Checks {
  readonly serializer: Serializer;
  readonly params: Params;
  readonly offered: { readonly selected: string | null; readonly token: string | null };
}

function connect(mount: Mount, knock: Knock, checks: Checks): Admission | Promise<Admission> {
  const credentials = mount.socket.authenticate === null ? [] : credentialsOf(mount, checks, knock);
  if (credentials.length > 1)
    return refuse(
      mount,
      "credential_ambiguous",
      () =>
        `credentials came at ${credentials.length} of the places the mount reads (${mount.from.join(", ")}). Send one.`,
    );
  const { params } = checks;
  const { attempt, request } = knock;
  const credential = credentials[0] ?? null;
  // Looked up only where the socket asks for one: a store is not to be asked for everybody.
  return whenThere(sessionFor(mount, request, params), (session) =>
    whenThere(identify(mount, { credential, params, session, attempt }), (identified) => {
      if (!identified.ok) return identified;
      const full = mount.environment.turnstile.name(mount, attempt.place, identified.identity);
      return full ?? ask(mount, knock, { checks, session, identified });
    }),
  );
}

/** It is known who it is, if it ever will be: may they, by what the socket itself says? */
function ask(mount: Mount, knock: Knock, known: Known): Admission | Promise<Admission> {
  const { checks, identified } = known;
  return whenThere(checkParams(mount, checks.params), (checked) => {
    if (!checked.ok) return checked;
    const request = { params: checked.value, info: infoOf(mount, knock.request, known) };
    const asked = { params: request.params, info: request.info, said: identified.said, attempt: knock.attempt };
    return whenThere(enter(mount, asked), (entered) => {
      if (!entered.ok) return entered;
      const credential = credentialOf(mount, request, identified, entered);
      const admission = {
        ok: true as const,
        subprotocol: checks.offered.selected,
        identity: {
          serializer: checks.serializer,
          assigns: entered.assigns,
          socketId: entered.socketId,
          transport: knock.transport,
          credential,
          place: knock.attempt.place,
        },
      };
      if (identified.identity !== null || credential === null) return admission;
      // Who says only now who they are, is looked up now.
      const named = credential.identity;
      return whenThere(
        whyRevoked(mount, named),
        (why) => why ?? mount.environment.turnstile.name(mount, knock.attempt.place, named) ?? admission,
      );
    });
  });
}

interface Known {
  readonly checks: Checks;
  readonly session: unknown;
  readonly identified: Identified;
}

const noInfo: Readonly<Record<string, unknown>> = Object.freeze({});

function infoOf({ socket, environment }: Mount, request: IncomingMessage, { checks, session }: Known): unknown {
  const { connectInfo } = socket;
  if (connectInfo.length === 0) return noInfo;
  const { reader } = environment;
  return collectInfo(connectInfo, {
    peer: () => reader.peer(request),
    uri: () => reader.uri(request),
    authToken: checks.offered.token ?? headerTokenOf(socket, request),
    session,
    rawHeaders: request.rawHeaders,
  });
}

function queryOf({ url = "" }: IncomingMessage): string {
  const mark = url.indexOf("?");
  return mark === -1 ? "" : url.slice(mark + 1);
}

/** Pages of these sites ask for pictures, scripts and links without an Origin, and with cookies (Fetch Metadata). */
const elsewhere: readonly unknown[] = ["cross-site", "same-site"];

/** Two Origin headers are joined by node:http with a comma, and fit no policy. */
function originOf(request: IncomingMessage): string | undefined {
  const { origin, "sec-fetch-site": site } = request.headers;
  if (origin === undefined) return elsewhere.includes(site) ? "null" : undefined;
  let found: string | null = null;
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index] as string;
    if (name.length !== "origin".length || name.toLowerCase() !== "origin") continue;
    const value = request.rawHeaders[index + 1] as string;
    found = found === null ? value : `${found}, ${value}`;
  }
  return found ?? "";
}

function readsSubprotocolToken({ socket, from }: Mount): boolean {
  return socket.connectInfo.includes("authToken") || (socket.authenticate !== null && from.includes("subprotocol"));
}

function headerTokenOf(socket: Mount["socket"], request: IncomingMessage): string | null {
  return socket.connectInfo.includes("authToken") ? (readHeaderTokens(request)[0] ?? null) : null;
}

type Chosen =
  | { readonly ok: true; readonly selected: string | null; readonly token: string | null }
  | { readonly ok: false; readonly refused: Refused };

function chooseSubprotocol(mount: Mount, { request, transport }: Knock): Chosen {
  // Only a WebSocket has subprotocols: long-poll has a header for the token.
  if (transport === "longpoll") return { ok: true, selected: null, token: null };
  const readsToken = readsSubprotocolToken(mount);
  const spoken = readsToken ? [phoenixSubprotocol, ...mount.subprotocols] : mount.subprotocols;
  const header = request.headers["sec-websocket-protocol"];
  if (header === undefined) return { ok: true, selected: null, token: null };
  const { names: offered, token: given }: OfferedSubprotocols = readSubprotocols(
    header,
    mount.limits.credentialBytesMax,
  );
  const explains = mount.explain && offered.includes(explainSubprotocol);
  const fallback = explains ? explainSubprotocol : null;
  if (spoken.length === 0) {
    if (given !== null) warnUnreadToken(mount);
    return { ok: true, selected: fallback, token: null };
  }
  if (readsToken && given === undefined) {
    const why = (): string => "the token among its subprotocols was no base64 of UTF-8 text, or too long.";
    return { ok: false, refused: refuse(mount, "credential_invalid", why) };
  }
  const token = readsToken ? (given ?? null) : null;
  const names = explains ? offered.filter((name) => name !== explainSubprotocol) : offered;
  const anything = names.length > 0 || (!explains && header.trim() !== "" && token === null);
  if (!anything) return { ok: true, selected: fallback, token };
  const selected = spoken.find((name) => names.includes(name));
  if (selected !== undefined) return { ok: true, selected, token };
  const why = (): string => `it offered the subprotocols ${quoteNames(names)}; spoken here: ${spoken.join(", ")}.`;
  return { ok: false, refused: refuse(mount, "subprotocol_refused", why) };
}

/** A browser that is not answered with one of its subprotocols gives up, and can't tell why. */
function warnUnreadToken(mount: Mount): void {
  mount.environment.telemetry.warn(
    `unread token ${mount.path}`,
    () =>
      `portcullis: a client of ${mount.path} offered a token among its subprotocols (authToken of phoenix.js), and this socket reads ` +
      'none there, so browsers will not connect. Add authenticate to the socket, or connectInfo: ["authToken"], or leave the token out.',
  );
}

function credentialsOf(mount: Mount, { params, offered }: Checks, { request, transport }: Knock): readonly string[] {
  // phoenix.js sends its authToken as a subprotocol where there are any, and in a header over long-poll.
  const inHeader = mount.from.includes("header") || (transport === "longpoll" && mount.from.includes("subprotocol"));
  const found: string[] = inHeader ? readHeaderTokens(request) : [];
  for (let index = 0; index < found.length; index += 1) found[index] = boundedCredential(mount, found[index]);
  if (mount.from.includes("subprotocol") && offered.token !== null) found.push(boundedCredential(mount, offered.token));
  if (mount.from.includes("params") && params["token"] !== undefined)
    found.push(boundedCredential(mount, params["token"]));
  return found;
}

/** A list or a map in place of the token is a credential too: an invalid one. */
function boundedCredential({ limits }: Mount, credential: unknown): string {
  return typeof credential === "string" && credential.length <= limits.credentialBytesMax ? credential : "";
}

function refuseOrigin(mount: Mount, origins: OriginPolicy, origin: string | undefined): Refused {
  return refuse(
    mount,
    "origin_refused",
    () =>
      `the page's origin is ${quote(origin)}; allowed: ${origins.allowed}. This happens when a page on another host opens the socket, ` +
      "or when the endpoint doesn't know its own host. To fix it: 1. set url: { host } in defineEndpoint to the host your pages are " +
      'served from; or 2. list the origins on the mount: origins: ["https://app.example.com", "//*.example.com"]; or 3. for a socket that ' +
      "anybody may open from anywhere, origins: false, and never rely on cookies there.",
  );
}
