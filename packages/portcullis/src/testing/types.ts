/**
 * What a test may say and hear, worked out from the endpoint's definitions.
 *
 * @module
 */

import type { AnyChannel } from "../channel/channel.ts";
import type { Channel, ChannelShape, InputOf, Jsonify, Schema, Schemas } from "../channel/contract.ts";
import type { Acceptance, Rejection, Reply, Stop } from "../outcome.ts";
import type { Fits, TopicOf, TopicParams } from "../protocol/topic.ts";
import type { AnySocket } from "../socket/socket.ts";

/** A mount, as far as a client has to do with it. */
export interface AnyMount {
  readonly socket: AnySocket;
  readonly channels: readonly AnyChannel[];
}

/** The paths a mount's path stands for: `"/info/:tenant"` gives `` `/info/${string}` ``. */
export type PathOf<Path extends string> = Path extends `${infer Head}/:${infer Rest}`
  ? Rest extends `${string}/${infer Tail}`
    ? `${Head}/${string}${PathOf<`/${Tail}`>}`
    : `${Head}/${string}`
  : Path;

/** Every path of an endpoint. */
export type PathsOf<Sockets> = unknown extends Sockets ? string : PathOf<keyof Sockets & string>;

/** What is mounted on a path. */
export type MountAt<Sockets, Path extends string> = unknown extends Sockets
  ? AnyMount
  : {
      [Key in keyof Sockets & string]: Path extends PathOf<Key> ? Extract<Sockets[Key], AnyMount> : never;
    }[keyof Sockets & string];

/** What the socket's `connect` decided to remember. */
export type AssignsAt<Mount extends AnyMount> = Mount["socket"] extends { readonly "~types"?: infer Types }
  ? NonNullable<Types> extends { readonly assigns: infer Assigns }
    ? Assigns
    : unknown
  : unknown;

/** Every topic of a mount's channels. */
export type TopicsAt<Mount extends AnyMount> = TopicsOf<Mount["channels"][number]>;
type TopicsOf<Of> = Of extends { readonly pattern: infer Pattern extends string } ? TopicOf<Pattern> : never;

/** The channel that has a topic: the first whose pattern matches. */
export type ChannelAt<Mount extends AnyMount, Topic extends string> = FirstOf<Mount["channels"], Topic>;
type FirstOf<Channels, Topic extends string> = Channels extends readonly [infer First, ...infer Others]
  ? First extends AnyChannel
    ? Fits<Topic, First["pattern"]> extends true
      ? First
      : FirstOf<Others, Topic>
    : never
  : Channels extends readonly []
    ? AnyChannel
    : Channels extends readonly (infer Any extends AnyChannel)[]
      ? Any
      : AnyChannel;

type ShapeOf<Of extends AnyChannel> = Of extends { readonly "~types"?: infer Types }
  ? NonNullable<Types> extends { readonly shape: infer Shape extends ChannelShape }
    ? Shape
    : ChannelShape
  : ChannelShape;

/** May be left out where nothing has to be in it. */
type OptionalIfEmpty<Payload> = Record<never, never> extends Payload ? [payload?: Payload] : [payload: Payload];

/** The payload of a join. */
export type JoinPayload<Of extends AnyChannel> = [ShapeOf<Of>["params"]] extends [Schema]
  ? OptionalIfEmpty<InputOf<ShapeOf<Of>["params"]>>
  : [payload?: unknown];

/** What an accepted join is answered with. */
export type JoinReply<Of extends AnyChannel> = unknown extends ShapeOf<Of>["join"]
  ? unknown
  : JoinReplyOf<Awaited<ShapeOf<Of>["join"]>>;
type JoinReplyOf<Result> = [Extract<Result, Acceptance>] extends [never]
  ? Record<never, never>
  : Extract<Result, Acceptance> extends Acceptance<infer Answer, infer _Assigns>
    ? Jsonify<Answer>
    : never;

/** Events a client may push. */
export type PushableEvent<Of extends AnyChannel> = [ShapeOf<Of>["in"]] extends [Schemas]
  ? keyof ShapeOf<Of>["in"] & string
  : string;

/** The payload of such an event. */
export type PushablePayload<Of extends AnyChannel, Event extends string> = [ShapeOf<Of>["in"]] extends [Schemas]
  ? Event extends keyof ShapeOf<Of>["in"]
    ? OptionalIfEmpty<InputOf<ShapeOf<Of>["in"][Event]>>
    : never
  : [payload?: unknown];

/** Events a client may hear; a presence's own are never declared. */
export type HeardEvent<Of extends AnyChannel> = [ShapeOf<Of>["out"]] extends [Schemas]
  ? (keyof ShapeOf<Of>["out"] & string) | "presence_state" | "presence_diff" | "presence_counts"
  : string;

/** The payload of such an event, as it arrives. */
export type HeardPayload<Of extends AnyChannel, Event extends string> = [ShapeOf<Of>["out"]] extends [Schemas]
  ? Event extends keyof ShapeOf<Of>["out"]
    ? Jsonify<InputOf<ShapeOf<Of>["out"][Event]>>
    : unknown
  : unknown;

/** The payload of a refusal. */
export type ErrorPayload = Readonly<Record<string, unknown>> & { readonly reason: string };

/** What a push is answered with, for a status. `unknown` where nobody can tell: a reply that is deferred, any other status. */
export type ReplyPayload<Of extends AnyChannel, Event extends string, Status extends string> =
  ShapeOf<Of>["handlers"] extends Readonly<Record<Event, (...args: never[]) => infer Result>>
    ? KnownOr<ReplyOf<Awaited<Result>, Status>, Status extends "error" ? ErrorPayload : unknown>
    : unknown;
type KnownOr<Known, Otherwise> = [Known] extends [never] ? Otherwise : Known;
type ReplyOf<Result, Status extends string> =
  Result extends Reply<infer Own, infer Payload>
    ? Own extends Status
      ? Jsonify<Payload>
      : never
    : Result extends Stop<infer Payload>
      ? Status extends "ok"
        ? Jsonify<Payload>
        : never
      : Result extends Rejection
        ? Status extends "error"
          ? ErrorPayload
          : never
        : Status extends "ok"
          ? Jsonify<Exclude<Result, undefined | void>>
          : never;

/** The channel as its handlers see it. */
export type ServerChannel<Of extends AnyChannel> = Channel<
  ShapeOf<Of>["assigns"],
  TopicParams<Of["pattern"]>,
  ShapeOf<Of>["out"]
>;
