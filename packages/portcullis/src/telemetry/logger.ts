/**
 * Log lines: what Portcullis writes to, and how it keeps an attacker from writing the log full.
 *
 * @module
 */

import type { Cancel, Clock } from "../clock.ts";

/** Any object with these four methods: `console`, pino, winston, your own. */
export interface Logger {
  debug(message: string, details?: object): void;
  info(message: string, details?: object): void;
  warn(message: string, details?: object): void;
  error(message: string, details?: object): void;
}

/** Says nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Warnings and errors go to the console. What an endpoint uses when it is given no logger. */
export const consoleLogger: Logger = {
  debug() {},
  info() {},
  warn: (message, details) => (details === undefined ? console.warn(message) : console.warn(message, details)),
  error: (message, details) => (details === undefined ? console.error(message) : console.error(message, details)),
};

/** Kinds seen in one second; more are counted under one name, so that a flood of kinds is no flood of lines. */
const kindsMax = 100;
const windowMs = 1_000;

interface Pending {
  count: number;
  message: () => string;
}

/**
 * Writes at most one warning per kind and second: the first at once, the others of that second as one line with their
 * count when it is over.
 */
export class WarningLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();
  #cancel: Cancel | null = null;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** `message` is only built for lines that are written. */
  warn(kind: string, message: () => string): void {
    const known = this.#pending.get(kind) ?? (this.#pending.size >= kindsMax ? this.#pending.get("other") : undefined);
    if (known !== undefined) {
      known.count += 1;
      known.message = message;
      return;
    }
    this.#pending.set(this.#pending.size >= kindsMax ? "other" : kind, { count: 0, message });
    this.#logger.warn(message());
    this.#cancel ??= this.#clock.after(windowMs, () => this.flush());
  }

  /** Writes what is counted and not yet written. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = null;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { count, message } of pending) {
      if (count > 0) this.#logger.warn(`${message()} (${count} more like it within a second)`);
    }
  }
}
