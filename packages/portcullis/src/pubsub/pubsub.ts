/**
 * Publish and subscribe: who hears what is said on a topic, in this process and, over a bus, in others.
 *
 * @module
 */

import type { Bus } from "./bus.ts";
import type { BusMessage } from "./envelope.ts";
import { Groups } from "./groups.ts";

/** What is said on a topic. Made once per broadcast and handed to every subscriber. */
export interface Broadcast {
  readonly topic: string;
  readonly event: string;
  /** An object, or a `Uint8Array`. */
  readonly payload: unknown;
  /** A subscriber that is not to hear it. */
  readonly from: Subscriber | null;
  /** Whether who is behind in reading can do without it. */
  readonly volatile: boolean;
  /** Room for what the first subscriber worked out and the others can use, such as the encoded frame. */
  shared: unknown;
}

/** How something is said. */
export interface Manner {
  /** Who says it, and is not to hear it. */
  readonly from?: Subscriber | null;
  readonly volatile?: boolean;
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
      readonly kind: "revoke";
      /** What was taken away: plain JSON. */
      readonly data: unknown;
    }
  | {
      readonly kind: "unrevoke";
      /** The key of what is given back. */
      readonly id: string;
    }
  | {
      readonly kind: "compromised";
      /** The key nobody is to be believed by any more. */
      readonly id: string;
    }
  | {
      readonly kind: "presence";
      /** Which presence it is about: an endpoint may have several. */
      readonly name: string;
      /** What its trackers tell each other: plain JSON, to be read as coming from anybody. */
      readonly data: unknown;
    }
  | {
      readonly kind: "longpoll";
      /** What a request at one node has to say to a session on another, and back: plain JSON. */
      readonly data: unknown;
    }
  | {
      readonly kind: "handover";
      /** What a node that comes asks the others, and is answered: plain JSON. */
      readonly data: unknown;
    }
  | {
      readonly kind: "gone";
      /** The node that has died, and will say nothing more. */
      readonly id: string;
    };

/** Hears commands. `from` is the node that sent it. */
export type ControlListener = (message: ControlMessage, from: string) => void;

/** Whether the bus can be used at the moment. */
export type BusStatus = "up" | "down";

const plainly: Manner = {};

/** The subscriptions of one endpoint. */
export class PubSub {
  /** This node's name: unique in the cluster, and new with every start. */
  readonly node: string;
  readonly #topics = new Groups<Subscriber>();
  readonly #controls = new Set<ControlListener>();
  readonly #statusListeners = new Set<(status: BusStatus) => void>();
  #status: BusStatus | "none" = "none";
  #bus: Bus | null = null;

  constructor(node = "local") {
    this.node = node;
  }

  /** Reaches other nodes from here on. */
  joinBus(bus: Bus): void {
    this.#bus = bus;
    for (const topic of this.#topics.keys()) bus.subscribe(topic);
  }

  /** Begins to hear other nodes, if nothing else has made it do so. */
  start(): void {
    this.#bus?.start();
  }

  /** Leaves the bus. What is subscribed here goes on. */
  async close(): Promise<void> {
    await this.#bus?.close();
  }

  /** Whether other nodes can be reached; `none`: there is no bus. */
  get status(): BusStatus | "none" {
    return this.#status;
  }

  /** What the bus says of itself. */
  statusChanged(status: BusStatus): void {
    this.#status = status;
    for (const listener of this.#statusListeners) listener(status);
  }

  /** Calls `listener` whenever the bus is lost, or there again. */
  onStatus(listener: (status: BusStatus) => void): void {
    this.#statusListeners.add(listener);
  }

  /** What another node said. */
  heard(message: BusMessage, from: string): void {
    if (message.kind === "broadcast") this.localBroadcast(message.topic, message.event, message.payload, message);
    else this.#tell(message.message, from);
  }

  /** Subscribing twice is subscribing once. */
  subscribe(topic: string, subscriber: Subscriber): void {
    if (this.#topics.add(topic, subscriber)) this.#bus?.subscribe(topic);
  }

  /** Harmless for one that isn't subscribed. */
  unsubscribe(topic: string, subscriber: Subscriber): void {
    if (this.#topics.remove(topic, subscriber)) this.#bus?.unsubscribe(topic);
  }

  /** How many hear `topic`; without a topic, how many topics are heard at all. */
  count(topic?: string): number {
    return topic === undefined ? this.#topics.size : this.#topics.count(topic);
  }

  /** Tells every subscriber in the cluster but `from`. Throws as {@link localBroadcast} does. */
  broadcast(topic: string, event: string, payload: unknown, manner: Manner = plainly): void {
    const { volatile = false } = manner;
    // The others first: what can't be sent to them is told to the broadcaster before anybody has heard it.
    this.#bus?.publish({ kind: "broadcast", topic, event, payload, volatile });
    this.localBroadcast(topic, event, payload, manner);
  }

  /**
   * Tells every subscriber of this process but `from`. What a subscriber throws (a payload that can't be encoded) comes
   * out here: the broadcaster is who can mend it.
   */
  localBroadcast(topic: string, event: string, payload: unknown, manner: Manner = plainly): void {
    const { from = null, volatile = false } = manner;
    const broadcast: Broadcast = { topic, event, payload, from, volatile, shared: null };
    this.#topics.each(topic, (subscriber) => {
      if (subscriber !== from) subscriber.deliver(broadcast);
    });
  }

  /** Sends a command to every node, this one included. */
  control(message: ControlMessage): void {
    this.#bus?.publish({ kind: "control", message });
    this.#tell(message, this.node);
  }

  /** Whether there is no bus: nobody can be asked. */
  get isAlone(): boolean {
    return this.#bus === null;
  }

  /** Sends a command to one node, which may be this one. One that isn't there hears nothing. */
  controlTo(node: string, message: ControlMessage): void {
    if (node === this.node) this.#tell(message, node);
    else this.#bus?.publishTo(node, { kind: "control", message });
  }

  /** Calls `listener` for every command until the returned function is called. */
  onControl(listener: ControlListener): () => void {
    this.#controls.add(listener);
    return () => this.#controls.delete(listener);
  }

  #tell(message: ControlMessage, from: string): void {
    for (const listener of this.#controls) listener(message, from);
  }
}
