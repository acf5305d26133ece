/**
 * An endpoint as a listener of `node:http`, for its own servers and those of a program.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** For `node:http` servers and frameworks on top of them. */
export interface Handler {
  /** As a request listener or as Express-style middleware: what isn't a socket's path goes to `next`, or gets 404. */
  (request: IncomingMessage, response: ServerResponse, next?: () => void): void;
  /** As an upgrade listener. Leaves alone what isn't a socket's path, and says so by returning false. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;
}
