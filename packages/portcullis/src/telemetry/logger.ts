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
const otherKinds = "other";
const windowMs = 1_000;

type Level = "warn" | "error";

interface Pending {
  readonly level: Level;
  count: number;
  message: () => string;
}

/**
 * Writes at most one line per kind and second of what can be provoked from outside: the first at once, the others of that
 * second as one line with their count when it is over.
 */
export class LimitedLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();
  #cancel: Cancel | null = null;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** `message` is only built for lines that are written; `details` go with the first of a second. */
  write(level: Level, kind: string, message: () => string, details?: object): void {
    const key = this.#pending.has(kind) || this.#pending.size < kindsMax ? kind : otherKinds;
    const known = this.#pending.get(key);
    if (known !== undefined) {
      known.count += 1;
      known.message = message;
      return;
    }
    this.#pending.set(key, { level, count: 0, message });
    if (details === undefined) this.#logger[level](message());
    else this.#logger[level](message(), details);
    this.#cancel ??= this.#clock.after(windowMs, () => this.flush());
  }

  /** Writes what is counted and not yet written. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = null;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { level, count, message } of pending) {
      if (count > 0) this.#logger[level](`${message()} (${count} more like it within a second)`);
    }
  }
}
