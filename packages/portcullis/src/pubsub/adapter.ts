/**
 * The contract of a bus between the nodes of one cluster. Redis, NATS or a relay of your own carries texts on channels;
 * what stands in them is Portcullis's business, and nobody has to trust it: see `pubsub/envelope.ts`.
 *
 * @module
 */

/** What an adapter tells the endpoint. */
export interface AdapterEvents {
  /**
   * A text that was published on a channel this node is subscribed to.
   *
   * An adapter MUST hand over every text of every other node, unchanged, and those of one node on one channel in the order
   * in which they were published. It MAY hand over this node's own: they are told by their sender and dropped.
   */
  message(channel: string, text: string): void;
  /**
   * Whether the bus can be used at the moment. An adapter MUST say so when it can't any more, and when it can again; after
   * that it MUST be subscribed as before.
   */
  status(status: "up" | "down"): void;
}

/** One node's place on the bus. None of its methods may throw, whatever state the bus is in. */
export interface AdapterLink {
  /** Called once per channel, until {@link AdapterLink.unsubscribe} takes it back. */
  subscribe(channel: string): void;
  unsubscribe(channel: string): void;
  /** What can't be sent is dropped: Portcullis asks again for what it can't do without. */
  publish(channel: string, text: string): void;
  /** Leaves the bus. Resolves when nothing of it keeps the process alive any more. */
  close(): Promise<void>;
}

/**
 * A bus, as it is given to `defineEndpoint({ pubsub })`. Channels are short texts of printable characters and of anything
 * a topic may hold.
 *
 * @example
 * ```ts
 * const adapter: PubSubAdapter = {
 *   connect(events) {
 *     const client = createClientOfYourBus({ onMessage: events.message, onStatus: events.status });
 *     return { subscribe: client.subscribe, unsubscribe: client.unsubscribe, publish: client.publish, close: client.end };
 *   },
 * };
 * ```
 */
export interface PubSubAdapter {
  /** Called once, when the endpoint is first used. May go on connecting after it has returned. */
  connect(events: AdapterEvents): AdapterLink;
}
