/**
 * The gate. Every check between a request and a connection, in the order Phoenix makes them: origin, token in the
 * subprotocols, other subprotocols, version, and then who it is and whether they may. What passes here is never asked
 * again; what doesn't is an HTTP status, before any connection exists.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { checkPayload } from "../channel/payload.ts";
import { type ErrorCode, errorTable, type RefusalCode } from "../errors.ts";
import { isAcceptance, isOutcome, isRejection, isThenable } from "../outcome.ts";
import { type Serializer, serializerFor } from "../protocol/serializer.ts";
import { collectInfo } from "../socket/connect-info.ts";
import type { ConnectionIdentity } from "../socket/connection.ts";
import { type Params, parseQuery } from "../socket/params.ts";
import { type Attempt, AuthenticateCall, ConnectCall } from "./attempt.ts";
import { type OfferedSubprotocols, phoenixSubprotocol, readHeaderTokens, readSubprotocols } from "./credential.ts";
import type { Mount } from "./mount.ts";
import type { OriginPolicy } from "./origin.ts";
import { checkedResponse, quote, quoteNames, type Refused } from "./refusal.ts";
import { sessionFor } from "./session.ts";

/** What a transport asks. */
export interface Knock {
  readonly request: IncomingMessage;
  readonly transport: string;
  readonly origins: OriginPolicy;
  readonly pathVariables: Readonly<Record<string, string>>;
  readonly attempt: Attempt;
}

export type Admission =
  | { readonly ok: true; readonly identity: ConnectionIdentity; readonly subprotocol: string | null }
  | Refused;

/** Decides on one request within the mount's `connectTimeoutMs`. Never throws; reports and logs what it refuses. */
export async function admit(mount: Mount, knock: Knock): Promise<Admission> {
  const { telemetry } = mount.environment;
  const admission = await withinTime(mount, knock);
  if (admission.ok) return admission;
  telemetry.emit("socket.refused", {
    mount: mount.path,
    transport: knock.transport,
    code: admission.code,
    status: admission.response.status,
  });
  return admission;
}

async function withinTime(mount: Mount, knock: Knock): Promise<Admission> {
  const decision = decide(mount, knock).catch((error) => failed(mount, error));
  let cancel = (): void => {};
  const late = new Promise<Admission>((resolve) => {
    cancel = mount.environment.clock.after(mount.connectTimeoutMs, () => {
      knock.attempt.end();
      resolve(
        refuse(
          mount,
          "connect_timeout",
          () =>
            `connect took longer than ${mount.connectTimeoutMs} ms. Make it faster, or raise connectTimeoutMs on the mount.`,
        ),
      );
    });
  });
  const admission = await Promise.race([decision, late]);
  cancel();
  return admission;
}

