/**
 * Channel definitions: what may be done on the topics of one pattern, by whom.
 *
 * @module
 */

import { definitionError } from "../errors.ts";
import type { Awaitable, Rejection } from "../outcome.ts";
import { isReservedEvent } from "../protocol/events.ts";
import { compilePattern, type TopicMatcher, type TopicParams } from "../protocol/topic.ts";
import type {
  Channel,
  ChannelOf,
  ChannelShape,
  CheckedHandlers,
  HandlersOf,
  InfoHandlersOf,
  InterceptorsOf,
  JoinAssigns,
  JoinResult,
  LeaveReason,
  MergeAssigns,
  OutputOf,
  Schema,
  Schemas,
} from "./contract.ts";
import { assertSchema } from "./payload.ts";

/** Who may be on a topic: asked at every join. */
export type Authorize<Params extends string, Assigns, Result> =
  | "everyone"
  | ((channel: Channel<Assigns, TopicParams<Params>, undefined>) => Result);

/** What `authorize` may return: `false` is answered `"unauthorized"`, a rejection with its own reason. */
export type AuthorizeResult = Awaitable<boolean | Rejection<string>>;

/** Options of {@link ChannelSource.channel}. */
export interface ChannelOptions<
  Pattern extends string,
  Assigns,
  Params extends Schema | undefined,
  In extends Schemas | undefined,
  Out extends Schemas | undefined,
  Join,
> {
  /** Checks the join payload. What doesn't fit is answered `{"reason":"invalid payload","issues":[…]}`. */
  readonly params?: Params;
  /** A schema per event clients may push. Left out: any event, payload `unknown`. Given: these and no others. */
  readonly in?: In;
  /** A schema per event the channel may send. They give types; what the program sends isn't checked again. */
  readonly out?: Out;
  /** Assigns every channel of this definition starts with. */
  readonly assigns?: Readonly<Record<string, unknown>>;
  /**
   * Called once the join is authorized. Returns `accept(…)`, `reject(…)` or nothing. Later frames of the same connection
   * wait until it has answered. Pushing or broadcasting in here throws: nobody has joined yet; use `channel.send`.
   */
  join?(params: OutputOf<Params>, channel: Channel<Assigns, TopicParams<Pattern>, Out>): Join;
}

/** On a socket that authenticates, `authorize` has to be written out; on any other it defaults to `"everyone"`. */
export type AuthorizeRule<
  Authenticated extends boolean,
  Pattern extends string,
  Assigns,
  Result,
> = Authenticated extends true
  ? { readonly authorize: Authorize<Pattern, Assigns, Result> }
  : { readonly authorize?: Authorize<Pattern, Assigns, Result> };

type Handler = (payload: unknown, channel: Channel<unknown, unknown, unknown>) => unknown;

/** What runs: a definition with its types taken off. */
export interface ChannelRuntime {
  readonly pattern: string;
  readonly match: TopicMatcher;
  readonly authorize: ((channel: Channel<unknown, unknown, unknown>) => unknown) | null;
  readonly params: Schema | null;
  readonly payloads: ReadonlyMap<string, Schema> | null;
  readonly assigns: Readonly<Record<string, unknown>>;
  readonly join: ((params: unknown, channel: Channel<unknown, unknown, unknown>) => unknown) | null;
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly interceptors: ReadonlyMap<string, Handler>;
  readonly infos: ReadonlyMap<string, Handler>;
  readonly leave: ((reason: LeaveReason, channel: Channel<unknown, unknown, unknown>) => unknown) | null;
}

/** A channel as an endpoint mounts it, whatever its types. */
export interface AnyChannel {
  readonly pattern: string;
  readonly "~runtime": ChannelRuntime;
  readonly "~socket": object;
  readonly "~types"?: { readonly pattern: string; readonly shape: ChannelShape };
}

/**
 * One kind of channel. Immutable: each method returns a new definition.
 *
 * @example
 * ```ts
 * const ping = openSocket.channel("ping").on({ ping: () => ({ ping: "pong" }) });
 * ```
 */
