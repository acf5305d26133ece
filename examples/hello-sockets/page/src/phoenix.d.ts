/** What this page uses of the official client, which ships without types. */
declare module "phoenix" {
  interface SocketOptions {
    authToken?: string;
    timeout?: number;
    encode?: (message: unknown, done: (frame: string | ArrayBuffer) => void) => void;
    decode?: (frame: string | ArrayBuffer, done: (message: unknown) => void) => void;
  }

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
    constructor(path: string, options?: SocketOptions);
    connect(): void;
    disconnect(callback?: () => void, code?: number, reason?: string): void;
    channel(topic: string, params?: object): Channel;
    isConnected(): boolean;
    onOpen(callback: () => void): string;
    onClose(callback: (event: CloseEvent) => void): string;
  }

  const Serializer: {
    encode(message: unknown, done: (frame: string | ArrayBuffer) => void): void;
    decode(frame: string | ArrayBuffer, done: (message: unknown) => void): void;
  };
}
