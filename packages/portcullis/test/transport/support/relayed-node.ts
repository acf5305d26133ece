// A node of a cluster in a process of its own. Its bus is the channel to whoever started it, who hands texts on.
import { type AdapterEvents, defineEndpoint, defineSocket, type PubSubAdapter } from "../../../src/index.ts";

/** What a node and its relay say to each other. */
export type Relayed =
  | { readonly kind: "ready"; readonly port: number }
  | { readonly kind: "subscribe" | "unsubscribe"; readonly channel: string }
  | { readonly kind: "text"; readonly channel: string; readonly text: string };

const tell = (message: Relayed): void => void process.send?.(message);

const pubsub: PubSubAdapter = {
  connect(events: AdapterEvents) {
    process.on("message", (message: Relayed) => {
      if (message.kind === "text") events.message(message.channel, message.text);
    });
    return {
      subscribe: (channel) => tell({ kind: "subscribe", channel }),
      unsubscribe: (channel) => tell({ kind: "unsubscribe", channel }),
      publish: (channel, text) => tell({ kind: "text", channel, text }),
      close: async () => process.disconnect(),
    };
  },
};

const socket = defineSocket();
const room = socket.channel("room:{name}").on({
  who: () => ({ pid: process.pid }),
  shout(payload, channel) {
    channel.broadcast("shouted", payload as object);
  },
});
const endpoint = defineEndpoint({
  secretKeyBase: "s".repeat(64),
  pubsub,
  sockets: { "/socket": { socket, channels: [room], longpoll: { windowMs: 1_000 } } },
});
const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
tell({ kind: "ready", port });
