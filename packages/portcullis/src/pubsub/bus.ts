/**
 * One endpoint's place among the nodes of its cluster: what it says to all of them, and to one.
 *
 * @module
 */

import { isThenable } from "../outcome.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { AdapterLink, PubSubAdapter } from "./adapter.ts";
import type { BusMessage, Envelopes } from "./envelope.ts";

/** The channel every node hears. */
const everybody = "control";
const topicPrefix = "topic:";
const nodePrefix = "node:";

export interface BusOptions {
  readonly adapter: PubSubAdapter;
  readonly envelopes: Envelopes;
  readonly telemetry: Telemetry;
  /** Unique in the cluster, and new with every start. */
  readonly node: string;
  /** Called for what other nodes say, with the one that said it. */
  readonly onMessage: (message: BusMessage, from: string) => void;
  readonly onStatus: (status: "up" | "down") => void;
}

export class Bus {
  readonly #options: BusOptions;
  #link: AdapterLink | null = null;
  #closed = false;

  constructor(options: BusOptions) {
    this.#options = options;
  }

  /** Connects, at its first use. Throws what the adapter's `connect` throws: nothing works until that is mended. */
  start(): AdapterLink | null {
    if (this.#closed) return null;
    if (this.#link !== null) return this.#link;
    const { adapter, telemetry, node, onStatus } = this.#options;
    this.#link = adapter.connect({
      message: (_channel, text) => this.#received(text),
      status: (status) => {
        telemetry.emit("pubsub.status", { status });
        onStatus(status);
        if (status === "down") {
          telemetry.warn(
            "pubsub down",
            () =>
              "portcullis: the bus between nodes is down. Broadcasts reach this process only until it is back; see the adapter's own log for why.",
          );
        }
      },
    });
    this.#attempt((link) => link.subscribe(everybody));
    this.#attempt((link) => link.subscribe(nodePrefix + node));
    return this.#link;
  }

  /** Somebody here hears `topic` from now on. */
  subscribe(topic: string): void {
    this.#attempt((link) => link.subscribe(topicPrefix + topic));
  }

  /** Nobody does any more. */
  unsubscribe(topic: string): void {
    if (this.#link !== null) this.#attempt((link) => link.unsubscribe(topicPrefix + topic));
  }

  /** Throws what sealing throws. */
  publish(message: BusMessage): void {
    this.#publish(message.kind === "broadcast" ? topicPrefix + message.topic : everybody, message);
  }

  /** To one node. Throws what sealing throws. */
  publishTo(node: string, message: BusMessage): void {
    this.#publish(nodePrefix + node, message);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#link?.close();
    } catch (error) {
      this.#adapterThrew(error);
    }
  }

  #publish(channel: string, message: BusMessage): void {
    const { envelopes, node } = this.#options;
    const text = envelopes.seal(node, message);
    this.#attempt((link) => link.publish(channel, text));
  }

  /** An adapter must not throw. One that does costs what it was asked to do, and not whoever asked. */
  #attempt(use: (link: AdapterLink) => unknown): void {
    const link = this.start();
    if (link === null) return;
    try {
      // A client's own method, handed over as it is, may return a promise.
      const done = use(link);
      if (isThenable(done)) Promise.resolve(done).catch((error: unknown) => this.#adapterThrew(error));
    } catch (error) {
      this.#adapterThrew(error);
    }
  }

  #adapterThrew(error: unknown): void {
    this.#options.telemetry.error("pubsub adapter", "the adapter of the bus between nodes threw", error);
  }

  #received(text: string): void {
    const { envelopes, telemetry, node, onMessage } = this.#options;
    if (this.#closed) return;
    const opened = envelopes.open(text);
    if (!opened.ok) {
      telemetry.emit("pubsub.refused", { fault: opened.fault });
      telemetry.warn(
        `pubsub ${opened.fault}`,
        () =>
          `portcullis: a message from the bus was not taken (${opened.fault}). This happens when another program writes to the same ` +
          "channels, or a node has another secretKeyBase or another version. Give each application a prefix of its own on the bus.",
      );
    } else if (opened.from !== node) {
      try {
        onMessage(opened.message, opened.from);
      } catch (error) {
        telemetry.error("pubsub message", "what another node said could not be handled", error);
      }
    }
  }
}
