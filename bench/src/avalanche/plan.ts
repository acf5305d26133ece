/** The deploy avalanche: everybody is sent away by a server that goes, and comes back to the one that follows. */
import type { Scale } from "../workloads.ts";

/**
 * `restart`: the supervisor starts the new process when the old one has ended. `overlap`: the new one listens on the same
 * socket before the old one is told to go, and the old one stops listening before it drains.
 */
export type Succession = "restart" | "overlap";

export interface Deploy {
  readonly succession: Succession;
  /** `drain` of the mount; left out, its defaults. */
  readonly drain: { readonly batchSize: number; readonly intervalMs: number } | null;
  readonly clients: number;
  /** Every client has one push of its own acknowledged about this often. */
  readonly pushEveryMs: number;
  /** A client that is not back so long after it was told to go has given up. */
  readonly patienceMs: number;
}

export interface AvalanchePlan {
  readonly generators: number;
  /** Of each deploy. */
  readonly repeats: number;
  readonly deploys: readonly Deploy[];
}

interface Sizes {
  readonly generators: number;
  readonly repeats: number;
  readonly clients: number;
  /** Each is a plan of its own, beside the defaults. */
  readonly batchSizes: readonly number[];
  readonly intervalMs: number;
  readonly pushEveryMs: number;
}

const sizes: Record<Scale, Sizes> = {
  full: { generators: 2, repeats: 3, clients: 5_000, batchSizes: [500, 200], intervalMs: 200, pushEveryMs: 1_000 },
  quick: { generators: 2, repeats: 1, clients: 1_000, batchSizes: [100], intervalMs: 200, pushEveryMs: 1_000 },
  smoke: { generators: 2, repeats: 1, clients: 8, batchSizes: [3], intervalMs: 20, pushEveryMs: 10 },
};

export function avalanchePlan(scale: Scale): AvalanchePlan {
  const { generators, repeats, clients, batchSizes, intervalMs, pushEveryMs } = sizes[scale];
  const successions: readonly Succession[] = ["restart", "overlap"];
  const drains = [null, ...batchSizes.map((batchSize) => ({ batchSize, intervalMs }))];
  const deploys = successions.flatMap((succession) =>
    drains.map((drain) => ({ succession, drain, clients, pushEveryMs, patienceMs: 60_000 })),
  );
  return { generators, repeats, deploys };
}
