/**
 * What one client is on one topic: a single join, however many handles there are.
 *
 * @module
 */

import type { Cancel, Clock } from "../clock.ts";
import { closeEvent, errorEvent, joinEvent, leaveEvent, reasons } from "../protocol/events.ts";
import type { Backoff } from "./backoff.ts";
import { ChannelError, type Failure, isRecord, toFailure } from "./error.ts";
import { encodePayload, type Incoming } from "./frame.ts";
import type { Answered, Link } from "./link.ts";
import { type Push, Pushes, type SendPush } from "./pushes.ts";

/**
 * `idle`: not joined by this handle. `joining`: for the first time. `joined`. `waiting`: it was joined, and will be again once
 * the connection is back, or the channel has recovered. `closed`: refused, ended by the server, or left with the client.
 */
export type ChannelState = "idle" | "joining" | "joined" | "waiting" | "closed";

/** Where a channel stands. A new object at every change. */
export interface ChannelStatus<Reply = unknown> {
  readonly state: ChannelState;
  /** Why it is `closed` or `waiting`: the server's reason where it gave one, else `left`, `signed_out`, `disconnected`, … */
  readonly reason: string | null;
  /** What the server answered to the last join, which may have been one after a reconnect. */
  readonly reply: Reply | null;
}

/** Whoever has joined. */
export interface Holder {
  entered(membership: Membership): void;
  hear(event: string, payload: unknown): void;
  changed(status: ChannelStatus): void;
}

/** What a membership needs from its client. */
export interface MembershipHost {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly pushesMax: number;
  readonly link: Link | null;
  /** For the delays between joins of one channel. */
  readonly rejoining: Backoff;
  /** A join was accepted: the connection is good for something. */
  joined(): void;
  /** It is over; the topic is free. */
  ended(membership: Membership): void;
}

export class Membership {
  readonly topic: string;
  readonly #host: MembershipHost;
  readonly #holders = new Set<Holder>();
  readonly #params: () => unknown;
  /** What the server answers to the join that is under way, or answered to the last one. */
  reply: Promise<unknown>;
  /** How to settle it; `null` once it is. */
  #settle: { readonly resolve: (reply: unknown) => void; readonly reject: (error: unknown) => void } | null = null;
  #joinedBefore = false;
  #status: ChannelStatus = { state: "joining", reason: null, reply: null };
  #joinRef: string | null = null;
  readonly #pushes: Pushes;
  #cancelTimer: Cancel = () => {};
  #cancelJoin: Cancel = () => {};

  /** `params` is asked at every join. */
  constructor(host: MembershipHost, topic: string, params: () => unknown) {
    this.#host = host;
    this.topic = topic;
    this.#params = params;
    this.#pushes = new Pushes(topic, host.clock, host.pushesMax);
    this.reply = this.#promise();
  }

  get status(): ChannelStatus {
    return this.#status;
  }

  hold(holder: Holder): void {
    this.#holders.add(holder);
    holder.entered(this);
    holder.changed(this.#status);
  }

  /** Leaves when this was the last holder. */
  release(holder: Holder): void {
    if (!this.#holders.delete(holder) || this.#holders.size > 0) return;
    this.#tellServer();
    this.end({ code: "closed", reason: "left" });
  }

  /** Joins over the open connection, for the first time or again. */
  join(): void {
    const { link, clock, timeoutMs } = this.#host;
    if (link === null || this.#status.state === "closed") return;
    this.#cancelTimer();
    const ref = link.nextRef();
    try {
      const payload = encodePayload(this.#params());
      this.#cancelJoin = link.ask({ joinRef: ref, ref, topic: this.topic, event: joinEvent, payload }, (answered) => {
        this.#cancelTimer();
        this.#answered(answered);
      });
    } catch (error) {
      return this.end({ code: "closed", reason: "params_unencodable" }, error);
    }
    this.#joinRef = ref;
    this.#cancelTimer = clock.after(timeoutMs, () => {
      // Should the server let it in after all, it knows that nobody is there any more.
      this.#tellServer();
      this.#failed({ code: "timeout", reason: "timeout" });
    });
  }

