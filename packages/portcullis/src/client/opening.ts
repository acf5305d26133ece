/**
 * Opening a WebSocket, within a time.
 *
 * @module
 */

import { type Address, toProtocols } from "./address.ts";
import type { Environment, WebSocketLike } from "./environment.ts";

const openTimeoutMs = 10_000;

/**
 * Opens one, and calls `done` once: with the socket in the very turn in which it opened, so that no message is missed, or with
 * `null` when it didn't. Not at all once `signal` is aborted; a socket on its way is closed then.
 */
export function openSocket(
  { WebSocket, clock }: Environment,
  { socketUrl }: Address,
  token: string | null,
  signal: AbortSignal,
  done: (socket: WebSocketLike | null) => void,
): void {
  let socket: WebSocketLike;
  try {
    socket = new WebSocket(socketUrl, toProtocols(token));
  } catch {
    // Its message may quote the subprotocols.
    return done(null);
  }
  const finish = (opened: boolean): void => {
    cancel();
    signal.removeEventListener("abort", abort);
    socket.onopen = null;
    socket.onclose = null;
    if (opened) return;
    socket.close();
  };
  const abort = (): void => finish(false);
  const fail = (): void => {
    finish(false);
    done(null);
  };
  const cancel = clock.after(openTimeoutMs, fail);
  signal.addEventListener("abort", abort);
  socket.binaryType = "arraybuffer";
  // Says nothing a page could read; `close` follows.
  socket.onerror = () => {};
  socket.onclose = fail;
  socket.onopen = () => {
    finish(true);
    done(socket);
  };
}
