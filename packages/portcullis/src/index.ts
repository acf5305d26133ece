/**
 * Portcullis: authenticated sockets and channels over the Phoenix Channels protocol.
 *
 * @module
 */

export { type AnyOfIdentity, type AnyOfMembers, type AnyOfOptions, type AnyOfRejection, anyOf } from "./auth/any-of.ts";
export type { AuthenticateRequest, Authenticator, Identity } from "./auth/authenticator.ts";
export { type EncryptedTokenOptions, type EncryptedTokenReason, encryptedToken } from "./auth/encrypted-token.ts";
export type { GenericAuthenticator } from "./auth/generic-authenticator.ts";
export { type MemoryCredentialStoreOptions, memoryCredentialStore } from "./auth/memory.ts";
export type { Revoke } from "./auth/revocation.ts";
export { type SessionAuthOptions, type SessionReason, session } from "./auth/session.ts";
export { type SignedTokenOptions, type SignedTokenReason, signedToken } from "./auth/signed-token.ts";
export type { CredentialStore, Revocation, SubjectRevocation, TokenRevocation } from "./auth/store.ts";
export {
  createTickets,
  type IssueOptions,
  type TicketHolder,
  type TicketReason,
  type Tickets,
  type TicketsOptions,
} from "./auth/ticket.ts";
export type { AnyChannel, AuthorizeResult, ChannelDefinition } from "./channel/channel.ts";
export type {
  BroadcastOptions,
  Channel,
  ChannelOf,
  ChannelShape,
  EndpointHandle,
  HeardBroadcast,
  JoinResult,
  Jsonify,
  LeaveReason,
  MergeAssigns,
  Schema,
  Schemas,
} from "./channel/contract.ts";
export { type Cancel, type Clock, systemClock } from "./clock.ts";
export {
  defineEndpoint,
  type Endpoint,
  type EndpointOptions,
  type Health,
  type Rotation,
  type SocketsOf,
} from "./endpoint.ts";
export { type ErrorCode, errorTable, isPortcullisError, PortcullisError } from "./errors.ts";
export type { Handler } from "./listen/handler.ts";
export type { Listening, ListenOptions } from "./listen/listen.ts";
export {
  type Acceptance,
  type Awaitable,
  accept,
  type Rejection,
  type Reply,
  reject,
  reply,
  type Stop,
  stop,
} from "./outcome.ts";
export type { AdapterEvents, AdapterLink, PubSubAdapter } from "./pubsub/adapter.ts";
export type { ConnectInfo, ConnectInfoItem, InfoOf } from "./socket/connect-info.ts";
export type { Params } from "./socket/params.ts";
export {
  type CookieSessionOptions,
  cookieSession,
  type RequestSessionOptions,
  requestSession,
  type SessionSource,
} from "./socket/session.ts";
export {
  createSessionCookies,
  type Session,
  type SessionCookieOptions,
  type SessionCookies,
} from "./socket/session-cookie.ts";
export { type AnySocket, type ConnectRequest, defineSocket, type SocketDefinition } from "./socket/socket.ts";
export type { TelemetryEvent, TelemetryEvents, TelemetryListener } from "./telemetry/events.ts";
export { consoleLogger, type Logger, silentLogger } from "./telemetry/logger.ts";
export type { SecretKey, SecretKeyBase } from "./token/ring.ts";
export type { CredentialPlace } from "./transport/credential.ts";
export { type Csrf, csrf } from "./transport/csrf.ts";
export type {
  DrainOptions,
  LongPollOptions,
  MountOptions,
  RefusalResponse,
  WebSocketOptions,
} from "./transport/options.ts";
export type { Origins, ParsedOrigin } from "./transport/origin.ts";
export type { RateOptions } from "./transport/rates.ts";
export type { EndpointLimits } from "./transport/turnstile.ts";
