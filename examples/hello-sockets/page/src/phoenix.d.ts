/** What this page uses of the official client, which ships without types. */
declare module "phoenix" {
  interface SocketOptions {
    authToken?: string;
    timeout?: number;
    transport?: TransportClass;
    longPollFallbackMs?: number;
    logger?: (kind: string, message: string, data: unknown) => void;
    encode?: (message: unknown, done: (frame: string | ArrayBuffer) => void) => void;
    decode?: (frame: string | ArrayBuffer, done: (message: unknown) => void) => void;
  }

  /** The browser's WebSocket, or what looks like it. */
  type TransportClass = new (url: string, protocols?: string[]) => Pick<WebSocket, "onopen" | "onclose" | "close">;

  interface Push {
    receive(status: "ok" | "error", callback: (reply: never) => void): Push;
    receive(status: "timeout", callback: () => void): Push;
  }

  class Channel {
    topic: string;
    join(timeoutMs?: number): Push;
    leave(timeoutMs?: number): Push;
    push(event: string, payload: object, timeoutMs?: number): Push;
    on(event: string, callback: (payload: never) => void): number;
    onError(callback: (reason?: unknown) => void): number;
    onClose(callback: () => void): void;
  }

  class Socket {
    /** The connection there is now, of the class that carries it. */
    readonly conn: object | null;
    /** Read before each attempt: without it the client stays with its WebSocket. */
    longPollFallbackMs: number | undefined;
    constructor(path: string, options?: SocketOptions);
    connect(): void;
    disconnect(callback?: () => void, code?: number, reason?: string): void;
    replaceTransport(transport: TransportClass): void;
    channel(topic: string, params?: object): Channel;
    isConnected(): boolean;
    onOpen(callback: () => void): string;
    onClose(callback: (event: CloseEvent) => void): string;
    onMessage(callback: (message: { topic: string; event: string; payload: unknown }) => void): string;
  }

  class LongPoll {}

  class Presence<Meta> {
    constructor(channel: Channel);
    onSync(callback: () => void): void;
    list<Entry>(toEntry: (key: string, presence: { metas: readonly Meta[] }) => Entry): Entry[];
  }

  const Serializer: {
    encode(message: unknown, done: (frame: string | ArrayBuffer) => void): void;
    decode(frame: string | ArrayBuffer, done: (message: unknown) => void): void;
  };
}
