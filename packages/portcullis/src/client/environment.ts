/**
 * What a client takes from where it runs, browser or Node, and what a test may hand in instead.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** A WebSocket as browsers, Node and `ws` have it. */
export interface WebSocketLike {
  binaryType: string;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

/** The class of such WebSockets. */
export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

/** Of `fetch`, what is used. */
export type FetchLike = (
  url: string,
  init: {
    readonly headers: Record<string, string>;
    readonly signal: AbortSignal;
    readonly redirect: "error";
    readonly cache: "no-store";
  },
) => Promise<{ text(): Promise<string> }>;

/** Time, chance and the network. */
export interface Environment {
  readonly WebSocket: WebSocketClass;
  readonly fetch: FetchLike;
  readonly clock: Clock;
  /** At least 0, less than 1. */
  readonly random: () => number;
}

/** `setTimeout` takes a longer delay for none at all. */
const delayMsMax = 2 ** 31 - 1;

/** Unlike the server's, its timers keep a Node process alive: a client that waits to come back is not done. */
const clock: Clock = {
  now: () => Date.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, Math.min(delayMs, delayMsMax));
    return () => clearTimeout(timer);
  },
};

/** The machine's own for whatever isn't handed in. */
export function environmentWith(given: { readonly [Part in keyof Environment]?: Environment[Part] }): Environment {
  const scope = globalThis as { readonly WebSocket?: WebSocketClass };
  const WebSocket = given.WebSocket ?? scope.WebSocket;
  if (WebSocket === undefined) {
    throw new TypeError(
      "Expected a WebSocket in the global scope, found none. Node has one from version 22 on; before, install ws and " +
        "hand it in: createClient(url, { WebSocket }).",
    );
  }
  return {
    WebSocket,
    // Through a function of ours: a browser's fetch wants to be called without a `this` of anybody else.
    fetch: given.fetch ?? ((url, init) => fetch(url, init)),
    clock: given.clock ?? clock,
    random: given.random ?? Math.random,
  };
}
