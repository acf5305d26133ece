/**
 * What the clients of a mount may send in a second.
 *
 * @module
 */

import { definitionError } from "../errors.ts";
import { bounds } from "../limit/bounds.ts";
import type { Rate } from "../limit/rate.ts";
import { joinEvent } from "../protocol/events.ts";
import type { Flow, Flows } from "../socket/traffic.ts";
import { limitOf, rejectUnknown } from "./options.ts";

/**
 * How much one connection may send. Over a rate a message is refused with `{"reason": "rate limited", "retryAfterMs": n}`;
 * heartbeats, refreshed credentials and leaves never are. A burst is what may come at once after a silence: where only the
 * rate is given, twice of it. `Infinity` limits nothing.
 */
export interface RateOptions {
  /** Joins. Default 100, and 200 at once. */
  readonly joinsPerSecond?: number;
  readonly joinsBurst?: number;
  /** Other messages. Default 1,000, and 10,000 at once. */
  readonly messagesPerSecond?: number;
  readonly messagesBurst?: number;
  /** Bytes of all messages; text is counted by its characters. Default `Infinity`. */
  readonly bytesPerSecond?: number;
  readonly bytesBurst?: number;
  /** Event -> what one of it counts for, where that is not 1: `{ search: 20, typing: 0.1, phx_join: 2 }`. 0 is free. */
  readonly costs?: Readonly<Record<string, number>>;
}

const knownRateKeys = new Set<string>([
  "joinsPerSecond",
  "joinsBurst",
  "messagesPerSecond",
  "messagesBurst",
  "bytesPerSecond",
  "bytesBurst",
  "costs",
] satisfies (keyof RateOptions)[]);

/** Refusals a client may ask for in a row, in bursts, before it is closed. */
const patienceBursts = 10;

/** @throws PortcullisError `definition_invalid` for what is no rate, and for an event that costs more than may ever come. */
export function flowsOf(path: string, given: RateOptions = {}): Flows {
  rejectUnknown(`${path} (rates)`, given, knownRateKeys);
  const joins = flowOf(path, "joins", given);
  const messages = flowOf(path, "messages", given);
  const costs = new Map(Object.entries(given.costs ?? {}));
  for (const [event, cost] of costs) assertCost(path, event, cost, event === joinEvent ? joins : messages);
  return { joins, messages, bytes: flowOf(path, "bytes", given), costs, warnAt: bounds.warnAt };
}

/**
 * A rate as it was given, and its burst. `null` where there is none: whatever is more than anybody sends.
 *
 * @throws PortcullisError `definition_invalid` for what is no positive number, and a burst no single one fits into.
 */
export function rateOf(
  path: string,
  [rateName, burstName]: readonly [rate: string, burst: string],
  given: { readonly rate: number | undefined; readonly burst: number | undefined },
  otherwise: Rate,
): Rate | null {
  const perSecond = limitOf(path, rateName, given.rate, otherwise.perSecond);
  const burst = limitOf(
    path,
    burstName,
    given.burst,
    given.rate === undefined ? otherwise.burst : Math.max(1, 2 * perSecond),
  );
  if (burst < 1) throw definitionError(`Expected ${burstName} of ${path} to be at least 1, got ${burst}.`);
  return perSecond === Number.POSITIVE_INFINITY || burst === Number.POSITIVE_INFINITY ? null : { perSecond, burst };
}

function flowOf(path: string, kind: "joins" | "messages" | "bytes", given: RateOptions): Flow | null {
  const limit = `${kind}PerSecond` as const;
  const burst = `${kind}Burst` as const;
  const rate = rateOf(
    path,
    [limit, burst],
    { rate: given[limit], burst: given[burst] },
    { perSecond: bounds[limit], burst: bounds[burst] },
  );
  if (rate === null) return null;
  return { limit, rate, patience: { perSecond: rate.perSecond / rate.burst, burst: patienceBursts } };
}

function assertCost(path: string, event: string, cost: unknown, flow: Flow | null): void {
  if (typeof cost !== "number" || !(cost >= 0)) {
    throw definitionError(`Expected the cost of "${event}" on ${path} to be a number from 0, got ${String(cost)}.`);
  }
  if (flow === null || cost <= flow.rate.burst) return;
  throw definitionError(
    `The cost of "${event}" on ${path} is ${cost}, and ${flow.rate.burst} is all that may come at once: none would be as dear as it says. Raise ${flow.limit.replace("PerSecond", "Burst")}, or lower the cost.`,
  );
}
