/**
 * One joined channel: its mailbox, its handlers one at a time, its end. Named after what it is in Phoenix, a process.
 *
 * Holds no timer, no clock and no network: its host, the connection, hands in what it needs. A synchronous handler costs
 * no promise: only what can be awaited is awaited.
 *
 * @module
 */

import { type ErrorCode, PortcullisError } from "../errors.ts";
import { isAcceptance, isRejection, isReply, isStop, isThenable, rejectionPayload, whenThere } from "../outcome.ts";
import { closeEvent, errorEvent, isReservedEvent, reasons } from "../protocol/events.ts";
import type { FrameData } from "../protocol/message.ts";
import type { Serializer } from "../protocol/serializer.ts";
import type { Broadcast, PubSub, Subscriber } from "../pubsub/pubsub.ts";
import type { ChannelRuntime } from "./channel.ts";
import type { BroadcastOptions, Channel, EndpointHandle, LeaveReason } from "./contract.ts";
import { frameOf, type SharedFrame } from "./fastlane.ts";
import { answerJoin, authorizeAgain, type JoinAnswer, joinCrashed } from "./joining.ts";
import { type Checked, checkPayload } from "./payload.ts";

/** What a channel needs from the connection it lives on. */
export interface ChannelHost {
  readonly serializer: Serializer;
  readonly pubsub: PubSub;
  readonly assigns: object;
  readonly socketId: string | null;
  readonly transport: string;
  readonly endpoint: EndpointHandle;
  readonly mailboxMax: number;
  /** How often the connection's credential was renewed: a join that began before the last time is authorized again. */
  readonly generation: number;
  /** So many messages of the program would wait for one channel. */
  mailboxGrew(count: number): void;
  write(data: FrameData, process: ChannelProcess): void;
  writeShared(frame: SharedFrame, process: ChannelProcess): void;
  /** Writes after the reply of the join that replaces this channel. */
  writeLater(data: FrameData, process: ChannelProcess): void;
  /** The topic is free again. Called once, when the channel takes no more messages. */
  released(process: ChannelProcess, reason: LeaveReason): void;
  /** Nothing of the channel runs any more. */
  ended(process: ChannelProcess): void;
  /** Runs `task` when a channel has had all the time it may take to end; the returned function cancels it. */
  afterShutdown(task: () => void): () => void;
  /** A message of the client that waited in the mailbox is about to be handled, or dropped. */
  handled(bytes: number): void;
  crashed(process: ChannelProcess, error: unknown): void;
  dropped(process: ChannelProcess, code: ErrorCode): void;
  warn(process: ChannelProcess, kind: string, message: string): void;
}

type Item =
  | {
      readonly kind: "push";
      readonly ref: unknown;
      readonly event: unknown;
      readonly payload: unknown;
      readonly bytes: number;
    }
  | { readonly kind: "leave"; readonly ref: unknown; readonly bytes: number }
  | { readonly kind: "info"; readonly name: string; readonly message: unknown }
  | { readonly kind: "intercept"; readonly event: string; readonly payload: unknown };

type Handled = Exclude<Item, { readonly kind: "leave" }>;

/** `joining` -> `joined` -> `ending` (the leave hook runs) -> `ended`. */
type State = "joining" | "joined" | "ending" | "ended";

/** The mailbox of those that never had anything wait: an array each would take memory. */
const nothing: never[] = [];

const idle: unique symbol = Symbol("no push is being handled");

