/**
 * Answering a join: may they, do the params fit, and what does the channel say. A promise only where a hook's answer is one.
 *
 * @module
 */

import type { ErrorCode } from "../errors.ts";
import { isAcceptance, isRejection, isThenable, rejectionPayload } from "../outcome.ts";
import { reasons } from "../protocol/events.ts";
import type { ChannelRuntime } from "./channel.ts";
import type { Channel } from "./contract.ts";
import { type Checked, checkPayload } from "./payload.ts";

/** How a join was answered. */
export type JoinAnswer =
  | { readonly status: "ok"; readonly response: unknown; readonly assigns: object }
  | { readonly status: "error"; readonly response: unknown; readonly code: ErrorCode; readonly error?: unknown };

/** What is being joined. */
interface Joining {
  readonly runtime: ChannelRuntime;
  readonly channel: Channel<unknown, unknown, unknown>;
  readonly payload: unknown;
}

type Answer = JoinAnswer | Promise<JoinAnswer>;

/** Authorizes, checks the params and joins, in this order. Never throws. */
export function answerJoin(joining: Joining): Answer {
  const { runtime, channel } = joining;
  return settled(
    () => (runtime.authorize === null ? true : runtime.authorize(channel)),
    (allowed) => authorized(joining, allowed),
  );
}

/**
 * Asks `authorize` again: `true`, or the payload of a farewell. Whoever throws, or says anything but `true`, has said no. A
 * promise only where the hook's answer is one; never rejects.
 */
export function authorizeAgain({ runtime, channel }: Omit<Joining, "payload">): true | object | Promise<true | object> {
  const said = (allowed: unknown): true | object => {
    if (allowed === true) return true;
    const payload = isRejection(allowed) ? rejectionPayload(allowed) : null;
    return typeof payload === "object" && payload !== null && !(payload instanceof Uint8Array)
      ? payload
      : { reason: reasons.unauthorized };
  };
  if (runtime.authorize === null) return true;
  try {
    const allowed = runtime.authorize(channel);
    return isThenable(allowed) ? Promise.resolve(allowed).then(said, () => said(false)) : said(allowed);
  } catch {
    return said(false);
  }
}

/** The answer to a join that threw, or returned nonsense. */
export function joinCrashed(error: unknown): JoinAnswer {
  return { status: "error", response: { reason: reasons.joinCrashed }, code: "join_crashed", error };
}

/** Calls `hook` and goes on with what it returns: at once, or when that is there. */
function settled(hook: () => unknown, goOn: (value: unknown) => Answer): Answer {
  try {
    const value = hook();
    return isThenable(value) ? Promise.resolve(value).then(goOn).catch(joinCrashed) : goOn(value);
  } catch (error) {
    return joinCrashed(error);
  }
}

function authorized(joining: Joining, allowed: unknown): Answer {
  if (isRejection(allowed)) return { status: "error", response: rejectionPayload(allowed), code: "join_refused" };
  if (allowed !== true) return { status: "error", response: { reason: reasons.unauthorized }, code: "unauthorized" };
  const { params } = joining.runtime;
  if (params === null) return enter(joining, joining.payload);
  return settled(
    () => checkPayload(params, joining.payload),
    (checked) => checkedParams(joining, checked as Checked),
  );
}

function checkedParams(joining: Joining, checked: Checked): Answer {
  if (!checked.ok) return { status: "error", response: checked.refusal, code: "payload_invalid" };
  return enter(joining, checked.value);
}

function enter({ runtime, channel }: Joining, params: unknown): Answer {
  return settled(
    () => (runtime.join === null ? undefined : runtime.join(params, channel)),
    (result) => answerOf(runtime, result),
  );
}

function answerOf({ pattern }: ChannelRuntime, result: unknown): JoinAnswer {
  if (result === undefined) return { status: "ok", response: {}, assigns: {} };
  if (isRejection(result)) return { status: "error", response: rejectionPayload(result), code: "join_refused" };
  if (!isAcceptance(result)) {
    throw new TypeError(
      `Expected join of the channel "${pattern}" to return accept(…), reject(…) or nothing. ` +
        "Wrap what the client is to get: accept({ reply: … }).",
    );
  }
  return { status: "ok", response: result.reply === undefined ? {} : result.reply, assigns: result.assigns as object };
}
