/**
 * The open connections of one transport of one mount, however they travel.
 *
 * @module
 */

import type { LeaveReason } from "../channel/contract.ts";
import type { CloseCode } from "../errors.ts";
import type { Connection } from "../socket/connection.ts";

/** What a transport tells its endpoint. */
export interface TransportEvents {
  /** A point in the order of things, taken when a client knocks and given back when it is let in. */
  moment(): number;
  onOpen(connection: Connection, since: number): void;
  onClosed(connection: Connection): void;
}

/** A connection as its transport holds it. */
export interface Held {
  readonly connection: Connection;
  /** Ends it without a farewell. */
  cut(): void;
}

export class ConnectionSet<Member extends Held> implements Iterable<Member> {
  readonly #members = new Set<Member>();
  readonly #waiting: (() => void)[] = [];

  get size(): number {
    return this.#members.size;
  }

  [Symbol.iterator](): Iterator<Member> {
    return this.#members[Symbol.iterator]();
  }

  add(member: Member): void {
    this.#members.add(member);
  }

  /** False for one that isn't there. */
  delete(member: Member): boolean {
    if (!this.#members.delete(member)) return false;
    if (this.#members.size === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    return true;
  }

  /** Those that are open now. */
  connections(): readonly Connection[] {
    return Array.from(this.#members, ({ connection }) => connection);
  }

  /** Ends every connection. */
  closeAll(code: CloseCode, reason: LeaveReason): void {
    for (const { connection } of [...this.#members]) connection.end(code, reason);
  }

  /** Cuts what has not closed by itself. */
  terminate(): void {
    for (const member of [...this.#members]) member.cut();
  }

  /** Resolves when no connection is open any more. */
  drained(): Promise<void> {
    if (this.#members.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
