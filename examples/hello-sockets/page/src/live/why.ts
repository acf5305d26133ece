import type { SocketPath } from "./log.ts";

/** What a page is told that asks why it is refused. */
export interface Explanation {
  readonly httpStatus: number;
  readonly reason: string;
  /** What to do about it: stay away, come with another credential, or come again later. */
  readonly retry: "never" | "reauth" | { readonly afterMs: number };
}

/** The reason of what would have been let in: a plain request is no WebSocket. */
const admitted = "upgrade_required";

export function wouldBeLetIn({ reason }: Explanation): boolean {
  return reason === admitted;
}

/**
 * A refused WebSocket tells a page nothing, so this asks for the same address by a plain request that accepts JSON. Null
 * where nobody explains: the network, or a server that is down.
 */
export async function askWhy(socket: SocketPath, token: string | null): Promise<Explanation | null> {
  try {
    const response = await fetch(`${socket}/websocket?vsn=2.0.0`, {
      headers: { accept: "application/json", ...(token !== null && { "x-phoenix-authtoken": token }) },
      cache: "no-store",
    });
    const { reason, retry } = (await response.json()) as Omit<Explanation, "httpStatus">;
    return { httpStatus: response.status, reason, retry };
  } catch {
    return null;
  }
}
