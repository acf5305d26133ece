/**
 * Asking channels whether they may still be there, when the credential of their connection has been renewed.
 *
 * @module
 */

import type { ChannelProcess } from "../channel/process.ts";

/** `true`, or the payload of a farewell. */
type Allowed = true | object;

/** Calls `task` when a hook has had its time; the returned function cancels it. */
type AfterItsTime = (task: () => void) => () => void;

/** Those that may not, each with the payload of its farewell. */
export type Denied = ReadonlyMap<ChannelProcess, object>;

/** A hook that takes too long has said no. */
export function inTime(allowed: Promise<Allowed>, late: object, after: AfterItsTime): Promise<Allowed> {
  return new Promise((resolve) => {
    const cancel = after(() => resolve(late));
    void allowed.then((settled) => {
      cancel();
      resolve(settled);
    });
  });
}

/** Asks all of them together, and waits only where one of them has to think. */
export function deniedAmong(
  processes: readonly ChannelProcess[],
  late: object,
  after: AfterItsTime,
): Denied | Promise<Denied> {
  const answers = processes.map((process) => {
    const allowed = process.reauthorize();
    return allowed instanceof Promise ? inTime(allowed, late, after) : allowed;
  });
  const denied = (settled: readonly Allowed[]): Denied => {
    const found = new Map<ChannelProcess, object>();
    for (const [index, process] of processes.entries()) {
      const allowed = settled[index] as Allowed;
      if (allowed !== true) found.set(process, allowed);
    }
    return found;
  };
  const mustWait = answers.some((answer) => answer instanceof Promise);
  return mustWait ? Promise.all(answers).then(denied) : denied(answers as readonly Allowed[]);
}