export interface ChannelDefinition<Pattern extends string, Shape extends ChannelShape> extends AnyChannel {
  readonly pattern: Pattern;
  readonly "~types"?: { readonly pattern: Pattern; readonly shape: Shape };
  /**
   * Handlers of what clients push, by event. Their return value is the reply: a value (status `ok`), `reject(…)`,
   * `reply(…)`, `stop(…)`, or nothing. Handlers of one channel run one at a time, in the order of arrival.
   */
  on<const Given extends HandlersOf<Pattern, Shape>>(
    handlers: Given & CheckedHandlers<Given, Shape>,
  ): ChannelDefinition<Pattern, Omit<Shape, "handlers"> & { readonly handlers: Given }>;
  /**
   * Looks at events broadcast on the topic before they reach this client, who gets only what the handler pushes itself.
   * Each subscriber pays for this: prefer plain broadcasts.
   */
  intercept(handlers: InterceptorsOf<Pattern, Shape>): ChannelDefinition<Pattern, Shape>;
  /** Handlers of what the channel sends itself, and of broadcasts of other topics (`broadcast`). */
  info(handlers: InfoHandlersOf<Pattern, Shape>): ChannelDefinition<Pattern, Shape>;
  /** Called when the channel ends, with the reason. After `phx_close`, but before `phx_error`. */
  leave(
    handler: (reason: LeaveReason, channel: ChannelOf<Pattern, Shape>) => Awaitable<void>,
  ): ChannelDefinition<Pattern, Shape>;
}

/** Where channels come from: a socket, whose assigns they see. */
export interface ChannelSource<Assigns, Authenticated extends boolean> {
  /**
   * Defines what may be done on the topics `pattern` matches: exact, with `{name}` segments, or ending in `*`.
   *
   * @throws PortcullisError `definition_invalid` when the pattern is malformed, or the socket authenticates and the
   * channel doesn't say who may join.
   */
  channel<
    const Pattern extends string,
    Join extends Awaitable<JoinResult> = undefined,
    Result extends AuthorizeResult = true,
    Params extends Schema | undefined = undefined,
    In extends Schemas | undefined = undefined,
    Out extends Schemas | undefined = undefined,
  >(
    pattern: Pattern,
    ...options: Authenticated extends true
      ? [
          options: ChannelOptions<Pattern, Assigns, Params, In, Out, Join> &
            AuthorizeRule<true, Pattern, Assigns, Result>,
        ]
      : [
          options?: ChannelOptions<Pattern, Assigns, Params, In, Out, Join> &
            AuthorizeRule<false, Pattern, Assigns, Result>,
        ]
  ): ChannelDefinition<
    Pattern,
    {
      readonly assigns: MergeAssigns<Assigns, JoinAssigns<Join>>;
      readonly params: Params;
      readonly in: In;
      readonly out: Out;
      readonly join: Join;
      readonly authorize: Result;
      readonly handlers: Record<never, never>;
    }
  >;
}

/** Options of a channel with their types taken off. */
export interface UntypedChannelOptions {
  readonly params?: Schema | undefined;
  readonly in?: Schemas | undefined;
  readonly out?: Schemas | undefined;
  readonly assigns?: Readonly<Record<string, unknown>>;
  readonly authorize?: unknown;
  readonly join?: unknown;
}

