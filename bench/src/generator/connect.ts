import type { ConnectWorkload } from "../workloads.ts";
import type { ControlClient } from "./control-client.ts";
import { Crowd, type Target } from "./crowd.ts";
import { Latencies } from "./latencies.ts";
import type { Outcome } from "./outcome.ts";
import { MeasuredWindow } from "./window.ts";

/** Opens connections and keeps them: the window holds upgrade, token check and join, and no closing. */
export async function runConnect(workload: ConnectWorkload, target: Target, control: ControlClient): Promise<Outcome> {
  const crowd = new Crowd(target);
  const latencies = new Latencies();
  try {
    await crowd.open(workload.warmUp, workload.concurrency);
    crowd.prepare(workload.connections);
    const lostBefore = crowd.lost;
    const window = await MeasuredWindow.open(control);
    await crowd.open(workload.connections, workload.concurrency, (us) => latencies.add(us));
    const use = await window.close();
    const operations = workload.connections - (crowd.lost - lostBefore);
    return {
      ...use,
      operations,
      lost: crowd.lost,
      wrong: 0,
      checked: operations,
      latency: latencies.summary(),
      memory: null,
      lastWords: crowd.lastWords,
    };
  } finally {
    crowd.close();
  }
}
