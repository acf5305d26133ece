import { monotonicUs } from "../scenario.ts";
import type { Audience } from "./audience.ts";
import type { Connection } from "./connection.ts";
import type { Control } from "./control.ts";

export interface TickOptions {
  /** Broadcasts made in one synchronous run. */
  readonly messagesPerTick: number;
  readonly payloadBytes: number;
  readonly lostAfterMs: number;
}

/** Closed loop: the next tick begins when all of the last one has reached every subscriber that is waited for. */
export class Ticks {
  /** So many were made. */
  count = 0;
  /** Of the messages made, those that have not arrived. */
  missing = 0;
  /** Whoever is not waited for. */
  stalled: Connection | undefined;
  readonly #audience: Audience;
  readonly #control: Control;
  readonly #options: TickOptions;
  #allArrived: (() => void) | undefined;

  constructor(audience: Audience, control: Control, options: TickOptions) {
    this.#audience = audience;
    this.#control = control;
    this.#options = options;
    audience.onArrived = (connection, messages) => {
      if (connection !== this.stalled) {
        this.missing -= messages;
        if (this.missing === 0) {
          this.#allArrived?.();
        }
      }
    };
  }

  /** Ticks for so long, or until one does not reach everybody. */
  async for(ms: number): Promise<void> {
    const end = performance.now() + ms;
    let sound = true;
    do {
      sound = await this.#one();
      this.count++;
    } while (sound && performance.now() < end);
  }

  #one(): Promise<boolean> {
    const { messagesPerTick, payloadBytes, lostAfterMs } = this.#options;
    const waitedFor = this.#audience.subscribers.length - (this.stalled === undefined ? 0 : 1);
    this.missing += waitedFor * messagesPerTick;
    return new Promise((resolve) => {
      let deliveredBefore = this.#audience.delivered;
      const watch = setInterval(() => {
        if (this.#audience.delivered === deliveredBefore) {
          clearInterval(watch);
          resolve(false);
        }
        deliveredBefore = this.#audience.delivered;
      }, lostAfterMs);
      this.#allArrived = () => {
        clearInterval(watch);
        resolve(true);
      };
      this.#control.tick(messagesPerTick, payloadBytes, monotonicUs());
    });
  }
}
