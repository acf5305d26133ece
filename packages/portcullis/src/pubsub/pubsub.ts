/**
 * Publish and subscribe inside one process: who hears what is said on a topic.
 *
 * @module
 */

import { Groups } from "./groups.ts";

/** What is said on a topic. Made once per broadcast and handed to every subscriber. */
export interface Broadcast {
  readonly topic: string;
  readonly event: string;
  /** An object, or a `Uint8Array`. */
  readonly payload: unknown;
  /** A subscriber that is not to hear it. */
  readonly from: Subscriber | null;
  /** Room for what the first subscriber worked out and the others can use, such as the encoded frame. */
  shared: unknown;
}

/** Hears what is said on the topics it subscribed to. */
export interface Subscriber {
  deliver(broadcast: Broadcast): void;
}

/**
 * A command between the nodes of one cluster. It travels apart from topics, so that no broadcast, however named, can be
 * mistaken for one.
 */
export type ControlMessage =
  | {
      readonly kind: "disconnect";
      /** The socket id whose connections are to end. */
      readonly id: string;
    }
  | {
      readonly kind: "presence";
      /** Which presence it is about: an endpoint may have several. */
      readonly name: string;
      /** What its trackers tell each other: plain JSON, to be read as coming from anybody. */
      readonly data: unknown;
    };

/** The subscriptions of one endpoint. */
export class PubSub {
  readonly #topics = new Groups<Subscriber>();
  readonly #controls = new Set<(message: ControlMessage) => void>();

  /** Subscribing twice is subscribing once. */
  subscribe(topic: string, subscriber: Subscriber): void {
    this.#topics.add(topic, subscriber);
  }

  /** Harmless for one that isn't subscribed. */
  unsubscribe(topic: string, subscriber: Subscriber): void {
    this.#topics.remove(topic, subscriber);
  }

  /** How many hear `topic`; without a topic, how many topics are heard at all. */
  count(topic?: string): number {
    return topic === undefined ? this.#topics.size : this.#topics.count(topic);
  }

  /** Tells every subscriber in the cluster (one process, so far: the same as {@link localBroadcast}). */
  broadcast(topic: string, event: string, payload: unknown, from: Subscriber | null = null): void {
    this.localBroadcast(topic, event, payload, from);
  }

  /**
   * Tells every subscriber of this process but `from`. What a subscriber throws (a payload that can't be encoded) comes
   * out here: the broadcaster is who can mend it.
   */
  localBroadcast(topic: string, event: string, payload: unknown, from: Subscriber | null = null): void {
    const broadcast: Broadcast = { topic, event, payload, from, shared: null };
    this.#topics.each(topic, (subscriber) => {
      if (subscriber !== from) subscriber.deliver(broadcast);
    });
  }

  /** Sends a command to every node, this one included. */
  control(message: ControlMessage): void {
    for (const listener of this.#controls) listener(message);
  }

  /** Calls `listener` for every command until the returned function is called. */
  onControl(listener: (message: ControlMessage) => void): () => void {
    this.#controls.add(listener);
    return () => this.#controls.delete(listener);
  }
}
