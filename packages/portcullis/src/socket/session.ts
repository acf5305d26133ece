/**
 * Where a socket's sessions come from: a cookie as Plug writes it, or whatever an application keeps them in.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { definitionError } from "../errors.ts";
import type { Awaitable } from "../outcome.ts";
import type { DerivedKeys } from "../token/key.ts";
import { readCookie, type Session, SessionCodec, type SessionCookieOptions } from "./session-cookie.ts";

/** A source of sessions with its types taken off. */
export interface SessionRuntime {
  load(request: IncomingMessage, keys: DerivedKeys): unknown;
  csrfState(session: object): unknown;
}

/** An entry of `connectInfo` that makes `info.session`; from {@link cookieSession} or {@link requestSession}. */
export interface SessionSource<Content = unknown> {
  readonly "~session": SessionRuntime;
  readonly "~types"?: Content;
}

/** Options of {@link cookieSession}. */
export interface CookieSessionOptions extends SessionCookieOptions {
  /** Where in the session the CSRF state is. Default `"_csrf_token"`, Plug's own. */
  readonly csrfStateKey?: string;
}

/**
 * Makes `info.session` from a cookie that Plug.Session's cookie store wrote, or `createSessionCookies`, under the
 * endpoint's `secretKeyBase`. It is `null` unless the param `_csrf_token` fits the session (the mount's `csrf`): a cookie
 * alone never opens it. Its CSRF state is part of it, as in Phoenix: don't log it whole.
 *
 * @example
 * ```ts
 * const socket = defineSocket({
 *   connectInfo: [cookieSession({ key: "_my_app_key", signingSalt: "a salt" })],
 *   connect: ({ info }) => (info.session === null ? reject("signed_out") : { userId: info.session["user_id"] }),
 * });
 * ```
 *
 * @throws PortcullisError `definition_invalid` for options that can't be used.
 */
export function cookieSession(options: CookieSessionOptions): SessionSource<Session> {
  const codec = new SessionCodec(options);
  const { csrfStateKey = "_csrf_token" } = options;
  if (typeof csrfStateKey !== "string")
    throw definitionError(`Expected csrfStateKey of cookieSession to be a string, got ${typeof csrfStateKey}.`);
  return {
    "~session": {
      load: (request, keys) => codec.open(readCookie(request.headers.cookie, codec.key), keys),
      csrfState: (session) => (session as Session)[csrfStateKey],
    },
  };
}

/** Options of {@link requestSession}. */
export interface RequestSessionOptions<Content extends object> {
  /**
   * The session of a request; `null` or `undefined` when it has none. It runs before the upgrade, within the mount's
   * `connectTimeoutMs`, and only once the request has sent something like a CSRF token. Throwing is answered 500.
   */
  load(request: IncomingMessage): Awaitable<Content | null | undefined>;
  /** Where in it the CSRF state is, which `csrf.state()` made. Without one the session is handed to nobody. */
  csrfState(session: Content): string | null | undefined;
}

/**
 * Makes `info.session` from a session of Express, Fastify, iron-session or your own, under the same check as
 * {@link cookieSession}: it is `null` unless the param `_csrf_token` fits.
 *
 * @example
 * ```ts
 * const sessions = expressSession({ … }); // no middleware of an app runs for an upgrade, so it is run here
 * const source = requestSession({
 *   load: (request) =>
 *     new Promise((resolve, fail) =>
 *       sessions(request, new ServerResponse(request), (error) => (error ? fail(error) : resolve(request.session))),
 *     ),
 *   csrfState: (session) => session.csrfState,
 * });
 * ```
 *
 * @throws PortcullisError `definition_invalid` for a hook that is missing.
 */
export function requestSession<Content extends object>(
  options: RequestSessionOptions<Content>,
): SessionSource<Content> {
  for (const hook of ["load", "csrfState"] as const) {
    if (typeof options[hook] !== "function")
      throw definitionError(`Expected ${hook} of requestSession to be a function, got ${typeof options[hook]}.`);
  }
  return {
    "~session": {
      load: (request) => options.load(request),
      csrfState: (session) => options.csrfState(session as Content),
    },
  };
}

/** Whether an entry of `connectInfo` makes a session. */
export function isSessionSource(item: unknown): item is SessionSource {
  return typeof item === "object" && item !== null && "~session" in item;
}

/** The one source of sessions among `connectInfo`. */
export function sessionSourceIn(items: readonly unknown[]): SessionRuntime | null {
  const sources = items.filter(isSessionSource);
  if (sources.length > 1)
    throw definitionError("Expected connectInfo of a socket to hold one source of sessions, got several.");
  if (items.includes("session")) {
    throw definitionError(
      'connectInfo of a socket says "session", but not which: write cookieSession({ key, signingSalt }) or requestSession({ load, csrfState }) in its place.',
    );
  }
  return sources[0]?.["~session"] ?? null;
}
