/**
 * The client: connects, joins, pushes and hears, with a credential that is asked for whenever one is needed.
 *
 * @module
 */

import { type ConnectParams, toAddress } from "./address.ts";
import { Backoff } from "./backoff.ts";
import { type ChannelHost, type ClientChannel, Handle, notConnected } from "./channel.ts";
import type { CheckedTopic, ShapeAt, TopicsOf } from "./contract.ts";
import { Credential, type TokenProvider } from "./credential.ts";
import { type ClientStatus, Dialer } from "./dialer.ts";
import { type Environment, environmentWith } from "./environment.ts";
import { PushError } from "./error.ts";
import { Listeners } from "./listeners.ts";
import { type Holder, Membership, type MembershipHost } from "./membership.ts";
import type { Refreshed } from "./renewal.ts";

export type { ConnectParams } from "./address.ts";
export type { ClientChannel, PushOptions } from "./channel.ts";
export type { ClientShape, PresenceEvents, ShapeAt, TopicsOf, UntypedShape } from "./contract.ts";
export type { TokenProvider, TokenRequest } from "./credential.ts";
export type { ClientState, ClientStatus } from "./dialer.ts";
export type { Environment, FetchLike, WebSocketClass, WebSocketLike } from "./environment.ts";
export { ChannelError, type FailureCode, PushError } from "./error.ts";
export type { ChannelState, ChannelStatus } from "./membership.ts";
export type { Refreshed } from "./renewal.ts";

/** Options of {@link createClient}. */
export interface ClientOptions extends Partial<Environment> {
  /**
   * Gives the credential, at once or later: awaited before every attempt to connect, and for every refresh. It travels in a
   * subprotocol, never in the URL. Without it the client connects with none.
   */
  readonly token?: TokenProvider;
  /** Goes along in the URL's query. */
  readonly params?: ConnectParams;
  /** How long a join, a push or a refresh waits for its reply, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
  /** How often to look whether the server is there, in milliseconds. Default 30,000; the server gives up after 60,000. */
  readonly heartbeatMs?: number;
  /** How many pushes of one channel may wait for its join. Default 100. */
  readonly pushesMax?: number;
  /** The first delay before reconnecting is a random part of this, in milliseconds; it doubles each time. Default 1,000. */
  readonly retryBaseMs?: number;
  /** Where the doubling ends, in milliseconds. Default 30,000. */
  readonly retryCapMs?: number;
}

/** A connection that is kept, and the channels on it. `Mount` is the type of the mounted socket. */
export interface Client<Mount = unknown> {
  readonly status: ClientStatus;
  /** Calls `listener` at every change of {@link Client.status}. Returns how to stop. */
  onStatus(listener: (status: ClientStatus) => void): () => void;
  /**
   * Calls `listener` whenever the credential was renewed over the open connection, with until when it is good and which topics
   * it has no right to any more. Returns how to stop.
   */
  onRefreshed(listener: (refreshed: Refreshed) => void): () => void;
  /** A handle of a topic. Cheap, and does nothing until it is joined. */
  channel<const Topic extends TopicsOf<Mount>>(
    topic: Topic & CheckedTopic<Mount, Topic>,
  ): ClientChannel<ShapeAt<Mount, Topic>>;
  /** Connects: the first join does it too. After `refused`, signing in or `close` it begins anew. */
  connect(): void;
  /**
   * Asks for a new credential and hands it to the server over the open connection, as happens by itself before the current one
   * lapses. Channels it has no right to are closed. Rejects with a PushError, and changes nothing then.
   */
  refresh(): Promise<Refreshed>;
  /**
   * Forgets the credential and ends everything: connection, channels, what waits to be sent, and whatever the provider still
   * answers. Nothing that is sent afterwards holds the old token. {@link Client.connect} signs in again.
   */
  signOut(): void;
  /** Ends connection and channels. */
  close(): void;
}

/**
 * Makes a client of one mounted socket. It connects with the first join.
 *
 * @example
 * ```ts
 * const client = createClient<App["/socket"]>("wss://example.com/socket", { token: () => fetchToken() });
 * const user = client.channel("user:42");
 * const { unread } = await user.join();
 * ```
 *
 * @throws TypeError for an address that is none, a param called `token`, and where there is no WebSocket.
 */
export function createClient<Mount = unknown>(url: string, options: ClientOptions = {}): Client<Mount> {
  const client: Client = new ConnectedClient(url, options);
  return client as Client<Mount>;
}

