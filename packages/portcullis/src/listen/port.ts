/**
 * The port that several processes listen on.
 *
 * With `reusePort` each has a socket of its own and the kernel deals connections out: no process works for the others. Where
 * Node or the system can't, `node:cluster` does it: the primary accepts, and deals out one by one. That costs more for each
 * handshake, but leaving the workers to race for a socket they share would leave the most connections, which stay for
 * hours, to the few that are quickest.
 *
 * @module
 */

import { type AddressInfo, createServer, type Server } from "node:net";
import type { ListenOptions, Sharing } from "./listen.ts";

/** A port nobody else has. */
export interface Port {
  /** What workers ask for: `0` where `node:cluster` finds one. */
  readonly port: number;
  readonly sharing: Sharing;
  /** Called when workers listen on it. */
  release(): void;
}

/** Node's `listen` knows `reusePort` from 23.1 on, and takes no notice of it before. */
const firstToReuse: readonly [number, number] = [23, 1];

/** Rejects when the port is taken, or can't be had: sockets that share one would not notice. */
export async function findPort(options: ListenOptions): Promise<Port> {
  const { port, host } = options;
  const sharing = options["~sharing"] ?? ((await canReuse(host)) ? "reusePort" : "cluster");
  if (port !== 0) {
    const probe = await listening(port, host, false);
    await new Promise((resolve) => probe.close(resolve));
    return { port, sharing, release() {} };
  }
  if (sharing === "cluster") return { port, sharing, release() {} };
  const held = await listening(0, host, true);
  return { port: (held.address() as AddressInfo).port, sharing, release: () => void held.close() };
}

async function canReuse(host: string | undefined): Promise<boolean> {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < firstToReuse[0] || (major === firstToReuse[0] && minor < firstToReuse[1])) return false;
  try {
    (await listening(0, host, true)).close();
    return true;
  } catch {
    // macOS and Windows have no such thing, or share the port without sharing out the connections.
    return false;
  }
}

function listening(port: number, host: string | undefined, reusePort: boolean): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", reject);
    const shared = reusePort ? { reusePort } : {};
    server.listen({ port, ...(host === undefined ? {} : { host }), ...shared }, () => resolve(server));
  });
}
