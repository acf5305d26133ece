/**
 * Topic patterns: exact (`"lobby"`), with named segments (`"room:{id}"`), or ending in `*` (`"log:*"`).
 *
 * A `{name}` takes one whole segment between colons, at least one character, no `:`. A final `*` takes the rest, which
 * may be empty: `"ping*"` matches `"ping"`, as in Phoenix.
 *
 * @module
 */

import { bareRecord, emptyRecord } from "../record.ts";
import { isLongerThan } from "./frame.ts";

/** The params a pattern yields: `"room:{room}:doc:{doc}"` gives `{ room: string; doc: string }`, `*` gives `rest`. */
export type TopicParams<Pattern extends string> = string extends Pattern
  ? Readonly<Record<string, string>>
  : { readonly [Name in ParamNames<Pattern>]: string };

type ParamNames<Pattern extends string> = Pattern extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamNames<Rest>
  : Pattern extends `${string}*`
    ? "rest"
    : never;

/** The topics a pattern matches, as a type: `"room:{id}"` gives `` `room:${string}` ``. */
export type TopicOf<Pattern extends string> = Pattern extends `${infer Head}{${string}}${infer Tail}`
  ? `${Head}${string}${TopicOf<Tail>}`
  : Pattern extends `${infer Head}*`
    ? `${Head}${string}`
    : Pattern;

/** Whether the server would match `Topic` with `Pattern`; what a `${string}` stands for is taken on trust. */
export type Fits<Topic extends string, Pattern extends string> = string extends Topic
  ? true
  : Pattern extends `${infer Head}:${infer Tail}`
    ? Topic extends `${infer First}:${infer Rest}`
      ? FitsSegment<First, Head> extends true
        ? Fits<Rest, Tail>
        : false
      : false
    : Pattern extends `${infer Literal}*`
      ? Topic extends `${Literal}${string}`
        ? true
        : false
      : Topic extends `${string}:${string}`
        ? false
        : FitsSegment<Topic, Pattern>;

type FitsSegment<Segment extends string, Pattern extends string> = Pattern extends `{${string}}`
  ? Segment extends ""
    ? false
    : true
  : string extends Segment
    ? true
    : Segment extends Pattern
      ? true
      : false;

/** Matches a topic and returns its params, or `null`. Linear in the topic's length. */
export type TopicMatcher = (topic: string) => Readonly<Record<string, string>> | null;

/**
 * Compiles a pattern.
 *
 * @throws TypeError for a pattern that is empty, has a `*` that is not last, a `{name}` that is not a whole segment, a
 * repeated name, or that names the connection's own topic `phoenix`.
 */
export function compilePattern(pattern: string): TopicMatcher {
  const wildcard = pattern.endsWith("*");
  const body = wildcard ? pattern.slice(0, -1) : pattern;
  if (pattern === "" || body.includes("*")) {
    throw new TypeError(
      `Expected a topic pattern like "room:{id}" or "room:*", got "${pattern}". Only the last character may be "*".`,
    );
  }
  if (pattern === "phoenix") {
    throw new TypeError(`The topic "phoenix" belongs to the connection (heartbeats). Name the channel differently.`);
  }
  const segments = body.split(":").map((segment) => toSegment(segment, pattern));
  if (wildcard && segments.at(-1)?.name !== null) {
    throw new TypeError(`Expected "*" in the topic pattern "${pattern}" to follow a literal, as in "user:{id}:*".`);
  }
  const names = segments.flatMap((segment) => (segment.name === null ? [] : [segment.name]));
  if (wildcard) names.push("rest");
  if (new Set(names).size !== names.length) {
    throw new TypeError(`Expected each param of the topic pattern "${pattern}" to have a name of its own.`);
  }
  if (names.length === 0) return (topic) => (topic === pattern ? emptyRecord : null);
  return (topic) => match(topic, segments, wildcard);
}

interface Segment {
  readonly literal: string;
  readonly name: string | null;
}

function toSegment(text: string, pattern: string): Segment {
  const named = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(text);
  if (named !== null) return { literal: "", name: named[1] as string };
  if (/[{}]/.test(text)) {
    throw new TypeError(
      `Expected "{name}" in the topic pattern "${pattern}" to be a whole segment between colons, as in "user:{id}".`,
    );
  }
  return { literal: text, name: null };
}

function match(
  topic: string,
  segments: readonly Segment[],
  wildcard: boolean,
): Readonly<Record<string, string>> | null {
  const params = bareRecord<string>();
  let offset = 0;
  for (let index = 0; index < segments.length; index += 1) {
    const { literal, name } = segments[index] as Segment;
    const last = index === segments.length - 1;
    if (name === null) {
      if (!topic.startsWith(literal, offset)) return null;
      offset += literal.length;
    } else {
      const colon = topic.indexOf(":", offset);
      const end = colon === -1 ? topic.length : colon;
      if (end === offset) return null;
      params[name] = topic.slice(offset, end);
      offset = end;
    }
    if (!last) {
      if (topic[offset] !== ":") return null;
      offset += 1;
    }
  }
  if (wildcard) params["rest"] = topic.slice(offset);
  else if (offset !== topic.length) return null;
  return params;
}

/** Whether a topic is one this server cares to know: bounded in bytes and free of control characters. */
export function isUsableTopic(topic: string, topicBytesMax: number): boolean {
  if (isLongerThan(topic, topicBytesMax)) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused here.
  return !/[\u0000-\u001f\u007f]/.test(topic);
}
