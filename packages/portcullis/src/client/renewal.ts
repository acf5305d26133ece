/**
 * A new credential for a connection that stays open.
 *
 * @module
 */

import type { Cancel } from "../clock.ts";
import { authEvent, connectionTopic } from "../protocol/events.ts";
import { toAdvice } from "./advice.ts";
import { Backoff } from "./backoff.ts";
import type { Credential } from "./credential.ts";
import type { Environment } from "./environment.ts";
import { type Failure, isRecord, PushError, toFailure } from "./error.ts";
import type { Answered, Link } from "./link.ts";

/** What a refresh brought. */
export interface Refreshed {
  /** When the new credential lapses, epoch milliseconds; `null` where it never does. */
  readonly expiresAt: number | null;
  /** Topics it has no right to: they are closed, and their channels say why. */
  readonly closed: readonly string[];
}

/** The server closes after five in a row; the last one is left to a program that knows better. */
const refusalsMax = 4;
/** One refusal's delay, at first and at most. */
const delays = { baseMs: 500, capMs: 10_000 };

/** Options of {@link Renewal}. */
export interface RenewalOptions {
  readonly link: Link;
  readonly credential: Credential;
  readonly environment: Environment;
  readonly timeoutMs: number;
  /** The provider says that nobody is signed in any more. */
  readonly signedOut: () => void;
  readonly refreshed: (refreshed: Refreshed) => void;
}

/** A refresh that didn't work out, and whether it may later. */
class Setback extends PushError {
  readonly final: boolean;
  readonly afterMs: number;
  /** The server has refused it, as opposed to: it was not sent. */
  readonly counted: boolean;

  constructor(failure: Failure, { final = false, afterMs = 0, counted = false } = {}) {
    super("Refreshing the credential", failure);
    this.final = final;
    this.afterMs = afterMs;
    this.counted = counted;
  }
}

/** Lives as long as one link. */
export class Renewal {
  readonly #options: RenewalOptions;
  readonly #ended = new AbortController();
  #running: Promise<Refreshed> | null = null;
  #keeping = false;
  /** What the server refused last. */
  #refused: string | null = null;
  #cancelDelay: Cancel = () => {};

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** The connection is gone. Whatever the provider or the server still says is ignored. */
  end(): void {
    this.#ended.abort();
    this.#refused = null;
    this.#cancelDelay();
  }

  /** Renews now; one at a time, and who asks meanwhile gets the same. Rejects with a PushError. */
  refresh(reason: string | null = null, previousFailed = false): Promise<Refreshed> {
    this.#running ??= this.#refresh(reason, previousFailed).finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** The server warns: renews at some moment of the first half of what is left, and again until it works or is pointless. */
  expiring(inMs: number): void {
    if (this.#keeping) return;
    this.#keeping = true;
    const { random } = this.#options.environment;
    const backoff = new Backoff({ ...delays, random });
    let refusals = 0;
    const attempt = (reason: string, previousFailed: boolean): void => {
      this.refresh(reason, previousFailed).catch((error: unknown) => {
        if (this.#ended.signal.aborted || !(error instanceof Setback) || error.final) return;
        if (error.counted) refusals += 1;
        // What is left is for the server to do.
        if (refusals >= refusalsMax) return;
        this.#delay(backoff.next(error.afterMs), () => attempt(error.reason, error.counted || previousFailed));
      });
    };
    this.#delay((random() * Math.max(0, inMs)) / 2, () => attempt("expiring", false));
  }

  #delay(delayMs: number, task: () => void): void {
    this.#cancelDelay = this.#options.environment.clock.after(delayMs, task);
  }

  async #refresh(reason: string | null, previousFailed: boolean): Promise<Refreshed> {
    const { credential, signedOut } = this.#options;
    const answer = await credential.ask(reason, previousFailed, this.#ended.signal);
    if (this.#ended.signal.aborted) throw gone();
    if (answer.kind === "signed_out") {
      signedOut();
      throw gone("signed_out");
    }
    if (answer.kind === "unavailable" || answer.token === null) {
      throw new Setback({ code: "closed", reason: "credential_unavailable" });
    }
    // It would lapse at the same moment, or be refused again.
    if (reason !== null && (credential.isCurrent(answer.token) || answer.token === this.#refused)) {
      throw new Setback({ code: "closed", reason: "credential_unchanged" });
    }
    const { status, response } = await this.#send(answer.token);
    if (status === "ok") {
      credential.use(answer.token);
      // Whoever asked for it: there is nothing left to keep trying for.
      this.#cancelDelay();
      this.#keeping = false;
      const refreshed = toRefreshed(response);
      this.#options.refreshed(refreshed);
      return refreshed;
    }
    this.#refused = answer.token;
    const advice = toAdvice(response);
    const details = { final: advice?.retry === "never", afterMs: advice?.afterMs ?? 0, counted: true };
    throw new Setback(toFailure(response), details);
  }

  #send(token: string): Promise<Answered> {
    const { link, environment, timeoutMs } = this.#options;
    const { signal } = this.#ended;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        stopWaiting();
        cancel();
        signal.removeEventListener("abort", onEnd);
      };
      const onEnd = (): void => {
        settle();
        reject(gone());
      };
      const cancel = environment.clock.after(timeoutMs, () => {
        settle();
        reject(new Setback({ code: "timeout", reason: "timeout" }, { counted: true }));
      });
      signal.addEventListener("abort", onEnd);
      const message = { joinRef: null, ref: link.nextRef(), topic: connectionTopic, event: authEvent };
      const stopWaiting = link.ask({ ...message, payload: JSON.stringify({ token }) }, (answered) => {
        settle();
        resolve(answered);
      });
    });
  }
}

function gone(reason = "disconnected"): Setback {
  return new Setback({ code: "closed", reason }, { final: true });
}

function toRefreshed(response: unknown): Refreshed {
  const { expiresAt, closed } = isRecord(response) ? response : {};
  return {
    expiresAt: typeof expiresAt === "number" ? expiresAt : null,
    closed: Array.isArray(closed) ? closed.filter((topic) => typeof topic === "string") : [],
  };
}
