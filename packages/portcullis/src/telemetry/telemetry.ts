/**
 * One endpoint's eyes and mouth: reports events to the listener and lines to the logger.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { TelemetryEvent, TelemetryEvents, TelemetryListener } from "./events.ts";
import { type Logger, WarningLog } from "./logger.ts";

export class Telemetry {
  readonly logger: Logger;
  readonly #warnings: WarningLog;
  readonly #listener: TelemetryListener | null;

  constructor(options: { logger: Logger; clock: Clock; listener: TelemetryListener | null }) {
    this.logger = options.logger;
    this.#warnings = new WarningLog(options.logger, options.clock);
    this.#listener = options.listener;
  }

  emit<Name extends TelemetryEvent>(name: Name, metadata: TelemetryEvents[Name]): void {
    if (this.#listener === null) return;
    try {
      this.#listener(name, metadata);
    } catch (error) {
      // An observer that fails must not take down what it observes.
      this.logger.error("portcullis: the telemetry listener threw", { event: name, error });
    }
  }

  /** A warning that may be provoked from outside, written at most once per kind and second. */
  warn(kind: string, message: () => string): void {
    this.#warnings.warn(kind, message);
  }

  /** Writes the counts still held back. */
  flush(): void {
    this.#warnings.flush();
  }
}
