/**
 * What listening with workers needs of an endpoint.
 *
 * @module
 */

import type { Revocations } from "../auth/revocation.ts";
import type { Clock } from "../clock.ts";
import type { PubSubAdapter } from "../pubsub/adapter.ts";
import type { PubSub } from "../pubsub/pubsub.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { Listening, ListenOptions, Sharing } from "./listen.ts";

export interface ListenHost {
  readonly pubsub: PubSub;
  readonly revocations: Revocations;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  /** Whether it has a bus of its own, which is then the workers' too. */
  readonly hasBus: boolean;
  /** The longest of its mounts' drains. */
  readonly drainLimitMs: number;
  joinBus(adapter: PubSubAdapter): void;
  /** Serves in this process. */
  serve(options: ListenOptions, sharing: Sharing): Promise<Listening>;
  drain(): Promise<void>;
  close(): Promise<void>;
}
