/**
 * The life of one connection's credential: warned of, lapsed, refreshed in place, or the end of the connection. A refresh is
 * verified as the first one was; what it grants less is taken away before anything else is said.
 *
 * @module
 */

import { Deadline, type Deadlines } from "../auth/deadlines.ts";
import type { FullIdentity } from "../auth/identity.ts";
import type { CloseCode, ErrorCode, RetryAdvice } from "../errors.ts";
import { expiringEvent } from "../protocol/events.ts";

/** What a connection keeps of how it was let in, to be asked again at a refresh. */
export interface Credential {
  readonly identity: FullIdentity;
  /** What its socket's `id` made of it: a refresh doesn't change it. */
  readonly socketId: string | null;
  /** What `connect` was given beside the identity; `null` on a socket that can't be refreshed. */
  readonly request: { readonly params: unknown; readonly info: unknown } | null;
}

/** How a refresh was judged. */
export type RefreshVerdict =
  | { readonly ok: true; readonly identity: FullIdentity; readonly assigns: object }
  | { readonly ok: false; readonly reason: string; readonly code: ErrorCode; readonly retry: RetryOnWire };

/** How long a credential's client is warned, and waited for. */
export interface LifetimeOptions {
  readonly refreshLeadMs: number;
  /** No more than this share of the credential's life. */
  readonly refreshLeadShare: number;
  readonly refreshGraceMs: number;
  readonly refreshFailuresMax: number;
}

/** What the standings of one mount have in common. */
export interface StandingContext extends LifetimeOptions {
  readonly deadlines: Deadlines;
  readonly now: () => number;
  /** Verifies a new token for who is connected with `credential`. Never rejects. */
  readonly refresh: (credential: Credential, token: string) => Promise<RefreshVerdict>;
}

/** What a standing can do to its connection, which is one. */
export interface StandingHost {
  /** Says something on the connection's own topic. */
  announce(event: string, payload: object): void;
  answer(ref: unknown, status: "ok" | "error", response: object): void;
  /** The credential has lapsed: only heartbeats and refreshes pass. */
  lapse(): void;
  /** Who this is has been renewed. Asks every channel again; resolves with the topics that were closed. */
  renew(assigns: object): Promise<readonly string[]>;
  endBy(code: CloseCode): void;
  refreshed(code: ErrorCode | null): void;
}

/** How often a client may ask for a refresh while one is under way. */
const waitingMax = 4;

/** What is to come next in a credential's life. */
type Next = "warning" | "lapse" | "end";

export class Standing extends Deadline {
  readonly #context: StandingContext;
  readonly #host: StandingHost;
  #credential: Credential;
  #next: Next = "warning";
  #failures = 0;
  #busy = false;
  #waiting: Waiting[] | null = null;
  #over = false;

  constructor(context: StandingContext, credential: Credential, host: StandingHost) {
    super();
    this.#context = context;
    this.#credential = credential;
    this.#host = host;
    this.#schedule();
  }

  get identity(): FullIdentity {
    return this.#credential.identity;
  }

  /** Whether `auth` messages are understood here. */
  get refreshable(): boolean {
    return this.#credential.request !== null;
  }

  /** The connection is over. */
  stop(): void {
    this.#over = true;
    this.#waiting = null;
    this.#context.deadlines.clear(this);
  }

  /** An `auth` message of the client: one at a time, in order. */
  refresh(ref: unknown, payload: unknown): void {
    const token = (payload as { readonly token?: unknown } | null)?.token;
    if (typeof token !== "string" || token === "") {
      return this.#failed(ref, { reason: "missing", code: "credential_missing", retry: "reauth" });
    }
    this.#waiting ??= [];
    if (this.#waiting.length >= waitingMax) {
      return this.#failed(ref, { reason: "busy", code: "credential_refused", retry: retryOnWire("backoff") });
    }
    this.#waiting.push({ ref, token });
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (let next = this.#waiting?.shift(); next !== undefined; next = this.#waiting?.shift()) {
      const verdict = await this.#context.refresh(this.#credential, next.token);
      if (this.#over) break;
      if (!verdict.ok) {
        this.#failed(next.ref, verdict);
        continue;
      }
      this.#failures = 0;
      this.#credential = { ...this.#credential, identity: verdict.identity };
      this.#schedule();
      const closed = await this.#host.renew(verdict.assigns);
      if (this.#over) break;
      const { expiresAt } = verdict.identity;
      this.#host.refreshed(null);
      this.#host.answer(next.ref, "ok", { expiresAt: Number.isFinite(expiresAt) ? expiresAt : null, closed });
    }
    this.#busy = false;
  }

  /** Nothing has changed: who it was and what they may is as before. */
  #failed(ref: unknown, { reason, code, retry }: Omit<Extract<RefreshVerdict, { ok: false }>, "ok">): void {
    this.#failures += 1;
    this.#host.refreshed(code);
    this.#host.answer(ref, "error", { reason, retry });
    if (this.#failures >= this.#context.refreshFailuresMax) this.#host.endBy("refresh_failed");
  }

  #schedule(): void {
    const { deadlines, now, refreshLeadMs, refreshLeadShare } = this.#context;
    const { issuedAt, expiresAt } = this.#credential.identity;
    // Counted from now where the credential doesn't say since when it counts.
    const lifeMs = expiresAt - (issuedAt > 0 ? issuedAt : now());
    this.#next = "warning";
    const leadMs = Math.max(0, Math.min(refreshLeadMs, lifeMs * refreshLeadShare));
    deadlines.set(this, expiresAt === Number.POSITIVE_INFINITY ? expiresAt : expiresAt - leadMs);
  }

  override due(): void {
    const { deadlines, now, refreshGraceMs } = this.#context;
    const { expiresAt } = this.#credential.identity;
    switch (this.#next) {
      case "warning":
        this.#next = "lapse";
        deadlines.set(this, expiresAt);
        return this.#host.announce(expiringEvent, { inMs: Math.max(0, expiresAt - now()) });
      case "lapse":
        this.#next = "end";
        deadlines.set(this, expiresAt + refreshGraceMs);
        return this.#host.lapse();
      case "end":
        return this.#host.endBy("credential_lapsed");
    }
  }
}

interface Waiting {
  readonly ref: unknown;
  readonly token: string;
}

/** A hundred clients that are told to come back do not all do so at once: they add a share of their own. */
const backoffMs = 1_000;

/** Advice as clients get it. */
export type RetryOnWire = "never" | "reauth" | { readonly afterMs: number };

export function retryOnWire(retry: RetryAdvice): RetryOnWire {
  return retry === "backoff" ? { afterMs: backoffMs } : retry;
}
