/**
 * A bus for the endpoints of one process: several nodes in one test.
 *
 * @module
 */

import type { AdapterEvents, AdapterLink, PubSubAdapter } from "../pubsub/adapter.ts";

/** What {@link memoryBus} makes. */
export interface MemoryBus extends PubSubAdapter {
  /** How many nodes are on it. */
  readonly nodeCount: number;
  /** Takes the bus away from every node, as when its server is gone. What is published meanwhile is lost. */
  cut(): void;
  /** Gives it back. */
  heal(): void;
}

/**
 * Makes a bus that joins every endpoint it is given to. It delivers asynchronously, as one over a network would, and keeps
 * the order of everything published.
 *
 * @example
 * ```ts
 * const bus = memoryBus();
 * const [here, there] = [defineEndpoint({ pubsub: bus, …app }), defineEndpoint({ pubsub: bus, …app })];
 * const room = await (await connect(there, "/socket")).join("room:lobby");
 * here.broadcast("room:lobby", "said", { text: "hello" });
 * await room.assertPush("said");
 * ```
 */
export function memoryBus(): MemoryBus {
  const nodes = new Set<Node>();
  let up = true;
  const tell = (status: "up" | "down"): void => {
    up = status === "up";
    for (const { events } of [...nodes]) events.status(status);
  };
  return {
    get nodeCount() {
      return nodes.size;
    },
    connect(events): AdapterLink {
      const node: Node = { events, channels: new Set() };
      nodes.add(node);
      const deliver = (channel: string, text: string): void => {
        for (const other of [...nodes]) {
          if (other !== node && other.channels.has(channel)) other.events.message(channel, text);
        }
      };
      void Promise.resolve().then(() => nodes.has(node) && up && events.status("up"));
      return {
        subscribe: (channel) => void node.channels.add(channel),
        unsubscribe: (channel) => void node.channels.delete(channel),
        publish(channel, text) {
          if (up && nodes.has(node)) void Promise.resolve().then(() => deliver(channel, text));
        },
        async close() {
          nodes.delete(node);
        },
      };
    },
    cut: () => {
      if (up) tell("down");
    },
    heal: () => {
      if (!up) tell("up");
    },
  };
}

interface Node {
  readonly events: AdapterEvents;
  readonly channels: Set<string>;
}
