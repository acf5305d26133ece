/**
 * One open WebSocket: what is asked over it and answered, and whether it still lives.
 *
 * @module
 */

import type { Cancel, Clock } from "../clock.ts";
import { connectionTopic, heartbeatEvent, replyEvent } from "../protocol/events.ts";
import type { WebSocketLike } from "./environment.ts";
import { isRecord } from "./error.ts";
import { decode, encode, type Incoming, type Outgoing } from "./frame.ts";

/** What a reply says. */
export interface Answered {
  readonly status: string;
  readonly response: unknown;
}

/** What a link tells. */
export interface LinkEvents {
  /** Every message but replies. */
  message(incoming: Incoming): void;
  /** It is gone, and nobody here closed it. */
  lost(closeCode: number): void;
}

/** Options of {@link Link}. */
export interface LinkOptions {
  readonly clock: Clock;
  readonly heartbeatMs: number;
  /** Refs are never used twice, not even on another connection. */
  readonly nextRef: () => string;
}

/** As a browser reports a connection that ended without a word. */
const abnormal = 1006;

export class Link {
  readonly #socket: WebSocketLike;
  readonly #options: LinkOptions;
  readonly #events: LinkEvents;
  readonly #asked = new Map<string, { readonly topic: string; readonly answer: (answered: Answered) => void }>();
  #cancelHeartbeat: Cancel = () => {};
  /** Whether anything came since the last heartbeat: on a slow line any byte is a sign of life. */
  #heard = true;
  #open = true;

  constructor(socket: WebSocketLike, options: LinkOptions, events: LinkEvents) {
    this.#socket = socket;
    this.#options = options;
    this.#events = events;
    socket.onmessage = ({ data }: { readonly data: unknown }) => this.#receive(data);
    socket.onclose = ({ code }: { readonly code: number }) => this.#end(code);
    this.#beatLater();
  }

  nextRef(): string {
    return this.#options.nextRef();
  }

  /** @throws RangeError for a binary message whose names are too long. */
  send(message: Outgoing): void {
    this.#socket.send(encode(message));
  }

  /** Sends, and calls `answer` with the reply unless it is cancelled, or the link ends, before. Throws what `send` throws. */
  ask(message: Outgoing, answer: (answered: Answered) => void): Cancel {
    this.send(message);
    this.#asked.set(message.ref, { topic: message.topic, answer });
    return () => void this.#asked.delete(message.ref);
  }

  /** Looks whether it lives, and gives it `withinMs` to show it. */
  check(withinMs: number): void {
    if (!this.#open) return;
    this.#cancelHeartbeat();
    this.#heard = false;
    this.#beat();
    this.#cancelHeartbeat = this.#options.clock.after(withinMs, () => (this.#heard ? this.#beatLater() : this.#drop()));
  }

  /** Ends it. Nothing is told any more, and nothing goes out. */
  close(): void {
    if (!this.#open) return;
    this.#detach();
    this.#socket.close(1000);
  }

  #beat(): void {
    this.send({ joinRef: null, ref: this.nextRef(), topic: connectionTopic, event: heartbeatEvent, payload: "{}" });
  }

  #beatLater(): void {
    this.#cancelHeartbeat = this.#options.clock.after(this.#options.heartbeatMs, () => {
      if (!this.#heard) return this.#drop();
      this.#heard = false;
      this.#beat();
      this.#beatLater();
    });
  }

  #receive(data: unknown): void {
    this.#heard = true;
    let incoming: Incoming;
    try {
      incoming = decode(data);
    } catch {
      // What it said is lost, and only a new beginning brings it back.
      return this.#drop();
    }
    if (incoming.event !== replyEvent) return this.#events.message(incoming);
    const { ref, topic, payload } = incoming;
    const asked = ref === null ? undefined : this.#asked.get(ref);
    if (ref === null || asked?.topic !== topic || !isRecord(payload)) return;
    this.#asked.delete(ref);
    const { status, response } = payload;
    // Made into a text, what is none may throw, and nobody would hear that but the process.
    asked.answer({ status: typeof status === "string" ? status : "error", response });
  }

  /** Gives up on it, without waiting for a farewell that may never come. */
  #drop(): void {
    this.close();
    this.#events.lost(abnormal);
  }

  #end(closeCode: number): void {
    this.#detach();
    this.#events.lost(closeCode);
  }

  #detach(): void {
    this.#open = false;
    this.#cancelHeartbeat();
    this.#asked.clear();
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    // Stays heard where it is: `ws` throws an error that nobody listens for.
    this.#socket.onerror = () => {};
  }
}
