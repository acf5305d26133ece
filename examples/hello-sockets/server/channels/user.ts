import { accept } from "portcullis";
import { z } from "zod";
import type { UserSocket } from "../sockets/user.ts";

/** What concerns one person only, in every tab they have open. */
export function defineUserChannel(userSocket: UserSocket) {
  return userSocket
    .channel("user:{id}", {
      in: { note: z.object({ text: z.string().trim().min(1).max(280) }) },
      out: {
        note: z.object({ text: z.string(), at: z.number() }),
        signed_in: z.object({ at: z.number(), browser: z.string() }),
      },
      // The topic is the client's wish; the assigns are what `connect` found out.
      authorize: (channel) => channel.topicParams.id === channel.assigns.userId,
      join: (_params, channel) => accept({ reply: { name: channel.assigns.name } }),
    })
    .on({
      note({ text }, channel) {
        channel.broadcast("note", { text, at: Date.now() });
        return {};
      },
    });
}
