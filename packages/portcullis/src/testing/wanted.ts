/**
 * What the assertions of a channel ask its inboxes for.
 *
 * @module
 */

import { brief } from "./brief.ts";
import type { ServerMessage } from "./client-wire.ts";
import type { Wanted } from "./inbox.ts";
import { describeMatch, mismatch } from "./match.ts";

/** A push of the test, to ask for its reply with. */
export interface PushRef<Event extends string = string> {
  readonly ref: string;
  readonly event: Event;
}

/** The payload of a `phx_reply`. */
export interface Answer {
  readonly status: string;
  readonly response: unknown;
}

/** The reply to a push: with a status, or with any. */
export function wantedReply({ ref, event }: PushRef, status?: string, match?: unknown): Wanted<ServerMessage> {
  const what = `the push "${event}" (ref ${ref}) to be answered${status === undefined ? "" : ` "${status}"`}`;
  const expected = match === undefined ? what : `${what} with ${describeMatch(match)}`;
  return {
    expected,
    mismatch(message) {
      const answer = message.payload as Answer;
      if (message.ref !== ref || (status !== undefined && answer.status !== status)) return "";
      return match === undefined ? null : mismatch(answer.response, match);
    },
  };
}

/** A message with an event, on a topic. */
export function wantedEvent(
  kind: "push" | "broadcast",
  topic: string,
  event: string,
  match?: unknown,
): Wanted<{ readonly event: string; readonly payload: unknown }> {
  return {
    expected: `a ${kind} of "${event}"${match === undefined ? "" : ` with ${describeMatch(match)}`} on "${topic}"`,
    mismatch: (message) => {
      if (message.event !== event) return "";
      return match === undefined ? null : mismatch(message.payload, match);
    },
  };
}

/** A reply as it is listed in a failure; `pushed` has the events of refs. */
export function describeReply({ ref, payload }: ServerMessage, pushed: ReadonlyMap<string, string>): string {
  const { status, response } = payload as Answer;
  return `reply to "${pushed.get(String(ref))}" (ref ${String(ref)}) "${status}" ${brief(response)}`;
}
