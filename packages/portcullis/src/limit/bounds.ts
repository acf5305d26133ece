/**
 * Every default maximum of Portcullis, in one place. `frameBytesMax`, `outgoingBytesMax` and `idleTimeoutMs` are options of
 * a mount's WebSocket transport, `channelsMax`, `mailboxMax` and `connectTimeoutMs` of the mount; the others are fixed.
 *
 * @module
 */

export const bounds = {
  /** Bytes of one incoming frame, fragments counted together. Over it: close 1009. Phoenix allows 10 MB. */
  frameBytesMax: 1_048_576,
  /** Channels joined over one connection at a time. Over it: the join is answered "too many channels joined". */
  channelsMax: 100,
  /** Bytes written for a connection but not yet taken by its peer. Over it: the connection is dropped. */
  outgoingBytesMax: 4_194_304,
  /** Frames received but not handled yet, over all channels of a connection. Over it: reading stops for a while. */
  pendingFramesMax: 128,
  /** Bytes of the same. */
  pendingBytesMax: 1_048_576,
  /** Messages from inside the program waiting for one channel. Over it: the channel crashes. */
  mailboxMax: 10_000,
  /** UTF-8 bytes of a topic. Over it: "unmatched topic". */
  topicBytesMax: 1024,
  /** Characters of an event name, and of a ref. Over it the frame is undecodable: close 1011. */
  eventBytesMax: 1024,
  /** Levels of objects and arrays in a frame. Over it in the payload: error reply; elsewhere: close 1011. */
  depthMax: 100,
  /** Bytes of the request's query string. Over it: 414. */
  queryBytesMax: 16_384,
  /** Parameters in the query string, and levels of nesting of one. Over it: 403. */
  queryParamsMax: 250,
  queryDepthMax: 10,
  /** Bytes of a credential wherever it travels. Over it the credential counts as invalid. */
  credentialBytesMax: 8_192,
  /** Bytes of a session in a cookie, inflated, and terms in it. Over it there is no session. */
  sessionBytesMax: 65_536,
  sessionElementsMax: 4_096,
  /** Headers of one request. Over it: 431. */
  headersMax: 200,
  /** How long authenticating and `connect` may take together. Over it: 503. */
  connectTimeoutMs: 5_000,
  /** How long a connection may stay without a frame from its client. Over it: close 1001. */
  idleTimeoutMs: 60_000,
  /** How long a replaced or leaving channel may keep its connection waiting before it is given up. */
  shutdownMs: 5_000,
  /** Share of a limit at which it is warned of. */
  warnAt: 0.8,
} as const;
