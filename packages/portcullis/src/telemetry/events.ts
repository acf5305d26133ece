/**
 * The names of everything Portcullis reports about itself, with what each carries. Values are safe to log and to use
 * as metric labels: patterns and mount paths, never topics, params, payloads or credentials.
 *
 * @module
 */

/** What each event carries. `mount` is the mount's path as written, `pattern` a channel's pattern as written. */
export interface TelemetryEvents {
  "socket.connected": { readonly mount: string; readonly transport: string };
  "socket.refused": {
    readonly mount: string;
    readonly transport: string;
    /** Which check refused: see `docs/errors.md`. */
    readonly code: string;
    readonly status: number;
  };
  /** `code` is one of the error table's where the server ended it, `null` where the client or the network did. */
  "socket.closed": {
    readonly mount: string;
    readonly transport: string;
    readonly closeCode: number;
    readonly code: string | null;
  };
  /** A credential has lapsed, and its connection waits to be refreshed. */
  "credential.lapsed": { readonly mount: string };
  /** A refresh succeeded (`code` is `null`), or failed with one of the error table's codes. */
  "credential.refreshed": { readonly mount: string; readonly code: string | null };
  /** So many connections of this process were ended by a revocation, or because their key was given up. */
  "credential.revoked": { readonly kind: "subject" | "token" | "key"; readonly connections: number };
  /** A mount lets its connections go before the endpoint stops: so many at first, this batch, done. */
  "drain.started": { readonly mount: string; readonly connections: number };
  "drain.batch": { readonly mount: string; readonly count: number; readonly left: number };
  "drain.finished": { readonly mount: string; readonly durationMs: number };
  "channel.joined": { readonly mount: string; readonly pattern: string };
  "channel.refused": { readonly mount: string; readonly pattern: string | null; readonly code: string };
  "channel.left": { readonly mount: string; readonly pattern: string; readonly reason: string };
  /** `code` is one of the error table's; `error` what was thrown, not to be used as a label. */
  "channel.crashed": {
    readonly mount: string;
    readonly pattern: string;
    readonly code: string;
    readonly error: unknown;
  };
  "message.dropped": { readonly mount: string; readonly pattern: string | null; readonly code: string };
  /** Four fifths of a limit are used up. What is limited over all mounts is reported for the one it was reached on. */
  "limit.warned": { readonly mount: string; readonly limit: string; readonly value: number; readonly max: number };
  /** A presence refused to track or update: `reason` is the refusal's. */
  "presence.refused": { readonly presence: string; readonly reason: string };
  "presence.warned": {
    readonly presence: string;
    readonly limit: string;
    readonly value: number;
    readonly max: number;
  };
  /** Another node's presences appeared, are hidden because it is silent, or were dropped for good. */
  "presence.replica": { readonly presence: string; readonly status: "up" | "down" | "gone" };
  /** The bus between nodes can't be used any more, or can again. */
  "pubsub.status": { readonly status: "up" | "down" };
  /** A message from the bus was not taken: not signed with this endpoint's secret, not readable, or too large. */
  "pubsub.refused": { readonly fault: "unsigned" | "unreadable" | "too_large" };
  /** Another process of this machine doesn't read what it is told: so many bytes for it were thrown away. */
  "pubsub.overflowed": { readonly bytes: number };
  /** A process of `listen({ workers })` was started, or has ended; `wasAsked`: because the endpoint drains or closes. */
  "worker.started": { readonly worker: number };
  "worker.exited": {
    readonly worker: number;
    readonly code: number | null;
    readonly signal: string | null;
    readonly wasAsked: boolean;
  };
  /** Something was refused, held back or ended because there is a limit. */
  "limit.reached": { readonly mount: string; readonly limit: string; readonly max: number };
}

/** Name of an event. */
export type TelemetryEvent = keyof TelemetryEvents;

/** Called for every event, synchronously: keep it short. What it throws is logged and otherwise ignored. */
export type TelemetryListener = <Name extends TelemetryEvent>(name: Name, metadata: TelemetryEvents[Name]) => void;
