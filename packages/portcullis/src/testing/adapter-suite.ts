/**
 * What holds an adapter between nodes to its contract: named cases for any runner.
 *
 * @module
 */

import type { Awaitable } from "../outcome.ts";
import type { PubSubAdapter } from "../pubsub/adapter.ts";
import { adapterCases, cutCases } from "./adapter-cases.ts";
import { Cluster, type ClusterBody } from "./adapter-cluster.ts";
import { clusterCases } from "./cluster-cases.ts";

/** A bus made for one case, on which nobody else is. */
export interface AdapterHarness {
  /** An adapter for one more node. */
  adapter(): PubSubAdapter;
  /** Takes the bus away from every node: stops its server, cuts the wire. Needed with `cuts: true`. */
  cut?(): Awaitable<void>;
  /** Gives it back. */
  heal?(): Awaitable<void>;
  /** Called at the end, when every node has left. */
  close?(): Awaitable<void>;
}

/** Options of {@link pubsubAdapterSuite}. */
export interface AdapterSuiteOptions {
  /** Makes the bus of a case. */
  create(): Awaitable<AdapterHarness>;
  /** Whether it can be cut. Default `false`: the cases about that are left out. */
  readonly cuts?: boolean;
  /** How long something that has to come may take. Default 5,000. */
  readonly withinMs?: number;
  /** How long nothing has to come where nothing may. Default 50. */
  readonly quietMs?: number;
  /** The longest text to be carried. Default 1,048,576 characters. */
  readonly textCharactersMax?: number;
}

/** One case. `run` rejects when the adapter breaks the contract. */
export interface AdapterCase {
  readonly name: string;
  run(): Promise<void>;
}

/**
 * The cases an adapter has to pass: those of the contract, and those of endpoints joined by it.
 *
 * @example
 * ```ts
 * const suite = pubsubAdapterSuite({ create: () => ({ adapter: () => myAdapter({ url, prefix: randomUUID() }) }) });
 * for (const { name, run } of suite) test(name, run);
 * ```
 */
export function pubsubAdapterSuite(options: AdapterSuiteOptions): readonly AdapterCase[] {
  const settings = { cuts: false, withinMs: 5_000, quietMs: 50, textCharactersMax: 1_048_576, ...options };
  const bodies: Readonly<Record<string, ClusterBody>> = {
    ...adapterCases,
    ...(settings.cuts ? cutCases : {}),
    ...clusterCases,
  };
  return Object.entries(bodies).map(([name, body]) => ({ name, run: () => Cluster.run(settings, body) }));
}
