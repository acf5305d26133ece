/**
 * The one table of everything that can go wrong on purpose: refused connections, ended connections, refused joins and
 * pushes, crashed channels. `docs/errors.md` is this table as a page; a test keeps the two the same.
 *
 * @module
 */

interface Entry {
  /**
   * What the failure ends: `connection` before it exists (an HTTP `status`), `close` an open connection (a WebSocket
   * `closeCode`), `message` one join or push (an error reply with `reason`), `channel` one channel (`phx_error`), `start`
   * nothing yet, because there is no server.
   */
  readonly ends: "connection" | "close" | "message" | "channel" | "start";
  readonly status?: number;
  readonly closeCode?: number;
  readonly reason?: string;
  /** For what ends a connection: whether, and how, a client does well to come back. */
  readonly retry?: RetryAdvice;
  readonly means: string;
}

/** `never`: it will be the same again. `reauth`: with a new credential. `backoff`: later, with the same. */
export type RetryAdvice = "never" | "reauth" | "backoff";

/** Code -> what it means on the wire. Codes are stable: they are only ever added. */
export const errorTable = {
  origin_refused: {
    ends: "connection",
    status: 403,
    retry: "never",
    means: "The Origin header is not one the mount allows.",
  },
  credential_missing: {
    ends: "connection",
    status: 403,
    retry: "reauth",
    means: "The socket authenticates and there was no credential.",
  },
  credential_invalid: {
    ends: "connection",
    status: 403,
    retry: "reauth",
    means: "The credential is not genuine, or not for this use.",
  },
  credential_expired: {
    ends: "connection",
    status: 403,
    retry: "reauth",
    means: "The credential was genuine and is too old.",
  },
  credential_ambiguous: {
    ends: "connection",
    status: 403,
    retry: "never",
    means: "Credentials came at two of the places the mount reads.",
  },
  credential_refused: {
    ends: "connection",
    status: 403,
    retry: "reauth",
    means: "An authenticator of the application said no.",
  },
  subprotocol_refused: {
    ends: "connection",
    status: 403,
    retry: "never",
    means: "None of the offered subprotocols is one the mount speaks.",
  },
  vsn_unsupported: {
    ends: "connection",
    status: 403,
    retry: "never",
    means: "No serializer of the mount speaks the asked `vsn`.",
  },
  params_invalid: {
    ends: "connection",
    status: 403,
    retry: "never",
    means: "The connection's params do not fit the socket's schema.",
  },
  connect_refused: { ends: "connection", status: 403, retry: "never", means: "The `connect` hook rejected." },
  connect_failed: {
    ends: "connection",
    status: 500,
    retry: "backoff",
    means: "Authenticating or `connect` threw, or returned nonsense.",
  },
  connect_timeout: {
    ends: "connection",
    status: 503,
    retry: "backoff",
    means: "Authenticating and `connect` took longer than allowed.",
  },
  method_refused: { ends: "connection", status: 400, retry: "never", means: "A socket's path takes GET only." },
  upgrade_required: {
    ends: "connection",
    status: 400,
    retry: "never",
    means: "The request is no WebSocket handshake (RFC 6455, 4.2.1).",
  },
  query_too_long: {
    ends: "connection",
    status: 414,
    retry: "never",
    means: "The query string is longer than the mount reads.",
  },
  headers_too_many: {
    ends: "connection",
    status: 431,
    retry: "never",
    means: "The request has more headers than the mount reads.",
  },
  credential_unverifiable: {
    ends: "connection",
    status: 503,
    retry: "backoff",
    means: "Nobody can say at the moment whether the credential is genuine.",
  },
  credential_revoked: {
    ends: "connection",
    status: 403,
    retry: "reauth",
    means: "The credential, or everything its subject had until then, was revoked.",
  },
  revocations_unread: {
    ends: "connection",
    status: 503,
    retry: "backoff",
    means: "The store of revocations can't be read, so nobody can be told from the revoked.",
  },
  rate_limited: {
    ends: "connection",
    status: 429,
    retry: "backoff",
    means: "Too many connects in a short time, from one address or in all.",
  },
  connections_max: {
    ends: "connection",
    status: 503,
    retry: "backoff",
    means: "The node, the address or the subject has as many connections as it may.",
  },
  sessions_max: {
    ends: "connection",
    status: 503,
    retry: "backoff",
    means: "The mount has as many long-poll sessions as it may.",
  },
  shutting_down: {
    ends: "connection",
    status: 503,
    retry: "backoff",
    means: "The endpoint is closing and takes no new connections.",
  },
  frame_invalid: {
    ends: "close",
    closeCode: 1011,
    retry: "backoff",
    means: "A frame was no message: bad JSON, wrong shape, lying sizes.",
  },
  frame_too_large: {
    ends: "close",
    closeCode: 1009,
    retry: "backoff",
    means: "A frame, its fragments counted together, was too long.",
  },
  fragments_max: {
    ends: "close",
    closeCode: 1008,
    retry: "backoff",
    means: "A message came in more fragments or chunks than are kept.",
  },
  flooding: {
    ends: "close",
    closeCode: 1008,
    retry: "backoff",
    means: "The client went on sending far more than the mount's rates allow.",
  },
  protocol_violated: {
    ends: "close",
    closeCode: 1002,
    retry: "backoff",
    means: "Bytes that are no WebSocket frame (RFC 6455, 7.4.1).",
  },
  text_invalid: {
    ends: "close",
    closeCode: 1007,
    retry: "backoff",
    means: "A text frame was not UTF-8 (RFC 6455, 8.1).",
  },
  idle: {
    ends: "close",
    closeCode: 1001,
    retry: "backoff",
    means: "The client sent nothing for too long. Clients come back after 1001.",
  },
  disconnected: {
    ends: "close",
    closeCode: 1001,
    retry: "reauth",
    means: "The server ended every connection of this socket id.",
  },
  endpoint_closed: { ends: "close", closeCode: 1001, retry: "backoff", means: "The endpoint was closed." },
  draining: {
    ends: "close",
    closeCode: 1012,
    retry: "backoff",
    means: "The endpoint drains before it stops. Clients come back, to another.",
  },
  slow_reader: {
    ends: "close",
    closeCode: 1013,
    retry: "backoff",
    means: "The client did not read what was sent to it.",
  },
  stalled: {
    ends: "close",
    closeCode: 1011,
    retry: "backoff",
    means: "Handlers did not finish while the connection's queue was full.",
  },
  credential_lapsed: {
    ends: "close",
    closeCode: 4100,
    retry: "reauth",
    means: "The credential lapsed and was not refreshed in time.",
  },
  revoked: {
    ends: "close",
    closeCode: 4101,
    retry: "reauth",
    means: "The credential, or everything its subject had, was revoked.",
  },
  refresh_failed: {
    ends: "close",
    closeCode: 4102,
    retry: "reauth",
    means: "Five refreshes in a row failed.",
  },
  key_compromised: {
    ends: "close",
    closeCode: 4103,
    retry: "reauth",
    means: "The key that vouched for the credential was given up.",
  },
  relay_lost: {
    ends: "close",
    closeCode: 1011,
    retry: "backoff",
    means: "Another node took a long-poll session's messages and didn't say whether they arrived.",
  },
  join_unencodable: {
    ends: "close",
    closeCode: 1011,
    retry: "backoff",
    means: "A join reply held what the serializer can't encode.",
  },
  topic_unmatched: {
    ends: "message",
    reason: "unmatched topic",
    means: "No channel for the topic, or it is not joined.",
  },
  unauthorized: { ends: "message", reason: "unauthorized", means: "The channel's `authorize` said no." },
  join_refused: { ends: "message", means: "The channel's `join` or `authorize` rejected; the reason is its own." },
  join_crashed: { ends: "message", reason: "join crashed", means: "The join threw, or returned nonsense." },
  channels_max: {
    ends: "message",
    reason: "too many channels joined",
    means: "The connection holds as many channels as it may.",
  },
  payload_invalid: {
    ends: "message",
    reason: "invalid payload",
    means: "Join params or a payload do not fit their schema.",
  },
  payload_too_deep: {
    ends: "message",
    reason: "payload too deep",
    means: "A payload nests deeper than the mount reads.",
  },
  message_rate_limited: {
    ends: "message",
    reason: "rate limited",
    means: "The connection sends more joins, messages or bytes in a second than it may.",
  },
  post_unreadable: {
    ends: "message",
    means: "A long-poll POST was not UTF-8, or a line of it no base64. Nothing of it was handled.",
  },
  post_too_large: {
    ends: "message",
    means: "A long-poll POST held more, or larger, messages than are read. Nothing of it was handled.",
  },
  join_ref_stale: {
    ends: "message",
    means: "A message for an earlier instance of the channel. Dropped, as in Phoenix.",
  },
  volatile_dropped: {
    ends: "message",
    means: "A volatile broadcast was left out for a client that is behind in reading.",
  },
  binary_for_v1: { ends: "message", means: "A binary broadcast has no V1 form. Dropped for V1 subscribers." },
  handler_failed: {
    ends: "channel",
    reason: "channel_crash",
    means: "A handler threw, or stopped the channel with an error.",
  },
  event_undeclared: {
    ends: "channel",
    reason: "channel_crash",
    means: "An event came that the channel has no handler for.",
  },
  mailbox_full: {
    ends: "channel",
    reason: "channel_crash",
    means: "The channel fell too far behind what it was sent.",
  },
  workers_failed: { ends: "start", means: "Workers died as soon as they were started, several in a row." },
} as const;

