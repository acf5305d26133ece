/**
 * From HTTP to the mounts: which request is whose, and how all of their connections end.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { LeaveReason } from "../channel/contract.ts";
import type { CloseCode } from "../errors.ts";
import type { TransportEvents } from "./connection-set.ts";
import { drain } from "./drain.ts";
import { WebSocketRoute } from "./handshake.ts";
import { LocalTransport } from "./local.ts";
import { LongPollTransport } from "./longpoll.ts";
import type { Mount } from "./mount.ts";
import { splitPath } from "./path.ts";
import { writeRefusal } from "./refusal.ts";
import type { Route, Variables } from "./route.ts";

interface Found {
  readonly path: string;
  readonly route: Route;
  readonly variables: Variables;
}

/** The transports of all mounts of one endpoint. */
export class Transports {
  readonly #routes: readonly Route[];
  /** Where the last request went: the next one mostly goes there too. */
  #last: Found | null = null;
  /** For connections of the program's own tests, which come over no network. */
  readonly local: LocalTransport;

  constructor(mounts: readonly Mount[], events: TransportEvents) {
    this.local = new LocalTransport(mounts, events);
    this.#routes = mounts.flatMap((mount) => [
      ...(mount.websocket === null ? [] : [new WebSocketRoute(mount, mount.websocket, events)]),
      ...(mount.longpoll === null ? [] : [new LongPollTransport(mount, mount.longpoll, events)]),
    ]);
  }

  /** How many connections are open. */
  get connectionCount(): number {
    return this.#all().reduce((sum, { connections }) => sum + connections.size, 0);
  }

  /** Handles a request. False when it isn't ours. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    const found = this.#find(request.url);
    if (found === null) return false;
    found.route.request(request, response, found.variables);
    return true;
  }

  /** Handles an upgrade. False when it isn't ours. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const found = this.#find(request.url);
    if (found?.route.upgrade === undefined) return false;
    found.route.upgrade(request, socket, head, found.variables);
    return true;
  }

  /** Answers an upgrade nobody takes. */
  refuseUpgrade(socket: Duplex): void {
    writeRefusal(socket, { status: 404, headers: { "content-type": "text/plain; charset=utf-8" }, body: "not found" });
  }

  /** Takes no more connections and lets those there are go, each mount in its own way. */
  async drain(): Promise<void> {
    this.#refuseAll();
    const mounts = new Map(this.#all().map(({ mount }) => [mount, [] as Route["connections"][]]));
    for (const { mount, connections } of this.#all()) mounts.get(mount)?.push(connections);
    await Promise.all(
      [...mounts].map(([mount, sets]) =>
        drain(
          mount,
          sets.flatMap((set) => set.connections()),
        ),
      ),
    );
  }

  /** Takes no more connections and ends those there are. */
  closeAll(code: CloseCode, reason: LeaveReason): void {
    this.#refuseAll();
    for (const { connections } of this.#all()) connections.closeAll(code, reason);
  }

  /** Resolves when no connection is open any more. */
  async drained(): Promise<void> {
    await Promise.all(this.#all().map(({ connections }) => connections.drained()));
  }

  /** Cuts what has not closed by itself. */
  terminate(): void {
    for (const { connections } of this.#all()) connections.terminate();
  }

  #all(): readonly Pick<Route, "mount" | "connections">[] {
    return [...this.#routes, ...this.local.rooms];
  }

  #refuseAll(): void {
    this.local.closing = true;
    for (const route of this.#routes) route.closing = true;
  }

  #find(url: string | undefined): Found | null {
    if (url === undefined || !url.startsWith("/")) return null;
    const mark = url.indexOf("?");
    const path = mark === -1 ? url : url.slice(0, mark);
    if (path === this.#last?.path) return this.#last;
    const segments = splitPath(path);
    for (const route of this.#routes) {
      const variables = route.match(segments);
      if (variables !== null) {
        // A text of its own: a slice would keep the whole URL in memory, and the token in it.
        this.#last = { path: Buffer.from(path).toString(), route, variables };
        return this.#last;
      }
    }
    return null;
  }
}