/** What no request passes that fails it, whatever it is for: its size and its origin. */
export function screen(mount: Mount, { request, origins }: Pick<Knock, "request" | "origins">): Refused | null {
  const { reader } = mount.environment;
  if (request.rawHeaders.length / 2 > mount.limits.headersMax)
    return refuse(mount, "headers_too_many", () => `it had more than ${mount.limits.headersMax} headers.`);
  if (queryOf(request).length > mount.limits.queryBytesMax)
    return refuse(
      mount,
      "query_too_long",
      () => `its query string was longer than ${mount.limits.queryBytesMax} bytes.`,
    );

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

async function decide(mount: Mount, knock: Knock): Promise<Admission> {
  if (knock.request.method !== "GET") return refuse(mount, "method_refused", null);
  const refused = screen(mount, knock);
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

async function connect(mount: Mount, knock: Knock, checks: Checks): Promise<Admission> {
  const { socket, environment } = mount;
  const { tokens, reader } = environment;
  const { params } = checks;
  const { attempt } = knock;
  const authToken = checks.offered.token ?? headerTokenOf(mount, knock.request);

  let identity: unknown;
  if (socket.authenticate !== null) {
    const credentials = credentialsOf(mount, checks, knock);
    if (credentials.length > 1)
      return refuse(
        mount,
        "credential_ambiguous",
        () =>
          `credentials came at ${credentials.length} of the places the mount reads (${mount.from.join(", ")}). Send one.`,
      );
    const credential = credentials[0] ?? null;
    const now = environment.clock.now();
    identity = socket.authenticate(new AuthenticateCall(attempt, { credential, params, tokens, now }));
    if (isThenable(identity)) identity = await identity;
    if (isRejection(identity)) return refuseReason(mount, credentialCode(identity.reason), identity);
    if (identity === undefined || identity === null || identity === false) {
      return failed(
        mount,
        new TypeError("Expected authenticate to return an identity or reject(reason), got nothing."),
      );
    }
  }

  let checked: unknown = params;
  if (socket.params !== null) {
    const result = await checkPayload(socket.params, params);
    if (!result.ok) {
      const where = result.refusal.issues.map((issue) => issue.path.join(".") || "(all)").join(", ");
      return refuse(mount, "params_invalid", () => `its params did not fit the socket's schema at ${quote(where)}.`);
    }
    checked = result.value;
  }

  // Looked up only where the socket asks for them: most don't, and asking the kernel for a peer's address is not free.
  let session = sessionFor(mount, knock.request, params);
  if (isThenable(session)) session = await session;
  const info = collectInfo(socket.connectInfo, {
    peer: () => reader.peer(knock.request),
    uri: () => reader.uri(knock.request),
    authToken,
    session,
    rawHeaders: knock.request.rawHeaders,
  });
  let result: unknown = {};
  if (socket.connect !== null) {
    result = socket.connect(new ConnectCall(attempt, { identity, params: checked, info, tokens }));
    if (isThenable(result)) result = await result;
  }
  if (isRejection(result)) return refuseReason(mount, "connect_refused", result);
  const assigns = isAcceptance(result) ? result.assigns : result;
  if (typeof assigns !== "object" || assigns === null || Array.isArray(assigns) || isOutcome(assigns)) {
    // Phoenix refuses too: a hook that forgot its `return` must not let anybody in.
    const forgotten = "connect returned neither assigns nor accept(…) nor reject(…). Does it return on every path?";
    return refuse(mount, "connect_refused", () => forgotten);
  }
  const socketId: unknown = socket.id === null ? null : socket.id(assigns);
  if (socketId !== null && typeof socketId !== "string") {
    return failed(mount, new TypeError(`Expected id of a socket to return a string or null, got ${typeof socketId}.`));
  }
  return {
    ok: true,
    subprotocol: checks.offered.selected,
    identity: { serializer: checks.serializer, assigns, socketId, transport: knock.transport },
  };
}

function queryOf({ url = "" }: IncomingMessage): string {
  const mark = url.indexOf("?");
  return mark === -1 ? "" : url.slice(mark + 1);
}

/** Two Origin headers are joined by node:http with a comma, and fit no policy. */
function originOf(request: IncomingMessage): string | undefined {
  const found: string[] = [];
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    if ((request.rawHeaders[index] as string).toLowerCase() === "origin")
      found.push(request.rawHeaders[index + 1] as string);
  }
  return found.length === 0 ? undefined : found.join(", ");
}

function readsSubprotocolToken({ socket, from }: Mount): boolean {
  return socket.connectInfo.includes("authToken") || (socket.authenticate !== null && from.includes("subprotocol"));
}

function headerTokenOf({ socket }: Mount, request: IncomingMessage): string | null {
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
  const offered: OfferedSubprotocols = readSubprotocols(header, mount.limits.credentialBytesMax);
  if (spoken.length === 0) {
    if (offered.token !== null) warnUnreadToken(mount);
    return { ok: true, selected: null, token: null };
  }
  if (readsToken && offered.token === undefined) {
    return {
      ok: false,
      refused: refuse(
        mount,
        "credential_invalid",
        () => "the token among its subprotocols was no base64 of UTF-8 text, or too long.",
      ),
    };
  }
  const token = readsToken ? (offered.token ?? null) : null;
  const anything = offered.names.length > 0 || (header.trim() !== "" && token === null);
  if (!anything) return { ok: true, selected: null, token };
  const selected = spoken.find((name) => offered.names.includes(name));
  if (selected === undefined) {
    return {
      ok: false,
      refused: refuse(
        mount,
        "subprotocol_refused",
        () => `it offered the subprotocols ${quoteNames(offered.names)}; spoken here: ${spoken.join(", ")}.`,
      ),
    };
  }
  return { ok: true, selected, token };
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
  const found: readonly unknown[] = [
    mount.from.includes("subprotocol") ? offered.token : null,
    ...(inHeader ? readHeaderTokens(request) : []),
    mount.from.includes("params") ? params["token"] : null,
  ];
  // A list or a map in place of the token is a credential too: an invalid one.
  return found
    .filter((credential) => credential !== null && credential !== undefined)
    .map((credential) =>
      typeof credential === "string" && credential.length <= mount.limits.credentialBytesMax ? credential : "",
    );
}

function credentialCode(reason: string | Uint8Array): RefusalCode {
  return reason === "missing"
    ? "credential_missing"
    : reason === "invalid"
      ? "credential_invalid"
      : reason === "expired"
        ? "credential_expired"
        : "credential_refused";
}

function statusOf(code: RefusalCode): number {
  return errorTable[code].status;
}

function refuse(mount: Mount, code: RefusalCode, why: (() => string) | null, kind = ""): Refused {
  if (why !== null) {
    mount.environment.telemetry.warn(
      `${code} ${mount.path} ${kind}`,
      () => `portcullis: refused a connection to ${mount.path} (${code}): ${why()}`,
    );
  }
  return { ok: false, code, response: { status: statusOf(code) } };
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

/** A refusal of the application's own, which it may map to a response of its own. */
function refuseReason(
  mount: Mount,
  code: RefusalCode,
  rejection: { readonly reason: string | Uint8Array; readonly details: object | null },
): Refused {
  const reason = typeof rejection.reason === "string" ? rejection.reason : "refused";
  const refused = refuse(mount, code, () => `the reason given was ${quote(reason)}.`, reason);
  if (mount.refusal === null) return refused;
  const response = mount.refusal({ reason, details: rejection.details });
  return { ...refused, response: checkedResponse({ ...response, status: response.status ?? refused.response.status }) };
}

function failed(mount: Mount, error: unknown): Refused {
  const message = `connecting to ${mount.path} failed, and the connection was refused (connect_failed)`;
  mount.environment.telemetry.error(`connect_failed ${mount.path}`, message, error);
  return { ok: false, code: "connect_failed" satisfies ErrorCode, response: { status: statusOf("connect_failed") } };
}