/** Only to have every entry checked: `satisfies` can't stand in a declaration others are to infer. */
type Entries<Table extends Readonly<Record<string, Entry>>> = Table;

/** Every code there is. */
export type ErrorCode = keyof Entries<typeof errorTable>;

type CodesThatEnd<What extends Entry["ends"]> = {
  [Code in ErrorCode]: (typeof errorTable)[Code]["ends"] extends What ? Code : never;
}[ErrorCode];

/** Codes of refused connections. */
export type RefusalCode = CodesThatEnd<"connection">;
/** Codes of ended connections. */
export type CloseCode = CodesThatEnd<"close">;

const kind: unique symbol = Symbol.for("portcullis.error") as never;

/**
 * An error with a code from {@link errorTable}, or `definition_invalid` for a mistake in the program's own definitions.
 * Its message never holds a token, a secret or a payload.
 *
 * @example
 * ```ts
 * if (isPortcullisError(error) && error.code === "definition_invalid") process.exit(1);
 * ```
 */
export class PortcullisError<
  Code extends ErrorCode | "definition_invalid" = ErrorCode | "definition_invalid",
> extends Error {
  override readonly name = "PortcullisError";
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    Object.defineProperty(this, kind, { value: true });
  }
}

/** Whether `value` is a {@link PortcullisError}, also one made by another copy of the package. */
export function isPortcullisError(value: unknown): value is PortcullisError {
  return typeof value === "object" && value !== null && kind in value;
}

/** A mistake in a definition: thrown where it is made, at start-up. */
export function definitionError(message: string): PortcullisError<"definition_invalid"> {
  return new PortcullisError("definition_invalid", message);
}
