import { accept, reject } from "portcullis";
import { z } from "zod";
import type { UserSocket } from "../sockets/user.ts";

const roomName = /^[a-z0-9-]{1,32}$/;

const speaker = z.object({ id: z.string(), name: z.string() });

/** A room for everyone who is signed in. */
export function defineRoomChannel(userSocket: UserSocket) {
  return userSocket
    .channel("room:{name}", {
      in: { say: z.object({ text: z.string().trim().min(1).max(280) }) },
      out: {
        said: z.object({ from: speaker, text: z.string(), at: z.number() }),
        entered: speaker,
        left: speaker,
      },
      authorize: "everyone",
      join(_params, channel) {
        if (!roomName.test(channel.topicParams.name)) return reject("no such room");
        // Not joined yet, so nothing can be broadcast from here. A message to oneself is handled after the reply.
        channel.send("announce");
        return accept({ reply: { room: channel.topicParams.name } });
      },
    })
    .on({
      say({ text }, channel) {
        // Who speaks comes from the connection. A name in the payload would be whatever the client likes.
        const { userId, name } = channel.assigns;
        channel.broadcast("said", { from: { id: userId, name }, text, at: Date.now() });
        return {};
      },
    })
    .info({
      announce(_message, channel) {
        const { userId, name } = channel.assigns;
        channel.broadcastFrom("entered", { id: userId, name });
      },
    })
    .leave((_reason, channel) => {
      const { userId, name } = channel.assigns;
      channel.broadcastFrom("left", { id: userId, name });
    });
}
