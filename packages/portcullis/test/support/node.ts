/** One node of a cluster, with long-poll on `/socket`. Closed by itself after the test. */

import {
  type Clock,
  defineEndpoint,
  type Endpoint,
  type LongPollOptions,
  type MountOptions,
  type PubSubAdapter,
} from "../../src/index.ts";
import { afterwards, listener, openSocket, pingChannel, type Said, secretKeyBase } from "../security/support/arena.ts";

export interface NodeOptions {
  readonly pubsub?: PubSubAdapter;
  readonly clock?: Clock;
  readonly longpoll?: LongPollOptions;
  readonly sockets?: Readonly<Record<string, MountOptions>>;
  readonly secretKeyBase?: string | readonly string[];
}

export interface Node {
  readonly endpoint: Endpoint;
  readonly port: number;
  readonly said: readonly Said[];
  readonly events: readonly { readonly name: string; readonly metadata: Record<string, unknown> }[];
  /** What was reported under a name. */
  reported(name: string): readonly Record<string, unknown>[];
}

export async function startNode(options: NodeOptions = {}): Promise<Node> {
  const { said, logger } = listener();
  const events: { name: string; metadata: Record<string, unknown> }[] = [];
  const socket = openSocket();
  const endpoint = defineEndpoint({
    secretKeyBase: options.secretKeyBase ?? secretKeyBase,
    sockets: options.sockets ?? {
      "/socket": { socket, channels: [pingChannel(socket)], longpoll: options.longpoll ?? true },
    },
    logger,
    telemetry: (name, metadata) => void events.push({ name, metadata: metadata as Record<string, unknown> }),
    ...(options.pubsub === undefined ? {} : { pubsub: options.pubsub }),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  } as Parameters<typeof defineEndpoint>[0]) as Endpoint;
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  afterwards(() => endpoint.close());
  return {
    endpoint,
    port,
    said,
    events,
    reported: (name) => events.filter((event) => event.name === name).map(({ metadata }) => metadata),
  };
}
