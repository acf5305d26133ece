/**
 * Time, handed in. Nothing in Portcullis calls `Date.now` or `setTimeout` by itself, so that a test can own the clock.
 *
 * @module
 */

/** Cancels what it was returned for; calling it twice, or after the fact, does nothing. */
export type Cancel = () => void;

/** The passing of time as Portcullis sees it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Runs `task` once after `delayMs` milliseconds; a pending task never keeps the process alive. */
  after(delayMs: number, task: () => void): Cancel;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
