/**
 * Keeps a connection: opens one, opens another when it ends, waits in between as long as it should, and stops when told to.
 *
 * @module
 */

import type { Cancel } from "../clock.ts";
import { closingEvent, connectionTopic, expiringEvent } from "../protocol/events.ts";
import type { Address } from "./address.ts";
import { type Advice, adviceOf, backoff, toAdvice } from "./advice.ts";
import { Backoff, type BackoffOptions } from "./backoff.ts";
import type { Credential } from "./credential.ts";
import type { Environment, WebSocketLike } from "./environment.ts";
import { isRecord } from "./error.ts";
import type { Incoming } from "./frame.ts";
import { Link, type LinkOptions } from "./link.ts";
import { openSocket } from "./opening.ts";
import { probe } from "./probe.ts";
import { type Refreshed, Renewal } from "./renewal.ts";
import { onWake } from "./wake.ts";

/**
 * `idle`: nothing has been asked of it yet. `connecting`: on its way, the credential included. `open`. `waiting`: for the next
 * attempt. `refused`: the server wants no further attempts. `closed`: by the program, or because nobody is signed in.
 */
export type ClientState = "idle" | "connecting" | "open" | "waiting" | "refused" | "closed";

/** Where a client stands. A new object at every change. */
export interface ClientStatus {
  readonly state: ClientState;
  /**
   * Why it isn't open: the server's reason, `network`, `close_<code>`, `credential_unavailable` (the provider threw, or took
   * too long), `signed_out`, `closed`; `null` where nothing went wrong.
   */
  readonly reason: string | null;
}

/** What a dialer tells. */
export interface DialerEvents {
  opened(link: Link): void;
  lost(): void;
  message(incoming: Incoming): void;
  /** Nobody is signed in. */
  signedOut(): void;
  refreshed(refreshed: Refreshed): void;
  changed(status: ClientStatus): void;
}

/** Options of {@link Dialer}. */
export interface DialerOptions extends Pick<LinkOptions, "heartbeatMs" | "nextRef"> {
  readonly address: Address;
  readonly credential: Credential;
  readonly environment: Environment;
  readonly backoff: Pick<BackoffOptions, "baseMs" | "capMs">;
  readonly timeoutMs: number;
}

/** Open for so long, a connection has proved itself. */
const stableMs = 10_000;
/** How long a page that wakes up waits for a sign of life. */
const wakeCheckMs = 5_000;

export class Dialer {
  readonly #options: DialerOptions;
  readonly #events: DialerEvents;
  readonly #backoff: Backoff;
  #status: ClientStatus = { state: "idle", reason: null };
  /** What is under way: asking for a credential, opening, asking why not. Aborted, none of it goes on. */
  #attempt: AbortController | null = null;
  #link: Link | null = null;
  #renewal: Renewal | null = null;
  /** Why the last connection ended. */
  #trouble: Advice | null = null;
  /** What the server said before it closes. */
  #farewell: Advice | null = null;
  #notBefore = 0;
  #cancelTimer: Cancel = () => {};
  #stopWaking: Cancel | null = null;

  constructor(options: DialerOptions, events: DialerEvents) {
    this.#options = options;
    this.#events = events;
    this.#backoff = new Backoff({ ...options.backoff, random: options.environment.random });
  }

  get status(): ClientStatus {
    return this.#status;
  }

  get link(): Link | null {
    return this.#link;
  }

  get renewal(): Renewal | null {
    return this.#renewal;
  }

