/**
 * A channel as a client holds it.
 *
 * @module
 */

import { isReservedEvent } from "../protocol/events.ts";
import type {
  ClientShape,
  HeardEvents,
  HeardPayload,
  JoinArguments,
  JoinReply,
  PushArguments,
  PushEvents,
  PushReply,
  UntypedShape,
} from "./contract.ts";
import { ChannelError, PushError, toFailure } from "./error.ts";
import { encodePayload } from "./frame.ts";
import { Listeners } from "./listeners.ts";
import type { ChannelStatus, Holder, Membership } from "./membership.ts";
import type { Push } from "./pushes.ts";

/** Options of {@link ClientChannel.push}. */
export interface PushOptions {
  /** How long to wait for the reply, and before that for the join, in milliseconds. Default: the client's. */
  readonly timeoutMs?: number;
  /** Aborted, the push rejects with its reason, and isn't sent if it still waits. */
  readonly signal?: AbortSignal;
}

/**
 * A handle of one topic. There may be several of one topic: they share a single join, and the topic is left when the last of
 * them leaves. Each has its own listeners. After leaving it may join again.
 */
export interface ClientChannel<Shape extends ClientShape = UntypedShape> {
  readonly topic: string;
  readonly status: ChannelStatus<JoinReply<Shape>>;
  /** Calls `listener` at every change of {@link ClientChannel.status}. Returns how to stop. */
  onStatus(listener: (status: ChannelStatus<JoinReply<Shape>>) => void): () => void;
  /**
   * Joins, and resolves with the server's reply; connects first if need be, and rejoins by itself after a lost connection.
   * Where another handle has joined already its params and its reply count.
   *
   * Rejects with a {@link ChannelError}: `refused` with the server's reason, `timeout`, or `closed`.
   *
   * @example
   * ```ts
   * const { unread } = await user.join({ since: lastVisit });
   * ```
   */
  join(...params: JoinArguments<Shape>): Promise<JoinReply<Shape>>;
  /**
   * Pushes, and resolves with the reply. Before the join is answered, pushes wait for it: at most `pushesMax`.
   *
   * Rejects with a {@link PushError}: `refused` with the server's reason, `timeout`, `closed` when the connection or the channel
   * ends before the reply, `overflow`. A push is never sent twice. It rejects with a TypeError for a payload JSON can't hold.
   *
   * @example
   * ```ts
   * const { ok } = await user.push("rename", { name: "Ada" });
   * ```
   */
  push<Event extends PushEvents<Shape>>(
    event: Event,
    ...payload: PushArguments<Shape, Event, PushOptions>
  ): Promise<PushReply<Shape, Event>>;
  /**
   * Pushes without waiting for a reply: for handlers that give none. Throws what {@link ClientChannel.push} rejects with before
   * anything is sent.
   */
  send<Event extends PushEvents<Shape>>(
    event: Event,
    ...payload: PushArguments<Shape, Event, Pick<PushOptions, "timeoutMs">>
  ): void;
  /** Calls `listener` with every payload of `event` while joined. Returns how to stop. Leaving doesn't stop it. */
  on<Event extends HeardEvents<Shape>>(
    event: Event,
    listener: (payload: HeardPayload<Shape, Event>) => void,
  ): () => void;
  /** Lets go of the topic. Harmless when not joined. */
  leave(): void;
}

/** What a handle needs from its client. */
export interface ChannelHost {
  readonly timeoutMs: number;
  /** The topic's membership, new or not, held by `holder`. Throws a ChannelError when the client is closed. */
  enter(topic: string, params: () => unknown, holder: Holder): Membership;
}

const noPayload: unknown = {};

/** What runs: a handle with its types taken off. */
export class Handle implements Holder, Pick<ClientChannel, "topic" | "status" | "onStatus" | "join" | "leave"> {
  readonly topic: string;
  readonly #host: ChannelHost;
  readonly #listeners = new Map<string, Listeners<unknown>>();
  readonly #statusListeners = new Listeners<ChannelStatus>();
  #status: ChannelStatus = { state: "idle", reason: null, reply: null };
  #membership: Membership | null = null;

  constructor(host: ChannelHost, topic: string) {
    this.#host = host;
    this.topic = topic;
  }

  get status(): ChannelStatus {
    return this.#status;
  }

  onStatus(listener: (status: ChannelStatus) => void): () => void {
    return this.#statusListeners.add(listener);
  }

  join(params: unknown = noPayload): Promise<unknown> {
    if (this.#membership !== null) return this.#membership.reply;
    const given = (): unknown => (typeof params === "function" ? (params as () => unknown)() : params);
    try {
      return this.#host.enter(this.topic, given, this).reply;
    } catch (error) {
      const refused = Promise.reject(error);
      refused.catch(() => {});
      return refused;
    }
  }

  push(event: string, payload: unknown = noPayload, options: PushOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      signal?.throwIfAborted();
      const what = `"${event}" on "${this.topic}"`;
      const abort = (): void => {
        cancel();
        reject(signal?.reason);
      };
      const settled = (): void => signal?.removeEventListener("abort", abort);
      const cancel = this.#push(event, payload, options, {
        answered({ status, response }) {
          settled();
          if (status === "error") reject(new PushError(what, toFailure(response)));
          else resolve(response);
        },
        failed(failure) {
          settled();
          reject(new PushError(what, failure));
        },
      });
      signal?.addEventListener("abort", abort);
    });
  }

  send(event: string, payload: unknown = noPayload, options: PushOptions = {}): void {
    this.#push(event, payload, options, { answered: () => {}, failed: () => {} });
  }

  on(event: string, listener: (payload: unknown) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Listeners();
    this.#listeners.set(event, listeners);
    const stop = listeners.add(listener);
    return () => {
      stop();
      if (listeners.size === 0) this.#listeners.delete(event);
    };
  }

  leave(): void {
    const membership = this.#membership;
    if (membership === null) return;
    this.#membership = null;
    membership.release(this);
    this.#become({ state: "closed", reason: "left", reply: this.#status.reply });
  }

  hear(event: string, payload: unknown): void {
    this.#listeners.get(event)?.tell(payload);
  }

  entered(membership: Membership): void {
    this.#membership = membership;
  }

  changed(status: ChannelStatus): void {
    if (status.state === "closed") this.#membership = null;
    this.#become(status);
  }

  #push(
    event: string,
    payload: unknown,
    { timeoutMs = this.#host.timeoutMs }: PushOptions,
    outcome: Pick<Push, "answered" | "failed">,
  ): () => void {
    if (isReservedEvent(event)) {
      throw new TypeError(`Expected an event with a name of its own, got "${event}": it belongs to the protocol.`);
    }
    if (this.#membership === null) {
      const reason = this.#status.state === "idle" ? "not_joined" : (this.#status.reason ?? "closed");
      throw new PushError(`"${event}" on "${this.topic}"`, { code: "closed", reason });
    }
    return this.#membership.push({ event, payload: encodePayload(payload), timeoutMs, ...outcome });
  }

  #become(status: ChannelStatus): void {
    this.#status = status;
    this.#statusListeners.tell(status);
  }
}

/** The error of a join for which there is no connection to be had. */
export function notConnected(topic: string, reason: string): ChannelError {
  return new ChannelError(topic, { code: "closed", reason });
}