/** Makes the definition; `socket` is the one it belongs to. */
export function makeChannel(
  socket: { readonly authenticated: boolean },
  pattern: string,
  options: UntypedChannelOptions,
): AnyChannel {
  if (socket.authenticated && options.authorize === undefined) {
    throw definitionError(
      `Expected the channel "${pattern}" to say who may join it: its socket authenticates, and knowing who somebody is ` +
        'does not tell what they may do. Add authorize: (channel) => …, or authorize: "everyone".',
    );
  }
  const { authorize } = options;
  if (authorize !== undefined && authorize !== "everyone" && typeof authorize !== "function") {
    throw definitionError(`Expected authorize of the channel "${pattern}" to be "everyone" or a function.`);
  }
  assertHook(pattern, "join", options.join);
  assertSchema(`params of the channel "${pattern}"`, options.params);
  for (const [event, schema] of [...Object.entries(options.in ?? {}), ...Object.entries(options.out ?? {})]) {
    assertSchema(`the schema of "${event}" of the channel "${pattern}"`, schema);
  }
  const payloads = options.in === undefined ? null : new Map(Object.entries(options.in));
  for (const event of [...(payloads?.keys() ?? []), ...Object.keys(options.out ?? {})]) assertEvent(pattern, event);
  return new Definition(socket, {
    pattern,
    match: toMatcher(pattern),
    authorize: typeof authorize === "function" ? (authorize as NonNullable<ChannelRuntime["authorize"]>) : null,
    params: options.params ?? null,
    payloads,
    assigns: options.assigns ?? {},
    join: (options.join as ChannelRuntime["join"] | undefined) ?? null,
    handlers: new Map(),
    interceptors: new Map(),
    infos: new Map(),
    leave: null,
  });
}

function toMatcher(pattern: string): TopicMatcher {
  try {
    return compilePattern(pattern);
  } catch (error) {
    throw definitionError(error instanceof Error ? error.message : "Expected a topic pattern.");
  }
}

function assertEvent(pattern: string, event: string): void {
  if (isReservedEvent(event)) {
    throw definitionError(
      `Expected the events of the channel "${pattern}" to have names of their own, got "${event}": ` +
        "phx_* and disconnect belong to the protocol.",
    );
  }
}

function assertHook(pattern: string, name: string, hook: unknown): void {
  if (hook === undefined || typeof hook === "function") return;
  throw definitionError(`Expected ${name} of the channel "${pattern}" to be a function, got ${typeof hook}.`);
}

function toHandlers(pattern: string, what: string, handlers: object): Map<string, Handler> {
  const entries = Object.entries(handlers).filter(([, handler]) => handler !== undefined);
  for (const [event, handler] of entries) {
    if (typeof handler !== "function") {
      throw definitionError(
        `Expected ${what} "${event}" of the channel "${pattern}" to be a function, got ${typeof handler}.`,
      );
    }
  }
  return new Map(entries as [string, Handler][]);
}

class Definition implements AnyChannel {
  readonly "~runtime": ChannelRuntime;
  readonly "~socket": object;

  constructor(socket: object, runtime: ChannelRuntime) {
    this["~socket"] = socket;
    this["~runtime"] = runtime;
  }

  get pattern(): string {
    return this["~runtime"].pattern;
  }

  #with(changes: Partial<ChannelRuntime>): Definition {
    return new Definition(this["~socket"], { ...this["~runtime"], ...changes });
  }

  on(given: object): Definition {
    const { pattern, payloads, handlers } = this["~runtime"];
    const added = toHandlers(pattern, "the handler", given);
    for (const event of added.keys()) {
      assertEvent(pattern, event);
      if (payloads !== null && !payloads.has(event)) {
        throw definitionError(`The channel "${pattern}" has a handler for "${event}", which is not declared in "in".`);
      }
    }
    for (const event of payloads?.keys() ?? []) {
      if (!added.has(event)) {
        throw definitionError(`The channel "${pattern}" declares "${event}" in "in" but has no handler for it.`);
      }
    }
    return this.#with({ handlers: new Map([...handlers, ...added]) });
  }

  intercept(given: object): Definition {
    const { pattern, interceptors } = this["~runtime"];
    return this.#with({ interceptors: new Map([...interceptors, ...toHandlers(pattern, "the interceptor", given)]) });
  }

  info(given: object): Definition {
    const { pattern, infos } = this["~runtime"];
    return this.#with({ infos: new Map([...infos, ...toHandlers(pattern, "the info handler", given)]) });
  }

  leave(handler: NonNullable<ChannelRuntime["leave"]>): Definition {
    assertHook(this.pattern, "leave", handler);
    return this.#with({ leave: handler });
  }
}
