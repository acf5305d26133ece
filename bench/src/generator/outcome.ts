import type { MemoryReading } from "../servers/control.ts";
import type { LatencySummary } from "./latencies.ts";
import type { WindowUse } from "./window.ts";

/** What one run of one workload against one server came to. */
export interface Outcome extends WindowUse {
  /** Connects, round trips or deliveries inside the window. */
  readonly operations: number;
  /** What should have come and did not, connections included; 0 in a sound run. */
  readonly lost: number;
  /** What came and should not have: repeated, out of order, or with another content. */
  readonly wrong: number;
  /** Texts parsed and compared in full. */
  readonly checked: number;
  readonly latency: LatencySummary | null;
  readonly memory: MemoryOutcome | null;
  /** Why the last connection was lost, if one was. */
  readonly lastWords: string;
}

export interface MemoryOutcome {
  readonly empty: MemoryReading;
  readonly full: MemoryReading;
  readonly connections: number;
}
