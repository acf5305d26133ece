/** The presence storm: many join a room that is full already, within a second. Sizes, and nothing else, differ between scales. */
import type { Scale } from "../workloads.ts";

/**
 * How the room tells who is there: a diff for each change, one for each window, or numbers only.
 */
export type StormMode = "each" | "window" | "counts";

export interface Storm {
  readonly mode: StormMode;
  /** Presences that are there before, each of a connection of its own. */
  readonly members: number;
  /** Those that join within `withinMs`, each over a connection of its own that is open already. */
  readonly joins: number;
  readonly withinMs: number;
  /** `batchWindowMs` of the mode `window`. */
  readonly windowMs: number;
  /** Silence after which what has not come is taken for lost. */
  readonly lostAfterMs: number;
}

export interface StormPlan {
  /** Processes the clients are spread over. */
  readonly generators: number;
  readonly storms: readonly Storm[];
}

interface Sizes {
  readonly generators: number;
  readonly rooms: readonly number[];
  readonly joins: readonly number[];
  readonly withinMs: number;
  readonly windowMs: number;
}

const sizes: Record<Scale, Sizes> = {
  full: { generators: 2, rooms: [1_000, 2_500, 5_000], joins: [125, 250, 500, 1_000], withinMs: 1_000, windowMs: 100 },
  quick: { generators: 2, rooms: [500, 1_000], joins: [125, 250], withinMs: 1_000, windowMs: 100 },
  smoke: { generators: 2, rooms: [6], joins: [4], withinMs: 40, windowMs: 20 },
};

const modes: readonly StormMode[] = ["window", "each", "counts"];

export function stormPlan(scale: Scale): StormPlan {
  const { generators, rooms, joins, withinMs, windowMs } = sizes[scale];
  const storms = modes.flatMap((mode) =>
    rooms.flatMap((members) =>
      joins.map((count) => ({ mode, members, joins: count, withinMs, windowMs, lostAfterMs: 10_000 })),
    ),
  );
  return { generators, storms };
}
