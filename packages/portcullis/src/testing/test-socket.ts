/**
 * A connection of a test, from its client's end: no network, but every frame is written and read as on one.
 *
 * @module
 */

import type { Endpoint } from "../endpoint.ts";
import type { CloseCode } from "../errors.ts";
import { closeEvent, errorEvent, joinEvent, replyEvent } from "../protocol/events.ts";
import type { FrameData } from "../protocol/message.ts";
import type { Activity, LocalConnection, LocalPeer } from "../transport/local.ts";
import { brief, failure } from "./brief.ts";
import { decodeMessage, encodeMessage, type ServerMessage, type Vsn } from "./client-wire.ts";
import { type Closing, closingOf, describeClosing, JoinRefused } from "./ending.ts";
import { Inbox } from "./inbox.ts";
import { TopicListener } from "./listen.ts";
import { describeMatch, type Match, mismatch } from "./match.ts";
import { settle } from "./settle.ts";
import { type ChannelLine, TestChannel } from "./test-channel.ts";
import type { AnyMount, AssignsAt, ChannelAt, ErrorPayload, JoinPayload, TopicsAt } from "./types.ts";
import type { Answer } from "./wanted.ts";

/**
 * An admitted connection, made by `connect`.
 *
 * @example
 * ```ts
 * const socket = await connect(endpoint, "/socket", { token });
 * const room = await socket.join("room:lobby");
 * endpoint.disconnect("users:42");
 * await socket.assertClosed("disconnected");
 * ```
 */
export class TestSocket<Mount extends AnyMount = AnyMount> {
  readonly #endpoint: Endpoint;
  readonly #vsn: Vsn;
  readonly #withinMs: number;
  readonly #channels = new Map<string, TestChannel>();
  /** Who gets what says no `join_ref`. */
  readonly #current = new Map<string, TestChannel>();
  readonly #joins = new Map<string, Inbox<ServerMessage>>();
  readonly #owners = new Map<string, TestChannel>();
  readonly #rest: Inbox<ServerMessage>;
  readonly #closings: Inbox<Closing>;
  readonly #unsent: FrameData[] = [];
  #line: LocalConnection | null = null;
  #paused = false;
  #closing: Closing | null = null;
  #refs = 0;

  constructor(endpoint: Endpoint, options: { readonly vsn: Vsn; readonly withinMs: number }) {
    this.#endpoint = endpoint;
    this.#vsn = options.vsn;
    this.#withinMs = options.withinMs;
    this.#rest = new Inbox(({ topic, event, payload }) => `"${topic}" "${event}" ${brief(payload)}`, this.#withinMs);
    this.#closings = new Inbox((closing) => describeClosing(closing), this.#withinMs);
  }

  /** What `connect` decided to remember. */
  get assigns(): AssignsAt<Mount> {
    return this.#connection.assigns as AssignsAt<Mount>;
  }

  /** What the socket's `id` returned, or `null`. */
  get id(): string | null {
    return this.#connection.socketId;
  }

  /** False once either side has ended it. */
  get open(): boolean {
    return this.#closing === null;
  }

  /**
   * Joins, and waits for the answer. Joining a topic again replaces the channel, as in a client that does so.
   *
   * @throws JoinRefused when the answer is no, AssertionError when there is none.
   */
  async join<const Topic extends TopicsAt<Mount>>(
    topic: Topic,
    ...payload: JoinPayload<ChannelAt<Mount, Topic>>
  ): Promise<TestChannel<ChannelAt<Mount, Topic>>> {
    const { channel, answer } = await this.#join(topic, payload[0]);
    if (answer.status !== "ok") throw new JoinRefused(topic, answer.response as ErrorPayload);
    return channel as unknown as TestChannel<ChannelAt<Mount, Topic>>;
  }

  /**
   * Joins a topic that is to be refused, and returns why. Takes any topic and any payload.
   *
   * @example
   * ```ts
   * assert.deepEqual(await socket.refused("room:secret"), { reason: "unauthorized" });
   * ```
   *
   * @throws AssertionError when the join is accepted.
   */
  async refused(topic: string, payload?: unknown): Promise<ErrorPayload> {
    const { channel, answer } = await this.#join(topic, payload);
    if (answer.status === "error") return answer.response as ErrorPayload;
    await channel.leave();
    throw failure(`Expected joining "${topic}" to be refused; it was answered "ok" ${brief(answer.response)}.`);
  }

