/** One client of the table, connected, and what happened to it. */
import type { Channel, Push, RawMessage, Socket, SocketOptions } from "phoenix";
import { WebSocket } from "ws";
import { Inbox } from "./inbox.ts";
import type { World } from "./world.ts";

const inVersion1 = {
  vsn: "1.0.0",
  encode: (message: RawMessage, send: (data: string) => void): void => send(JSON.stringify(message)),
  decode: (data: string, take: (message: RawMessage) => void): void => take(JSON.parse(data) as RawMessage),
};

/** A client and what it went through. */
export interface Client {
  readonly socket: Socket;
  /** An entry for each time the connection opened. */
  readonly opens: Inbox<void>;
  /** Close codes. */
  readonly closes: Inbox<number>;
  /** The client's own count of failed attempts, each time it schedules another. */
  readonly attempts: Inbox<number>;
  /** Every message as it came, those for channels that are gone too. */
  readonly messages: Inbox<RawMessage>;
}

const clients: Socket[] = [];

/** Connects a client that loses no time. */
export function connect(world: World, url: string, options: SocketOptions = {}): Client {
  const opens = new Inbox<void>();
  const closes = new Inbox<number>();
  const attempts = new Inbox<number>();
  const messages = new Inbox<RawMessage>();
  const socket = new world.Socket(url, {
    transport: WebSocket,
    rejoinAfterMs: () => 2,
    reconnectAfterMs(tries) {
      attempts.add(tries);
      // Where this is the delay for rejoining as well, the client joins again whenever it has passed without an answer.
      const rejoins = !world.can.has("rejoinAfterMs") && socket.channels.length > 0;
      return rejoins ? 250 : 2 * tries;
    },
    ...(world.ownEncoder ? inVersion1 : {}),
    ...options,
  });
  socket.onOpen(() => opens.add());
  socket.onClose(({ code }) => closes.add(code));
  socket.onMessage((message) => messages.add(message));
  socket.connect();
  clients.push(socket);
  return { socket, opens, closes, attempts, messages };
}

/** Ends every client of this file for good. For `afterEach`: one that is left would come back for ever. */
export async function disconnectAll(): Promise<void> {
  await Promise.all(
    clients.splice(0).map((socket) => {
      const { conn } = socket;
      const open = conn instanceof WebSocket && conn.readyState !== WebSocket.CLOSED;
      const closed = open ? new Promise((resolve) => conn.once("close", resolve)) : Promise.resolve();
      // Not its callback, which looks whether the connection is closed every 150 ms only.
      socket.disconnect();
      // phoenix_js forgets it.
      socket.reconnectTimer.reset();
      return closed;
    }),
  );
}

/** How a push or a join ended. */
export interface Answer {
  readonly status: string;
  readonly response: unknown;
}

/** Every answer to a push, in order: a join is answered again at every rejoin. */
export function answers(push: Push): Inbox<Answer> {
  const inbox = new Inbox<Answer>();
  for (const status of ["ok", "error", "timeout", "queued"]) {
    push.receive(status, (response) => inbox.add({ status, response }));
  }
  return inbox;
}

/** The first answer to a push. */
export function answer(push: Push): Promise<Answer> {
  return answers(push).next();
}

/** Everything a channel gets with this event. */
export function received(channel: Channel, event: string): Inbox<unknown> {
  const inbox = new Inbox<unknown>();
  channel.on(event, (payload) => inbox.add(payload));
  return inbox;
}

/** A channel that has been joined; its joins go on being recorded. */
export async function joined(
  { socket }: Client,
  topic: string,
  params: object = {},
): Promise<{ readonly channel: Channel; readonly joins: Inbox<Answer> }> {
  const channel = socket.channel(topic, params);
  const joins = answers(channel.join());
  const first = await joins.next();
  if (first.status !== "ok") throw new Error(`Expected to join ${topic}, got ${JSON.stringify(first)}.`);
  return { channel, joins };
}
