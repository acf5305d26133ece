/**
 * What a hook or handler may answer: `accept`, `reject`, `reply`, `stop`.
 *
 * Each is branded with a registered symbol, so a plain object of the same shape is never mistaken for one, and two
 * copies of the package in one process understand each other.
 *
 * @module
 */

const brand: unique symbol = Symbol.for("portcullis.outcome") as never;

/** A value, or a promise of it. */
export type Awaitable<Value> = Value | PromiseLike<Value>;

/** Made by {@link accept}. */
export interface Acceptance<Reply = unknown, Assigns = unknown> {
  readonly [brand]: "accept";
  readonly reply: Reply;
  readonly assigns: Assigns;
  readonly subject: string | null;
  readonly tokenId: string | null;
  readonly keyId: string | null;
  readonly issuedAt: number | null;
  readonly expiresAt: number | null;
}

/** Made by {@link reject}. */
export interface Rejection<Reason extends string | Uint8Array = string | Uint8Array> {
  readonly [brand]: "reject";
  readonly reason: Reason;
  readonly details: Readonly<Record<string, unknown>> | null;
}

/** Made by {@link reply}. */
export interface Reply<Status extends string = string, Payload = unknown> {
  readonly [brand]: "reply";
  readonly status: Status;
  readonly payload: Payload;
}

/** Made by {@link stop}. */
export interface Stop<StopReply = unknown> {
  readonly [brand]: "stop";
  readonly reply: StopReply;
  readonly hasReply: boolean;
  readonly error: unknown;
  readonly hasError: boolean;
}

/** Any of the four. */
export type Outcome = Acceptance | Rejection | Reply | Stop;

/** What {@link accept} takes; everything is optional. */
export interface AcceptOptions<ReplyPayload, Assigns> {
  /** Channels: the payload of the join reply. Default `{}`; any JSON value or a `Uint8Array`. */
  readonly reply?: ReplyPayload;
  /** What to remember: for the connection's life from `connect`, for the channel's life from `join`. */
  readonly assigns?: Assigns;
  /** Sockets without an authenticator: who this is. */
  readonly subject?: string;
  /** Sockets without an authenticator: the credential's own name, by which it can be revoked (`tokenId(token)`). */
  readonly tokenId?: string;
  /** Sockets without an authenticator: which key vouches for it, for `rotate({ compromised })`: `claim.keyId`. */
  readonly keyId?: string;
  /**
   * Sockets without an authenticator: when the credential was issued, epoch milliseconds. Left out, it is taken to be older
   * than any revocation of its subject.
   */
  readonly issuedAt?: number;
  /** Sockets without an authenticator: when the credential lapses, epoch milliseconds. */
  readonly expiresAt?: number;
}

/**
 * Accepts a connection or a join and says more than its assigns.
 *
 * @example
 * ```ts
 * join: (_params, channel) => accept({ reply: { unread: 3 }, assigns: { openedAt: Date.now() } })
 * ```
 */
export function accept<const ReplyPayload = Record<never, never>, Assigns extends object = Record<never, never>>(
  options: AcceptOptions<ReplyPayload, Assigns> = {},
): Acceptance<ReplyPayload, Assigns> {
  return {
    [brand]: "accept",
    reply: ("reply" in options ? options.reply : {}) as ReplyPayload,
    assigns: (options.assigns ?? {}) as Assigns,
    subject: options.subject ?? null,
    tokenId: options.tokenId ?? null,
    keyId: options.keyId ?? null,
    issuedAt: options.issuedAt ?? null,
    expiresAt: options.expiresAt ?? null,
  };
}

/**
 * Refuses: a connection (HTTP 403 unless the mount maps `reason` to something else), a join or a push (a reply with
 * status `error` and payload `{...details, "reason": reason}`). A `Uint8Array` in place of the reason is sent as a
 * binary error reply.
 *
 * @example
 * ```ts
 * if (room.isFull) return reject("room full", { retryAfterMs: 5_000 });
 * ```
 */
export function reject<const Reason extends string | Uint8Array>(
  reason: Reason,
  details?: Readonly<Record<string, unknown>>,
): Rejection<Reason> {
  return { [brand]: "reject", reason, details: details ?? null };
}

/**
 * Answers a push with any status and payload (default `{}`). `return value` is the short form of `reply("ok", value)`.
 *
 * @example
 * ```ts
 * return reply("queued", { position: 4 });
 * ```
 */
export function reply<const Status extends string, Payload = Record<never, never>>(
  status: Status,
  payload: Payload = {} as Payload,
): Reply<Status, Payload> {
  return { [brand]: "reply", status, payload };
}

/**
 * Ends the channel from inside: the reply if there is one, then `phx_close`; with `error`, `phx_error` in place of
 * the close, and the client will rejoin.
 *
 * @example
 * ```ts
 * return stop({ reply: { bye: true } });
 * ```
 */
export function stop<StopReply = never>(
  options: { readonly reply?: StopReply; readonly error?: unknown } = {},
): Stop<StopReply> {
  return {
    [brand]: "stop",
    reply: options.reply as StopReply,
    hasReply: options.reply !== undefined,
    error: options.error,
    hasError: options.error !== undefined,
  };
}

function kindOf(value: unknown): string | undefined {
  return typeof value === "object" && value !== null ? (value as { readonly [brand]?: string })[brand] : undefined;
}

/** Whether `value` was made by any of the four. */
export function isOutcome(value: unknown): value is Outcome {
  return kindOf(value) !== undefined;
}

/** Whether `value` was made by {@link accept}. */
export function isAcceptance(value: unknown): value is Acceptance {
  return kindOf(value) === "accept";
}

/** Whether `value` was made by {@link reject}. */
export function isRejection(value: unknown): value is Rejection {
  return kindOf(value) === "reject";
}

/** The payload of the error reply that a rejection of a join or a push is sent as. */
export function rejectionPayload({ reason, details }: Rejection): unknown {
  return reason instanceof Uint8Array ? reason : { ...details, reason };
}

/** Whether `value` was made by {@link reply}. */
export function isReply(value: unknown): value is Reply {
  return kindOf(value) === "reply";
}

/** Whether `value` was made by {@link stop}. */
export function isStop(value: unknown): value is Stop {
  return kindOf(value) === "stop";
}

/**
 * Goes on with `value`: at once, or when it is there. A promise only where one was given: thousands connect at once, and each
 * promise is one for all of them.
 */
export function whenThere<Value, Result>(
  value: Awaitable<Value>,
  goOn: (value: Value) => Result | Promise<Result>,
): Result | Promise<Result> {
  return isThenable(value) ? Promise.resolve(value as PromiseLike<Value>).then(goOn) : goOn(value as Value);
}

/**
 * Whether `value` can be awaited, a function with a `then` too: taken for an answer, it would let somebody in. Cheaper than
 * `await`ing it: a synchronous handler costs no promise.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  const canHaveThen = (typeof value === "object" && value !== null) || typeof value === "function";
  return canHaveThen && typeof (value as { readonly then?: unknown }).then === "function";
}
