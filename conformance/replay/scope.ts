// Which recordings are replayed, and which wait for what is not built yet.

interface LeftOut {
  readonly names: RegExp;
  readonly why: string;
}

const leftOut: readonly LeftOut[] = [
  { names: /^drain-/, why: "closes at once what the recording sees cut off five seconds later" },
  { names: /longpoll/, why: "needs the long-poll transport" },
];

/** Why a recording is not replayed at all, or `undefined` if it is. */
export function whyLeftOut(name: string): string | undefined {
  return leftOut.find((entry) => entry.names.test(name))?.why;
}
