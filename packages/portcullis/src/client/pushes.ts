/**
 * What is pushed on one topic and not yet answered: sent once there is a join to send it under, and never twice.
 *
 * @module
 */

import type { Cancel, Clock } from "../clock.ts";
import { type Failure, PushError } from "./error.ts";
import type { Encoded } from "./frame.ts";
import type { Answered } from "./link.ts";

/** A push and what is to be done with its outcome. */
export interface Push {
  readonly event: string;
  readonly payload: Encoded;
  readonly timeoutMs: number;
  readonly answered: (answered: Answered) => void;
  readonly failed: (failure: Failure) => void;
}

/** Sends one, and returns how to stop waiting for the reply. */
export type SendPush = (push: Push, answered: (answered: Answered) => void) => Cancel;

interface Pending {
  readonly push: Push;
  sent: boolean;
  cancelTimer: Cancel;
  stopWaiting: Cancel;
}

export class Pushes {
  readonly #topic: string;
  readonly #clock: Clock;
  readonly #waitingMax: number;
  readonly #pending = new Set<Pending>();

  constructor(topic: string, clock: Clock, waitingMax: number) {
    this.#topic = topic;
    this.#clock = clock;
    this.#waitingMax = waitingMax;
  }

  /**
   * Takes one, and sends it unless `send` is `null`: then it waits for {@link Pushes.flush}. Returns how to take it back.
   *
   * @throws PushError when too many wait.
   */
  add(push: Push, send: SendPush | null): Cancel {
    if (send === null && [...this.#pending].filter(({ sent }) => !sent).length >= this.#waitingMax) {
      const reason = `more than ${this.#waitingMax} pushes wait for the join`;
      throw new PushError(`"${push.event}" on "${this.#topic}"`, { code: "overflow", reason });
    }
    const pending: Pending = { push, sent: false, cancelTimer: () => {}, stopWaiting: () => {} };
    pending.cancelTimer = this.#clock.after(push.timeoutMs, () =>
      this.#fail(pending, { code: "timeout", reason: "timeout" }),
    );
    this.#pending.add(pending);
    if (send !== null) this.#send(pending, send);
    return () => this.#forget(pending);
  }

  /** Sends what waits, in order. */
  flush(send: SendPush): void {
    for (const pending of [...this.#pending]) {
      if (!pending.sent && this.#pending.has(pending)) this.#send(pending, send);
    }
  }

  /** Nobody will answer what was sent; whether it arrived isn't known. */
  failSent(reason: string): void {
    for (const pending of [...this.#pending]) if (pending.sent) this.#fail(pending, { code: "closed", reason });
  }

  failAll(reason: string): void {
    for (const pending of [...this.#pending]) this.#fail(pending, { code: "closed", reason });
  }

  #send(pending: Pending, send: SendPush): void {
    pending.sent = true;
    try {
      pending.stopWaiting = send(pending.push, (answered) => {
        this.#forget(pending);
        pending.push.answered(answered);
      });
    } catch {
      this.#fail(pending, { code: "refused", reason: "topic or event too long for a binary message" });
    }
  }

  #fail(pending: Pending, failure: Failure): void {
    if (!this.#pending.has(pending)) return;
    this.#forget(pending);
    pending.push.failed(failure);
  }

  #forget(pending: Pending): void {
    pending.cancelTimer();
    pending.stopWaiting();
    this.#pending.delete(pending);
  }
}
