/**
 * What an endpoint lends to the parts of the library that live on it, such as presence.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { PubSub } from "./pubsub.ts";

/** One endpoint's bus, time and voice. Parts keep what they know per such object, so that two endpoints never meet. */
export interface EndpointParts {
  readonly pubsub: PubSub;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Runs `task` when the endpoint begins to close, while its channels are still there. */
  onClose(task: () => void): void;
}
