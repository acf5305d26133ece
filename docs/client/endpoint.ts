import { accept, defineEndpoint, defineSocket, type SocketsOf, signedToken } from "portcullis";
import { z } from "zod";

const userSocket = defineSocket({
  authenticate: signedToken({ salt: "user socket", maxAgeSeconds: 600 }),
  connect: ({ identity }) => ({ userId: identity.subject }),
});

const userChannel = userSocket
  .channel("user:{id}", {
    params: z.object({ since: z.coerce.date().optional() }),
    in: { rename: z.object({ name: z.string().min(1) }) },
    out: { renamed: z.object({ name: z.string() }) },
    authorize: (channel) => channel.topicParams.id === channel.assigns.userId,
    join: () => accept({ reply: { unread: 3, lastSeen: new Date(0) } }),
  })
  .on({
    rename({ name }, channel) {
      channel.broadcast("renamed", { name });
      return { ok: true };
    },
  });

export const endpoint = defineEndpoint({
  secretKeyBase: process.env["SECRET_KEY_BASE"] ?? "",
  sockets: { "/socket": { socket: userSocket, channels: [userChannel] } },
});

export type App = SocketsOf<typeof endpoint>;
