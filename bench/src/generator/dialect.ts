/** The protocols the generator speaks: how to get into the room, how to ask for an echo, what a message looks like. */
import { echoEvent, isPayload, messageEvent, type Payload, roomTopic } from "../scenario.ts";

export type DialectName = "phoenix" | "plain" | "socket.io";

/** What to do with a text that came before the room was joined: send something, wait, or be in. */
export type JoinStep = { readonly send: string } | "wait" | "joined" | "refused";

export interface Dialect {
  path(token: string): string;
  /** Header lines beyond those every upgrade has. */
  headers(token: string): readonly string[];
  /** Sent as soon as the upgrade is through; `undefined` where the server speaks first. */
  hello(): string | undefined;
  joining(text: string, token: string): JoinStep;
  /** Answer to a housekeeping text of a joined connection. */
  keepAlive(text: string): string | undefined;
  echo(ref: number, payload: Payload): string;
  /** The payload of an echo's reply with this ref. */
  echoed(text: string, ref: number): Payload | undefined;
  broadcasted(text: string): Payload | undefined;
}

const phoenix: Dialect = {
  path: () => "/socket/websocket?vsn=2.0.0",
  headers: (token) => [
    `Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.${Buffer.from(token).toString("base64url")}`,
  ],
  hello: () => JSON.stringify(["1", "1", roomTopic, "phx_join", {}]),
  joining(text) {
    const [, ref, , event, payload] = JSON.parse(text);
    if (event !== "phx_reply" || ref !== "1") {
      return "wait";
    }
    return payload.status === "ok" ? "joined" : "refused";
  },
  keepAlive: () => undefined,
  echo: (ref, payload) => JSON.stringify(["1", String(ref), roomTopic, echoEvent, payload]),
  echoed(text, expectedRef) {
    const [, ref, topic, event, payload] = JSON.parse(text);
    const fits = topic === roomTopic && event === "phx_reply" && ref === String(expectedRef);
    return fits && payload.status === "ok" ? payloadOf(payload.response) : undefined;
  },
  broadcasted(text) {
    const [, , topic, event, payload] = JSON.parse(text);
    return topic === roomTopic && event === messageEvent ? payloadOf(payload) : undefined;
  },
};

const plain: Dialect = {
  path: (token) => `/?token=${encodeURIComponent(token)}`,
  headers: () => [],
  hello: () => JSON.stringify({ type: "join", id: 1, room: roomTopic }),
  joining: (text) => (JSON.parse(text).type === "joined" ? "joined" : "refused"),
  keepAlive: () => undefined,
  echo: (ref, payload) => JSON.stringify({ type: "echo", id: ref, room: roomTopic, payload }),
  echoed(text, ref) {
    const message = JSON.parse(text);
    return message.type === "reply" && message.id === ref ? payloadOf(message.payload) : undefined;
  },
  broadcasted(text) {
    const message = JSON.parse(text);
    return message.type === "message" && message.room === roomTopic ? payloadOf(message.payload) : undefined;
  },
};

/** Engine.IO 4 and Socket.IO 5 packets: one digit each for the kind, then an acknowledgement id, then JSON. */
const socketIo: Dialect = {
  path: () => "/socket.io/?EIO=4&transport=websocket",
  headers: () => [],
  hello: () => undefined,
  joining(text, token) {
    if (text.startsWith("0")) {
      return { send: `40${JSON.stringify({ token })}` };
    }
    if (text.startsWith("40")) {
      return { send: `421${JSON.stringify(["join", roomTopic])}` };
    }
    return text.startsWith("431") ? "joined" : text.startsWith("44") ? "refused" : "wait";
  },
  keepAlive: (text) => (text === "2" ? "3" : undefined),
  echo: (ref, payload) => `42${ref}${JSON.stringify([echoEvent, payload])}`,
  echoed(text, ref) {
    const start = `43${ref}[`;
    return text.startsWith(start) ? payloadOf(JSON.parse(text.slice(start.length - 1))[0]) : undefined;
  },
  broadcasted(text) {
    if (!text.startsWith("42[")) {
      return undefined;
    }
    const [event, payload] = JSON.parse(text.slice(2));
    return event === messageEvent ? payloadOf(payload) : undefined;
  },
};

export const dialects: Record<DialectName, Dialect> = { phoenix, plain, "socket.io": socketIo };

function payloadOf(value: unknown): Payload | undefined {
  return isPayload(value) ? value : undefined;
}
