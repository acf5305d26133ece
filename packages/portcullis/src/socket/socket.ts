/**
 * Socket definitions: who may connect, and what is remembered of them.
 *
 * @module
 */

import type { Authenticator, IdentityOf } from "../auth/authenticator.ts";
import { type AnyChannel, type ChannelSource, makeChannel, type UntypedChannelOptions } from "../channel/channel.ts";
import type { OutputOf, Schema } from "../channel/contract.ts";
import { assertSchema } from "../channel/payload.ts";
import { definitionError } from "../errors.ts";
import type { Acceptance, Awaitable, Rejection } from "../outcome.ts";
import type { Tokens } from "../token/token.ts";
import type { ConnectInfoItem, InfoOf } from "./connect-info.ts";
import type { Params } from "./params.ts";

/** What `connect` is given. */
export interface ConnectRequest<Who, Checked, Info> {
  /** What `authenticate` found out; `undefined` on a socket without it. */
  readonly identity: Who;
  /** Query string and path variables: the schema's output, or as they came without a schema. */
  readonly params: Checked;
  /** What `connectInfo` asked for. */
  readonly info: Info;
  /** The endpoint's tokens. */
  readonly tokens: Tokens;
  /** Aborted when the time for connecting is over, or the client has gone. */
  readonly signal: AbortSignal;
}

/** What `connect` may return: assigns, `accept({ assigns, … })` or `reject(reason)`. */
export type ConnectResult = Acceptance<unknown, object> | Rejection<string> | object;

/** The assigns in what `connect` returns: refusals left out, acceptances opened. */
export type AssignsOf<Result> = Result extends Rejection
  ? never
  : Result extends Acceptance<infer _Reply, infer Assigns>
    ? Assigns
    : Result;

/** The literal reasons in what a hook returns. */
export type ReasonOf<Result> =
  Awaited<Result> extends infer Settled ? (Settled extends Rejection<infer Reason> ? Reason : never) : never;

type ParamsOf<Schemed extends Schema | undefined> = Schemed extends Schema ? OutputOf<Schemed> : Params;

/** Options of {@link defineSocket}. */
export interface SocketOptions<
  Auth,
  Checks extends Schema | undefined,
  Info extends readonly ConnectInfoItem[],
  Result extends Awaitable<ConnectResult>,
> {
  /** Checks the connection's params (any Standard Schema). What doesn't fit is refused with 403. */
  readonly params?: Checks;
  /** Says who is connecting, before `connect` runs. */
  readonly authenticate?: Authenticator<Auth>;
  /** What of the request `connect` may see as `info`. Default: nothing. */
  readonly connectInfo?: Info;
  /**
   * Accepts by returning assigns, kept for the connection's life, or refuses with `reject(reason)`: before there is a
   * connection, as an HTTP status. Left out: everybody the authenticator knows is accepted, with empty assigns. Throwing
   * is answered 500, taking longer than the mount's `connectTimeoutMs` 503.
   */
  connect?(
    request: ConnectRequest<[Auth] extends [never] ? undefined : IdentityOf<Auth>, ParamsOf<Checks>, InfoOf<Info>>,
  ): Result;
  /** Names the connections that `endpoint.disconnect(id)` ends together; `null` for none. */
  id?(assigns: AssignsOf<Awaited<Result>>): string | null;
}

/** What runs: a definition with its types taken off. */
export interface SocketRuntime {
  readonly params: Schema | null;
  readonly authenticate: Authenticator | null;
  readonly connectInfo: readonly ConnectInfoItem[];
  readonly connect: ((request: ConnectRequest<unknown, unknown, unknown>) => unknown) | null;
  readonly id: ((assigns: object) => string | null) | null;
}

/** A socket as an endpoint mounts it, whatever its types. */
export interface AnySocket {
  readonly authenticated: boolean;
  readonly "~runtime": SocketRuntime;
  readonly "~types"?: { readonly assigns: unknown; readonly reasons: unknown };
}

/** One kind of connection. Channels are made from it and see its assigns. */
export interface SocketDefinition<Assigns, Reasons, Authenticated extends boolean>
  extends AnySocket,
    ChannelSource<Assigns, Authenticated> {
  readonly authenticated: Authenticated;
  readonly "~types"?: { readonly assigns: Assigns; readonly reasons: Reasons };
}

/**
 * Defines who may connect.
 *
 * @example
 * ```ts
 * export const userSocket = defineSocket({
 *   authenticate: signedToken({ salt: "user socket", maxAgeSeconds: 86_400 }),
 *   connect: ({ identity }) => ({ userId: identity.subject }),
 *   id: (assigns) => `users:${assigns.userId}`,
 * });
 * ```
 *
 * @throws PortcullisError `definition_invalid` for a hook that is no function, or params that are no schema.
 */
export function defineSocket<
  Auth = never,
  Checks extends Schema | undefined = undefined,
  const Info extends readonly ConnectInfoItem[] = readonly [],
  Result extends Awaitable<ConnectResult> = Record<never, never>,
>(
  options: SocketOptions<Auth, Checks, Info, Result> = {},
): SocketDefinition<
  AssignsOf<Awaited<Result>>,
  ReasonOf<Result> | ReasonOf<Auth>,
  [Auth] extends [never] ? false : true
> {
  for (const hook of ["authenticate", "connect", "id"] as const) {
    const given: unknown = options[hook];
    if (given !== undefined && typeof given !== "function") {
      throw definitionError(`Expected ${hook} of a socket to be a function, got ${typeof given}.`);
    }
  }
  assertSchema("params of a socket", options.params);
  const authenticated = options.authenticate !== undefined;
  const socket: AnySocket & { channel(pattern: string, options?: UntypedChannelOptions): AnyChannel } = {
    authenticated,
    "~runtime": {
      params: options.params ?? null,
      authenticate: options.authenticate ?? null,
      connectInfo: options.connectInfo ?? [],
      connect: (options.connect as SocketRuntime["connect"] | undefined) ?? null,
      id: (options.id as SocketRuntime["id"] | undefined) ?? null,
    },
    channel: (pattern, channelOptions = {}) => makeChannel(socket, pattern, channelOptions),
  };
  return socket as never;
}
