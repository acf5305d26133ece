/** What the project holds itself to. A bar of null is measured and shown, and nothing is promised of it yet. */
import type { ServerName } from "./servers/catalogue.ts";

export interface Bar {
  readonly workload: string;
  readonly server: ServerName;
  /** The most Portcullis may need, as a share of what that server needs. */
  readonly ratioMax: number;
}

const broadcasts = ["broadcast-1", "broadcast-10", "broadcast-100", "broadcast-large-room"] as const;
type Broadcast = (typeof broadcasts)[number];

/** Against each peer. */
const broadcastRatiosMax: Partial<Record<ServerName, Record<Broadcast, number>>> = {
  "naive-ws": { "broadcast-1": 0.75, "broadcast-10": 0.1, "broadcast-100": 0.02, "broadcast-large-room": 0.75 },
  "socket.io": { "broadcast-1": 0.57, "broadcast-10": 0.12, "broadcast-100": 0.02, "broadcast-large-room": 0.5 },
  uws: { "broadcast-1": 1.35, "broadcast-10": 1.4, "broadcast-100": 0.2, "broadcast-large-room": 1.05 },
  bun: { "broadcast-1": 1.4, "broadcast-10": 1.35, "broadcast-100": 0.7, "broadcast-large-room": 1.05 },
};

export const bars: readonly Bar[] = [
  ...broadcasts.flatMap((workload) =>
    Object.entries(broadcastRatiosMax).map(([server, ratiosMax]) => ({
      workload,
      server: server as ServerName,
      ratioMax: ratiosMax[workload],
    })),
  ),
  { workload: "connect", server: "ws-handshake", ratioMax: 1.5 },
  { workload: "memory", server: "socket.io", ratioMax: 0.6 },
  { workload: "echo", server: "socket.io", ratioMax: 0.85 },
  { workload: "echo", server: "ws-echo", ratioMax: 1.15 },
];
