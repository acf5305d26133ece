/** What these tests use of the official client, which comes without types of its own, and of what has its interface. */
declare module "phoenix" {
  import type { WebSocket } from "ws";

  export interface SocketOptions {
    readonly transport?: unknown;
    readonly params?: object | (() => object);
    /** Since 1.8: others ignore it. */
    readonly authToken?: string | (() => string);
    readonly vsn?: string;
    readonly encode?: (message: RawMessage, send: (data: string) => void) => void;
    readonly decode?: (data: string, take: (message: RawMessage) => void) => void;
    readonly timeout?: number;
    readonly heartbeatIntervalMs?: number;
    readonly reconnectAfterMs?: (tries: number) => number;
    readonly rejoinAfterMs?: (tries: number) => number;
    /** Since 1.7, like `sessionStorage`. */
    readonly longPollFallbackMs?: number;
    readonly sessionStorage?: unknown;
  }

  export interface RawMessage {
    readonly join_ref?: string | null;
    readonly ref: string | null;
    readonly topic: string;
    readonly event: string;
    readonly payload: unknown;
  }

  export class Socket {
    constructor(endPoint: string, options?: SocketOptions);
    /** Of the class given as `transport`. */
    readonly conn: WebSocket | LongPoll | null;
    readonly channels: readonly Channel[];
    readonly reconnectTimer: { reset(): void };
    connect(): void;
    disconnect(callback?: () => void): void;
    isConnected(): boolean;
    endPointURL(): string;
    makeRef(): string;
    ping(callback: (roundTripMs: number) => void): boolean;
    channel(topic: string, params?: object): Channel;
    /** Meant for channels; here for what no well-behaved channel would send. */
    push(message: RawMessage): void;
    onOpen(callback: () => void): string;
    onClose(callback: (event: { readonly code: number }) => void): string;
    onError(callback: (error: { readonly message: string }) => void): string;
    onMessage(callback: (message: RawMessage) => void): string;
  }

  export class Channel {
    readonly topic: string;
    readonly state: string;
    join(timeoutMs?: number): Push;
    leave(timeoutMs?: number): Push;
    push(event: string, payload?: object | ArrayBuffer, timeoutMs?: number): Push;
    on(event: string, callback: (payload: unknown) => void): number;
    onClose(callback: (payload: unknown) => void): void;
    onError(callback: (reason: unknown) => void): void;
  }

  export class Push {
    receive(status: string, callback: (response: unknown) => void): this;
  }

  /** The transport for who can't have a WebSocket; the connection is an instance of it. */
  export class LongPoll {
    readonly token: string | null;
    readonly pollEndpoint: string;
  }
}

declare module "phoenix-1.7" {
  export * from "phoenix";
}

declare module "phoenix-1.8.15" {
  export * from "phoenix";
}

declare module "@supabase/phoenix" {
  export * from "phoenix";
}
