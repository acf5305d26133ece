/**
 * One topic of a test's connection, from its client's end.
 *
 * @module
 */

import type { AnyChannel } from "../channel/channel.ts";
import type { Channel } from "../channel/contract.ts";
import { closeEvent, errorEvent, leaveEvent, replyEvent } from "../protocol/events.ts";
import { brief, failure } from "./brief.ts";
import type { ClientMessage, ServerMessage } from "./client-wire.ts";
import { Inbox } from "./inbox.ts";
import type { TopicListener } from "./listen.ts";
import type { Match } from "./match.ts";
import type {
  HeardEvent,
  HeardPayload,
  JoinReply,
  PushableEvent,
  PushablePayload,
  ReplyPayload,
  ServerChannel,
} from "./types.ts";
import { type Answer, describeReply, type PushRef, wantedEvent, wantedReply } from "./wanted.ts";

/** What a channel needs from the connection it is joined over. */
export interface ChannelLine {
  readonly withinMs: number;
  send(message: ClientMessage): void;
  nextRef(): string;
  /** Resolves when the server is idle, or `enough` says so. */
  settle(enough?: () => boolean): Promise<void>;
  listener(topic: string): TopicListener;
}

/**
 * A joined channel, made by `socket.join(topic)`.
 *
 * Each assertion waits until what it asks for is there, and takes it; whatever it passes over stays for later ones, in
 * whatever order they come.
 *
 * @example
 * ```ts
 * const room = await socket.join("room:lobby");
 * const ref = room.push("say", { text: "hello" });
 * await room.assertReply(ref, "ok");
 * await room.assertPush("said", { text: "hello" });
 * await room.refutePush("error");
 * await room.leave();
 * ```
 */
export class TestChannel<Of extends AnyChannel = AnyChannel> {
  readonly topic: string;
  /** The `join_ref` of everything said on this channel. */
  readonly joinRef: string;
  readonly #line: ChannelLine;
  readonly #pushes: Inbox<ServerMessage>;
  readonly #replies: Inbox<ServerMessage>;
  readonly #ends: Inbox<string>;
  readonly #listener: TopicListener;
  readonly #pushed = new Map<string, string>();
  #state: "joined" | "closed" | "crashed" | "disconnected" = "joined";
  #reply: unknown;
  #server: Channel<unknown, unknown, unknown> | null = null;
  #thrown: unknown;

  constructor(line: ChannelLine, topic: string, joinRef: string) {
    this.#line = line;
    this.topic = topic;
    this.joinRef = joinRef;
    this.#pushes = new Inbox(({ event, payload }) => `push "${event}" ${brief(payload)}`, line.withinMs);
    this.#replies = new Inbox((message) => describeReply(message, this.#pushed), line.withinMs);
    this.#ends = new Inbox((end) => end, line.withinMs);
    this.#listener = line.listener(topic);
    this.#pushed.set(joinRef, "phx_join");
  }

  /** What the join was answered with. */
  get reply(): JoinReply<Of> {
    return this.#reply as JoinReply<Of>;
  }

  /** Whether the server holds the channel joined, as far as its client was told. */
  get joined(): boolean {
    return this.#state === "joined";
  }

  /**
   * The channel as its handlers see it: its assigns, and `send` to put a message into its mailbox.
   *
   * @example
   * ```ts
   * room.server.send("tick");
   * await room.assertPush("ticked");
   * assert.equal(room.server.assigns.ticks, 1);
   * ```
   */
  get server(): ServerChannel<Of> {
    if (this.#server === null) throw new TypeError(`Expected "${this.topic}" to have been joined by this test.`);
    return this.#server as unknown as ServerChannel<Of>;
  }

  /** Pushes as a client does. The ref it returns is what {@link TestChannel.assertReply} asks with. */
  push<Event extends PushableEvent<Of>>(event: Event, ...payload: PushablePayload<Of, Event>): PushRef<Event> {
    return this.#push(event, payload);
  }

  /** Pushes what the channel's types don't allow: an event it doesn't declare, a payload that doesn't fit. */
  pushUnchecked(event: string, payload?: unknown): PushRef {
    return this.#push(event, payload === undefined ? [] : [payload]);
  }

  #push<Event extends string>(event: Event, [payload = {}]: readonly unknown[]): PushRef<Event> {
    const ref = this.#line.nextRef();
    this.#pushed.set(ref, event);
    this.#line.send({ joinRef: this.joinRef, ref, topic: this.topic, event, payload });
    return { ref, event };
  }

  /**
   * Waits for the reply to a push and returns its payload.
   *
   * @throws AssertionError that lists the replies that came instead.
   */
  async assertReply<Event extends string, const Status extends string>(
    { ref, event }: PushRef<Event>,
    status: Status,
    match?: Match<ReplyPayload<Of, Event, Status>>,
  ): Promise<ReplyPayload<Of, Event, Status>> {
    const message = await this.#replies.take(wantedReply({ ref, event }, status, match));
    return (message.payload as Answer).response as ReplyPayload<Of, Event, Status>;
  }

