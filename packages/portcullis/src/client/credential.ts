/**
 * The credential: asked for whenever a connection is to be opened or renewed, and never kept longer than it is of use.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** Why a token is wanted. */
export interface TokenRequest {
  /** Why the last connection ended, or wasn't opened; `"expiring"` before the current token lapses; `null` at first. */
  readonly reason: string | null;
  /** The last token was refused: the same one will be again. */
  readonly previousFailed: boolean;
  /** Aborted when nobody waits for the answer any more: after 30 s, when signing out or closing. */
  readonly signal: AbortSignal;
}

/** Returns a token, or `null` when nobody is signed in. What it throws means: not now. */
export type TokenProvider = (request: TokenRequest) => string | null | PromiseLike<string | null>;

/** What came of asking. A client without a provider has the token `null`, and connects without one. */
export type Answer =
  | { readonly kind: "token"; readonly token: string | null }
  | { readonly kind: "signed_out" }
  | { readonly kind: "unavailable" };

const providerTimeoutMs = 30_000;
/** Refusals of one token for one reason, in a row, after which more of the same are pointless. */
const refusalsMax = 3;

interface Refusal {
  readonly token: string | null;
  readonly reason: string;
  count: number;
}

export class Credential {
  readonly #provider: TokenProvider | null;
  readonly #clock: Clock;
  /** What the server knows this client by. */
  #current: string | null = null;
  #refusal: Refusal | null = null;

  constructor(provider: TokenProvider | null, clock: Clock) {
    this.#provider = provider;
    this.#clock = clock;
  }

  /** Asks the provider, never forever. Never rejects; an answer that comes after `signal` is dropped. */
  ask(reason: string | null, previousFailed: boolean, signal: AbortSignal): Promise<Answer> {
    const provider = this.#provider;
    if (provider === null) return Promise.resolve({ kind: "token", token: null });
    return new Promise((resolve) => {
      const asking = new AbortController();
      const settle = (answer: Answer): void => {
        cancel();
        signal.removeEventListener("abort", giveUp);
        resolve(answer);
      };
      const giveUp = (): void => {
        asking.abort();
        settle({ kind: "unavailable" });
      };
      const cancel = this.#clock.after(providerTimeoutMs, giveUp);
      signal.addEventListener("abort", giveUp);
      const request = { reason, previousFailed, signal: asking.signal };
      // In a promise of its own, so that one that throws at once is no different.
      new Promise<string | null>((answer) => answer(provider(request))).then(
        (token) => settle(toAnswer(token)),
        () => settle({ kind: "unavailable" }),
      );
    });
  }

  isCurrent(token: string | null): boolean {
    return this.#current === token;
  }

  /** The server has taken it. */
  use(token: string | null): void {
    this.#current = token;
  }

  /** The server wants another. False where there is none to be had: this was the third refusal of the same. */
  refused(reason: string): boolean {
    if (this.#provider === null) return false;
    const token = this.#current;
    const last = this.#refusal;
    const same = last !== null && last.token === token && last.reason === reason;
    this.#refusal = { token, reason, count: same ? last.count + 1 : 1 };
    return this.#refusal.count < refusalsMax;
  }

  /** It has proved itself: refusals from now on are counted anew. */
  proved(): void {
    this.#refusal = null;
  }

  forget(): void {
    this.#current = null;
    this.#refusal = null;
  }
}

function toAnswer(token: unknown): Answer {
  if (token === null) return { kind: "signed_out" };
  return typeof token === "string" && token !== "" ? { kind: "token", token } : { kind: "unavailable" };
}
