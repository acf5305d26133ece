import { record, type SocketPath } from "./log.ts";

/** What happens on a connection, for whoever wants to tell the story of it. */
export type Watched =
  | { readonly kind: "opened" }
  /** A message about the connection itself: a warning, a farewell, the answer to a new token. */
  | { readonly kind: "said"; readonly event: string; readonly payload: Readonly<Record<string, unknown>> }
  | { readonly kind: "closed"; readonly code: number };

/** Events that come all the time. */
const folded = new Set(["chime"]);

/**
 * The browser's WebSocket, with every frame written to the log on its way. `portcullis/client` takes such a class as its
 * option `WebSocket`.
 */
export function watchedWebSocket(path: SocketPath, watcher: (watched: Watched) => void) {
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      record(path, "connection", "connecting, subprotocol phoenix, base64url.bearer.phx.••••••••");
      let opened = false;
      this.addEventListener("open", () => {
        opened = true;
        record(path, "connection", "open");
        watcher({ kind: "opened" });
      });
      this.addEventListener("message", ({ data }: MessageEvent<string>) => {
        const [, , topic, event, payload] = JSON.parse(data) as [
          unknown,
          unknown,
          string,
          string,
          Record<string, unknown>,
        ];
        record(path, "received", data, folded.has(event) ? `${topic} ${event}` : null);
        if (topic === "phoenix") watcher({ kind: "said", event, payload });
      });
      this.addEventListener("close", ({ code }) => {
        record(path, "connection", `closed ${code}`);
        // One that never opened was refused, and of that a browser says nothing worth telling.
        if (opened) watcher({ kind: "closed", code });
      });
    }

    override send(frame: string): void {
      record(path, "sent", withoutToken(frame));
      super.send(frame);
    }
  };
}

/** The only frame with a token in it, which nobody should read over somebody's shoulder. */
function withoutToken(frame: string): string {
  const [joinRef, ref, topic, event] = JSON.parse(frame) as unknown[];
  if (topic !== "phoenix" || event !== "auth") return frame;
  return JSON.stringify([joinRef, ref, topic, event, { token: "[FILTERED]" }]);
}
