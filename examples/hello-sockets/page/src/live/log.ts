import { createStore } from "../store.ts";

export type SocketPath = "/socket" | "/auth_socket" | "/pass_socket";

/**
 * One line of the log: a message as it went over the wire, or what happened to the connection. Over a WebSocket messages
 * are frames; over long-poll they are posted, or come in the answer to a poll.
 */
export interface LogEntry {
  readonly id: number;
  readonly at: Date;
  readonly socket: SocketPath;
  readonly kind: "sent" | "received" | "posted" | "polled" | "connection";
  readonly text: string;
  /** What it was folded by, and of how many it is the newest. */
  readonly fold: string | null;
  readonly times: number;
}

const entriesMax = 300;
let lastId = 0;

export const log = createStore<readonly LogEntry[]>([]);

/** What comes every second would bury the rest: with the same `fold`, and nothing else in between, it is one line. */
export function record(socket: SocketPath, kind: LogEntry["kind"], text: string, fold: string | null = null): void {
  const at = new Date();
  log.set((entries) => {
    const folded = fold === null ? undefined : newestOf(entries, fold);
    if (folded) {
      const newest = { ...folded, at, text, times: folded.times + 1 };
      return entries.map((entry) => (entry === folded ? newest : entry));
    }
    lastId += 1;
    return [...entries, { id: lastId, at, socket, kind, text, fold, times: 1 }].slice(-entriesMax);
  });
}

function newestOf(entries: readonly LogEntry[], fold: string): LogEntry | undefined {
  const since = entries.findLastIndex((entry) => entry.fold === null) + 1;
  return entries.slice(since).find((entry) => entry.fold === fold);
}
