import type { MemoryWorkload } from "../workloads.ts";
import type { Control } from "./control.ts";
import { Crowd, type Target } from "./crowd.ts";
import { type Outcome, plainOutcome } from "./outcome.ts";
import { MeasuredWindow } from "./window.ts";

const concurrency = 64;

/** Resident memory of a fresh server, then of the same server with everybody in the room and nothing going on. */
export async function runMemory(workload: MemoryWorkload, target: Target, control: Control): Promise<Outcome> {
  const crowd = new Crowd(target);
  try {
    const empty = await control.memory(workload.settleMs);
    const window = await MeasuredWindow.open(control);
    await crowd.open(workload.connections, concurrency);
    const use = await window.close();
    const full = await control.memory(workload.settleMs);
    const connections = workload.connections - crowd.lost;
    return {
      ...plainOutcome,
      ...use,
      operations: connections,
      lost: crowd.lost,
      wrong: 0,
      checked: connections,
      latency: null,
      memory: { empty, full, connections },
      lastWords: crowd.lastWords,
    };
  } finally {
    crowd.close();
  }
}
