/** Portcullis as its README has it: a signed token at the edge, one channel, defaults everywhere. */
import { defineEndpoint, defineSocket, type ListenOptions, signedToken } from "portcullis";
import {
  benchSecretKeyBase,
  messageEvent,
  type Payload,
  roomTopic,
  tokenMaxAgeSeconds,
  tokenSalt,
} from "../scenario.ts";
import type { ServerUnderTest } from "./server.ts";

const userSocket = defineSocket({
  authenticate: signedToken({ salt: tokenSalt, maxAgeSeconds: tokenMaxAgeSeconds }),
  connect({ identity }) {
    return { userId: identity.subject };
  },
  id: (assigns) => `users:${assigns.userId}`,
});

const roomChannel = userSocket.channel("room:{name}", { authorize: "everyone" }).on({
  echo: (payload) => payload,
  say(payload, channel) {
    channel.broadcast(messageEvent, payload as Payload);
  },
});

export function startPortcullis(): Promise<ServerUnderTest> {
  return openPortcullis({});
}

export async function openPortcullis(options: Pick<ListenOptions, "workers">): Promise<ServerUnderTest> {
  const endpoint = defineEndpoint({
    url: { host: "127.0.0.1" },
    secretKeyBase: benchSecretKeyBase,
    sockets: { "/socket": { socket: userSocket, channels: [roomChannel] } },
  });
  const listening = await endpoint.listen({ port: 0, host: "127.0.0.1", ...options });
  return {
    port: listening.port,
    publish(payload) {
      endpoint.broadcast(roomTopic, messageEvent, payload);
    },
    close: () => endpoint.close(),
  };
}
