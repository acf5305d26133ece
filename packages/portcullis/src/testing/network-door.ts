/**
 * A real port in front of a test's server, for clients of other processes and languages.
 *
 * @module
 */

import { createServer, type IncomingMessage, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Endpoint } from "../endpoint.ts";
import type { FrameData } from "../protocol/message.ts";
import { tapMessages } from "./frame-tap.ts";

/** What a door asks and tells. */
export interface DoorKeeper {
  /** The status to refuse the next connection with, or `null`. */
  refusal(): number | null;
  opened(request: IncomingMessage): void;
  /** A message of the client with this `vsn`. */
  received(vsn: string | null, data: FrameData): void;
}

/** Where clients knock. */
export interface NetworkDoor {
  readonly port: number;
  /** `ws://localhost:port`. */
  readonly url: string;
  /** Ends every connection with a close frame. */
  closeAll(code: number, reason: string): void;
  /** Ends every connection without one. */
  drop(): void;
  close(): Promise<void>;
}

/** Opens a door on `port`, any free one for 0. */
export async function openDoor(
  endpoint: Endpoint,
  options: { readonly port: number; readonly host: string | undefined },
  keeper: DoorKeeper,
): Promise<NetworkDoor> {
  const open = new Set<Duplex>();
  const server = createServer(endpoint.handler);
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    const status = keeper.refusal();
    if (status !== null) {
      socket.end(
        `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Refused"}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
      );
      return;
    }
    const vsn = new URL(request.url ?? "/", "ws://localhost").searchParams.get("vsn");
    tapMessages(socket, head, (data) => keeper.received(vsn, data));
    onceUpgraded(socket, () => {
      open.add(socket);
      keeper.opened(request);
    });
    if (!endpoint.handler.upgrade(request, socket, head)) {
      socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
      return;
    }
    socket.once("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const drop = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port,
    url: `ws://${options.host ?? "localhost"}:${port}`,
    drop,
    closeAll(code, reason) {
      const text = Buffer.from(reason);
      const frame = Buffer.from([0x88, 2 + text.length, code >> 8, code & 0xff, ...text]);
      for (const socket of open) socket.write(frame);
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      drop();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Calls `opened` when the first answer to the handshake is written, if it is a yes. */
function onceUpgraded(socket: Duplex, opened: () => void): void {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  socket.write = ((...args: unknown[]): boolean => {
    socket.write = write as typeof socket.write;
    if (String(args[0]).startsWith("HTTP/1.1 101")) opened();
    return write(...args);
  }) as typeof socket.write;
}
