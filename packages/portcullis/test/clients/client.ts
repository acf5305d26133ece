/** The official client in its released versions, each speaking both versions of the protocol. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Channel, Socket as Phoenix18, type Push, type RawMessage, type SocketOptions } from "phoenix";
import { Socket as Phoenix17 } from "phoenix-1.7";
import { WebSocket } from "ws";
import { Inbox } from "./inbox.ts";

/** One row of the table. */
export interface World {
  readonly name: string;
  readonly Socket: typeof Phoenix18;
  readonly vsn: "1.0.0" | "2.0.0";
}

const { resolve } = createRequire(import.meta.url);

/** The version that is installed, so that no row can claim another. */
function versionOf(name: string): string {
  const manifest = join(resolve(name), "..", "..", "..", "package.json");
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}

/** All rows. The client speaks 2.0.0 by itself and 1.0.0 with an encoder of one's own, as old applications do. */
export const worlds: readonly World[] = [
  { name: "phoenix", Socket: Phoenix18 },
  { name: "phoenix-1.7", Socket: Phoenix17 },
].flatMap(({ name, Socket }) => {
  const client = { name: `phoenix ${versionOf(name)}`, Socket };
  return [
    { ...client, vsn: "2.0.0" as const },
    { ...client, vsn: "1.0.0" as const },
  ];
});

/** Rows where a message says which join it belongs to, and bytes have a form. */
export const worldsInVersion2: readonly World[] = worlds.filter(({ vsn }) => vsn === "2.0.0");

const inVersion1 = {
  vsn: "1.0.0",
  encode: (message: RawMessage, send: (data: string) => void): void => send(JSON.stringify(message)),
  decode: (data: string, take: (message: RawMessage) => void): void => take(JSON.parse(data) as RawMessage),
};

/** A client and what it went through. */
export interface Client {
  readonly socket: Phoenix18;
  /** An entry for each time the connection opened. */
  readonly opens: Inbox<void>;
  /** Close codes. */
  readonly closes: Inbox<number>;
  /** The client's own count of failed attempts, each time it schedules another. */
  readonly attempts: Inbox<number>;
  /** Every message as it came, those for channels that are gone too. */
  readonly messages: Inbox<RawMessage>;
}

const clients: Phoenix18[] = [];

/** Connects a client that loses no time. */
export function connect({ Socket, vsn }: World, url: string, options: SocketOptions = {}): Client {
  const opens = new Inbox<void>();
  const closes = new Inbox<number>();
  const attempts = new Inbox<number>();
  const messages = new Inbox<RawMessage>();
  const socket = new Socket(url, {
    transport: WebSocket,
    rejoinAfterMs: () => 2,
    reconnectAfterMs(tries) {
      attempts.add(tries);
      return 2 * tries;
    },
    ...(vsn === "1.0.0" ? inVersion1 : {}),
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
      const open = conn !== null && conn.readyState !== WebSocket.CLOSED;
      const closed = open ? new Promise((resolve) => conn.once("close", resolve)) : Promise.resolve();
      // Not its callback, which looks whether the connection is closed every 150 ms only.
      socket.disconnect();
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
