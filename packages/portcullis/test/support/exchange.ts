/** A bus in memory: what every adapter has to do, in as few lines as it takes. */

import type { AdapterEvents, AdapterLink, PubSubAdapter } from "../../src/pubsub/adapter.ts";

interface Place {
  readonly events: AdapterEvents;
  readonly channels: Set<string>;
}

export interface Published {
  readonly by: number;
  readonly channel: string;
  readonly text: string;
}

/** How a text gets to a node: later, as over a network, or within the call of `publish`. */
export type Delivery = (deliver: () => void) => void;

export const later: Delivery = (deliver) => void setImmediate(deliver);
export const atOnce: Delivery = (deliver) => deliver();

export class Exchange {
  /** What adapters were asked, in order: `"0 subscribe topic:a"`. */
  readonly calls: string[] = [];
  readonly published: Published[] = [];
  /** Nodes nothing comes from or gets to. */
  readonly cut = new Set<number>();
  /** Texts that are lost on their way. */
  loses: (published: Published) => boolean = () => false;
  readonly #places: Place[] = [];
  readonly #delivery: Delivery;

  constructor(delivery: Delivery = later) {
    this.#delivery = delivery;
  }

  /** The adapter of the next node: they are numbered as they connect. */
  adapter(): PubSubAdapter {
    return { connect: (events) => this.#connect(events) };
  }

  /** Puts a text on the bus, as anybody can who has its password. */
  inject(channel: string, text: string): void {
    for (const place of this.#places) if (place.channels.has(channel)) place.events.message(channel, text);
  }

  /** What the bus tells node `by` about itself. */
  tell(by: number, status: "up" | "down"): void {
    this.#places[by]?.events.status(status);
  }

  /** Channels a node is subscribed to. */
  channelsOf(by: number): readonly string[] {
    return [...(this.#places[by]?.channels ?? [])];
  }

  #connect(events: AdapterEvents): AdapterLink {
    const by = this.#places.length;
    const place: Place = { events, channels: new Set() };
    this.#places.push(place);
    const note = (what: string): void => void this.calls.push(`${by} ${what}`);
    return {
      subscribe: (channel) => {
        note(`subscribe ${channel}`);
        place.channels.add(channel);
      },
      unsubscribe: (channel) => {
        note(`unsubscribe ${channel}`);
        place.channels.delete(channel);
      },
      publish: (channel, text) => this.#publish({ by, channel, text }),
      close: async () => {
        note("close");
        place.channels.clear();
      },
    };
  }

  #publish(published: Published): void {
    this.published.push(published);
    if (this.cut.has(published.by) || this.loses(published)) return;
    const { channel, text } = published;
    for (const [to, place] of this.#places.entries()) {
      if (!place.channels.has(channel)) continue;
      this.#delivery(() => {
        if (!this.cut.has(to)) place.events.message(channel, text);
      });
    }
  }
}
