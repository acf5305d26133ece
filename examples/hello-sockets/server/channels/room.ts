import { accept, reject } from "portcullis";
import { definePresence, type Presences } from "portcullis/presence";
import { z } from "zod";
import type { UserSocket } from "../sockets/user.ts";

const roomName = /^[a-z0-9-]{1,32}$/;

const speaker = z.object({ id: z.string(), name: z.string() });

/** Who is in which room, by user id: one entry for each of their tabs. */
const presence = definePresence<{ name: string }>();

/** A room for everyone who is signed in. */
export function defineRoomChannel(userSocket: UserSocket) {
  return userSocket
    .channel("room:{name}", {
      in: { say: z.object({ text: z.string().trim().min(1).max(280) }) },
      out: {
        said: z.object({ from: speaker, text: z.string(), at: z.number() }),
        entered: speaker,
        left: speaker,
        presence_state: z.custom<Presences<{ name: string }>>(),
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
        // It ends with the channel, however that ends. Everybody hears of both by `presence_diff`.
        presence.track(channel, userId, { name });
        channel.push("presence_state", presence.list(channel));
      },
    })
    .leave((_reason, channel) => {
      const { userId, name } = channel.assigns;
      channel.broadcastFrom("left", { id: userId, name });
    });
}
