/** Engine.IO 4 and Socket.IO 5 packets: one digit each for the kind, then an acknowledgement id, then JSON. */
import { echoEvent, isPayload, messageEvent, sayEvent } from "../scenario.ts";
import type { Dialect } from "./dialect.ts";

export const socketIo: Dialect = {
  path: () => "/socket.io/?EIO=4&transport=websocket",
  headers: () => [],
  hello: () => undefined,
  joining(text, token, room) {
    if (text.startsWith("0")) {
      return { send: `40${JSON.stringify({ token })}` };
    }
    if (text.startsWith("40")) {
      return { send: `421${JSON.stringify(["join", room])}` };
    }
    return text.startsWith("431") ? "joined" : text.startsWith("44") ? "refused" : "wait";
  },
  keepAlive: (text) => (text === "2" ? "3" : undefined),
  echo: (ref, payload) => `42${ref}${JSON.stringify([echoEvent, payload])}`,
  echoed(text, ref) {
    const start = `43${ref}[`;
    const payload = text.startsWith(start) ? JSON.parse(text.slice(start.length - 1))[0] : undefined;
    return isPayload(payload) ? payload : undefined;
  },
  say: (payload, room) => `42${JSON.stringify([sayEvent, room, payload])}`,
  broadcasted(text) {
    if (!text.startsWith("42[")) {
      return undefined;
    }
    const [event, payload] = JSON.parse(text.slice(2));
    return event === messageEvent && isPayload(payload) ? payload : undefined;
  },
};
