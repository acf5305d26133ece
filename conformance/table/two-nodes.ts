// A world of two nodes: connections are shared out between them in turn, as a load balancer does that knows nothing of
// sessions. What the bus carries is delivered in no time, or else what one node says could come after what another does.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import {
  type AdapterEvents,
  createSessionCookies,
  defineEndpoint,
  type Endpoint,
  type PubSubAdapter,
  silentLogger,
} from "portcullis";
import { mounts } from "../reference-server/mounts.ts";
import { createRoutes } from "../reference-server/routes.ts";
import { sessionCookie } from "../reference-server/sockets.ts";

const secretKeyBase = "two nodes of one cluster know one secret, of 64 characters or more in all";

/** A bus in memory. */
function createBus(): PubSubAdapter {
  const nodes = new Map<AdapterEvents, Set<string>>();
  return {
    connect(events) {
      const channels = new Set<string>();
      nodes.set(events, channels);
      return {
        subscribe: (channel) => void channels.add(channel),
        unsubscribe: (channel) => void channels.delete(channel),
        publish(channel, text) {
          queueMicrotask(() => {
            for (const [node, subscribed] of nodes) if (subscribed.has(channel)) node.message(channel, text);
          });
        },
        close: async () => void nodes.delete(events),
      };
    },
  };
}

export interface Node {
  readonly url: string;
  readonly port: number;
  readonly endpoint: Pick<Endpoint, "broadcast" | "localBroadcast" | "disconnect">;
  close(): Promise<void>;
}

async function startNode(pubsub: PubSubAdapter): Promise<Node> {
  const url = { host: "localhost" };
  const endpoint = defineEndpoint({ url, secretKeyBase, sockets: mounts, logger: silentLogger, pubsub });
  const server = createServer(createRoutes(endpoint, createSessionCookies({ secretKeyBase, ...sessionCookie })));
  endpoint.attach(server);
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    endpoint,
    async close() {
      await endpoint.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

export interface TwoNodes {
  /** Of what shares out between them. */
  readonly url: string;
  readonly nodes: readonly [Node, Node];
  close(): Promise<void>;
}

export async function startTwoNodes(): Promise<TwoNodes> {
  const bus = createBus();
  const nodes: readonly [Node, Node] = [await startNode(bus), await startNode(bus)];
  const open = new Set<Socket>();
  let turn = 0;
  const balancer = createTcpServer((client) => {
    const node = connect(nodes[turn++ % 2 === 0 ? 0 : 1].port, "127.0.0.1");
    for (const [one, other] of [
      [client, node],
      [node, client],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  const port = await listen(balancer);
  return {
    url: `http://127.0.0.1:${port}`,
    nodes,
    async close() {
      for (const socket of open) socket.destroy();
      balancer.close();
      await Promise.all(nodes.map((node) => node.close()));
    },
  };
}
