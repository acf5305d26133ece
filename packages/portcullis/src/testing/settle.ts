/**
 * Knowing that nothing more comes. Server and test share a process, so "idle" can be seen: no hook of a channel is running,
 * and a few turns of the event loop have gone by in which nothing happened.
 *
 * @module
 */

// Not the globals: a runner's fake timers stand in for those, and would have to be moved by hand.
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Activity } from "../transport/local.ts";

/** Turns without anything happening after which the server counts as idle. */
const quietTurns = 3;
/** How long hooks that wait for something are waited for. */
const patienceMs = 100;

/** Resolves when everything that waited for promises, and for this turn of the event loop, has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Calls `task` after `ms` milliseconds of real time, whatever the runner has made of the clock. */
export function afterReal(ms: number, task: () => void): () => void {
  const timer = setTimeout(task, ms);
  return () => clearTimeout(timer);
}

/**
 * Resolves when the server is idle, or `enough` says so. A hook that waits for something, a query or a promise of the test,
 * keeps it busy: such a hook is waited for at most 100 ms.
 */
export async function settle(activity: Activity, enough: () => boolean = () => false): Promise<void> {
  let impatient = false;
  const cancel = afterReal(patienceMs, () => {
    impatient = true;
  });
  let seen = activity.count;
  for (let quiet = 0; quiet < quietTurns && !enough(); ) {
    await turn();
    const happened = activity.count !== seen;
    seen = activity.count;
    if (happened || (activity.running > 0 && !impatient)) quiet = 0;
    else quiet += 1;
    if (happened && impatient) break;
  }
  cancel();
}