class ConnectedClient implements Client, ChannelHost {
  readonly timeoutMs: number;
  readonly #environment: Environment;
  readonly #dialer: Dialer;
  readonly #memberships = new Map<string, Membership>();
  readonly #statusListeners = new Listeners<ClientStatus>();
  readonly #refreshedListeners = new Listeners<Refreshed>();
  readonly #pushesMax: number;
  readonly #delays: { readonly baseMs: number; readonly capMs: number };
  #lastRef = 0;

  constructor(url: string, options: ClientOptions) {
    const address = toAddress(url, options.params ?? {});
    this.timeoutMs = options.timeoutMs ?? 10_000;
    this.#pushesMax = options.pushesMax ?? 100;
    this.#delays = { baseMs: options.retryBaseMs ?? 1_000, capMs: options.retryCapMs ?? 30_000 };
    this.#environment = environmentWith(options);
    this.#dialer = new Dialer(
      {
        address,
        credential: new Credential(options.token ?? null, this.#environment.clock),
        environment: this.#environment,
        backoff: this.#delays,
        timeoutMs: this.timeoutMs,
        heartbeatMs: options.heartbeatMs ?? 30_000,
        nextRef: () => String(++this.#lastRef),
      },
      {
        opened: () => this.#each((membership) => membership.join()),
        lost: () => this.#each((membership) => membership.disconnected()),
        message: (incoming) => this.#memberships.get(incoming.topic)?.receive(incoming),
        signedOut: () => this.signOut(),
        refreshed: (refreshed) => this.#refreshedListeners.tell(refreshed),
        changed: (status) => this.#changed(status),
      },
    );
  }

  get status(): ClientStatus {
    return this.#dialer.status;
  }

  onStatus(listener: (status: ClientStatus) => void): () => void {
    return this.#statusListeners.add(listener);
  }

  onRefreshed(listener: (refreshed: Refreshed) => void): () => void {
    return this.#refreshedListeners.add(listener);
  }

  channel(topic: string): ClientChannel {
    return new Handle(this, topic) as ClientChannel;
  }

  connect(): void {
    this.#dialer.connect();
  }

  async refresh(): Promise<Refreshed> {
    const { renewal, status } = this.#dialer;
    if (renewal !== null) return renewal.refresh();
    const reason = status.reason ?? status.state;
    throw new PushError("Refreshing the credential", { code: "closed", reason });
  }

  signOut(): void {
    this.#stop("signed_out");
  }

  close(): void {
    this.#stop("closed");
  }

  enter(topic: string, params: () => unknown, holder: Holder): Membership {
    const known = this.#memberships.get(topic);
    if (known !== undefined) {
      known.hold(holder);
      return known;
    }
    const { state, reason } = this.#dialer.status;
    if (state === "refused" || state === "closed") throw notConnected(topic, reason ?? state);
    const membership = new Membership(this.#hostOf(), topic, params);
    this.#memberships.set(topic, membership);
    membership.hold(holder);
    membership.join();
    this.#dialer.connect();
    return membership;
  }

  #hostOf(): MembershipHost {
    const dialer = this.#dialer;
    return {
      clock: this.#environment.clock,
      timeoutMs: this.timeoutMs,
      pushesMax: this.#pushesMax,
      get link() {
        return dialer.link;
      },
      rejoining: new Backoff({ ...this.#delays, random: this.#environment.random }),
      joined: () => dialer.proved(),
      ended: (membership) => {
        if (this.#memberships.get(membership.topic) === membership) this.#memberships.delete(membership.topic);
      },
    };
  }

  #stop(reason: string): void {
    const memberships = [...this.#memberships.values()];
    // Whoever hears of this may connect and join again at once; those are others.
    this.#memberships.clear();
    this.#dialer.stop("closed", reason);
    for (const membership of memberships) membership.end({ code: "closed", reason });
  }

  #changed(status: ClientStatus): void {
    // Nobody is going to answer them. What had been joined is joined again, should the program connect once more.
    if (status.state === "refused") {
      const failure = { code: "closed", reason: status.reason ?? "refused" } as const;
      this.#each((membership) => {
        if (membership.status.state === "joining") membership.end(failure);
      });
    }
    this.#statusListeners.tell(status);
  }

  #each(task: (membership: Membership) => void): void {
    for (const membership of [...this.#memberships.values()]) task(membership);
  }
}
