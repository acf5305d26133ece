import { webSocketClass } from "./transport.ts";

/** All that a page learns of an attempt with a WebSocket. */
export interface BrowserSaw {
  readonly opened: boolean;
  /** Null if nothing happened in time. */
  readonly closeCode: number | null;
  readonly closeReason: string;
  readonly tookMs: number;
}

/** And of one over long-poll, whose answer it may read. */
export interface PollSaw {
  /** Of the HTTP answer. */
  readonly httpStatus: number;
  /** In the answer's JSON: 410 begins a session, 403 is a refusal. */
  readonly status: number;
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
    const socket = new (webSocketClass())(url, protocols);
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

/** The same with a request, and the token in the header that the phoenix client uses. The session is not used. */
export async function knockByPoll(url: string, token: string | null): Promise<PollSaw> {
  const started = performance.now();
  const response = await fetch(url, {
    headers: token === null ? {} : { "x-phoenix-authtoken": token },
    signal: AbortSignal.timeout(patienceMs),
  });
  const { status } = (await response.json()) as { status: number };
  return { httpStatus: response.status, status, tookMs: performance.now() - started };
}
