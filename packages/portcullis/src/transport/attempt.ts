/**
 * One attempt to connect, and what its hooks are asked with.
 *
 * @module
 */

import type { AuthenticateRequest } from "../auth/authenticator.ts";
import type { Place } from "../limit/places.ts";
import type { Params } from "../socket/params.ts";
import type { ConnectRequest } from "../socket/socket.ts";
import type { Tokens } from "../token/token.ts";

/** For as long as somebody waits for the outcome. */
export class Attempt {
  #over = false;
  #controller: AbortController | null = null;
  /** Where it is counted, once it is: until {@link settled}, which its transport owes. */
  place: Place | null = null;

  /** Whether the client went away, or its time ran out. */
  get over(): boolean {
    return this.#over;
  }

  /** Made when a hook asks for it: most never do, and it costs more than verifying a token. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#over) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  end(): void {
    this.#over = true;
    this.#controller?.abort();
  }

  /** Runs what a transport does with the outcome. Where there is no connection afterwards, there will be none. */
  settled<Result>(task: () => Result): Result {
    try {
      return task();
    } finally {
      this.place?.settle();
    }
  }
}

/** What `authenticate` is asked with. A class, because a getter in an object literal costs a shape for every call. */
export class AuthenticateCall implements AuthenticateRequest {
  readonly credential: string | null;
  readonly params: Params;
  readonly session: unknown;
  readonly tokens: Tokens;
  readonly now: number;
  readonly #attempt: Attempt;

  constructor(attempt: Attempt, facts: Omit<AuthenticateRequest, "signal"> & { readonly params: Params }) {
    this.credential = facts.credential;
    this.params = facts.params;
    this.session = facts.session;
    this.tokens = facts.tokens;
    this.now = facts.now;
    this.#attempt = attempt;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }
}

type AnyConnectRequest = ConnectRequest<unknown, unknown, unknown>;

/** What `connect` is asked with. */
export class ConnectCall implements AnyConnectRequest {
  readonly identity: unknown;
  readonly params: unknown;
  readonly info: unknown;
  readonly tokens: Tokens;
  readonly #attempt: Attempt;

  constructor(attempt: Attempt, facts: Omit<AnyConnectRequest, "signal">) {
    this.identity = facts.identity;
    this.params = facts.params;
    this.info = facts.info;
    this.tokens = facts.tokens;
    this.#attempt = attempt;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }
}
