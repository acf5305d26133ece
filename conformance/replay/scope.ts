// Which recordings are replayed, and which wait for what is not built yet.

interface LeftOut {
  readonly names: RegExp;
  /** Only from this event on; the events before it are replayed. */
  readonly fromEvent?: number;
  readonly why: string;
}

const leftOut: readonly LeftOut[] = [
  { names: /longpoll/, why: "needs the long-poll transport" },
  { names: /presence/, why: "needs presence" },
  { names: /^drain-/, why: "needs draining" },
  { names: /^connect-info$/, fromEvent: 4, why: "its later steps need the session in connect-info" },
];

/** Why a recording is not replayed at all, or `undefined` if it is. */
export function whyLeftOut(name: string): string | undefined {
  return leftOut.find((entry) => entry.fromEvent === undefined && entry.names.test(name))?.why;
}

/** The number of events of a recording that are replayed. */
export function eventsInScope(name: string, eventCount: number): number {
  const entry = leftOut.find((candidate) => candidate.fromEvent !== undefined && candidate.names.test(name));
  return Math.min(entry?.fromEvent ?? eventCount, eventCount);
}
