import type { SocketPath } from "../live/log.ts";
import { transports } from "../live/transport.ts";
import { useStore } from "../store.ts";

/** What carries a connection while it is open: a line that is never cut, or one request after the other. */
export function TransportBadge({ path }: { path: SocketPath }) {
  const transport = useStore(transports)[path];
  return transport ? <span class={`transport ${transport}`}>{transport}</span> : null;
}
