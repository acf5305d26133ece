/**
 * The types of a channel: what is promised to handlers and, later, to clients.
 *
 * @module
 */

import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Acceptance, Awaitable, Rejection, Reply, Stop } from "../outcome.ts";
import type { TopicParams } from "../protocol/topic.ts";
import type { EndpointParts } from "../pubsub/parts.ts";

/** Any Standard Schema: Zod, Valibot, ArkType, your own. */
export type Schema = StandardSchemaV1;
/** A schema per event. */
export type Schemas = Readonly<Record<string, StandardSchemaV1>>;

/** What a handler gets: the schema's output, `unknown` without a schema. */
export type OutputOf<Of> = Of extends StandardSchemaV1<infer _Input, infer Output> ? Output : unknown;
/** What a sender must give: the schema's input, `unknown` without a schema. */
export type InputOf<Of> = Of extends StandardSchemaV1<infer Input, infer _Output> ? Input : unknown;

/** A value as it arrives on the other side of JSON: a `Date` as a string, and `never` for what JSON can't hold. */
export type Jsonify<Value> = Value extends Uint8Array
  ? Value
  : Value extends { toJSON(): infer Json }
    ? Jsonify<Json>
    : Value extends string | number | boolean | null
      ? Value
      : Value extends undefined
        ? undefined
        : Value extends bigint | symbol | ((...args: never[]) => unknown) | Map<unknown, unknown> | Set<unknown>
          ? never
          : Value extends readonly unknown[]
            ? { -readonly [Index in keyof Value]: Jsonify<Value[Index]> }
            : Value extends object
              ? { -readonly [Key in keyof Value as Key extends symbol ? never : Key]: Jsonify<Value[Key]> }
              : Value;

/** Whether JSON holds all of `Value`. `unknown` and `any` are taken on trust: encoding them may fail at run time. */
export type IsJson<Value> = unknown extends Value ? true : [Value] extends [JsonLike<Value>] ? true : false;

type JsonLike<Value> = Value extends string | number | boolean | null | undefined | Uint8Array | { toJSON(): unknown }
  ? Value
  : Value extends bigint | symbol | ((...args: never[]) => unknown) | Map<unknown, unknown> | Set<unknown>
    ? never
    : Value extends object
      ? { [Key in keyof Value]: unknown extends Value[Key] ? Value[Key] : JsonLike<Value[Key]> }
      : Value;

/** Events a channel may send: those of `out`, or any. */
export type PushEvent<Out> = Out extends Schemas ? keyof Out & string : string;
/** Payload of such an event. */
export type PushPayload<Out, Event> = Out extends Schemas
  ? Event extends keyof Out
    ? InputOf<Out[Event]>
    : never
  : object;

/** Keys of `Own` replace those of `Base`: what a channel's `join` says wins over what the socket's `connect` said. */
export type MergeAssigns<Base, Own> = Omit<Base, keyof Own> & Own;

/** Why a channel ended, for its `leave` hook. */
export type LeaveReason =
  | { readonly kind: "left" | "duplicate" | "stopped" | "closed" | "disconnected" | "shutdown" | "unauthorized" }
  | { readonly kind: "error"; readonly error: unknown };

