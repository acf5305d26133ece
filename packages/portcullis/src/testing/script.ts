/**
 * Channels as a test of a client wants them: said in a few words, changed at any time, and real for all that. Joins,
 * replies, crashes and their order are the library's own.
 *
 * @module
 */

import type { AnyChannel, ChannelRuntime } from "../channel/channel.ts";
import type { Channel } from "../channel/contract.ts";
import { PortcullisError } from "../errors.ts";
import { accept, isOutcome, isRejection, isThenable, stop } from "../outcome.ts";
import { compilePattern, type TopicMatcher } from "../protocol/topic.ts";
import { defineSocket, type SocketDefinition } from "../socket/socket.ts";

/** The channel a script is asked about. */
export type ScriptedChannel = Channel<Readonly<Record<string, unknown>>, Readonly<Record<string, string>>, undefined>;

/** What clients send is an object, unless somebody means harm. */
type Given = Readonly<Record<string, unknown>>;
type Asked = (payload: Given, channel: ScriptedChannel) => unknown;
type Answer = Asked | object | string | number | boolean | null | undefined;

/** What a server does on the topics of one pattern. */
export interface ChannelScript {
  /**
   * Answers joins: an object is the reply, `reject(…)` a refusal, nothing an empty reply. A function is asked at each join,
   * anything else is the answer to all. Default: everybody may, and is told nothing.
   */
  readonly join?: Asked | object;
  /**
   * Answers pushes, by event: a value is the reply, `reject(…)`, `reply(…)` and `stop(…)` what they are anywhere,
   * `undefined` no reply. A function is asked each time. An event without an answer crashes the channel, as on any server of
   * this protocol.
   */
  readonly events?: Readonly<Record<string, Answer>>;
}

interface Scene {
  readonly match: TopicMatcher;
  script: ChannelScript;
}

/** The scripts of one server: the one channel that has every topic asks them. */
export class Scripts {
  readonly socket: SocketDefinition<unknown, unknown, false>;
  readonly channel: AnyChannel;
  readonly #scenes = new Map<string, Scene>();
  readonly #joined = new Set<Channel<unknown, unknown, unknown>>();

  constructor(connect: (request: ScriptedConnect) => unknown) {
    this.socket = defineSocket({
      connectInfo: ["authToken"],
      connect: ({ params, info }) => connect({ params, authToken: info.authToken }) as object,
    }) as SocketDefinition<unknown, unknown, false>;
    const any = this.socket.channel("*");
    const runtime: ChannelRuntime = {
      ...any["~runtime"],
      match: (topic) => this.#find(topic)?.match(topic) ?? null,
      join: (payload, channel) => this.#join(payload as Given, channel as ScriptedChannel),
      handlers: new ScriptedHandlers((event) => this.#handler(event)),
      infos: new Map([
        ["close", () => stop()],
        ["crash", () => stop({ error: new Error("The test crashed this channel.") })],
      ]),
      leave: (_reason, channel) => void this.#joined.delete(channel),
    };
    this.channel = { pattern: any.pattern, "~socket": this.socket, "~runtime": runtime };
  }

  /** Says what happens on the topics of `pattern` from now on. Of several that match, the first has a topic. */
  on(pattern: string, script: ChannelScript): void {
    const scene = this.#scenes.get(pattern);
    if (scene === undefined) this.#scenes.set(pattern, { match: compilePattern(pattern), script });
    else scene.script = script;
  }

  /** Ends every channel on `topic`: with `phx_close`, or with `phx_error`. */
  end(topic: string, how: "close" | "crash"): void {
    for (const channel of [...this.#joined]) if (channel.topic === topic) channel.send(how);
  }

  #find(topic: string): Scene | undefined {
    for (const scene of this.#scenes.values()) if (scene.match(topic) !== null) return scene;
    return undefined;
  }

  #join(payload: Given, channel: ScriptedChannel): unknown {
    const answer = ask(this.#find(channel.topic)?.script.join, payload, channel);
    return isThenable(answer)
      ? Promise.resolve(answer).then((settled) => this.#answer(settled, channel))
      : this.#answer(answer, channel);
  }

  #answer(answer: unknown, channel: ScriptedChannel): unknown {
    if (!isRejection(answer)) this.#joined.add(channel as unknown as Channel<unknown, unknown, unknown>);
    return answer === undefined || isOutcome(answer) ? answer : accept({ reply: answer });
  }

  #handler(event: string): Asked {
    return (payload, channel) => {
      const events = this.#find(channel.topic)?.script.events ?? {};
      if (Object.hasOwn(events, event)) return ask(events[event], payload, channel);
      throw new PortcullisError(
        "event_undeclared",
        `A client pushed "${event}" on "${channel.topic}", which the script doesn't answer. Add it: server.on(…, { events: { ${JSON.stringify(event)}: … } }).`,
      );
    };
  }
}

/** What a client connects with. */
export interface ScriptedConnect {
  readonly params: Readonly<Record<string, unknown>>;
  /** What phoenix.js sends as its `authToken`, or `null`. */
  readonly authToken: string | null;
}

function ask(answer: Answer, payload: Given, channel: ScriptedChannel): unknown {
  return typeof answer === "function" ? (answer as Asked)(payload, channel) : answer;
}

type Handler = ChannelRuntime["handlers"] extends ReadonlyMap<string, infer Each> ? Each : never;

/** Has a handler for every event: which of them are answered may change. */
class ScriptedHandlers extends Map<string, Handler> {
  readonly #find: (event: string) => Asked;

  constructor(find: (event: string) => Asked) {
    super();
    this.#find = find;
  }

  override get(event: string): Handler {
    return this.#find(event) as Handler;
  }
}
