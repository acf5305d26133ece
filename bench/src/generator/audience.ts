/** A room full of subscribers and what has reached them: most are only counted, some read every message in full. */
import { monotonicUs } from "../scenario.ts";
import type { Connection } from "./connection.ts";
import { Crowd, type RoomOf, type Target } from "./crowd.ts";
import { Latencies } from "./latencies.ts";

const openConcurrency = 64;

export interface AudienceOptions {
  readonly subscribers: number;
  readonly payloadBytes: number;
  /** Every so many subscribers one reads each message in full: content, order, and how long it took. */
  readonly checkedEvery: number;
  /** Whether messages come from one place, and so in the order they were made in. */
  readonly ordered: boolean;
  readonly roomOf?: RoomOf;
}

export class Audience {
  readonly crowd: Crowd;
  readonly latencies = new Latencies();
  /** Called when so many more messages have arrived. */
  onArrived: ((connection: Connection, messages: number) => void) | undefined;
  delivered = 0;
  wrong = 0;
  checked = 0;
  readonly #target: Target;
  readonly #options: AudienceOptions;
  readonly #received: Uint32Array;
  readonly #lastSequence = new Map<Connection, number>();
  #subscribers: readonly Connection[] = [];

  constructor(target: Target, options: AudienceOptions) {
    this.#target = target;
    this.#options = options;
    this.#received = new Uint32Array(options.subscribers);
    const events = {
      text: (connection: Connection, text: string) => this.#readInFull(connection, text),
      counted: (connection: Connection, messages: number) => this.#arrived(connection, messages),
    };
    this.crowd = new Crowd(target, events, options.roomOf);
  }

  /** Those that are in. */
  get subscribers(): readonly Connection[] {
    return this.#subscribers;
  }

  async open(): Promise<void> {
    const { subscribers, checkedEvery, payloadBytes } = this.#options;
    await this.crowd.open(subscribers, openConcurrency);
    this.#subscribers = this.crowd.connections.filter(({ joined }) => joined);
    for (const connection of this.#subscribers) {
      if (connection.index % checkedEvery !== 0) {
        connection.countOnly(payloadBytes);
      }
    }
  }

  /** How many messages a subscriber got. */
  receivedBy(connection: Connection): number {
    return this.#received[connection.index] ?? 0;
  }

  #arrived(connection: Connection, messages: number): void {
    this.#received[connection.index] = this.receivedBy(connection) + messages;
    this.delivered += messages;
    this.onArrived?.(connection, messages);
  }

  #readInFull(connection: Connection, text: string): void {
    const payload = this.#target.dialect.broadcasted(text);
    if (payload === undefined) {
      return; // Housekeeping.
    }
    this.checked++;
    this.latencies.add(monotonicUs() - payload.at);
    const last = this.#lastSequence.get(connection);
    const outOfOrder = this.#options.ordered && last !== undefined && payload.sequence <= last;
    if (outOfOrder || JSON.stringify(payload).length !== this.#options.payloadBytes) {
      this.wrong++;
    }
    this.#lastSequence.set(connection, payload.sequence);
    this.#arrived(connection, 1);
  }
}