  /** The connection is gone. What was pushed over it may have arrived or not; what still waits goes on waiting. */
  disconnected(): void {
    if (this.#joinRef === null && this.#status.state !== "waiting") return;
    this.#interrupt("disconnected");
  }

  /** @throws PushError when too many pushes wait for the join. */
  push(push: Push): Cancel {
    return this.#pushes.add(push, this.#sending());
  }

  receive({ joinRef, event, payload }: Incoming): void {
    if (joinRef !== null && joinRef !== this.#joinRef) return;
    if (event === closeEvent) {
      const reason = isRecord(payload) && typeof payload["reason"] === "string" ? payload["reason"] : "closed";
      return this.end({ code: "closed", reason });
    }
    if (event === errorEvent) {
      this.#interrupt(reasons.channelCrash);
      return this.#rejoinLater();
    }
    if (this.#joinRef !== null) for (const holder of [...this.#holders]) holder.hear(event, payload);
  }

  /** Over: nothing of it is sent any more, and it won't be joined again. `error` is what the join rejects with. */
  end(failure: Failure, error: unknown = new ChannelError(this.topic, failure)): void {
    if (this.#status.state === "closed") return;
    this.#cancelTimer();
    this.#cancelJoin();
    this.#joinRef = null;
    this.#settle?.reject(error);
    this.#settle = null;
    // First of all: whoever is told may join again at once.
    this.#host.ended(this);
    this.#become("closed", failure.reason);
    this.#pushes.failAll(failure.reason);
  }

  #answered({ status, response }: Answered): void {
    if (status !== "ok") return this.#failed(toFailure(response));
    this.#host.rejoining.reset();
    this.#host.joined();
    this.#joinedBefore = true;
    this.#settle?.resolve(response);
    this.#settle = null;
    this.#status = { state: "joined", reason: null, reply: response };
    // Before anybody is told, who may push more: what waited longer goes first.
    const send = this.#sending();
    if (send !== null) this.#pushes.flush(send);
    this.#tell();
  }

  /** A join that failed. One that had worked before is tried again where the server may recover, and no other. */
  #failed(failure: Failure): void {
    this.#joinRef = null;
    const recovers = failure.code === "timeout" || failure.reason === reasons.joinCrashed;
    if (!this.#joinedBefore || !recovers) return this.end(failure);
    this.#become("waiting", failure.reason);
    this.#rejoinLater();
  }

  #rejoinLater(): void {
    this.#cancelTimer = this.#host.clock.after(this.#host.rejoining.next(), () => this.join());
  }

  #interrupt(reason: string): void {
    this.#cancelTimer();
    this.#cancelJoin();
    this.#joinRef = null;
    this.#pushes.failSent(reason);
    if (this.#settle === null) this.reply = this.#promise();
    // One that was never joined is still on its way to the first time.
    if (this.#joinedBefore) this.#become("waiting", reason);
  }

  #promise(): Promise<unknown> {
    const promise = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // The status tells too, so that nobody has to catch a join they don't wait for.
    promise.catch(() => {});
    return promise;
  }

  #tellServer(): void {
    const { link } = this.#host;
    if (link === null || this.#joinRef === null) return;
    const refs = { joinRef: this.#joinRef, ref: link.nextRef() };
    link.send({ ...refs, topic: this.topic, event: leaveEvent, payload: "{}" });
  }

  /** How to send a push under the present join; `null` where there is none. */
  #sending(): SendPush | null {
    const { link } = this.#host;
    const joinRef = this.#joinRef;
    if (link === null || joinRef === null || this.#status.state !== "joined") return null;
    return ({ event, payload }, answered) =>
      link.ask({ joinRef, ref: link.nextRef(), topic: this.topic, event, payload }, answered);
  }

  #become(state: ChannelState, reason: string | null): void {
    this.#status = { state, reason, reply: this.#status.reply };
    this.#tell();
  }

  #tell(): void {
    for (const holder of [...this.#holders]) holder.changed(this.#status);
  }
}