  /** Waits until the server is idle, and throws an AssertionError if the push was answered, with this status or with any. */
  async refuteReply({ ref, event }: PushRef, status?: string): Promise<void> {
    const wanted = wantedReply({ ref, event }, status);
    await this.#line.settle(() => this.#replies.has(wanted));
    this.#replies.refute(wanted);
  }

  /**
   * Waits for what the server sends this client, pushes and broadcasts alike, and returns the payload as it arrives: after
   * JSON.
   *
   * @throws AssertionError that lists what came instead.
   */
  async assertPush<Event extends HeardEvent<Of>>(
    event: Event,
    match?: Match<HeardPayload<Of, Event>>,
  ): Promise<HeardPayload<Of, Event>> {
    return (await this.#pushes.take(wantedEvent("push", this.topic, event, match))).payload as HeardPayload<Of, Event>;
  }

  /** Waits until the server is idle, and throws an AssertionError if this client was sent such a message. */
  async refutePush<Event extends HeardEvent<Of>>(event: Event, match?: Match<HeardPayload<Of, Event>>): Promise<void> {
    const wanted = wantedEvent("push", this.topic, event, match);
    await this.#line.settle(() => this.#pushes.has(wanted));
    this.#pushes.refute(wanted);
  }

  /**
   * Waits for a broadcast on the topic, also one this client doesn't get: by `broadcastFrom`, or intercepted. Returns its
   * payload as it was given to `broadcast`.
   */
  assertBroadcast(event: HeardEvent<Of>, match?: Match<unknown>): Promise<unknown> {
    return this.#listener.assertBroadcast(event, match);
  }

  /** Waits until the server is idle, and throws an AssertionError if there was such a broadcast on the topic. */
  refuteBroadcast(event: HeardEvent<Of>, match?: Match<unknown>): Promise<void> {
    return this.#listener.refuteBroadcast(event, match);
  }

  /** Leaves, and waits until the channel's leave hook has run. Leaving again is harmless. */
  async leave(): Promise<void> {
    const { joined } = this;
    const ref = this.#push(leaveEvent, []);
    if (joined) {
      await this.assertReply(ref, "ok");
      await this.assertClosed();
    }
    await this.#line.settle();
  }

  /** Waits for `phx_close`: the channel ended by itself, was left, or was joined again. */
  async assertClosed(): Promise<void> {
    await this.#assertEnd("closed", closeEvent);
  }

  /** Waits for `phx_error`: a handler threw, or the channel stopped with an error. Clients would join again. */
  async assertCrashed(): Promise<void> {
    await this.#assertEnd("crashed", errorEvent);
  }

  /** Waits until the server is idle, and throws an AssertionError if the channel ended, however it did. */
  async refuteClosed(): Promise<void> {
    await this.#line.settle(() => this.#state !== "joined");
    if (this.#state !== "joined") throw failure(`Expected "${this.topic}" to go on; it ${this.#ended}.`, this.#thrown);
  }

  async #assertEnd(state: "closed" | "crashed", event: string): Promise<void> {
    if (this.#state === state) return;
    const expected = `"${this.topic}" to end with ${event}`;
    const end = await this.#ends.take({ expected, mismatch: (came) => (came === state ? null : "") });
    this.#ends.add(end);
  }

  get #ended(): string {
    const why = { closed: "was closed", crashed: "crashed", disconnected: "lost its connection", joined: "goes on" };
    return why[this.#state];
  }

  // --- what the connection tells ------------------------------------------------------------------------------------

  /** @internal */
  "~answered"(reply: unknown): void {
    this.#reply = reply;
  }

  /** @internal */
  "~entered"(server: Channel<unknown, unknown, unknown>): void {
    this.#server = server;
  }

  /** @internal */
  "~threw"(error: unknown): void {
    this.#thrown = error;
  }

  /** @internal */
  "~received"(message: ServerMessage): void {
    if (message.event === replyEvent) this.#replies.add(message);
    else if (message.event === closeEvent) this.#over("closed");
    else if (message.event === errorEvent) this.#over("crashed");
    else this.#pushes.add(message);
  }

  /** @internal */
  "~disconnected"(why: string): void {
    this.#over("disconnected", why);
    this.#pushes.end(why);
    this.#listener.stop();
  }

  #over(state: "closed" | "crashed" | "disconnected", said?: string): void {
    if (this.#state !== "joined") return;
    this.#state = state;
    this.#ends.add(state);
    const thrown = this.#thrown === undefined ? "" : `: ${brief(this.#thrown)}`;
    const why = said ?? (state === "crashed" ? `the channel crashed${thrown}` : `the channel ${this.#ended}`);
    this.#ends.end(why, this.#thrown);
    this.#replies.end(why, this.#thrown);
    // A leave hook may still push after `phx_close`.
    if (state !== "closed") this.#pushes.end(why, this.#thrown);
  }
}
