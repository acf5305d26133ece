// Who may connect: the sockets of the recorded application.
import { cookieSession, defineSocket, type Rejection, reject } from "portcullis";
import { inspect, inspectAddress, inspectPairs, inspectStruct } from "./inspect.ts";

/** What every socket of this server remembers. */
export interface ReferenceAssigns {
  readonly params: Readonly<Record<string, unknown>>;
  readonly userId: string | null;
  /** Connect-info, printed. */
  readonly info: string;
  /** A channel's counter, and what its route presets. */
  readonly count: number;
  readonly preset: string | null;
  /** What made the channel stop, as an exit reason. */
  readonly exit: string;
}

export const socketSalt = "salt identifier";
/** The recorded application's cookie. The salt it was signed with is not known, so its own cookies are not read here. */
export const sessionCookie = { key: "_hello_key", signingSalt: "signing salt" };
const maxAgeSeconds = 86_400;

type Connected = ReferenceAssigns | Rejection<string>;
type AnyParams = Readonly<Record<string, unknown>>;

const accepted = (params: AnyParams, extra: Partial<ReferenceAssigns> = {}): ReferenceAssigns => ({
  params,
  userId: null,
  info: "%{}",
  count: 0,
  preset: null,
  exit: ":normal",
  ...extra,
});

const text = (value: unknown): string | null => (typeof value === "string" ? value : null);

/** `/socket` and its variants: refuses, throws or answers nonsense when asked to. */
export const mainSocket = defineSocket({
  connect({ params }): Connected {
    switch (params["reject"]) {
      case "error":
      case "reason":
        return reject(params["reject"]);
      case "raise":
        throw new Error("asked to");
      case "badret":
        return "nonsense" as never;
      default:
        return accepted(params);
    }
  },
  id: ({ params }) => text(params["id"]),
});

/** Accepts everybody. */
export const openSocket = defineSocket({
  connect: ({ params }): Connected => accepted(params),
  id: ({ params }) => text(params["id"]),
});

/** Refuses with the reason it is given. */
export const subprotocolSocket = defineSocket({
  connect: ({ params }): Connected => refusalIn(params) ?? accepted(params),
});

/** Phoenix's classic: the token is a param. */
export const authSocket = defineSocket({
  connect({ params, tokens }): Connected {
    const claim = tokens.verify(socketSalt, params["token"], { maxAgeSeconds });
    return claim.ok ? accepted(params, { userId: String(claim.data) }) : reject(claim.reason);
  },
  id: ({ userId }) => `auth_socket:${userId}`,
});

/** The token comes beside the params; `anon` may come without. */
export const tokenSocket = defineSocket({
  connectInfo: ["authToken", "userAgent"],
  connect({ params, info, tokens }): Connected {
    const shown = inspectStruct("", { auth_token: inspect(info.authToken), user_agent: inspect(info.userAgent) });
    if (info.authToken === null && params["anon"] !== undefined) return accepted(params, { info: shown });
    const claim = tokens.verify(socketSalt, info.authToken, { maxAgeSeconds });
    return claim.ok ? accepted(params, { userId: String(claim.data), info: shown }) : reject(claim.reason);
  },
  id: ({ userId }) => (userId === null ? null : `token_socket:${userId}`),
});

/** Tells what it knows of the request. */
export const infoSocket = defineSocket({
  connectInfo: [
    "peer",
    "uri",
    "userAgent",
    "xHeaders",
    "traceContext",
    "secWebSocketHeaders",
    cookieSession(sessionCookie),
    { custom: "val" },
  ],
  connect({ params, info }): Connected {
    const { peer, uri } = info;
    const shown = inspectStruct("", {
      session: inspect(info.session),
      uri: inspectStruct("URI", {
        scheme: inspect(uri.scheme),
        authority: inspect(uri.host),
        userinfo: "nil",
        host: inspect(uri.host),
        port: inspect(uri.port),
        path: inspect(uri.path),
        query: inspect(uri.query),
        fragment: "nil",
      }),
      custom: inspect(info.custom),
      peer_data: inspectStruct("", {
        port: inspect(peer.port),
        address: inspectAddress(peer.address),
        ssl_cert: "nil",
      }),
      sec_websocket_headers: inspectPairs(info.secWebSocketHeaders),
      trace_context_headers: inspectPairs(info.traceContext),
      user_agent: inspect(info.userAgent),
      x_headers: inspectPairs(info.xHeaders),
    });
    return refusalIn(params) ?? accepted(params, { info: shown });
  },
});

function refusalIn(params: AnyParams): Rejection<string> | undefined {
  const reason = text(params["reject"]);
  return reason === null ? undefined : reject(reason);
}

/** Any of them: they remember the same, so that all can have the same channels. */
export type ReferenceSocket = typeof openSocket;
