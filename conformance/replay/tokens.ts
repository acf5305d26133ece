// The tokens in the recordings were signed on the day they were made. Each is signed anew, for the same user,
// with the same salt and of the same age, by the server under test (`GET /token`).
import { send } from "./http.ts";

/** A token as the recorded application signs them. */
export interface TokenKind {
  readonly user: string;
  readonly salt: string;
  /** Age in seconds; negative: signed in the future. Left out: signed now. */
  readonly ageSeconds?: number;
}

interface RecordedToken extends TokenKind {
  readonly recording: string;
  /** The index of the `connect` event that carries it. */
  readonly event: number;
}

/** The salt of the recorded application's sockets. */
export const socketSalt = "salt identifier";

const recordedTokens: readonly RecordedToken[] = [
  { recording: "auth-token-param", event: 6, user: "1", salt: socketSalt, ageSeconds: 86_401 },
  { recording: "auth-token-param", event: 8, user: "1", salt: "other" },
  { recording: "auth-token-param", event: 10, user: "1", salt: socketSalt },
  { recording: "auth-token-param", event: 18, user: "1", salt: socketSalt },
  { recording: "head-token-future", event: 27, user: "1", salt: socketSalt, ageSeconds: 10 },
  { recording: "head-token-future", event: 30, user: "1", salt: socketSalt, ageSeconds: -60 },
  { recording: "v1-disconnect-broadcast", event: 0, user: "7", salt: socketSalt },
  { recording: "v1-disconnect-broadcast", event: 2, user: "7", salt: socketSalt },
  { recording: "v2-disconnect-broadcast", event: 0, user: "7", salt: socketSalt },
  { recording: "v2-disconnect-broadcast", event: 2, user: "7", salt: socketSalt },
];

/** The token a `connect` event of a recording carries, or `undefined`. */
export function recordedToken(recording: string, event: number): TokenKind | undefined {
  return recordedTokens.find((token) => token.recording === recording && token.event === event);
}

/** Has the server sign (`token`) or encrypt (`encrypt`) a user id. Rejects when it will not. */
export async function makeToken(base: URL, route: "token" | "encrypt", kind: TokenKind): Promise<string> {
  const query = new URLSearchParams({ user: kind.user, salt: kind.salt });
  if (kind.ageSeconds !== undefined) {
    query.set("signed_at", String(Math.floor(Date.now() / 1000) - kind.ageSeconds));
  }
  const answer = await send(base, { method: "GET", path: `/${route}?${query}` });
  if (answer.status !== 200) throw new Error(`GET /${route} answered ${answer.status}: the server signs no tokens`);
  return readToken(answer.body);
}

function readToken(body: string): string {
  if (!body.startsWith("{")) return body.trim();
  const { token } = JSON.parse(body) as { token: string };
  return token;
}
