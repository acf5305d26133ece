/**
 * Telling a page of one's own from a stranger's. A browser sends cookies along whoever's page opens the socket; only a page
 * that was given a token for the session can send that too. The tokens are those of Plug.CSRFProtection.
 *
 * A session keeps a **state**: 18 random bytes as base64url. A page gets a **token**: the state under a random mask, and the
 * mask, so that no two pages hold the same text and compression of a page gives nothing away (BREACH).
 *
 * @module
 */

import { randomBytes, timingSafeEqual } from "node:crypto";
import { fromBase64url, toBase64url } from "../token/base64url.ts";

/** The param a client sends its token in, as Phoenix's do. */
export const csrfParam = "_csrf_token";

const randomBytesInState = 18;
const stateBytes = 24;
const maskedCharacters = 32;
const tokenBytes = maskedCharacters + stateBytes;

/** For pages that open a socket with a session; interchangeable with Plug.CSRFProtection. */
export interface Csrf {
  /** A new state, to put into a new session (Plug's place is `_csrf_token`). Make another when somebody signs in. */
  state(): string;
  /**
   * A token for one page, to be sent back as the socket's param `_csrf_token`. Another one at each call.
   *
   * @throws TypeError for what is no state of a session.
   */
  token(state: string): string;
  /** Whether the token was made for this state. Never throws; takes the same time for every token of the right shape. */
  fits(state: unknown, token: unknown): boolean;
}

/**
 * CSRF states and tokens.
 *
 * @example
 * ```ts
 * const session = { _csrf_token: csrf.state(), userId: 1 };
 * page(`<meta name="csrf-token" content="${csrf.token(session._csrf_token)}">`);
 * // in the page: new Socket("/socket", { params: { _csrf_token: … } })
 * ```
 */
export const csrf: Csrf = Object.freeze({
  state: newState,
  token: (state: string): string => maskState(state, newState()),
  fits,
});

function newState(): string {
  return toBase64url(randomBytes(randomBytesInState));
}

/** The token of a state under one mask. A mask has the shape of a state. */
export function maskState(state: string, mask: string): string {
  const bytes = bytesOf(state, stateBytes);
  const maskBytes = bytesOf(mask, stateBytes);
  if (bytes === null || maskBytes === null) {
    throw new TypeError(
      `Expected the CSRF state of a session to be a string of ${stateBytes} bytes. A session may have none yet: put csrf.state() into it first.`,
    );
  }
  return toBase64url(xor(bytes, maskBytes)) + mask;
}

/** Whether something looks like a token: cheap, and says nothing of whose it is. */
export function isCsrfToken(token: unknown): token is string {
  return bytesOf(token, tokenBytes) !== null;
}

function fits(state: unknown, token: unknown): boolean {
  const expected = bytesOf(state, stateBytes);
  const given = bytesOf(token, tokenBytes);
  if (expected === null || given === null) return false;
  const masked = fromBase64url(given.toString("latin1", 0, maskedCharacters));
  if (masked?.length !== stateBytes) return false;
  return timingSafeEqual(xor(masked, given.subarray(maskedCharacters)), expected);
}

/** The UTF-8 bytes of a text that has exactly so many. */
function bytesOf(text: unknown, length: number): Buffer | null {
  // A character is a byte at least: what is longer need not be encoded to be told.
  if (typeof text !== "string" || text.length > length) return null;
  const bytes = Buffer.from(text, "utf8");
  return bytes.length === length ? bytes : null;
}

function xor(one: Buffer, other: Buffer): Buffer {
  const result = Buffer.alloc(one.length);
  for (let index = 0; index < one.length; index += 1) result[index] = (one[index] as number) ^ (other[index] as number);
  return result;
}