export class ChannelProcess implements Subscriber, Channel<unknown, unknown, unknown> {
  readonly topic: string;
  readonly topicParams: Readonly<Record<string, string>>;
  /** The `join_ref` the client sent, which its later messages have to match: any JSON value, `1` is not `"1"`. */
  readonly clientJoinRef: unknown;
  /** The `join_ref` of replies and pushes: the join's ref stands in for a null one (Phoenix.Channel.Server). */
  readonly joinRef: unknown;
  readonly runtime: ChannelRuntime;
  /** The connection's when this channel was last authorized. */
  generation: number;
  /** Set while a `phx_leave` waits in the mailbox: what comes after it is not handled any more. */
  leaving = false;
  readonly #host: ChannelHost;
  #state: State = "joining";
  #busy = false;
  /** Nothing of the mailbox is handled while the channel is being authorized anew. */
  #suspended = false;
  #mailbox: Item[] = nothing;
  #ref: unknown = idle;
  #own: Readonly<Record<string, unknown>> | null = null;
  #merged: { readonly base: object; readonly value: object } | null = null;
  #heard: Map<string, Subscriber> | null = null;
  #abort: AbortController | null = null;
  #pendingEnd: LeaveReason | null = null;
  #replaced = false;
  /** Being expelled: nothing of it reaches the client any more. */
  #muted = false;
  /** The client was told of the end, or is by the connection. */
  #parted = false;

  constructor(
    host: ChannelHost,
    runtime: ChannelRuntime,
    topic: string,
    params: Readonly<Record<string, string>>,
    join: { readonly joinRef: unknown; readonly ref: unknown },
  ) {
    this.#host = host;
    this.generation = host.generation;
    this.runtime = runtime;
    this.topic = topic;
    this.topicParams = params;
    this.clientJoinRef = join.joinRef;
    this.joinRef = join.joinRef ?? join.ref;
    if (Object.keys(runtime.assigns).length > 0) this.#own = runtime.assigns;
  }

  // --- what handlers see (Channel) ---------------------------------------------------------------------------------

