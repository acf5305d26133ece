// The reference application as a running server.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createSessionCookies, defineEndpoint, type Logger } from "portcullis";
import { mounts } from "./mounts.ts";
import { createRoutes } from "./routes.ts";
import { sessionCookie } from "./sockets.ts";

/** The secret the recordings were made with. */
const recordedSecretKeyBase = "vector-secret-key-base-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ";

export interface ReferenceServerOptions {
  /** `0` takes any free port. */
  readonly port: number;
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Default: the one of the recordings. */
  readonly secretKeyBase?: string;
  readonly logger?: Logger;
}

export interface ReferenceServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts the server. Rejects when the port is taken. */
export async function startReferenceServer(options: ReferenceServerOptions): Promise<ReferenceServer> {
  const { port, host = "127.0.0.1", secretKeyBase = recordedSecretKeyBase, logger } = options;
  const endpoint = defineEndpoint({
    url: { host: "localhost" },
    secretKeyBase,
    sockets: mounts,
    ...(logger === undefined ? {} : { logger }),
  });
  const sessionCookies = createSessionCookies({ secretKeyBase, ...sessionCookie });
  const server = createServer(createRoutes(endpoint, sessionCookies));
  endpoint.attach(server);
  server.listen(port, host);
  await once(server, "listening");
  const { port: actualPort } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${actualPort}`,
    async close() {
      await endpoint.close();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
