import { createStore } from "../store.ts";

export type SocketPath = "/socket" | "/auth_socket";

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
}

const entriesMax = 300;
let lastId = 0;

export const log = createStore<readonly LogEntry[]>([]);

export function record(socket: SocketPath, kind: LogEntry["kind"], text: string): void {
  lastId += 1;
  const entry = { id: lastId, at: new Date(), socket, kind, text };
  log.set((entries) => [...entries, entry].slice(-entriesMax));
}
