import type { BroadcastWorkload } from "../workloads.ts";
import { Audience } from "./audience.ts";
import type { Control } from "./control.ts";
import type { Target } from "./crowd.ts";
import { type Outcome, plainOutcome } from "./outcome.ts";
import { Spin } from "./spin.ts";
import { Ticks } from "./ticks.ts";
import { MeasuredWindow } from "./window.ts";

const checkedEvery = 25;

/** One room, everybody in it, and a server that publishes tick after tick. */
export async function runBroadcast(workload: BroadcastWorkload, target: Target, control: Control): Promise<Outcome> {
  const audience = new Audience(target, { ...workload, checkedEvery, ordered: true });
  const ticks = new Ticks(audience, control, workload);
  try {
    await audience.open();
    const spin = await Spin.calibrate();
    spin.start();
    await ticks.for(workload.warmUpMs);
    audience.latencies.clear();
    const before = audience.delivered;
    const window = await MeasuredWindow.open(control, { spin });
    await ticks.for(workload.windowMs);
    const use = await window.close();
    spin.stop();
    const operations = audience.delivered - before;
    const expected = ticks.count * workload.messagesPerTick;
    const repeated = audience.subscribers.reduce(
      (sum, connection) => sum + Math.max(0, audience.receivedBy(connection) - expected),
      0,
    );
    return {
      ...plainOutcome,
      ...use,
      operations,
      lost: Math.max(0, ticks.missing) + audience.crowd.lost,
      wrong: audience.wrong + repeated,
      checked: audience.checked,
      latency: audience.latencies.summary(),
      lastWords: audience.crowd.lastWords,
    };
  } finally {
    audience.crowd.close();
  }
}
