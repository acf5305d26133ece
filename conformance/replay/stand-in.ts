// Sessions, their CSRF tokens and the tokens of long-poll sessions are made up by the server that is asked for them. When
// they are played back, those of the server under test stand in for the recorded ones.
import type { PlainResponse } from "./http.ts";
import type { RecordedEvent, Recording, RequestEvent, ResponseEvent } from "./recording.ts";
import { tokensIn } from "./sessions.ts";

/** What `GET /session` gives: all of it is random. */
interface ServedSession {
  /** The cookie's value. */
  readonly cookie: string;
  readonly token: string;
  /** What the token is a mask over: shown where a session is. */
  readonly state: string;
}

export class StandIn {
  readonly #recorded: ServedSession | undefined;
  #served: ServedSession | undefined;
  /** Tokens of long-poll sessions: recorded -> served. */
  readonly #tokens = new Map<string, string>();

  constructor(recording: Recording) {
    const at = recording.events.findIndex(isSessionRequest);
    const answer = recording.events.slice(at + 1).find((event) => event.dir === "http_res");
    this.#recorded = at < 0 || answer === undefined ? undefined : read(answer);
  }

  /** Takes a session out of an answer, if one is in it. */
  learn(answer: PlainResponse): void {
    if (this.#recorded !== undefined) this.#served = read(answer) ?? this.#served;
  }

  /** Takes the token of a session out of the answer that opened it. */
  learnToken(recorded: string, { body }: PlainResponse): void {
    const served = /"token":"([^"]+)"/.exec(body)?.[1];
    if (served !== undefined) this.#tokens.set(recorded, served);
  }

  /** What the recorder sent, with what this server will know. */
  asServed(text: string): string {
    const known = tokensIn(text).reduce((sent, token) => sent.replace(token, this.#tokens.get(token) ?? token), text);
    return exchange(known, this.#recorded, this.#served);
  }

  /** What this server sent, with what the recorded one would have known. */
  asRecorded(text: string): string {
    let known = text;
    for (const [recorded, served] of this.#tokens) known = known.replaceAll(served, recorded);
    return exchange(known, this.#served, this.#recorded);
  }
}

function isSessionRequest(event: RecordedEvent): event is RequestEvent {
  return event.dir === "http_req" && event.url === "/session";
}

function read({ headers, body }: Pick<ResponseEvent, "headers" | "body">): ServedSession | undefined {
  const cookie = /^_hello_key=([\w.-]+); path=\/; HttpOnly; SameSite=Lax$/.exec(String(headers["set-cookie"]))?.[1];
  if (cookie === undefined || !/^[\w-]{56}$/.test(body)) return undefined;
  const masked = Buffer.from(body.slice(0, 32), "base64url");
  const mask = Buffer.from(body.slice(32));
  return { cookie, token: body, state: String(Buffer.from(masked.map((byte, index) => byte ^ (mask[index] ?? 0)))) };
}

function exchange(text: string, from: ServedSession | undefined, to: ServedSession | undefined): string {
  if (from === undefined || to === undefined) return text;
  return text.replaceAll(from.cookie, to.cookie).replaceAll(from.token, to.token).replaceAll(from.state, to.state);
}
