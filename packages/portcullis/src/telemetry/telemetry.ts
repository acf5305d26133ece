/**
 * One endpoint's eyes and mouth: reports events to the listener and lines to the logger.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { isThenable } from "../outcome.ts";
import type { TelemetryEvent, TelemetryEvents, TelemetryListener } from "./events.ts";
import { LimitedLog, type Logger } from "./logger.ts";

export class Telemetry {
  readonly #lines: LimitedLog;
  readonly #listener: TelemetryListener | null;

  constructor(options: { logger: Logger; clock: Clock; listener: TelemetryListener | null }) {
    this.#lines = new LimitedLog(options.logger, options.clock);
    this.#listener = options.listener;
  }

  emit<Name extends TelemetryEvent>(name: Name, metadata: TelemetryEvents[Name]): void {
    if (this.#listener === null) return;
    try {
      // An async function passes for one that returns nothing.
      const heard: unknown = this.#listener(name, metadata);
      if (isThenable(heard)) Promise.resolve(heard).catch((error: unknown) => this.#failed(name, error));
    } catch (error) {
      this.#failed(name, error);
    }
  }

  /** An observer that fails must not take down what it observes. */
  #failed(name: TelemetryEvent, error: unknown): void {
    this.error(`telemetry ${name}`, `the telemetry listener threw for "${name}"`, error);
  }

  /** A warning that may be provoked from outside, written at most once per kind and second. */
  warn(kind: string, message: () => string): void {
    this.#lines.write("warn", kind, message);
  }

  /** A failure of the program's own code, which a client may be able to provoke: written as sparingly. */
  error(kind: string, message: string, error: unknown): void {
    this.#lines.write("error", kind, () => `portcullis: ${message}`, { error });
  }

  /** Writes the counts still held back. */
  flush(): void {
    this.#lines.flush();
  }
}
