/** All that a page learns of a connection attempt. */
export interface BrowserSaw {
  readonly opened: boolean;
  /** Null if nothing happened in time. */
  readonly closeCode: number | null;
  readonly closeReason: string;
  readonly tookMs: number;
}

const patienceMs = 5_000;

/**
 * One attempt with the browser's own WebSocket and no reconnecting, offering the token the way the phoenix client does.
 */
export function knock(url: string, token: string | null): Promise<BrowserSaw> {
  const started = performance.now();
  const protocols = token === null ? [] : ["phoenix", `base64url.bearer.phx.${btoa(token).replaceAll("=", "")}`];
  return new Promise((resolve) => {
    const saw = (opened: boolean, closeCode: number | null, closeReason: string) => {
      clearTimeout(timer);
      resolve({ opened, closeCode, closeReason, tookMs: performance.now() - started });
    };
    const socket = new WebSocket(url, protocols);
    const timer = setTimeout(() => {
      saw(false, null, "");
      socket.close();
    }, patienceMs);
    socket.onopen = () => {
      saw(true, null, "");
      socket.close(1000);
    };
    // An error event comes first and says nothing at all; the close event says 1006 whatever the reason was.
    socket.onclose = ({ code, reason }) => saw(false, code, reason);
  });
}
