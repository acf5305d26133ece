import { monotonicUs } from "../scenario.ts";
import type { BroadcastWorkload } from "../workloads.ts";
import type { Connection } from "./connection.ts";
import type { ControlClient } from "./control-client.ts";
import { Crowd, type Target } from "./crowd.ts";
import { Latencies } from "./latencies.ts";
import type { Outcome } from "./outcome.ts";
import { MeasuredWindow } from "./window.ts";

const openConcurrency = 64;
/** Every so many subscribers one reads each message in full: content, order, and how long it took. */
const checkedEvery = 25;

/** Closed loop: the next tick begins when all of the last one has reached every subscriber. */
export async function runBroadcast(
  workload: BroadcastWorkload,
  target: Target,
  control: ControlClient,
): Promise<Outcome> {
  const { messagesPerTick, payloadBytes } = workload;
  const latencies = new Latencies();
  const received = new Uint32Array(workload.subscribers);
  const lastSequence = new Map<Connection, number>();
  let delivered = 0;
  let missing = 0;
  let wrong = 0;
  let checked = 0;
  let allArrived: (() => void) | undefined;

  function arrived(connection: Connection, messages: number): void {
    received[connection.index] = (received[connection.index] ?? 0) + messages;
    delivered += messages;
    missing -= messages;
    if (missing === 0) {
      allArrived?.();
    }
  }

  function arrivedInFull(connection: Connection, text: string): void {
    const payload = target.dialect.broadcasted(text);
    if (payload === undefined) {
      return; // Housekeeping.
    }
    checked++;
    latencies.add(monotonicUs() - payload.at);
    const last = lastSequence.get(connection);
    if ((last !== undefined && payload.sequence !== last + 1) || JSON.stringify(payload).length !== payloadBytes) {
      wrong++;
    }
    lastSequence.set(connection, payload.sequence);
    arrived(connection, 1);
  }

  const crowd = new Crowd(target, { text: arrivedInFull, counted: arrived });

  /** One tick; false if it did not reach everybody. */
  function tick(subscribers: number): Promise<boolean> {
    missing += subscribers * messagesPerTick;
    return new Promise((resolve) => {
      let deliveredBefore = delivered;
      const watch = setInterval(() => {
        if (delivered === deliveredBefore) {
          clearInterval(watch);
          resolve(false);
        }
        deliveredBefore = delivered;
      }, workload.lostAfterMs);
      allArrived = () => {
        clearInterval(watch);
        resolve(true);
      };
      control.tick(messagesPerTick, payloadBytes);
    });
  }

  let ticks = 0;
  async function tickFor(ms: number, subscribers: number): Promise<void> {
    const end = performance.now() + ms;
    let sound = true;
    do {
      sound = await tick(subscribers);
      ticks++;
    } while (sound && performance.now() < end);
  }

  try {
    await crowd.open(workload.subscribers, openConcurrency);
    const subscribers = crowd.connections.filter(({ joined }) => joined);
    for (const connection of subscribers) {
      if (connection.index % checkedEvery !== 0) {
        connection.countOnly(payloadBytes);
      }
    }
    await tickFor(workload.warmUpMs, subscribers.length);
    latencies.clear();
    const before = delivered;
    const window = await MeasuredWindow.open(control);
    await tickFor(workload.windowMs, subscribers.length);
    const use = await window.close();
    const operations = delivered - before;
    for (const { index } of subscribers) {
      wrong += Math.max(0, (received[index] ?? 0) - ticks * messagesPerTick);
    }
    return {
      ...use,
      operations,
      lost: Math.max(0, missing) + crowd.lost,
      wrong,
      checked,
      latency: latencies.summary(),
      memory: null,
      lastWords: crowd.lastWords,
    };
  } finally {
    crowd.close();
  }
}
