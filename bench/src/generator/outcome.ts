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
  /** Open loop: deliveries that were due inside the window, whether or not the server kept up. */
  readonly offered: number | null;
  /** Slow reader: the same without it, in a window just before. */
  readonly undisturbed: Undisturbed | null;
  /** Slow reader: what became of it. */
  readonly stalled: "dropped" | "kept" | null;
  /** Why the last connection was lost, if one was. */
  readonly lastWords: string;
}

export interface MemoryOutcome {
  readonly empty: MemoryReading;
  readonly full: MemoryReading;
  readonly connections: number;
}

export interface Undisturbed extends WindowUse {
  readonly operations: number;
  readonly latency: LatencySummary | null;
}

/** The parts most workloads have nothing to say of. */
export const plainOutcome = { memory: null, offered: null, undisturbed: null, stalled: null } as const;
