/**
 * The channels of one connection by topic. Most have one, and a map for it would take more memory than the channel.
 *
 * @module
 */

import type { ChannelProcess } from "../channel/process.ts";

export class Joined {
  /** The one there is, while there is no more than one. */
  #only: ChannelProcess | null = null;
  #all: Map<string, ChannelProcess> | null = null;

  get size(): number {
    return this.#all === null ? (this.#only === null ? 0 : 1) : this.#all.size;
  }

  get(topic: string): ChannelProcess | undefined {
    if (this.#all !== null) return this.#all.get(topic);
    return this.#only?.topic === topic ? this.#only : undefined;
  }

  /** Takes the place of another one of its topic. */
  add(process: ChannelProcess): void {
    if (this.#all !== null) {
      this.#all.set(process.topic, process);
    } else if (this.#only === null || this.#only.topic === process.topic) {
      this.#only = process;
    } else {
      this.#all = new Map([this.#only, process].map((one) => [one.topic, one]));
      this.#only = null;
    }
  }

  /** Harmless where its topic is another one's by now. */
  remove(process: ChannelProcess): void {
    if (this.#only === process) this.#only = null;
    if (this.#all?.get(process.topic) === process) this.#all.delete(process.topic);
  }

  clear(): void {
    this.#only = null;
    this.#all = null;
  }

  /** Those there are now, in the order they came: more may come or go meanwhile. */
  list(): readonly ChannelProcess[] {
    if (this.#all !== null) return [...this.#all.values()];
    return this.#only === null ? [] : [this.#only];
  }
}
