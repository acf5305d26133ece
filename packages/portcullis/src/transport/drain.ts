/**
 * Draining: letting the connections of one mount go in batches before the endpoint stops, so that they don't all come back
 * to the others at once (Phoenix.Socket.PoolDrainer).
 *
 * @module
 */

import type { Connection } from "../socket/connection.ts";
import type { Mount } from "./mount.ts";

/** Ends `connections` as the mount says. Resolves when every one has been told, and not yet gone. */
export async function drain(mount: Mount, connections: readonly Connection[]): Promise<void> {
  const { drain: options, path } = mount;
  if (options === null || connections.length === 0) return;
  const { clock, telemetry } = mount.environment;
  const startedAt = clock.now();
  telemetry.emit("drain.started", { mount: path, connections: connections.length });
  for (let index = 0; index < connections.length; ) {
    const late = clock.now() - startedAt >= options.limitMs;
    const batch = connections.slice(index, late ? connections.length : index + options.batchSize);
    // The plain client comes back after 1012; one that has joined nothing is told as well as any other.
    for (const connection of batch) connection.end("draining", { kind: "shutdown" });
    index += batch.length;
    telemetry.emit("drain.batch", { mount: path, count: batch.length, left: connections.length - index });
    if (index < connections.length) {
      const waitMs = Math.min(options.intervalMs, Math.max(1, startedAt + options.limitMs - clock.now()));
      await new Promise<void>((resolve) => void clock.after(waitMs, resolve));
    }
  }
  telemetry.emit("drain.finished", { mount: path, durationMs: clock.now() - startedAt });
}
