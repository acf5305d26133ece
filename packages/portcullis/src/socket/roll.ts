/**
 * The roll of one endpoint's connections: by socket id and by subject, for those who end them.
 *
 * @module
 */

import type { Revocations } from "../auth/revocation.ts";
import type { Revocation } from "../auth/store.ts";
import type { Clock } from "../clock.ts";
import { Groups } from "../pubsub/groups.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { Connection } from "./connection.ts";

export interface RollOptions {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly revocations: Revocations;
  /** How long a client can be on its way in: for so long a disconnect is remembered. */
  readonly connectTimeoutMs: number;
}

export class Roll {
  readonly #options: RollOptions;
  readonly #ids = new Groups<Connection>();
  readonly #subjects = new Groups<Connection>();
  /** Ids that were disconnected a moment ago, for clients that were then being let in; and how many in all. */
  readonly #disconnected = new Map<string, number>();
  #disconnectCount = 0;

  constructor(options: RollOptions) {
    this.#options = options;
  }

  /** A point in the order of disconnects, taken when a client knocks. */
  get moment(): number {
    return this.#disconnectCount;
  }

  /** Registers first and asks then: whoever is taken away in between is either registered or found. */
  opened(connection: Connection, since: number): void {
    const { socketId, identity } = connection;
    if (socketId !== null) this.#ids.add(socketId, connection);
    if (identity !== null) this.#subjects.add(identity.subject, connection);
    connection.onRenewed = this.#renewed;
    // Disconnected while it was being let in: its `connect` may have looked before that, and it ends like the others.
    if (socketId !== null && (this.#disconnected.get(socketId) ?? 0) > since) {
      connection.end("disconnected", { kind: "disconnected" });
    } else {
      this.#endRevoked(connection);
    }
  }

  /** Its subject is the same, so it is where it was: to be looked up again. */
  readonly #renewed = (connection: Connection): void => void this.#endRevoked(connection);

  /** Whether it had to be ended. */
  #endRevoked(connection: Connection): boolean {
    const { revocations } = this.#options;
    const { identity } = connection;
    if (identity === null || !revocations.isRevoked(identity)) return false;
    connection.endBy(revocations.isCompromised(identity) ? "key_compromised" : "revoked");
    return true;
  }

  forget(connection: Connection): void {
    const { socketId, identity } = connection;
    if (socketId !== null) this.#ids.remove(socketId, connection);
    if (identity !== null) this.#subjects.remove(identity.subject, connection);
  }

  disconnect(id: string): void {
    const { clock, connectTimeoutMs } = this.#options;
    this.#disconnectCount += 1;
    const moment = this.#disconnectCount;
    this.#disconnected.set(id, moment);
    clock.after(connectTimeoutMs, () => {
      if (this.#disconnected.get(id) === moment) this.#disconnected.delete(id);
    });
    this.#ids.each(id, (connection) => connection.end("disconnected", { kind: "disconnected" }));
  }

  /** Ends everybody the revocation concerns. */
  revoked(revocation: Revocation): void {
    const { telemetry } = this.#options;
    let connections = 0;
    const look = (connection: Connection): void => {
      if (this.#endRevoked(connection)) connections += 1;
    };
    if (revocation.kind === "subject") this.#subjects.each(revocation.subject, look);
    else this.#subjects.all(look);
    telemetry.emit("credential.revoked", { kind: revocation.kind, connections });
  }

  /** Ends everybody a key vouched for. */
  compromised(keyId: string): void {
    let connections = 0;
    // Rare enough to look at everybody: who is found by their key would have to be kept by it.
    this.#subjects.all((connection) => {
      if (connection.identity?.keyId !== keyId) return;
      connections += 1;
      connection.endBy("key_compromised");
    });
    this.#options.telemetry.emit("credential.revoked", { kind: "key", connections });
  }
}
