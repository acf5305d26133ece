import { publicSocket } from "../sockets/public.ts";

/** The smallest channel: one topic, one event, one reply. */
export const pingChannel = publicSocket.channel("ping", {}).on({
  ping: () => ({ serverTime: Date.now() }),
});
