/**
 * The types of a channel as its client sees them, read off the server's definitions.
 *
 * @module
 */

import type { ChannelShape, InputOf, Jsonify, Schema, Schemas } from "../channel/contract.ts";
import type { Acceptance, Rejection, Reply, Stop } from "../outcome.ts";
import type { Fits, TopicOf } from "../protocol/topic.ts";

/** Of a channel's shape, what reaches its clients. */
export type ClientShape = Pick<ChannelShape, "params" | "in" | "out" | "join" | "handlers">;

/** A channel nobody told the types of: everything goes in, and `unknown` comes out. */
export interface UntypedShape {
  readonly params: undefined;
  readonly in: undefined;
  readonly out: undefined;
  readonly join: unknown;
  readonly handlers: unknown;
}

/** A sentence for a type error. An object, because `"a" & "a sentence"` is `never`, which shows no sentence. */
interface Wrong<Sentence extends string> {
  readonly "~wrong": Sentence;
}

type ChannelsOf<Mount> = Mount extends { readonly channels: infer Channels extends readonly unknown[] } ? Channels : [];
type PatternOf<Channel> = Channel extends { readonly pattern: infer Pattern extends string } ? Pattern : never;
type ShapeOf<Channel> = Channel extends { readonly "~types"?: infer Types }
  ? NonNullable<Types> extends { readonly shape: infer Shape extends ClientShape }
    ? Shape
    : UntypedShape
  : UntypedShape;

/** Topics that some channel of the mount takes; any, where the mount isn't known. */
export type TopicsOf<Mount> = unknown extends Mount ? string : TopicOf<PatternOf<ChannelsOf<Mount>[number]>>;

/** The first channel that takes it, as on the server. */
type FirstMatch<Channels extends readonly unknown[], Topic extends string> = Channels extends readonly [
  infer First,
  ...infer Others,
]
  ? Fits<Topic, PatternOf<First>> extends true
    ? First
    : FirstMatch<Others, Topic>
  : never;

/** The shape of the channel `Topic` leads to. */
export type ShapeAt<Mount, Topic extends string> = unknown extends Mount
  ? UntypedShape
  : ShapeOf<FirstMatch<ChannelsOf<Mount>, Topic>>;

/** Says in a sentence what is wrong with a topic. */
export type CheckedTopic<Mount, Topic extends string> = unknown extends Mount
  ? unknown
  : [FirstMatch<ChannelsOf<Mount>, Topic>] extends [never]
    ? Wrong<`no channel of this socket takes the topic "${Topic}"`>
    : unknown;

type Optional<Input, Others extends readonly unknown[]> =
  Record<never, never> extends Input
    ? [payload?: Input, ...others: Partial<Others>]
    : [payload: Input, ...others: Partial<Others>];

/** What `join` takes: nothing where nothing is asked for; a function is asked again at every rejoin. */
export type JoinArguments<Shape extends ClientShape> = Shape["params"] extends Schema
  ? Record<never, never> extends InputOf<Shape["params"]>
    ? [params?: InputOf<Shape["params"]> | (() => InputOf<Shape["params"]>)]
    : [params: InputOf<Shape["params"]> | (() => InputOf<Shape["params"]>)]
  : [params?: unknown];

/** What the server's `join` accepts with, as JSON leaves it. */
export type JoinReply<Shape extends ClientShape> = unknown extends Shape["join"]
  ? unknown
  : AcceptedReply<Awaited<Shape["join"]>>;

type AcceptedReply<Result> =
  Result extends Acceptance<infer Payload, infer _Assigns>
    ? Jsonify<Payload>
    : Result extends Rejection
      ? never
      : Record<never, never>;

/** Events the channel takes: those of `in`, else those that have a handler. */
export type PushEvents<Shape extends ClientShape> = Shape["in"] extends Schemas
  ? keyof Shape["in"] & string
  : unknown extends Shape["handlers"]
    ? string
    : keyof Shape["handlers"] & string;

/** What `push` takes after the event. */
export type PushArguments<Shape extends ClientShape, Event extends string, Options> = Shape["in"] extends Schemas
  ? Event extends keyof Shape["in"]
    ? Optional<InputOf<Shape["in"][Event]>, [options: Options]>
    : never
  : [payload?: unknown, options?: Options];

/** What the handler replies, as JSON leaves it; `unknown` where it returns nothing, and perhaps replies later. */
export type PushReply<Shape extends ClientShape, Event extends string> = Event extends keyof Shape["handlers"]
  ? Shape["handlers"][Event] extends (...args: never[]) => infer Result
    ? [OkPayload<Awaited<Result>>] extends [never]
      ? unknown
      : OkPayload<Awaited<Result>>
    : unknown
  : unknown;

type OkPayload<Result> =
  Result extends Reply<infer Status, infer Payload>
    ? Status extends "error"
      ? never
      : Jsonify<Payload>
    : Result extends Stop<infer Payload>
      ? Jsonify<Payload>
      : Result extends Rejection | undefined | void
        ? never
        : Jsonify<Result>;

/** A presence's metas. */
interface PresenceEntry {
  readonly metas: readonly (Readonly<Record<string, unknown>> & {
    readonly phx_ref: string;
    readonly phx_ref_prev?: string;
  })[];
  readonly [extra: string]: unknown;
}

/** What presence sends on any channel that uses it. Keys are users' own: keep them in a `Map`. */
export interface PresenceEvents {
  readonly presence_state: Readonly<Record<string, PresenceEntry>>;
  readonly presence_diff: {
    readonly joins: Readonly<Record<string, PresenceEntry>>;
    readonly leaves: Readonly<Record<string, PresenceEntry>>;
  };
  readonly presence_counts: { readonly keys: number; readonly metas: number };
}

/** Events the channel may send: those of `out`, else any. */
export type HeardEvents<Shape extends ClientShape> = Shape["out"] extends Schemas
  ? (keyof Shape["out"] & string) | keyof PresenceEvents
  : string;

/** The payload of such an event, as JSON leaves it. */
export type HeardPayload<Shape extends ClientShape, Event extends string> = Event extends keyof Shape["out"]
  ? Jsonify<InputOf<Shape["out"][Event]>>
  : Event extends keyof PresenceEvents
    ? PresenceEvents[Event]
    : unknown;