  async #join(topic: string, payload: unknown = {}): Promise<{ channel: TestChannel; answer: Answer }> {
    const ref = this.#nextRef();
    const channel = new TestChannel(this.#channelLine(), topic, ref);
    this.#channels.set(ref, channel);
    const answered = new Inbox<ServerMessage>(() => "", this.#withinMs);
    this.#joins.set(ref, answered);
    this.send(encodeMessage(this.#vsn, { joinRef: ref, ref, topic, event: joinEvent, payload }));
    if (!this.open) answered.end(`the connection is closed: ${describeClosing(this.#closing)}`);
    const expected = `joining "${topic}" to be answered`;
    const message = await answered.take({ expected, mismatch: () => null }).finally(() => this.#joins.delete(ref));
    const answer = message.payload as Answer;
    if (answer.status !== "ok") {
      this.#channels.delete(ref);
      channel["~disconnected"]("the join was refused");
    }
    return { channel, answer };
  }

  /** Sends a frame as it is: one that is no message, a message no client would send. */
  send(frame: string | Uint8Array): void {
    if (!this.open) return;
    if (this.#paused) this.#unsent.push(frame);
    else this.#line?.receive(frame);
  }

  /**
   * Waits for a message that belongs to no channel of this test: the reply to a heartbeat, or to what was sent with
   * {@link TestSocket.send}.
   *
   * @example
   * ```ts
   * socket.send(JSON.stringify([null, "9", "phoenix", "heartbeat", {}]));
   * await socket.assertMessage({ ref: "9", payload: { status: "ok" } });
   * ```
   */
  assertMessage(match: Match<ServerMessage>): Promise<ServerMessage> {
    return this.#rest.take({
      expected: `a message like ${describeMatch(match)}`,
      mismatch: (message) => mismatch(message, match),
    });
  }

  /** Hangs up, and waits until the channels' leave hooks have run. Closing again is harmless. */
  async close(): Promise<void> {
    this.#line?.hangUp();
    await this.#settle();
  }

  /**
   * Waits until the server ends the connection, for the reason given: a close code, or its name in the table of errors.
   *
   * @throws AssertionError for another one, and when it stays open.
   */
  async assertClosed(code?: number | CloseCode): Promise<Closing> {
    const closing = await this.#closings.take({
      expected: `the connection to be closed${code === undefined ? "" : ` with ${code}`}`,
      mismatch: (came) => (code === undefined || code === came.code || code === came.closeCode ? null : ""),
    });
    this.#closings.add(closing);
    return closing;
  }

  /** Waits until the server is idle, and throws an AssertionError if the connection has ended. */
  async refuteClosed(): Promise<void> {
    await this.#settle(() => !this.open);
    if (!this.open) throw failure(`Expected the connection to stay open; it was ${describeClosing(this.#closing)}.`);
  }

  #settle(enough?: () => boolean): Promise<void> {
    return settle(this.#activity, enough);
  }

  #nextRef(): string {
    this.#refs += 1;
    return String(this.#refs);
  }

  get #activity(): Activity {
    return this.#endpoint["~local"].activity;
  }

  get #connection(): LocalConnection["connection"] {
    if (this.#line === null) throw new TypeError("Expected a connection that was let in.");
    return this.#line.connection;
  }

  #channelLine(): ChannelLine {
    return {
      withinMs: this.#withinMs,
      nextRef: () => this.#nextRef(),
      settle: (enough) => this.#settle(enough),
      listener: (topic) => new TopicListener(this.#endpoint, topic, this.#withinMs),
      send: (message) => {
        const channel = this.#channels.get(String(message.joinRef));
        if (channel !== undefined) this.#owners.set(String(message.ref), channel);
        this.send(encodeMessage(this.#vsn, message));
      },
    };
  }

  // --- the server's end ---------------------------------------------------------------------------------------------

  /** @internal */
  "~opened"(line: LocalConnection): void {
    this.#line = line;
  }

  /** @internal */
  get "~peer"(): LocalPeer {
    const channelOf = (handle: { readonly topic: string; readonly joinRef: unknown }): TestChannel | undefined =>
      this.#channels.get(String(handle.joinRef));
    return {
      write: (data) => this.#received(decodeMessage(this.#vsn, data)),
      writeShared: ({ data }) => this.#received(decodeMessage(this.#vsn, data)),
      close: () => {},
      pause: () => {
        this.#paused = true;
      },
      // Not inside of the handler that made room.
      resume: () => queueMicrotask(() => this.#resume()),
      closed: (code) => this.#closed(code),
      joining: (handle) => channelOf(handle)?.["~entered"](handle),
      failed: (handle, error) => channelOf(handle)?.["~threw"](error),
    };
  }

  #resume(): void {
    this.#paused = false;
    for (let frame = this.#unsent.shift(); frame !== undefined; frame = this.#paused ? undefined : this.#unsent.shift())
      this.#line?.receive(frame);
  }

  #received(message: ServerMessage): void {
    const ref = String(message.ref);
    const join = message.event === replyEvent ? this.#joins.get(ref) : undefined;
    if (join !== undefined) return this.#answered(ref, message, join);
    const owner = this.#ownerOf(message);
    if (owner === undefined) this.#rest.add(message);
    else owner["~received"](message);
  }

  /** Before anything else is read: what comes next may already be for the new channel. */
  #answered(ref: string, message: ServerMessage, join: Inbox<ServerMessage>): void {
    const channel = this.#channels.get(ref);
    const { status, response } = message.payload as Answer;
    if (status === "ok" && channel !== undefined) {
      this.#current.set(channel.topic, channel);
      channel["~answered"](response);
    }
    join.add(message);
  }

  #ownerOf({ event, ref, joinRef, topic }: ServerMessage): TestChannel | undefined {
    if (event === replyEvent) return this.#owners.get(String(ref));
    // In version 1 a farewell names its join in `ref`.
    const named = joinRef ?? (event === closeEvent || event === errorEvent ? ref : null);
    return named === null ? this.#current.get(topic) : this.#channels.get(String(named));
  }

  #closed(code: CloseCode | null): void {
    this.#closing = closingOf(code);
    this.#closings.add(this.#closing);
    const why = `the connection was ${describeClosing(this.#closing)}`;
    this.#closings.end(why);
    this.#rest.end(why);
    for (const join of this.#joins.values()) join.end(why);
    for (const channel of this.#channels.values()) channel["~disconnected"](why);
  }
}
