/**
 * What every transport of a mount is to those who hand requests out.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { ConnectionSet, Held } from "./connection-set.ts";
import type { Mount } from "./mount.ts";
import type { PathMatcher } from "./path.ts";

/** What stood in a path for its `:names`. */
export type Variables = Readonly<Record<string, string>>;

/** One address of one mount. */
export interface Route {
  readonly mount: Mount;
  readonly match: PathMatcher;
  readonly connections: ConnectionSet<Held>;
  /** Set when the endpoint begins to close: nobody is let in any more. */
  closing: boolean;
  request(request: IncomingMessage, response: ServerResponse, variables: Variables): void;
  /** Left out by a transport that has no use for upgrades. */
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer, variables: Variables): void;
}
