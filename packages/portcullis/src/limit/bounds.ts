/**
 * Every default maximum of Portcullis, in one place. What applications differ in most is an option of the mount
 * (`channelsMax`, `mailboxMax`, `connectTimeoutMs`, `rates`) or of its transport (`frameBytesMax`, `outgoingBytesMax`,
 * `idleTimeoutMs`), the rest can be changed by the mount's `limits`.
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
  /** Beyond it a client is behind, and what is volatile may be left out for it. */
  volatileBytesMax: 65_536,
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
  /** Keys one channel may track in a presence. Over it: `track` refuses. */
  presenceKeysPerChannelMax: 100,
  /** Presences under one key of a topic, over all nodes. Over it: `track` refuses. */
  presenceMetasPerKeyMax: 100,
  /** Keys of one topic in a presence, over all nodes. Over it: `track` refuses. */
  presenceKeysPerTopicMax: 10_000,
  /** UTF-8 bytes of a presence's key, and of a meta as JSON. Over it: `track` and `update` refuse. */
  presenceKeyBytesMax: 1_024,
  presenceMetaBytesMax: 4_096,
  /** Diffs of a topic that wait for a presence's `fetch`. Over it: further changes go into the last of them. */
  presenceQueueMax: 100,
  /** Nodes a presence knows at a time. Over it: further ones are not heard. */
  presenceReplicasMax: 1_000,
  /** Characters of one message between nodes. Over it: broadcasting throws, and what comes is not taken. */
  busMessageBytesMax: 16_777_216,
  /** Bytes that wait for one other process of `listen({ workers })` to read them. Over it: lost, and health says so. */
  meshQueueBytesMax: 33_554_432,
  /** Processes of `listen({ workers })`. Over it: `listen` rejects. */
  workersMax: 1_024,
  /** Long-poll: how long a request waits for messages; a session nobody polls for 1.5 of them ends. */
  longpollWindowMs: 10_000,
  /** How old a session's token may be: two weeks, as in Phoenix. */
  longpollTokenMaxAgeSeconds: 1_209_600,
  /** Bytes of one POST. Over it: 400. Phoenix allows as many. */
  longpollBodyBytesMax: 8_000_000,
  /** How long the body of a POST may take to arrive. Over it: 408. */
  longpollBodyTimeoutMs: 10_000,
  /** Messages in one POST: as many as phoenix.js sends at a time. Over it: refused whole. */
  longpollBatchMax: 100,
  /** Long-poll sessions of one mount and process: more than one address may have connections. Over it: 503. */
  longpollSessionsMax: 50_000,
  /** Polls of one session under way at a time. Over it the oldest is answered. */
  longpollRequestsMax: 4,
  /** Posts of one session that are read or wait at a time, no more in all than one may have bytes. Over it: 429. */
  longpollPostsMax: 64,
  /** How long another node may take to say that it has a session. Over it: the session is taken for lost. */
  longpollAnswerTimeoutMs: 2_000,
  /** Revocations known at a time. Over it: `revoke` rejects. Expired ones are forgotten this often. */
  revocationsMax: 100_000,
  revocationSweepMs: 60_000,
  /** How long before its end a credential's client is warned: this, or a tenth of its life where that is less. */
  refreshLeadMs: 60_000,
  refreshLeadShare: 0.1,
  /** How long a connection whose credential has lapsed may stay to be refreshed. Over it: close 4100. */
  refreshGraceMs: 5_000,
  /** Refreshes in a row that may fail. Then: close 4102. */
  refreshFailuresMax: 5,
  /** Bytes that are held back while a connection is authorized anew. Over it: close 1011. */
  heldBytesMax: 4_194_304,
  /** Draining: connections of a batch, time between batches, and time after which all that are left go at once. */
  drainBatchSize: 10_000,
  drainIntervalMs: 2_000,
  drainLimitMs: 30_000,
  /** Connections of one process: in all, from one address, of one identity; those being let in count. Over it: 503. */
  connectionsMax: 100_000,
  connectionsPerAddressMax: 20_000,
  connectionsPerSubjectMax: 1_000,
  /** Connects in a second, and at once: in all, and from one address. Over it: 429. */
  connectsPerSecond: 2_000,
  connectsBurst: 20_000,
  connectsPerAddressPerSecond: 200,
  connectsPerAddressBurst: 10_000,
  /** Addresses whose connects are counted one by one. Over it: further ones share a count. */
  addressBucketsMax: 65_536,
  /** What one connection may send in a second, and at once. Over it: error reply; far over it: close 1008. */
  joinsPerSecond: 100,
  joinsBurst: 200,
  messagesPerSecond: 1_000,
  messagesBurst: 10_000,
  bytesPerSecond: Number.POSITIVE_INFINITY as number,
  bytesBurst: Number.POSITIVE_INFINITY as number,
  /** Share of a limit at which it is warned of. */
  warnAt: 0.8,
} as const;
