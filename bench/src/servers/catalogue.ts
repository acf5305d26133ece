import type { DialectName } from "../generator/dialect.ts";

/** What the runner and the report know of a server. `start` itself lives in the file of the same name, loaded only in its own process. */
export interface ServerEntry {
  readonly title: string;
  readonly dialect: DialectName;
  /** Kinds of workload it is measured on; all of them when left out. */
  readonly kinds?: readonly string[];
}

export const servers = {
  portcullis: { title: "Portcullis", dialect: "phoenix" },
  "naive-ws": { title: "naive `ws`", dialect: "plain" },
  "socket.io": { title: "Socket.IO 4.8", dialect: "socket.io" },
  // Not a bar to clear but a fairness check: the first thing a careful person changes in the naive server.
  "ws-encode-once": { title: "`ws`, stringified once", dialect: "plain", kinds: ["broadcast"] },
} as const satisfies Record<string, ServerEntry>;

export type ServerName = keyof typeof servers;

export const serverNames = Object.keys(servers) as readonly ServerName[];

export function serverEntry(name: ServerName): ServerEntry {
  return servers[name];
}

export function isServerName(name: string): name is ServerName {
  return Object.hasOwn(servers, name);
}
