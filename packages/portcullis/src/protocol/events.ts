/**
 * Names the protocol keeps for itself.
 *
 * @module
 */

/** The topic of the connection itself: heartbeats. Never routed to a channel, whatever patterns exist. */
export const connectionTopic = "phoenix";
export const heartbeatEvent = "heartbeat";
/** A client's new credential, on the connection's topic. */
export const authEvent = "auth";
/** The server's own on that topic: the credential ends soon; the connection is about to be closed, and why. */
export const expiringEvent = "phx_expiring";
export const closingEvent = "phx_closing";
export const joinEvent = "phx_join";
export const leaveEvent = "phx_leave";
export const replyEvent = "phx_reply";
export const closeEvent = "phx_close";
export const errorEvent = "phx_error";

/** Reasons clients match on: part of the protocol, byte for byte. */
export const reasons = {
  unmatchedTopic: "unmatched topic",
  joinCrashed: "join crashed",
  tooManyChannels: "too many channels joined",
  channelCrash: "channel_crash",
  unauthorized: "unauthorized",
  invalidPayload: "invalid payload",
  payloadTooDeep: "payload too deep",
  rateLimited: "rate limited",
} as const;

/**
 * Whether the program must not send `event` by itself: `phx_*` belongs to the protocol, and `disconnect` was a control
 * message in Phoenix, so a relayed one could be taken for a command.
 */
export function isReservedEvent(event: string): boolean {
  return event.startsWith("phx_") || event === "disconnect";
}