/** What a handler can do from inside one joined channel. */
export interface Channel<Assigns, Params, Out> {
  /** The topic as the client joined it. */
  readonly topic: string;
  /** What the pattern's `{names}` and final `*` (as `rest`) stand for in this topic. */
  readonly topicParams: Params;
  /** The socket's assigns with the channel's own on top. */
  readonly assigns: Readonly<Assigns>;
  /** The `join_ref` of this channel's messages: the client's, or its join's ref where it sent none. Any JSON value. */
  readonly joinRef: unknown;
  /** The ref of the push being handled; `null` outside of a handler. */
  readonly ref: unknown;
  /** What the socket's `id` returned, or `null`. */
  readonly socketId: string | null;
  /** What the connection came over: `"websocket"` or `"longpoll"`. */
  readonly transport: string;
  /** False until the join is accepted, and again once the channel has ended. */
  readonly joined: boolean;
  /** Aborted when the channel ends, whatever ends it: hand it to `fetch` and friends. */
  readonly signal: AbortSignal;
  /** The rest of the program, as far as a handler may reach it. */
  readonly endpoint: EndpointHandle;
  /**
   * Sends `event` to this channel's client only; ignored after the end.
   *
   * @example
   * ```ts
   * channel.push("renamed", { name: "Ada" });
   * ```
   *
   * @throws TypeError before the join is accepted, for the events `phx_*` and `disconnect`, and for a payload that can't be
   * encoded: no object, no JSON, or binary for a client that speaks V1.
   */
  push<Event extends PushEvent<Out>>(event: Event, payload: PushPayload<Out, Event>): void;
  /**
   * Sends `event` to every subscriber of this topic, this channel's client included. It is encoded once for all of them;
   * a binary payload has no form for V1 clients, who don't get it. Throws what {@link Channel.push} throws.
   */
  broadcast<Event extends PushEvent<Out>>(
    event: Event,
    payload: PushPayload<Out, Event>,
    options?: BroadcastOptions,
  ): void;
  /** Sends `event` to every subscriber of this topic but this one. */
  broadcastFrom<Event extends PushEvent<Out>>(
    event: Event,
    payload: PushPayload<Out, Event>,
    options?: BroadcastOptions,
  ): void;
  /**
   * Puts a message in this channel's own mailbox, for `.info({ [name](message) })`. In `join` it is how to do something once
   * the join is answered. More than `mailboxMax` waiting messages (10,000) crash the channel; after the end it is ignored.
   *
   * @example
   * ```ts
   * join: (_params, channel) => channel.send("joined"),
   * // …
   * }).info({ joined: (_message, channel) => channel.push("welcome", { to: channel.topic }) })
   * ```
   */
  send(name: string, message?: unknown): void;
  /** Hears another topic's broadcasts as `.info({ broadcast({ topic, event, payload }) })` until the channel ends. */
  subscribe(topic: string): void;
  /** Stops hearing a topic subscribed to with {@link Channel.subscribe}; harmless for any other. */
  unsubscribe(topic: string): void;
  /** Changes the channel's own assigns, for this handler and all later ones. Those of the connection stay as they are. */
  assign(values: Partial<Assigns>): void;
  /**
   * Promises a reply to the push being handled and returns the function that gives it: a value, `reply(…)` or
   * `reject(…)`. Every call sends one; after the channel's end it is ignored.
   *
   * @example
   * ```ts
   * render(payload, channel) {
   *   const answer = channel.deferReply();
   *   queue.add(payload, (result) => answer({ result }));
   * }
   * ```
   *
   * @throws TypeError outside of a handler and for a push without a ref.
   */
  deferReply(): (value?: unknown) => void;
}

/** How a broadcast is sent. */
export interface BroadcastOptions {
  /**
   * Whether a client that is behind in reading can do without it, because the next one makes up for it: a cursor's place, a
   * price. On a mount with `slowReaders: "drop-volatile"` it is left out for clients for whom more than 64 KiB wait; on any
   * other it is sent like every broadcast. Default `false`.
   *
   * @example
   * ```ts
   * channel.broadcastFrom("cursor", { x, y }, { volatile: true });
   * ```
   */
  readonly volatile?: boolean;
}

/** What a channel sees of its endpoint. */
export interface EndpointHandle {
  /** For parts of the library, such as presence; not for programs. */
  readonly "~parts": EndpointParts;
  /** Tells every subscriber of any topic. */
  broadcast(topic: string, event: string, payload: object, options?: BroadcastOptions): void;
  /** Tells those of this process only. */
  localBroadcast(topic: string, event: string, payload: object, options?: BroadcastOptions): void;
  /** Ends every connection with this socket id, this channel's own included. */
  disconnect(socketId: string): void;
}

