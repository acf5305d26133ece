import { accept, reject } from "portcullis";
import { z } from "zod";
import type { PassSocket } from "../sockets/pass.ts";

const chimeMs = 1_000;

/** A room with a clock in it, so that one can hear whether one is still there. */
export function defineChamberChannel(passSocket: PassSocket) {
  return passSocket
    .channel("chamber:{name}", {
      out: { chime: z.object({ at: z.number() }) },
      // Asked when somebody joins, and again whenever they hand over a new pass.
      authorize: ({ assigns, topicParams }) =>
        assigns.chambers.includes(topicParams.name) || reject("your right was taken away"),
      join(_params, channel) {
        channel.send("chime");
        return accept({});
      },
    })
    .info({
      chime(_message, channel) {
        channel.push("chime", { at: Date.now() });
        // To a channel that has ended nothing is sent, so the clock stops with it.
        setTimeout(() => channel.send("chime"), chimeMs).unref();
      },
    });
}