  /** Connects, unless it is about to. */
  connect(): void {
    if (this.#attempt !== null || this.#link !== null) return;
    this.#stopWaking ??= onWake(() => this.#wake());
    void this.#dial();
  }

  /** Stops for good: whatever is on its way comes to nothing, and the credential is forgotten. */
  stop(state: "refused" | "closed", reason: string): void {
    this.#options.credential.forget();
    this.#cancelTimer();
    this.#stopWaking?.();
    this.#stopWaking = null;
    this.#attempt?.abort();
    this.#attempt = null;
    this.#link?.close();
    this.#drop();
    this.#trouble = null;
    this.#become(state, reason);
  }

  /** The connection is good for something. */
  proved(): void {
    this.#backoff.reset();
    this.#options.credential.proved();
    this.#trouble = null;
  }

  async #dial(): Promise<void> {
    const { credential, environment, address } = this.#options;
    this.#cancelTimer();
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#become("connecting", this.#trouble?.reason ?? null);
    if (attempt.signal.aborted) return;
    const reauth = this.#trouble?.retry === "reauth";
    const answer = await credential.ask(this.#trouble?.reason ?? null, reauth, attempt.signal);
    if (attempt.signal.aborted) return;
    if (answer.kind === "signed_out") return this.#events.signedOut();
    // With the same trouble: whoever is asked next should know of it.
    if (answer.kind === "unavailable") return this.#follow(backoff("credential_unavailable"), this.#trouble);
    const { token } = answer;
    credential.use(token);
    openSocket(environment, address, token, attempt.signal, (socket) => {
      if (socket !== null) return this.#opened(socket);
      void probe(environment, address.probeUrl, token, attempt.signal).then((advice) => {
        if (!attempt.signal.aborted) this.#follow(advice);
      });
    });
  }

  #opened(socket: WebSocketLike): void {
    const { environment, credential, heartbeatMs, nextRef, timeoutMs } = this.#options;
    const { clock } = environment;
    const link = new Link(
      socket,
      { clock, heartbeatMs, nextRef },
      {
        message: (incoming) => this.#receive(incoming),
        lost: (closeCode) => {
          const advice = this.#farewell ?? adviceOf(closeCode);
          this.#drop();
          this.#follow(advice);
        },
      },
    );
    this.#attempt = null;
    this.#link = link;
    const signedOut = (): void => this.#events.signedOut();
    const refreshed = (given: Refreshed): void => this.#events.refreshed(given);
    this.#renewal = new Renewal({ link, credential, environment, timeoutMs, signedOut, refreshed });
    this.#cancelTimer = clock.after(stableMs, () => this.proved());
    this.#events.opened(link);
    if (this.#link === link) this.#become("open", null);
  }

  #receive(incoming: Incoming): void {
    if (incoming.topic !== connectionTopic) return this.#events.message(incoming);
    if (incoming.event === closingEvent) this.#farewell = toAdvice(incoming.payload);
    if (incoming.event === expiringEvent) {
      const inMs = isRecord(incoming.payload) ? incoming.payload["inMs"] : undefined;
      this.#renewal?.expiring(typeof inMs === "number" ? inMs : 0);
    }
  }

  /** Forgets the connection that is gone. */
  #drop(): void {
    this.#cancelTimer();
    this.#renewal?.end();
    this.#renewal = null;
    this.#farewell = null;
    if (this.#link === null) return;
    this.#link = null;
    this.#events.lost();
  }

  /** There is no connection: does as advised. `trouble` is what the provider will be told. */
  #follow(advice: Advice, trouble: Advice | null = advice): void {
    const { credential, environment } = this.#options;
    this.#attempt = null;
    const again = advice.retry === "reauth" ? credential.refused(advice.reason) : advice.retry !== "never";
    if (!again) return this.stop("refused", advice.reason);
    this.#trouble = trouble ?? advice;
    this.#notBefore = environment.clock.now() + advice.afterMs;
    this.#cancelTimer = environment.clock.after(this.#backoff.next(advice.afterMs), () => void this.#dial());
    this.#become("waiting", advice.reason);
  }

  /** Doesn't wait any longer, unless the server asked for it; and doesn't trust a connection that slept. */
  #wake(): void {
    if (this.#link !== null) return this.#link.check(wakeCheckMs);
    if (this.#attempt !== null || this.#options.environment.clock.now() < this.#notBefore) return;
    void this.#dial();
  }

  #become(state: ClientState, reason: string | null): void {
    if (state === this.#status.state && reason === this.#status.reason) return;
    this.#status = { state, reason };
    this.#events.changed(this.#status);
  }
}
