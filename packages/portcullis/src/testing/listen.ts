/**
 * Hearing what is broadcast on a topic, without being on it.
 *
 * @module
 */

import type { Endpoint } from "../endpoint.ts";
import type { Activity } from "../transport/local.ts";
import { brief } from "./brief.ts";
import { Inbox } from "./inbox.ts";
import type { Match } from "./match.ts";
import { settle } from "./settle.ts";
import { wantedEvent } from "./wanted.ts";

/** A broadcast as it was made: its payload has not been through JSON. */
export interface HeardBroadcast {
  readonly event: string;
  readonly payload: unknown;
}

/** What {@link listen} returns. */
export interface Listener {
  /**
   * Waits for a broadcast and returns its payload. One that came before is found too; each is found once.
   *
   * @throws AssertionError that lists what came instead.
   */
  assertBroadcast(event: string, match?: Match<unknown>): Promise<unknown>;
  /** Waits until the server is idle, and throws an AssertionError if such a broadcast came. */
  refuteBroadcast(event: string, match?: Match<unknown>): Promise<void>;
  /** Hears nothing more. */
  stop(): void;
}

/**
 * Hears a topic from now on. Broadcasts of other endpoints count where a bus joins them.
 *
 * @example
 * ```ts
 * const room = listen(endpoint, "room:lobby");
 * channel.push("say", { text: "hello" });
 * await room.assertBroadcast("said", { text: "hello" });
 * ```
 */
export function listen(endpoint: Endpoint, topic: string, options: { readonly withinMs?: number } = {}): Listener {
  return new TopicListener(endpoint, topic, options.withinMs ?? 1_000);
}

export class TopicListener implements Listener {
  readonly #topic: string;
  readonly #inbox: Inbox<HeardBroadcast>;
  readonly #activity: Activity;
  readonly stop: () => void;

  constructor(endpoint: Endpoint, topic: string, withinMs: number) {
    this.#topic = topic;
    this.#activity = endpoint["~local"].activity;
    this.#inbox = new Inbox(({ event, payload }) => `broadcast "${event}" ${brief(payload)}`, withinMs);
    this.stop = endpoint.subscribe(topic, ({ event, payload }) => {
      this.#activity.count += 1;
      this.#inbox.add({ event, payload });
    });
  }

  async assertBroadcast(event: string, match?: unknown): Promise<unknown> {
    return (await this.#inbox.take(wantedEvent("broadcast", this.#topic, event, match))).payload;
  }

  async refuteBroadcast(event: string, match?: unknown): Promise<void> {
    const wanted = wantedEvent("broadcast", this.#topic, event, match);
    await settle(this.#activity, () => this.#inbox.has(wanted));
    this.#inbox.refute(wanted);
  }
}
