/**
 * What one connection sends: how many joins, messages and bytes a second. Over a rate a message is refused and the
 * connection lives; who goes on regardless is closed.
 *
 * @module
 */

import { bounds } from "../limit/bounds.ts";
import { Bucket, type Rate } from "../limit/rate.ts";
import { authEvent, connectionTopic, heartbeatEvent, joinEvent, leaveEvent } from "../protocol/events.ts";
import type { Message } from "../protocol/message.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";

/** One kind of what is sent. */
export interface Flow {
  /** The option that sets it. */
  readonly limit: string;
  readonly rate: Rate;
  /** Of refusals, in bursts: how many are borne. */
  readonly patience: Rate;
}

/** Flows of one mount; `null` for what is not limited. */
export interface Flows {
  readonly joins: Flow | null;
  readonly messages: Flow | null;
  readonly bytes: Flow | null;
  /** Event -> what one of it costs, where that is not 1. */
  readonly costs: ReadonlyMap<unknown, number>;
  readonly warnAt: number;
}

/**
 * What becomes of a message: 0 when it passes; refused, to be sent again after so many milliseconds; refused without a word,
 * because the client has long been told; or the end.
 */
export type Verdict = number | "silent" | "flooding";

/** What is never refused: more of it than of all messages by default is no sign of life, and the end. */
const courtesyRate: Rate = { perSecond: bounds.messagesPerSecond, burst: bounds.messagesBurst };
/** A new credential has `connect` and every channel asked again: ten a second, and a hundred at once. */
const renewalCost = 100;

/** Of a client's patience-worth of refusals this share is answered. */
const answeredShare = 0.5;

export class Traffic {
  readonly #mount: string;
  readonly #telemetry: Telemetry;
  readonly #flows: Flows;
  #joins: Bucket | null = null;
  #messages: Bucket | null = null;
  #bytes: Bucket | null = null;
  #courtesies: Bucket | null = null;
  /** Made at the first refusal: hardly any connection has one. */
  #patience: Bucket | null = null;

  constructor(mount: string, telemetry: Telemetry, flows: Flows) {
    this.#mount = mount;
    this.#telemetry = telemetry;
    this.#flows = flows;
  }

  judge({ topic, event }: Message, bytes: number, now: number): Verdict {
    const { joins, messages, bytes: all, costs } = this.#flows;
    const isJoin = event === joinEvent;
    // What keeps a connection alive, or ends something, is never refused. Its bytes count.
    const passes =
      event === leaveEvent || (topic === connectionTopic && (event === heartbeatEvent || event === authEvent));
    if (all !== null) {
      this.#bytes ??= new Bucket(all.rate, now);
      const wait = this.#take(this.#bytes, all, bytes, now);
      if (wait > 0) {
        const verdict = this.#refuse(all, bytes, wait, now);
        return passes && verdict !== "flooding" ? 0 : verdict;
      }
    }
    const flow = isJoin ? joins : messages;
    if (passes) return this.bear(event === authEvent ? renewalCost : 1, now);
    if (flow === null) return 0;
    const cost = costs.size === 0 ? 1 : (costs.get(event) ?? 1);
    let bucket = isJoin ? this.#joins : this.#messages;
    if (bucket === null) {
      bucket = new Bucket(flow.rate, now);
      if (isJoin) this.#joins = bucket;
      else this.#messages = bucket;
    }
    const wait = this.#take(bucket, flow, cost, now);
    return wait === 0 ? 0 : this.#refuse(flow, cost, wait, now);
  }

  /** What can't be refused passes, or is the end. */
  bear(cost: number, now: number): Verdict {
    if (this.#flows.messages === null) return 0;
    this.#courtesies ??= new Bucket(courtesyRate, now);
    if (this.#courtesies.take(courtesyRate, cost, now) === 0) return 0;
    const limit = "messagesPerSecond";
    this.#telemetry.emit("limit.reached", { mount: this.#mount, limit, max: courtesyRate.burst });
    this.#telemetry.warn(
      `flooding ${this.#mount} courtesies`,
      () =>
        `portcullis: a connection to ${this.#mount} was closed (flooding): it sent more pings, heartbeats, leaves and new credentials than anybody needs.`,
    );
    return "flooding";
  }

  #take(bucket: Bucket, { limit, rate }: Flow, cost: number, now: number): number {
    const wait = bucket.take(rate, cost, now);
    if (wait === 0 && bucket.warns(rate, this.#flows.warnAt)) {
      const value = Math.round(rate.burst - bucket.level(rate, now));
      this.#telemetry.emit("limit.warned", { mount: this.#mount, limit, value, max: rate.burst });
    }
    return wait;
  }

  #refuse({ limit, rate, patience }: Flow, cost: number, wait: number, now: number): Verdict {
    this.#telemetry.emit("limit.reached", { mount: this.#mount, limit, max: rate.burst });
    this.#patience ??= new Bucket(patience, now);
    const isOver = this.#patience.take(patience, cost / rate.burst, now) > 0;
    const what = isOver ? "closed (flooding)" : "refused a message (message_rate_limited)";
    this.#telemetry.warn(
      `${isOver ? "flooding" : "message_rate_limited"} ${this.#mount} ${limit}`,
      () =>
        `portcullis: a connection to ${this.#mount} was ${what}: it sent more than ${limit} allows (${rate.perSecond}, ${rate.burst} at once). Raise it in rates of the mount, or send less.`,
    );
    if (isOver) return "flooding";
    return this.#patience.level(patience, now) < patience.burst * answeredShare ? "silent" : wait;
  }
}
