import type { DialectName } from "../generator/dialect.ts";
import type { PeerName } from "./peers.ts";

/** What the runner and the report know of a server. `start` itself lives in the file of the same name, loaded only in its own process. */
export interface ServerEntry {
  readonly title: string;
  readonly dialect: DialectName;
  /** Kinds of workload it is measured on; all of them when left out. */
  readonly kinds?: readonly string[];
  /** What has to be installed for it, and whose binary it may need. */
  readonly peer?: PeerName;
  /** Whether its process is started with the peer's binary in place of this `node`. */
  readonly runsUnderPeer?: true;
  /** Whether it starts processes of its own, which run its process's program again. */
  readonly forks?: true;
  /** Nothing of ours to start: it is there already, at an address somebody gives. */
  readonly external?: true;
}

export const servers = {
  portcullis: { title: "Portcullis", dialect: "phoenix" },
  "portcullis-node-26": { title: "Portcullis, Node 26", dialect: "phoenix", peer: "node-26", runsUnderPeer: true },
  "portcullis-workers": { title: "Portcullis, 2 workers", dialect: "phoenix", kinds: ["broadcast"], forks: true },
  "naive-ws": { title: "naive `ws`", dialect: "plain" },
  "socket.io": { title: "Socket.IO 4.8", dialect: "socket.io" },
  uws: { title: "uWebSockets.js", dialect: "plain", peer: "uws" },
  bun: { title: "Bun", dialect: "plain", peer: "bun", runsUnderPeer: true },
  // Not bars to clear but fairness checks. The first thing a careful person changes in the naive server:
  "ws-encode-once": { title: "`ws`, stringified once", dialect: "plain", kinds: ["broadcast"] },
  // What the library underneath takes for itself, with nobody checked and nothing joined:
  "ws-handshake": { title: "bare `ws` handshake", dialect: "upgrade-only", kinds: ["connect"] },
  "ws-echo": { title: "bare `ws` echo", dialect: "phoenix", kinds: ["echo"] },
  phoenix: {
    title: "Phoenix",
    dialect: "phoenix-app",
    kinds: ["connect", "echo", "broadcast", "offered", "chat", "slow-reader"],
    external: true,
  },
} as const satisfies Record<string, ServerEntry>;

export type ServerName = keyof typeof servers;

export const serverNames = Object.keys(servers) as readonly ServerName[];

export function serverEntry(name: ServerName): ServerEntry {
  return servers[name];
}

export function isServerName(name: string): name is ServerName {
  return Object.hasOwn(servers, name);
}
