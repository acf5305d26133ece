/** Where credentials are given out, and an endpoint that believes them. Closed by itself after the test. */

import type { AuthenticateRequest, Identity } from "../../../src/auth/authenticator.ts";
import type { CredentialStore } from "../../../src/auth/store.ts";
import type { Endpoint, MountOptions } from "../../../src/index.ts";
import { defineEndpoint, defineSocket } from "../../../src/index.ts";
import { reject } from "../../../src/outcome.ts";
import type { PubSubAdapter } from "../../../src/pubsub/adapter.ts";
import { afterwards, listener, type Said, secretKeyBase } from "../../security/support/arena.ts";
import { FakeClock } from "../../support/clock.ts";
import { atOnce, Exchange } from "../../support/exchange.ts";
import { epoch, hourMs } from "./lives.ts";

/** What comes of a credential: somebody, or whatever else an authenticator may do. */
type Outcome = Partial<Identity> | ((request: AuthenticateRequest) => unknown);

/** Gives out tokens, and knows them again. */
export class Desk {
  readonly #known = new Map<string, Outcome>();
  /** Who was asked about, in order. */
  readonly asked: string[] = [];
  readonly clock: FakeClock;
  #count = 0;

  constructor(clock: FakeClock = new FakeClock(epoch)) {
    this.clock = clock;
  }

  /** A token of somebody, for an hour from now where nothing else is said. */
  issue(outcome: Outcome = {}): string {
    this.#count += 1;
    const token = `token-of-the-desk-${this.#count}`;
    this.#known.set(token, outcome);
    const now = this.clock.now();
    if (typeof outcome === "object")
      this.#known.set(token, {
        authenticator: "desk",
        issuer: "here",
        tenant: "acme",
        subject: "ada",
        tokenId: `id-${this.#count}`,
        keyId: null,
        issuedAt: now,
        expiresAt: now + hourMs,
        ...outcome,
      });
    return token;
  }

  readonly authenticate = Object.assign(
    (request: AuthenticateRequest): Identity => {
      const { credential } = request;
      if (credential === null) return reject("missing") as never;
      this.asked.push(credential);
      const outcome = this.#known.get(credential) ?? (() => reject("invalid"));
      return (typeof outcome === "function" ? outcome(request) : outcome) as Identity;
    },
    { maxAgeMs: hourMs },
  );
}

/** What `connect` does beside saying who it is. */
export type OnConnect = (request: {
  readonly identity: Identity;
  readonly params: unknown;
  readonly info: unknown;
}) => unknown;

/** A socket whose assigns say who it is, and what they may. Rooms may be joined by those whose claims name them. */
export function deskSocket(desk: Desk, onConnect: OnConnect = () => {}) {
  const socket = defineSocket({
    authenticate: desk.authenticate,
    async connect(request) {
      const { subject, tokenId, claims } = request.identity;
      const own = await onConnect(request as never);
      if (own !== undefined) return own as never;
      return { subject, tokenId, may: (claims as readonly string[] | undefined) ?? ["a", "b"] };
    },
    id: ({ subject }) => `users:${subject}`,
  });
  const room = socket
    .channel("room:{id}", { authorize: ({ topicParams, assigns }) => assigns.may.includes(topicParams.id) })
    .on({
      who: (_payload, { assigns }) => ({ subject: assigns.subject, tokenId: assigns.tokenId }),
      shout(payload, channel) {
        const { topic, event } = payload as { topic: string; event: string };
        channel.endpoint.broadcast(topic, event, payload as object);
      },
    });
  return { socket, channels: [room] };
}

export interface OpenOptions {
  readonly desk?: Desk;
  readonly onConnect?: OnConnect;
  readonly mount?: Partial<MountOptions>;
  readonly store?: CredentialStore;
  readonly pubsub?: PubSubAdapter;
  readonly secretKeyBase?: string;
  /** Sockets in place of the desk's. */
  readonly sockets?: Readonly<Record<string, MountOptions>>;
}

/** One node. */
export interface Office {
  readonly desk: Desk;
  readonly clock: FakeClock;
  readonly endpoint: Endpoint;
  readonly port: number;
  readonly said: readonly Said[];
  readonly events: readonly { readonly name: string; readonly metadata: unknown }[];
  reported(name: string): readonly unknown[];
}

export async function open(options: OpenOptions = {}): Promise<Office> {
  const { desk = new Desk(), onConnect, mount = {}, store, pubsub } = options;
  const { said, logger } = listener();
  const events: { name: string; metadata: unknown }[] = [];
  const sockets = options.sockets ?? { "/socket": { ...deskSocket(desk, onConnect), longpoll: true, ...mount } };
  const endpoint = defineEndpoint({
    secretKeyBase: options.secretKeyBase ?? secretKeyBase,
    sockets,
    logger,
    clock: desk.clock,
    telemetry: (name, metadata) => void events.push({ name, metadata }),
    ...(store === undefined ? {} : { store }),
    ...(pubsub === undefined ? {} : { pubsub }),
  } as Parameters<typeof defineEndpoint>[0]) as Endpoint;
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  afterwards(() => endpoint.close());
  return {
    desk,
    clock: desk.clock,
    endpoint,
    port,
    said,
    events,
    reported: (name) => events.filter((event) => event.name === name).map(({ metadata }) => metadata),
  };
}

/** Two nodes of one cluster that give out, and believe, the same tokens. */
export async function cluster(
  options: OpenOptions = {},
): Promise<{ desk: Desk; here: Office; there: Office; exchange: Exchange }> {
  const desk = options.desk ?? new Desk();
  const exchange = new Exchange(atOnce);
  const here = await open({ ...options, desk, pubsub: exchange.adapter() });
  const there = await open({ ...options, desk, pubsub: exchange.adapter() });
  return { desk, here, there, exchange };
}