/** The types one channel is made of. Never read at run time. */
export interface ChannelShape {
  readonly assigns: unknown;
  readonly params: Schema | undefined;
  readonly in: Schemas | undefined;
  readonly out: Schemas | undefined;
  /** What `join` returns. */
  readonly join: unknown;
  /** What `authorize` returns. */
  readonly authorize: unknown;
  /** The object given to `.on`. */
  readonly handlers: unknown;
}

/** What `join` may return. `void`: accepted with an empty reply. */
export type JoinResult = Acceptance<unknown, object> | Rejection | undefined | void;

export type ChannelOf<Pattern extends string, Shape extends ChannelShape> = Channel<
  Shape["assigns"],
  TopicParams<Pattern>,
  Shape["out"]
>;

/** Assigns that `join` adds. */
export type JoinAssigns<Join> =
  Extract<Awaited<Join>, Acceptance> extends Acceptance<infer _Reply, infer Assigns>
    ? [Assigns] extends [never]
      ? Record<never, never>
      : Assigns
    : Record<never, never>;

/** The object `.on` takes: every event of `in` and no other, or any events at all. */
export type HandlersOf<Pattern extends string, Shape extends ChannelShape> = Shape["in"] extends Schemas
  ? {
      readonly [Event in keyof Shape["in"]]: (
        payload: OutputOf<Shape["in"][Event]>,
        channel: ChannelOf<Pattern, Shape>,
      ) => unknown;
    }
  : { readonly [event: string]: (payload: unknown, channel: ChannelOf<Pattern, Shape>) => unknown };

type ReplyPayload<Result> =
  Result extends Reply<string, infer Payload>
    ? Payload
    : Result extends Stop<infer Payload>
      ? Payload
      : Result extends Rejection
        ? null
        : Result;

/** Turns each wrong handler into a sentence that says what is wrong with it. */
export type CheckedHandlers<Given, Shape extends ChannelShape> = {
  readonly [Event in keyof Given]: Shape["in"] extends Schemas
    ? Event extends keyof Shape["in"]
      ? CheckedHandler<Given[Event], Event & string>
      : `"${Event & string}" is not declared in "in"`
    : CheckedHandler<Given[Event], Event & string>;
};

type CheckedHandler<Handler, Event extends string> = Handler extends (...args: never[]) => infer Result
  ? IsJson<ReplyPayload<Awaited<Result>>> extends true
    ? unknown
    : `the reply of "${Event}" holds something JSON can't carry: a function, a bigint, a symbol, a Map or a Set`
  : unknown;

/** The object `.intercept` takes: events of `out` to look at before they go to this client. */
export type InterceptorsOf<Pattern extends string, Shape extends ChannelShape> = {
  readonly [Event in PushEvent<Shape["out"]>]?: (
    payload: PushPayload<Shape["out"], Event>,
    channel: ChannelOf<Pattern, Shape>,
  ) => Awaitable<Stop | undefined | void>;
};

/** A broadcast of a topic the channel subscribed to. */
export interface HeardBroadcast {
  readonly topic: string;
  readonly event: string;
  readonly payload: unknown;
}

/** The object `.info` takes. Handlers may annotate the message: what comes is what the program sent to itself. */
export interface InfoHandlersOf<Pattern extends string, Shape extends ChannelShape> {
  broadcast?(message: HeardBroadcast, channel: ChannelOf<Pattern, Shape>): Awaitable<Stop | undefined | void>;
  readonly [
    name: string
  ]: // biome-ignore lint/suspicious/noExplicitAny: the program is both sender and receiver; the handler names the type.
  ((message: any, channel: ChannelOf<Pattern, Shape>) => Awaitable<Stop | undefined | void>) | undefined;
}