  get assigns(): Readonly<object> {
    const base = this.#host.assigns;
    if (this.#own === null) return base;
    // A view: the socket's assigns are replaced whole when a credential is refreshed.
    if (this.#merged?.base !== base) this.#merged = { base, value: { ...base, ...this.#own } };
    return this.#merged.value;
  }

  get ref(): unknown {
    return this.#ref === idle ? null : this.#ref;
  }

  get socketId(): string | null {
    return this.#host.socketId;
  }

  get transport(): string {
    return this.#host.transport;
  }

  get joined(): boolean {
    return this.#state === "joined";
  }

  get endpoint(): EndpointHandle {
    return this.#host.endpoint;
  }

  get signal(): AbortSignal {
    // Made when asked for: most channels never ask.
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.#state === "ending" || this.#state === "ended") this.#abort.abort();
    }
    return this.#abort.signal;
  }

  push(event: string, payload: object): void {
    if (!this.#maySend("push", event)) return;
    this.#write(this.#host.serializer.encodePush(this.joinRef, null, this.topic, event, payload));
  }

  broadcast(event: string, payload: object, options?: BroadcastOptions): void {
    if (this.#maySend("broadcast", event)) this.#host.pubsub.broadcast(this.topic, event, payload, options);
  }

  broadcastFrom(event: string, payload: object, options?: BroadcastOptions): void {
    if (!this.#maySend("broadcast", event)) return;
    this.#host.pubsub.broadcast(this.topic, event, payload, { ...options, from: this });
  }

  send(name: string, message?: unknown): void {
    this.#post({ kind: "info", name, message });
  }

  subscribe(topic: string): void {
    if (this.#state === "ending" || this.#state === "ended" || this.#heard?.has(topic)) return;
    const subscriber: Subscriber = {
      deliver: ({ event, payload }) => this.send("broadcast", { topic, event, payload }),
    };
    this.#heard ??= new Map();
    this.#heard.set(topic, subscriber);
    this.#host.pubsub.subscribe(topic, subscriber);
  }

  unsubscribe(topic: string): void {
    const subscriber = this.#heard?.get(topic);
    if (subscriber === undefined) return;
    this.#heard?.delete(topic);
    this.#host.pubsub.unsubscribe(topic, subscriber);
  }

  assign(values: object): void {
    this.#own = { ...this.#own, ...values };
    this.#merged = null;
  }

  deferReply(): (value?: unknown) => void {
    const ref = this.#ref;
    if (ref === idle || ref === null) {
      throw new TypeError(
        "Expected deferReply() to be called while a push with a ref is handled. " +
          (ref === null
            ? "This push has ref null: its client waits for no reply."
            : "Call it in the handler, before anything else ends it."),
      );
    }
    return (value) => this.#guard(() => this.#reply(ref, value === undefined ? {} : value));
  }

  // --- joining ------------------------------------------------------------------------------------------------------

  /** Authorizes and joins. The answer is a promise only where a hook's is. Never throws. */
  join(payload: unknown): JoinAnswer | Promise<JoinAnswer> {
    const answer = answerJoin({ runtime: this.runtime, channel: this, payload });
    return answer instanceof Promise ? answer.then((settled) => this.#answered(settled)) : this.#answered(answer);
  }

  /** Whether who is connected may be here, asked anew: `true`, or the payload of the farewell. Never rejects. */
  reauthorize(): true | object | Promise<true | object> {
    this.generation = this.#host.generation;
    return authorizeAgain({ runtime: this.runtime, channel: this });
  }

  /** Holds the mailbox until {@link resume}. A handler that is running goes on. */
  suspend(): void {
    this.#suspended = true;
  }

  resume(): void {
    this.#suspended = false;
    this.#drain();
  }

  #answered(answer: JoinAnswer): JoinAnswer {
    if (answer.status === "error") return answer;
    // More was sent to it in `join` than its mailbox holds: see #post.
    if (this.#state === "ended") return joinCrashed(this.#mailboxFull());
    if (Object.keys(answer.assigns).length > 0) this.assign(answer.assigns);
    return answer;
  }

  /** The join reply is written: from here on the channel hears its topic and handles its mailbox. */
  enter(): void {
    // Writing the reply may have ended the connection, and this channel with it.
    if (this.#state !== "joining") return;
    this.#state = "joined";
    this.#host.pubsub.subscribe(this.topic, this);
    this.#drain();
  }

  /** Encodes a reply under this channel's `join_ref`. */
  encodeReply(ref: unknown, status: string, response: unknown): FrameData {
    return this.#host.serializer.encodeReply(this.joinRef, ref, this.topic, status, response);
  }

  // --- the mailbox --------------------------------------------------------------------------------------------------

  /** Whether the client's message would have to wait. */
  get waiting(): boolean {
    return this.#busy || this.#suspended || this.#mailbox.length > 0;
  }

  /** Whether nothing of it will ever be said again. */
  get over(): boolean {
    return this.#state === "ended";
  }

  /** Whether a handler is still running, or the leave hook is. */
  get busy(): boolean {
    return this.#busy;
  }

  /** A push of the client. Returns false when it was handled at once, true when it waits. */
  receive(ref: unknown, event: unknown, payload: unknown, bytes: number): boolean {
    if (this.waiting) {
      this.#keep({ kind: "push", ref, event, payload, bytes });
      return true;
    }
    this.#run({ kind: "push", ref, event, payload, bytes });
    this.#drain();
    return false;
  }

  /** A `phx_leave` of the client, handled in its turn. Returns true when it waits. */
  receiveLeave(ref: unknown, bytes: number): boolean {
    if (this.waiting) {
      this.leaving = true;
      this.#keep({ kind: "leave", ref, bytes });
      return true;
    }
    this.#leave(ref);
    return false;
  }

  /** A broadcast on the channel's topic (Subscriber). */
  deliver(broadcast: Broadcast): void {
    if (this.#state !== "joined" || this.#muted) return;
    if (this.runtime.interceptors.has(broadcast.event)) {
      this.#post({ kind: "intercept", event: broadcast.event, payload: broadcast.payload });
      return;
    }
    const frame = frameOf(broadcast, this.#host.serializer);
    if (frame === null) this.#host.dropped(this, "binary_for_v1");
    else this.#host.writeShared(frame, this);
  }

  #post(item: Item): void {
    if (this.#state === "ended" || this.#state === "ending") return;
    if (this.#state === "joined" && !this.waiting) {
      this.#run(item);
      this.#drain();
      return;
    }
    this.#host.mailboxGrew(this.#mailbox.length + 1);
    if (this.#mailbox.length >= this.#host.mailboxMax) {
      // Nobody has joined yet: the join crashes, see #answered.
      if (this.#state === "joining") this.end({ kind: "closed" });
      else this.crash(this.#mailboxFull());
      return;
    }
    this.#keep(item);
  }

  #keep(item: Item): void {
    if (this.#mailbox === nothing) this.#mailbox = [];
    this.#mailbox.push(item);
  }

  #mailboxFull(): PortcullisError<"mailbox_full"> {
    return new PortcullisError(
      "mailbox_full",
      `The mailbox of a channel "${this.runtime.pattern}" holds ${this.#host.mailboxMax} messages. Its handlers are slower than what it is sent.`,
    );
  }

  #drain(): void {
    while (this.#mailbox.length > 0 && !this.#busy && !this.#suspended && this.#state === "joined") {
      const item = this.#mailbox.shift() as Item;
      if ("bytes" in item) this.#host.handled(item.bytes);
      this.#run(item);
    }
  }

  #run(item: Item): void {
    if (item.kind === "leave") {
      this.#leave(item.ref);
      return;
    }
    // Set also while a synchronous handler runs: what it sends itself comes after it, not inside of it.
    this.#busy = true;
    let result: unknown;
    try {
      result = this.#handle(item);
    } catch (error) {
      this.#finish(item, { error });
      return;
    }
    if (!isThenable(result)) {
      this.#finish(item, { result });
      return;
    }
    const later = (outcome: { result: unknown } | { error: unknown }): void => {
      this.#finish(item, outcome);
      this.#drain();
    };
    // What isn't one of the engine's own promises may throw from `then`, or settle twice.
    Promise.resolve(result).then(
      (settled) => later({ result: settled }),
      (error) => later({ error }),
    );
  }

  /** A handler is done: its reply or failure, and then an end that waited for it. */
  #finish(item: Handled, outcome: { readonly result: unknown } | { readonly error: unknown }): void {
    this.#busy = false;
    if (this.#state === "joined") {
      try {
        if ("error" in outcome) throw outcome.error;
        this.#conclude(item, outcome.result);
      } catch (error) {
        this.crash(error);
      }
    } else if ("error" in outcome) {
      const message = `A handler of the channel "${this.runtime.pattern}" failed after the channel had ended: ${describe(outcome.error)}`;
      this.#host.warn(this, "late failure", message);
    }
    this.#ref = idle;
    if (this.#pendingEnd !== null) this.#runLeaveHook(this.#pendingEnd);
  }

  #handle(item: Handled): unknown {
    switch (item.kind) {
      case "push":
        this.#ref = item.ref ?? null;
        return this.#handlePush(item.event, item.payload);
      case "intercept":
        return this.runtime.interceptors.get(item.event)?.(item.payload, this);
      case "info": {
        const handler = this.runtime.infos.get(item.name);
        if (handler !== undefined) return handler(item.message, this);
        const message = `The channel "${this.runtime.pattern}" was sent "${item.name}" and has no handler for it. Add .info({ ${item.name}(message, channel) { … } }).`;
        this.#host.warn(this, "info", message);
        return undefined;
      }
    }
  }

  #handlePush(event: unknown, payload: unknown): unknown {
    const handler = typeof event === "string" ? this.runtime.handlers.get(event) : undefined;
    if (handler === undefined) {
      const message = `A client pushed an event the channel "${this.runtime.pattern}" has no handler for. As in Phoenix this ends the channel: declare the event, or mend the client.`;
      throw new PortcullisError("event_undeclared", message);
    }
    const schema = this.runtime.payloads?.get(event as string);
    if (schema === undefined) return handler(payload, this);
    return whenThere<Checked, unknown>(checkPayload(schema, payload), (checked) =>
      checked.ok ? handler(checked.value, this) : checked.reply,
    );
  }

  #conclude(item: Handled, result: unknown): void {
    if (item.kind === "push") {
      if (isStop(result)) this.#stop(item.ref, result);
      else if (result !== undefined) this.#reply(item.ref, result);
    } else if (isStop(result)) {
      this.#stop(undefined, result);
    } else if (result !== undefined) {
      const where = item.kind === "info" ? `info handler "${item.name}"` : "interceptor";
      throw new TypeError(
        `Expected the ${where} of the channel "${this.runtime.pattern}" to return nothing or stop(…): nobody waits for its reply.`,
      );
    }
  }

  #reply(ref: unknown, value: unknown): void {
    if (this.#state === "ended") return;
    if (isRejection(value)) this.#write(this.encodeReply(ref, "error", rejectionPayload(value)));
    else if (isReply(value)) this.#write(this.encodeReply(ref, value.status, value.payload));
    else if (isAcceptance(value) || isStop(value)) throw unexpected(this.runtime.pattern);
    else this.#write(this.encodeReply(ref, "ok", value));
  }

  #write(frame: FrameData): void {
    if (this.#muted) return;
    // The farewell of a replaced instance comes after the reply to the join that replaced it.
    if (this.#replaced) this.#host.writeLater(frame, this);
    else this.#host.write(frame, this);
  }

  #part(frame: FrameData): void {
    if (this.#muted) return;
    this.#parted = true;
    this.#host.write(frame, this);
  }

  #stop(
    ref: unknown,
    result: {
      readonly reply: unknown;
      readonly hasReply: boolean;
      readonly error: unknown;
      readonly hasError: boolean;
    },
  ): void {
    if (result.hasReply && ref !== undefined) this.#reply(ref, result.reply);
    if (result.hasError) this.crash(result.error);
    else this.#close({ kind: "stopped" });
  }

  // --- the end ------------------------------------------------------------------------------------------------------

  #leave(ref: unknown): void {
    this.#host.write(this.encodeReply(ref, "ok", {}), this);
    this.#close({ kind: "left" });
  }

  /** A graceful end: `phx_close`, and then the leave hook, which may still push. */
  #close(reason: LeaveReason): void {
    if (!this.#begin(reason)) return;
    this.#part(this.closeFrame());
    this.#runLeaveHook(reason);
  }

  /**
   * Who is connected may not be here any more: `phx_close` with the reason, upon which clients don't rejoin, and nothing after
   * it. One that is ending by itself says it only where its own farewell was not heard: true when it was said.
   */
  expel(farewell: object, unheard: boolean): boolean {
    const reason: LeaveReason = { kind: "unauthorized" };
    const begun = this.#begin(reason);
    this.mute();
    const parts = unheard || !this.#parted;
    this.#parted = true;
    if (parts) this.#host.write(this.#farewellFrame(farewell), this);
    if (!begun) return parts;
    if (this.#busy) this.#pendingEnd = reason;
    else this.#runLeaveHook(reason);
    return parts;
  }

  /** From here on the client hears nothing of this channel, but for a farewell. What runs goes on. */
  mute(): void {
    this.#muted = true;
  }

  /** With details of the program's own, which may be what no frame can hold. */
  #farewellFrame(farewell: object): FrameData {
    try {
      return this.#closeFrame(closeEvent, farewell);
    } catch (error) {
      const message = `authorize of the channel "${this.runtime.pattern}" gave a reason that can't be sent: ${describe(error)}`;
      this.#host.warn(this, "farewell", message);
      return this.#closeFrame(closeEvent, { reason: reasons.unauthorized });
    }
  }

  /** An end by failure: the leave hook first, then `phx_error`, upon which clients rejoin. */
  crash(error: unknown): void {
    const reason: LeaveReason = { kind: "error", error };
    if (!this.#begin(reason)) return;
    this.#host.crashed(this, error);
    const farewell = (): void => this.#part(this.#closeFrame(errorEvent, { reason: reasons.channelCrash }));
    if (!this.#busy) return this.#runLeaveHook(reason, farewell);
    // From outside of a handler that is still running: the hook has its turn after it, the client is told now.
    farewell();
    this.#pendingEnd = reason;
  }

  /**
   * An end from outside that the client is told of by the connection, or not at all: its transport closed, or the
   * client joined the topic again. A running handler finishes first; `ended` of the host says when all is over.
   */
  end(reason: LeaveReason): void {
    if (reason.kind === "duplicate") {
      this.#replaced = true;
      this.#parted = true;
    }
    if (this.#state === "joining") {
      // Nobody has entered, so nobody leaves: no hook, as in Phoenix.
      this.#state = "ended";
      this.#release();
      return;
    }
    if (!this.#begin(reason)) return;
    if (this.#busy) this.#pendingEnd = reason;
    else this.#runLeaveHook(reason);
  }

  /** The `phx_close` the connection sends for a replaced instance. */
  closeFrame(): FrameData {
    return this.#closeFrame(closeEvent, {});
  }

  /** Gives up on a channel whose handler or hook does not finish. A leave that waited for it is answered. */
  abandon(): void {
    const leave = this.#mailbox.find((item) => item.kind === "leave");
    if (leave !== undefined) this.#host.write(this.encodeReply(leave.ref, "ok", {}), this);
    if (this.#begin({ kind: "left" })) this.#host.write(this.closeFrame(), this);
    this.#state = "ended";
    this.#pendingEnd = null;
  }

  /** Everything but the leave hook and the farewell. False when the end has already begun. */
  #begin(reason: LeaveReason): boolean {
    if (this.#state === "ending" || this.#state === "ended") return false;
    this.#state = "ending";
    this.#host.released(this, reason);
    this.#release();
    return true;
  }

  /** Lets go of everything others hold for this channel. */
  #release(): void {
    this.#host.pubsub.unsubscribe(this.topic, this);
    for (const [topic, subscriber] of this.#heard ?? []) this.#host.pubsub.unsubscribe(topic, subscriber);
    this.#heard = null;
    const mailbox = this.#mailbox;
    this.#mailbox = nothing;
    for (const item of mailbox) if ("bytes" in item) this.#host.handled(item.bytes);
    this.#abort?.abort();
  }

  #runLeaveHook(reason: LeaveReason, farewell?: () => void): void {
    this.#pendingEnd = null;
    let cancel: (() => void) | null = null;
    const done = (): void => {
      cancel?.();
      this.#busy = false;
      if (this.#state === "ended") return;
      this.#state = "ended";
      farewell?.();
      this.#host.ended(this);
    };
    const failed = (error: unknown): void => {
      this.#host.warn(
        this,
        "leave",
        `The leave hook of the channel "${this.runtime.pattern}" failed: ${describe(error)}`,
      );
      done();
    };
    try {
      const result = this.runtime.leave === null ? undefined : this.runtime.leave(reason, this);
      if (!isThenable(result)) return done();
      this.#busy = true;
      // The client waits for its farewell, and not for ever.
      if (farewell !== undefined) cancel = this.#host.afterShutdown(done);
      Promise.resolve(result).then(done, failed);
    } catch (error) {
      failed(error);
    }
  }

  #closeFrame(event: string, payload: object): FrameData {
    // The join message's own join_ref, null where it was null: not the ref that stands in for it in replies.
    return this.#host.serializer.encodePush(this.clientJoinRef, this.clientJoinRef, this.topic, event, payload);
  }

  #maySend(what: string, event: string): boolean {
    if (this.#state === "joining") {
      throw new TypeError(
        `Expected ${what}("${event}") after the join of "${this.runtime.pattern}" was accepted. In join, use channel.send("name") and push from .info({ name() { … } }).`,
      );
    }
    if (isReservedEvent(event)) {
      throw new TypeError(
        `Expected the event of a ${what} to have a name of its own, got "${event}": phx_* and disconnect belong to the protocol.`,
      );
    }
    return this.#state !== "ended";
  }

  /** For what the program calls after its handler has returned: a failure ends the channel, not the caller. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.crash(error);
    }
  }
}

function unexpected(pattern: string): TypeError {
  return new TypeError(
    `Expected the reply of the channel "${pattern}" to be a value, reply(…) or reject(…), got accept(…) or stop(…).`,
  );
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : typeof error;
}
