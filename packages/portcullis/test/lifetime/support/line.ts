/** One client, over either transport and in either version: the same questions for all of them. */

import { Buffer } from "node:buffer";
import { afterwards } from "../../security/support/arena.ts";
import { type HandshakeOptions, knock, type RawClient, type RawResponse } from "../../security/support/raw.ts";
import { ask, Poller } from "../../support/poller.ts";

/** A message without its join ref, which V1 doesn't have. */
export type Told = readonly [ref: unknown, topic: unknown, event: unknown, payload: unknown];

export interface Line {
  send(ref: unknown, topic: string, event: string, payload: unknown): Promise<void>;
  /** The next so many messages. */
  take(count: number): Promise<readonly Told[]>;
  /** Everything up to the end, and the close code where the transport has one. */
  rest(): Promise<{ readonly told: readonly Told[]; readonly closeCode: number | null }>;
}

export const kinds = [
  { transport: "websocket", vsn: "2.0.0" },
  { transport: "websocket", vsn: "1.0.0" },
  { transport: "longpoll", vsn: "2.0.0" },
  { transport: "longpoll", vsn: "1.0.0" },
] as const;
export type Kind = (typeof kinds)[number];

/** How phoenix.js sends its token: a subprotocol, or a header over long-poll. */
export function bearer(token: string): string {
  return `Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.${Buffer.from(token).toString("base64").replace(/=+$/, "")}`;
}

/** Knocks on the WebSocket's door. Hangs up after the test. */
export async function tryToConnect(
  port: number,
  token: string | null,
  options: HandshakeOptions = {},
): Promise<RawClient> {
  const headers = [...(token === null ? [] : [bearer(token)]), ...(options.headers ?? [])];
  const client = await knock(port, { ...options, headers });
  afterwards(() => client.destroy());
  return client;
}

/** How somebody is answered who asks without wanting to come in: the status, and nothing else. */
export async function statusFor(port: number, token: string | null): Promise<RawResponse["status"]> {
  const client = await tryToConnect(port, token);
  client.destroy();
  return client.status;
}

export async function connect(port: number, token: string, { transport, vsn }: Kind = kinds[0]): Promise<Line> {
  const write = (ref: unknown, topic: string, event: string, payload: unknown): string =>
    JSON.stringify(vsn === "2.0.0" ? [null, ref, topic, event, payload] : { topic, event, ref, payload });
  const read = (message: unknown): Told => {
    if (Array.isArray(message)) return [message[1], message[2], message[3], message[4]];
    const { ref, topic, event, payload } = message as Record<string, unknown>;
    return [ref, topic, event, payload];
  };
  if (transport === "longpoll") {
    const path = `/socket/longpoll?vsn=${vsn}`;
    const poller = await Poller.open(port, { path, headers: { "x-phoenix-authtoken": token } });
    return new PollingLine(poller, write, read, { port, path });
  }
  const client = await tryToConnect(port, token, { path: `/socket/websocket?vsn=${vsn}` });
  if (client.status !== 101) throw new Error(`Expected to be let in, got ${client.status}.`);
  return new SocketLine(client, write, read);
}

type Write = (ref: unknown, topic: string, event: string, payload: unknown) => string;
type Read = (message: unknown) => Told;

class SocketLine implements Line {
  readonly #client: RawClient;
  readonly #write: Write;
  readonly #read: Read;
  #taken = 0;

  constructor(client: RawClient, write: Write, read: Read) {
    this.#client = client;
    this.#write = write;
    this.#read = read;
  }

  async send(ref: unknown, topic: string, event: string, payload: unknown): Promise<void> {
    this.#client.send(this.#write(ref, topic, event, payload));
  }

  async take(count: number): Promise<readonly Told[]> {
    const end = this.#taken + count;
    await this.#client.until(() => this.#client.messages.length >= end, `${count} messages were there`);
    return this.#takeUpTo(end);
  }

  async rest(): Promise<{ told: readonly Told[]; closeCode: number | null }> {
    const closeCode = await this.#client.closed();
    return { told: this.#takeUpTo(this.#client.messages.length), closeCode };
  }

  #takeUpTo(end: number): readonly Told[] {
    const told = this.#client.messages.slice(this.#taken, end).map(this.#read);
    this.#taken = end;
    return told;
  }
}

class PollingLine implements Line {
  readonly #poller: Poller;
  readonly #write: Write;
  readonly #read: Read;
  readonly #address: { readonly port: number; readonly path: string };
  #waiting: Told[] = [];

  constructor(poller: Poller, write: Write, read: Read, address: { readonly port: number; readonly path: string }) {
    this.#poller = poller;
    this.#write = write;
    this.#read = read;
    this.#address = address;
  }

  async send(ref: unknown, topic: string, event: string, payload: unknown): Promise<void> {
    const { status } = await this.#poller.send(this.#write(ref, topic, event, payload)).answer;
    if (status !== 200) throw new Error(`Expected a post to be taken, got ${status}.`);
  }

  async take(count: number): Promise<readonly Told[]> {
    while (this.#waiting.length < count) await this.#fetch();
    return this.#waiting.splice(0, count);
  }

  /** Asked without its credential a session that is gone is not begun anew. */
  async rest(): Promise<{ told: readonly Told[]; closeCode: null }> {
    const { port, path } = this.#address;
    for (;;) {
      const { answer } = ask(port, { path, headers: { "x-phoenix-longpoll-token": this.#poller.token } });
      const { status, raw } = await answer;
      this.#waiting.push(...raw.map((message) => this.#read(JSON.parse(message))));
      if (status === 403) return { told: this.#waiting.splice(0), closeCode: null };
    }
  }

  async #fetch(): Promise<void> {
    const { status, raw } = await this.#poller.poll().answer;
    if (status !== 200) throw new Error(`Expected messages, got ${status}.`);
    this.#waiting.push(...raw.map((message) => this.#read(JSON.parse(message))));
  }
}
