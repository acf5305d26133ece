/**
 * Log lines: what Portcullis writes to, and how it keeps an attacker from writing the log full.
 *
 * @module
 */

import type { Cancel, Clock } from "../clock.ts";
import { isThenable } from "../outcome.ts";

/**
 * Any object with these four methods: `console`, winston, your own. What a method throws is swallowed. Details are a second
 * argument; pino wants them first, so wrap it.
 *
 * @example
 * ```ts
 * const logger: Logger = { ...silentLogger, error: (message, details) => pino.error(details ?? {}, message) };
 * ```
 */
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

/** A kind that was written within the last second. */
interface Recent {
  readonly level: Level;
  /** How many have come since. */
  count: number;
  message: () => string;
  cancel: Cancel;
}

/**
 * Writes at most one line per kind and second of what can be provoked from outside: the first at once, those of the second
 * after it as one line with their count when it is over, and so on until a second passes without any.
 */
export class LimitedLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #recent = new Map<string, Recent>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** `message` is only built for lines that are written; `details` go with the first of a second. */
  write(level: Level, kind: string, message: () => string, details?: object): void {
    const key = this.#recent.has(kind) || this.#recent.size < kindsMax ? kind : otherKinds;
    const known = this.#recent.get(key);
    if (known !== undefined) {
      known.count += 1;
      known.message = message;
      return;
    }
    this.#recent.set(key, { level, count: 0, message, cancel: this.#afterWindow(key) });
    this.#say(level, message, details);
  }

  /** Writes what is counted and not yet written. */
  flush(): void {
    const recent = [...this.#recent.values()];
    this.#recent.clear();
    for (const each of recent) {
      each.cancel();
      this.#writeCount(each);
    }
  }

  #afterWindow(key: string): Cancel {
    return this.#clock.after(windowMs, () => {
      const recent = this.#recent.get(key);
      if (recent === undefined) return;
      if (recent.count === 0) {
        this.#recent.delete(key);
        return;
      }
      recent.cancel = this.#afterWindow(key);
      this.#writeCount(recent);
      recent.count = 0;
    });
  }

  #writeCount({ level, count, message }: Recent): void {
    if (count > 0) this.#say(level, () => `${message()} (${count} more like it within a second)`);
  }

  /** A logger that throws (a full disk, a closed pipe) must not end the process: clients can provoke most lines. */
  #say(level: Level, message: () => string, details?: object): void {
    try {
      const line = onOneLine(message());
      const said: unknown = details === undefined ? this.#logger[level](line) : this.#logger[level](line, details);
      if (isThenable(said)) Promise.resolve(said).catch(() => {});
    } catch {
      // There is nobody left to tell.
    }
  }
}

/** What a hook threw may quote a client, who could begin a line of their own, or command a terminal. */
function onOneLine(message: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out here.
  return message.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
}
