// What a transport has to be able to do for the cases, and what it sees.
import type { Frame } from "./message.ts";

/** How to connect. Only what a case is about has to be said. */
export interface ConnectOptions {
  /** Path of the mount. Default `/socket`. */
  readonly mount?: string;
  /** What follows it, by transport. Default `/websocket`, `/longpoll`. */
  readonly paths?: { readonly websocket: string; readonly longpoll: string };
  /** The query, besides `vsn`. */
  readonly params?: Readonly<Record<string, string>>;
  /** Default: that of the cell. `null` sends none. */
  readonly version?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sub-protocols to offer; on WebSocket only. */
  readonly protocols?: readonly string[];
  /** A token beside the params: among the sub-protocols of WebSocket, in a header of long-poll. */
  readonly authToken?: string;
}

/** What a transport is asked for: all of the above, resolved. */
export interface Target {
  readonly base: URL;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly protocols: readonly string[];
}

/** What a client saw. */
export type Sight =
  | { readonly type: "open"; readonly protocol: string | null }
  /** On long-poll the status is the one in the JSON, unless HTTP itself refused. */
  | { readonly type: "refused"; readonly status: number; readonly body: string }
  | { readonly type: "frame"; readonly frame: Frame }
  /** A close code, or `gone`: long-poll sessions end without one. */
  | { readonly type: "closed"; readonly code: number | "gone" }
  /** The server broke HTTP, WebSocket or long-poll. */
  | { readonly type: "broken"; readonly message: string }
  /** There is no server to talk to. */
  | { readonly type: "unreachable"; readonly message: string };

/** One connection, whatever carries it. */
export interface Wire {
  /** In order; after the end it does nothing. */
  send(frame: Frame): void;
  /** Goes away as clients do: a close frame, or no further poll. */
  leave(): void;
  /** Lets everything go at once. */
  kill(): void;
}

export type Open = (target: Target, see: (sight: Sight) => void) => Wire;
