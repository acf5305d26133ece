import type { Server } from "node:http";
import { createServer, type Server as NetServer, type Socket } from "node:net";

/** How many ports after the wanted one are tried. */
const portsMax = 50;

/**
 * Listens on this machine only, on the first free port from `wanted` on (0: any). Both loopback addresses belong to
 * "localhost", and a browser may take either: a port is free if nobody listens on the one or the other.
 */
export async function listenLocally(server: Server, wanted: number): Promise<{ port: number; close(): void }> {
  for (let tried = 0; tried < portsMax && wanted + tried < 65_536; tried += 1) {
    if (!(await listen(server, wanted === 0 ? 0 : wanted + tried, "127.0.0.1"))) continue;
    const port = portOf(server);
    // Node's http server listens once, so the second address hands its connections over.
    const second = createServer((socket: Socket) => server.emit("connection", socket));
    if (await listen(second, port, "::1")) return { port, close: () => second.close() };
    await new Promise((closed) => server.close(closed));
  }
  throw new Error(`Port ${wanted} and those after it are taken. Set PORT to a free one.`);
}

/** False if the port is taken; a machine without the address (no IPv6) counts as listening. */
function listen(server: NetServer, port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else if (host === "::1" && (error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT")) resolve(true);
      else reject(error);
    };
    server.once("error", failed);
    server.listen(port, host, () => {
      server.off("error", failed);
      resolve(true);
    });
  });
}

function portOf(server: NetServer): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server is not listening on a port.");
  return address.port;
}
