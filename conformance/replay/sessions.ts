// Long-poll sessions of a recording: their tokens are made up by the server that is asked for them, and some were asked
// for in requests that nobody wrote down.
import type { RecordedEvent, Recording } from "./recording.ts";

const sessionToken = /SFMyNTY\.[\w-]+\.[\w-]+/g;

/** A session that a recording uses and whose beginning is not in it. */
export interface UnseenSession {
  readonly dir: "unseen_session";
  readonly at_ms: number;
  /** The request that opens it. */
  readonly url: string;
  /** What it was called. */
  readonly token: string;
}

/** Whether a request goes to a long-poll transport. */
export function isLongPoll(url: string): boolean {
  return /^\/[\w/]+\/(?:longpoll|lp)(?:\?|$)/.test(url);
}

/** The session tokens in a text. */
export function tokensIn(text: string): readonly string[] {
  return text.match(sessionToken) ?? [];
}

/** The sessions that have to be opened before each event, by the event's index. */
export function unseenSessions({ events }: Recording): ReadonlyMap<number, UnseenSession> {
  const unseen = new Map<number, UnseenSession>();
  const known = new Set<string>();
  // When the recording began, by the clock that signed its tokens.
  let beganMs: number | undefined;
  for (const [index, event] of events.entries()) {
    if (event.dir === "http_res") {
      for (const token of tokensIn(event.body)) {
        known.add(token);
        beganMs ??= signedAtMs(token) - event.at_ms;
      }
    }
    if (event.dir !== "http_req" || !isLongPoll(event.url)) continue;
    for (const token of tokensIn([event.url, ...Object.values(event.headers)].join(" "))) {
      if (known.has(token)) continue;
      known.add(token);
      const atMs = beganMs === undefined ? event.at_ms : Math.min(event.at_ms, signedAtMs(token) - beganMs);
      const url = event.url.replace(/([?&])token=[^&]*&?/, "$1").replace(/[?&]$/, "");
      unseen.set(index, { dir: "unseen_session", at_ms: Math.max(atMs, endOf(events.slice(0, index))), url, token });
    }
  }
  return unseen;
}

/** The session an answer opens, as the recorder saw it: the token of the next answer with one that is new. */
export function openedAfter({ events }: Recording, index: number): string | undefined {
  const before = events.slice(0, index).flatMap((event) => (event.dir === "http_res" ? tokensIn(event.body) : []));
  const answer = events.slice(index + 1).find((event) => event.dir === "http_res");
  const [token] = answer?.dir === "http_res" ? tokensIn(answer.body) : [];
  return token === undefined || before.includes(token) ? undefined : token;
}

function endOf(events: readonly RecordedEvent[]): number {
  return Math.max(0, ...events.map((event) => ("at_ms" in event ? event.at_ms : 0)));
}

// A term of {data, signed_at, max_age}: the milliseconds are its only integer of six bytes.
function signedAtMs(token: string): number {
  const term = Buffer.from(token.split(".")[1] ?? "", "base64url");
  const at = term.lastIndexOf(Buffer.from([0x6e, 6, 0]));
  return term.readUIntLE(at + 3, 6);
}
