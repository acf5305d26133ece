import type { TransportClass } from "phoenix";
import { createStore } from "../store.ts";
import type { SocketPath } from "./log.ts";

/** What carries a connection. */
export type Transport = "WebSocket" | "long-poll";

/** Of each connection that is open. */
export const transports = createStore<Partial<Record<SocketPath, Transport>>>({});

export function setTransport(path: SocketPath, transport: Transport | undefined): void {
  transports.set(({ [path]: _before, ...others }) => (transport ? { ...others, [path]: transport } : others));
}

/**
 * Whether this page lets no WebSocket through, as some networks do. `?transport=longpoll` says so from the start, and is
 * what the switch on the page leaves in the address.
 */
export const webSocketsBlocked = createStore(new URLSearchParams(location.search).get("transport") === "longpoll");

export function blockWebSockets(blocked: boolean): void {
  // The client remembers for the life of a tab that long-poll was what worked. Without a block it is to try again.
  if (!blocked) sessionStorage.removeItem("phx:fallback:LongPoll");
  const address = new URL(location.href);
  if (blocked) address.searchParams.set("transport", "longpoll");
  else address.searchParams.delete("transport");
  history.replaceState(null, "", address);
  webSocketsBlocked.set(blocked);
}

/** What a connection tries first: the browser's own, if there is one and it is not blocked. */
export function webSocketClass(): TransportClass {
  return webSocketsBlocked.get() || !("WebSocket" in globalThis) ? BlockedWebSocket : WebSocket;
}

/** Fails as a WebSocket does that is stopped on its way: an error that says nothing, and then code 1006. */
class BlockedWebSocket {
  readyState: number = 0;
  onopen = null;
  onerror: ((event: Event) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;

  constructor() {
    setTimeout(() => {
      this.onerror?.(new Event("error"));
      this.close();
    });
  }

  close(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.(new CloseEvent("close", { code: 1006 }));
  }
}
