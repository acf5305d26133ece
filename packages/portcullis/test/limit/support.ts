/** An endpoint with limits, and clients from more than one address. */

import { once } from "node:events";
import { connect } from "node:net";
import { type Clock, defineEndpoint, type Endpoint, type EndpointLimits, type MountOptions } from "../../src/index.ts";
import { afterwards, listener, openSocket, pingChannel, type Said, secretKeyBase } from "../security/support/arena.ts";
import { type HandshakeOptions, knock, type RawClient } from "../security/support/raw.ts";
import { FakeClock } from "../support/clock.ts";

export interface GateOptions {
  readonly limits?: EndpointLimits;
  readonly sockets?: Readonly<Record<string, MountOptions>>;
  /** Merged into the default mount. */
  readonly mount?: Partial<MountOptions>;
  readonly trustedProxies?: readonly string[];
}

export interface Knocking extends HandshakeOptions {
  /** The address of this machine it comes from. */
  readonly from?: string;
  /** The address a proxy says it comes from. */
  readonly forwardedFor?: string;
}

export interface Gate {
  readonly endpoint: Endpoint;
  readonly port: number;
  readonly clock: FakeClock;
  readonly said: readonly Said[];
  /** How often `connect` of the default socket was called. */
  readonly connects: { count: number };
  knock(knocking?: Knocking): Promise<RawClient>;
  /** What was reported under a name. */
  reported(name: string): readonly Record<string, unknown>[];
  /** Resolves as soon as so much was reported under a name. */
  hears(name: string, count?: number): Promise<void>;
}

/** Starts an endpoint whose time stands still. Closed by itself after the test. */
export async function startGate(options: GateOptions = {}): Promise<Gate> {
  const { said, logger } = listener();
  const clock = new FakeClock();
  const connects = { count: 0 };
  const events: { name: string; metadata: Record<string, unknown> }[] = [];
  const waiting: (() => void)[] = [];
  const endpoint = defineEndpoint({
    secretKeyBase,
    sockets: options.sockets ?? defaultSockets(connects, options.mount),
    logger,
    clock: clock as Clock,
    telemetry(name, metadata) {
      events.push({ name, metadata: metadata as Record<string, unknown> });
      for (const wake of waiting.splice(0)) wake();
    },
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.trustedProxies === undefined ? {} : { trustedProxies: options.trustedProxies }),
  } as Parameters<typeof defineEndpoint>[0]) as Endpoint;
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  const clients = new Set<RawClient>();
  afterwards(async () => {
    for (const client of clients) client.destroy();
    await endpoint.close();
  });
  const reported = (name: string): readonly Record<string, unknown>[] =>
    events.filter((event) => event.name === name).map(({ metadata }) => metadata);
  return {
    endpoint,
    port,
    clock,
    said,
    connects,
    async knock({ from = "127.0.0.1", forwardedFor, ...handshake } = {}) {
      const connection = connect({ port, host: "127.0.0.1", localAddress: from });
      connection.on("error", () => {});
      await once(connection, "connect");
      const forwarded = forwardedFor === undefined ? [] : [`X-Forwarded-For: ${forwardedFor}`];
      const headers = [...(handshake.headers ?? []), ...forwarded];
      const client = await knock(port, { ...handshake, headers, connection });
      clients.add(client);
      return client;
    },
    reported,
    async hears(name, count = 1) {
      while (reported(name).length < count) await new Promise<void>((resolve) => void waiting.push(resolve));
    },
  };
}

function defaultSockets(connects: { count: number }, mount: Partial<MountOptions> = {}) {
  const socket = openSocket(connects);
  return { "/socket": { socket, channels: [pingChannel(socket)], ...mount } };
}

/** Statuses of so many handshakes, one after another. */
export async function statuses(gate: Gate, count: number, knocking: Knocking = {}): Promise<readonly number[]> {
  const found: number[] = [];
  for (let index = 0; index < count; index += 1) found.push((await gate.knock(knocking)).status);
  return found;
}
