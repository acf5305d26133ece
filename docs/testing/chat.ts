import { accept, type Clock, defineEndpoint, defineSocket, reject, signedToken, silentLogger } from "portcullis";
import { z } from "zod";

const socket = defineSocket({
  authenticate: signedToken({ salt: "user socket", maxAgeSeconds: 86_400 }),
  connect: ({ identity }) => ({ userId: identity.subject }),
  id: ({ userId }) => `users:${userId}`,
});

const room = socket
  .channel("room:{name}", {
    in: { say: z.object({ text: z.string().max(200) }), think: z.object({ text: z.string() }) },
    out: { said: z.object({ text: z.string(), by: z.string() }), tick: z.object({ count: z.number() }) },
    authorize: (channel) => channel.topicParams.name !== "secret" || channel.assigns.userId === "ada",
    join(_params, channel) {
      if (channel.topicParams.name === "attic") return reject("room full", { max: 0 });
      return accept({ reply: { you: channel.assigns.userId }, assigns: { ticks: 0 } });
    },
  })
  .on({
    say({ text }, channel) {
      channel.broadcast("said", { text, by: channel.assigns.userId });
      return { ok: true };
    },
    think() {},
  })
  .info({
    tick(_message, channel) {
      channel.assign({ ticks: channel.assigns.ticks + 1 });
      channel.push("tick", { count: channel.assigns.ticks });
    },
  });

export function chat(options: { readonly clock?: Clock } = {}) {
  return defineEndpoint({
    secretKeyBase: "not the one of production, but as long as one".padEnd(64, "."),
    logger: silentLogger,
    sockets: { "/socket": { socket, channels: [room] } },
    ...options,
  });
}
