import type { ConnectWorkload } from "../workloads.ts";
import type { Control } from "./control.ts";
import { Crowd, type Target } from "./crowd.ts";
import { Latencies } from "./latencies.ts";
import { type Outcome, plainOutcome } from "./outcome.ts";
import { Spin } from "./spin.ts";
import { MeasuredWindow } from "./window.ts";

/** Opens connections and keeps them: the window holds upgrade, token check and join, and no closing. */
export async function runConnect(workload: ConnectWorkload, target: Target, control: Control): Promise<Outcome> {
  const crowd = new Crowd(target);
  const latencies = new Latencies();
  try {
    await crowd.open(workload.warmUp, workload.concurrency);
    crowd.prepare(workload.connections);
    const lostBefore = crowd.lost;
    const spin = await Spin.calibrate();
    spin.start();
    const window = await MeasuredWindow.open(control, { spin });
    await crowd.open(workload.connections, workload.concurrency, (us) => latencies.add(us));
    const use = await window.close();
    spin.stop();
    const operations = workload.connections - (crowd.lost - lostBefore);
    return {
      ...plainOutcome,
      ...use,
      operations,
      lost: crowd.lost,
      wrong: 0,
      checked: operations,
      latency: latencies.summary(),
      lastWords: crowd.lastWords,
    };
  } finally {
    crowd.close();
  }
}
