// Which recordings are replayed, and which wait for what is not built yet.

interface LeftOut {
  readonly names: RegExp;
  readonly why: string;
}

const leftOut: readonly LeftOut[] = [
  { names: /longpoll/, why: "needs the long-poll transport" },
  { names: /presence/, why: "needs presence" },
  { names: /^drain-/, why: "needs draining" },
];

/** Why a recording is not replayed at all, or `undefined` if it is. */
export function whyLeftOut(name: string): string | undefined {
  return leftOut.find((entry) => entry.names.test(name))?.why;
}
