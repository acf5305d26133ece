/** The protocols the generator speaks: how to get into a room, how to ask for an echo, how to talk to the room, what a message looks like. */
import { echoEvent, isPayload, messageEvent, type Payload, sayEvent } from "../scenario.ts";
import { socketIo } from "./socket-io-dialect.ts";

export type DialectName = "phoenix" | "phoenix-app" | "plain" | "upgrade-only" | "socket.io";

/** What to do with a text that came before the room was joined: send something, wait, or be in. */
export type JoinStep = { readonly send: string } | "wait" | "joined" | "refused";

export interface Dialect {
  /** `mount` is where the server has its socket, for those that may be elsewhere than at their usual place. */
  path(token: string, mount?: string): string;
  /** Header lines beyond those every upgrade has. */
  headers(token: string): readonly string[];
  /** The upgrade is all there is: nothing is joined. */
  readonly joinedByUpgrade?: true;
  /** Sent as soon as the upgrade is through; `undefined` where the server speaks first. */
  hello(room: string): string | undefined;
  joining(text: string, token: string, room: string): JoinStep;
  /** Answer to a housekeeping text of a joined connection. */
  keepAlive(text: string): string | undefined;
  echo(ref: number, payload: Payload, room: string): string;
  /** The payload of an echo's reply with this ref. */
  echoed(text: string, ref: number): Payload | undefined;
  /** For everybody in the room, the speaker included. */
  say(payload: Payload, room: string): string;
  broadcasted(text: string): Payload | undefined;
}

interface PhoenixNames {
  path: Dialect["path"];
  headers: Dialect["headers"];
  topic(room: string): string;
  readonly say: string;
  readonly said: string;
}

function phoenixDialect(names: PhoenixNames): Dialect {
  return {
    path: names.path,
    headers: names.headers,
    hello: (room) => JSON.stringify(["1", "1", names.topic(room), "phx_join", {}]),
    joining(text) {
      const [, ref, , event, payload] = JSON.parse(text);
      if (event !== "phx_reply" || ref !== "1") {
        return "wait";
      }
      return payload.status === "ok" ? "joined" : "refused";
    },
    keepAlive: () => undefined,
    echo: (ref, payload, room) => JSON.stringify(["1", String(ref), names.topic(room), echoEvent, payload]),
    echoed(text, expectedRef) {
      const [, ref, , event, payload] = JSON.parse(text);
      const fits = event === "phx_reply" && ref === String(expectedRef) && payload.status === "ok";
      return fits ? payloadOf(payload.response) : undefined;
    },
    say: (payload, room) => JSON.stringify(["1", "2", names.topic(room), names.say, payload]),
    broadcasted(text) {
      const [, , , event, payload] = JSON.parse(text);
      return event === names.said ? payloadOf(payload) : undefined;
    },
  };
}

const phoenix = phoenixDialect({
  path: () => "/socket/websocket?vsn=2.0.0",
  headers: (token) => [
    `Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.${Buffer.from(token).toString("base64url")}`,
  ],
  topic: (room) => room,
  say: sayEvent,
  said: messageEvent,
});

/** The reference application of conformance/, whose channels were there first. */
const phoenixApp = phoenixDialect({
  path: (token, mount = "/socket") => `${mount}/websocket?vsn=2.0.0&token=${encodeURIComponent(token)}`,
  headers: () => [],
  topic: (room) => room.replace(/^room:/, "echo:"),
  say: "shout",
  said: "shout",
});

const plain: Dialect = {
  path: (token) => `/?token=${encodeURIComponent(token)}`,
  headers: () => [],
  hello: (room) => JSON.stringify({ type: "join", id: 1, room }),
  joining: (text) => (JSON.parse(text).type === "joined" ? "joined" : "refused"),
  keepAlive: () => undefined,
  echo: (ref, payload, room) => JSON.stringify({ type: "echo", id: ref, room, payload }),
  echoed(text, ref) {
    const message = JSON.parse(text);
    return message.type === "reply" && message.id === ref ? payloadOf(message.payload) : undefined;
  },
  say: (payload, room) => JSON.stringify({ type: "say", room, payload }),
  broadcasted(text) {
    const message = JSON.parse(text);
    return message.type === "message" ? payloadOf(message.payload) : undefined;
  },
};

const upgradeOnly: Dialect = { ...phoenix, joinedByUpgrade: true, hello: () => undefined };

export const dialects: Record<DialectName, Dialect> = {
  phoenix,
  "phoenix-app": phoenixApp,
  plain,
  "upgrade-only": upgradeOnly,
  "socket.io": socketIo,
};

function payloadOf(value: unknown): Payload | undefined {
  return isPayload(value) ? value : undefined;
}
