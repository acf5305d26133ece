// What a case holds in its hands: a connection that counts its refs, and a topic joined over it.
import { deepStrictEqual } from "node:assert/strict";
import { decode, encode, type Message, type Vsn } from "./message.ts";
import type { Open, Sight, Target, Wire } from "./wire.ts";

/** There is nobody to talk to: nothing can be said of the server. */
export class Unreachable extends Error {}

export interface ClientOptions {
  readonly vsn: Vsn;
  /** How long the server may take for what it has to do at once. */
  readonly patienceMs: number;
}

/** What is expected of a message. Version 1 has no `joinRef`: there it counts that it is missing. */
export type Expected = Message;

export class Client {
  readonly vsn: Vsn;
  /** The sub-protocol the server chose, if any. */
  protocol: string | null = null;
  readonly #patienceMs: number;
  readonly #wire: Wire;
  readonly #seen: Sight[] = [];
  #wake: () => void = () => {};
  #ignored: (message: Message) => boolean = () => false;
  #refs = 0;
  // Away from the refs, so that a server that mixes the two up is found out.
  #joinRefs = 10;

  constructor(open: Open, target: Target, { vsn, patienceMs }: ClientOptions) {
    this.vsn = vsn;
    this.#patienceMs = patienceMs;
    this.#wire = open(target, (sight) => {
      if (sight.type === "frame" && this.#isIgnored(sight)) return;
      this.#seen.push(sight);
      this.#wake();
    });
  }

  /** The answer to the attempt to connect. */
  async opened(): Promise<Extract<Sight, { type: "open" | "refused" }>> {
    const sight = await this.#next("an answer to the attempt to connect");
    if (sight.type === "unreachable") throw new Unreachable(sight.message);
    if (sight.type === "open") this.protocol = sight.protocol;
    if (sight.type === "open" || sight.type === "refused") return sight;
    throw new Error(`Expected an answer to the attempt to connect, got ${show(sight)}.`);
  }

  /** From now on such messages don't come: those of other cases, on a topic all share. */
  ignore(matches: (message: Message) => boolean): void {
    this.#ignored = matches;
  }

  newRef(): string {
    return String(++this.#refs);
  }

  newJoinRef(): string {
    return String(++this.#joinRefs);
  }

  send(message: Message): void {
    this.#wire.send(encode(this.vsn, message));
  }

  /** Sends what may be no message at all. */
  sendFrame(frame: string | Buffer): void {
    this.#wire.send(frame);
  }

  /** Joins and expects to be let in. */
  async join(topic: string, payload: unknown = {}, response: unknown = {}): Promise<Room> {
    const { room, ref } = this.sendJoin(topic, payload);
    await room.expectReply(ref, "ok", response);
    return room;
  }

  /** Joins, whatever comes of it. */
  sendJoin(topic: string, payload: unknown = {}): { room: Room; ref: string } {
    const room = new Room(this, topic, this.newJoinRef());
    return { room, ref: room.push("phx_join", payload) };
  }

  /** The next message, whatever it is. */
  async next(): Promise<Message> {
    return this.#message("a message");
  }

  /** The next message has to be this one. */
  async expect(expected: Expected): Promise<void> {
    const wanted = this.vsn === 1 ? { ...expected, joinRef: undefined } : expected;
    deepStrictEqual(await this.#message(show(wanted)), wanted);
  }

  /** The next messages have to be these, in any order. */
  async expectAll(expected: readonly Expected[]): Promise<void> {
    const missing = expected.map((each) => (this.vsn === 1 ? { ...each, joinRef: undefined } : each));
    while (missing.length > 0) {
      const message = await this.#message(show(missing));
      const at = missing.findIndex((each) => equal(each, message));
      if (at < 0) throw new Error(`Expected one of ${show(missing)}, got ${show(message)}.`);
      missing.splice(at, 1);
    }
  }

  /** Nothing has come but the answer to a heartbeat that is sent now: what the server had said before would be first. */
  async expectNothing(): Promise<void> {
    const ref = `heartbeat-${this.newRef()}`;
    this.send({ joinRef: null, ref, topic: "phoenix", event: "heartbeat", payload: {} });
    await this.expect(heartbeatReply(ref));
  }

  /** The next thing to happen is the end. */
  async expectClosed(...codes: readonly number[]): Promise<void> {
    const code = await this.closed();
    if (code !== "gone" && !codes.includes(code)) throw new Error(`Expected close ${codes.join(" or ")}, got ${code}.`);
  }

  /** A close code, or `gone` for a long-poll session. `patienceMs` is for what takes its time. */
  async closed(patienceMs?: number): Promise<number | "gone"> {
    const sight = await this.#next("the end of the connection", patienceMs);
    if (sight.type === "closed") return sight.code;
    throw new Error(`Expected the end of the connection, got ${show(sight)}.`);
  }

  leave(): void {
    this.#wire.leave();
  }

  kill(): void {
    this.#wire.kill();
  }

  #isIgnored(sight: Extract<Sight, { type: "frame" }>): boolean {
    try {
      return this.#ignored(decode(this.vsn, sight.frame));
    } catch {
      return false;
    }
  }

  async #message(wanted: string): Promise<Message> {
    const sight = await this.#next(wanted);
    if (sight.type !== "frame") throw new Error(`Expected ${wanted}, got ${show(sight)}.`);
    return decode(this.vsn, sight.frame);
  }

  async #next(wanted: string, patienceMs = this.#patienceMs): Promise<Sight> {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const sight = this.#seen.shift();
      if (sight !== undefined) return sight;
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) throw new Error(`Expected ${wanted}, got nothing in ${patienceMs} ms.`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** A topic, under the join_ref it was joined with. */
export class Room {
  readonly client: Client;
  readonly topic: string;
  readonly joinRef: unknown;

  constructor(client: Client, topic: string, joinRef: unknown) {
    this.client = client;
    this.topic = topic;
    this.joinRef = joinRef;
  }

  /** Sends and returns the ref it was sent with. */
  push(event: string, payload: unknown = {}, ref: string = this.client.newRef()): string {
    this.client.send({ joinRef: this.joinRef, ref, topic: this.topic, event, payload });
    return ref;
  }

  /** Sends, and expects this reply next. */
  async ask(event: string, payload: unknown, response: unknown, status = "ok"): Promise<void> {
    await this.expectReply(this.push(event, payload), status, response);
  }

  /** Sends, expects a reply of status ok next, and returns what is in it. */
  async read(event: string, payload: unknown = {}): Promise<unknown> {
    const ref = this.push(event, payload);
    const message = await this.client.next();
    const { status, response } = (message.payload ?? {}) as { readonly status?: unknown; readonly response?: unknown };
    deepStrictEqual(
      { ...message, payload: status },
      {
        joinRef: this.client.vsn === 1 ? undefined : this.joinRef,
        ref,
        topic: this.topic,
        event: "phx_reply",
        payload: "ok",
      },
    );
    return response;
  }

  expectReply(ref: unknown, status: string, response: unknown): Promise<void> {
    const payload = { status, response };
    return this.client.expect({ joinRef: this.joinRef, ref, topic: this.topic, event: "phx_reply", payload });
  }

  /** What the channel pushed to this client. */
  expectPush(event: string, payload: unknown): Promise<void> {
    return this.client.expect({ joinRef: this.joinRef, ref: null, topic: this.topic, event, payload });
  }

  expectBroadcast(event: string, payload: unknown): Promise<void> {
    return this.client.expect(broadcast(this.topic, event, payload));
  }

  /** The channel has ended as it should. */
  expectClose(): Promise<void> {
    return this.client.expect(this.close());
  }

  /** The channel has crashed. */
  expectError(): Promise<void> {
    return this.client.expect({ ...this.close(), event: "phx_error", payload: { reason: "channel_crash" } });
  }

  close(): Expected {
    return { joinRef: this.joinRef, ref: this.joinRef, topic: this.topic, event: "phx_close", payload: {} };
  }

  /** Nobody is joined: what is sent to the topic is answered so. */
  async expectUnmatched(): Promise<void> {
    const ref = this.push("echo");
    await this.client.expect(unmatched(this.topic, ref));
  }
}

export function broadcast(topic: string, event: string, payload: unknown): Expected {
  return { joinRef: null, ref: null, topic, event, payload };
}

export function unmatched(topic: string, ref: unknown): Expected {
  const payload = { status: "error", response: { reason: "unmatched topic" } };
  return { joinRef: null, ref, topic, event: "phx_reply", payload };
}

export function heartbeatReply(ref: unknown): Expected {
  return { joinRef: null, ref, topic: "phoenix", event: "phx_reply", payload: { status: "ok", response: {} } };
}

function equal(one: unknown, other: unknown): boolean {
  try {
    deepStrictEqual(one, other);
    return true;
  } catch {
    return false;
  }
}

const show = (value: unknown): string => JSON.stringify(value);
