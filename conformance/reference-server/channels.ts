// The channels of the recorded application, made for any of its sockets.
import { accept, type LeaveReason, reject } from "portcullis";
import { echoEvents, fields, intercepted, type ReferenceChannel } from "./echo-events.ts";
import { inspect } from "./inspect.ts";
import type { ReferenceSocket } from "./sockets.ts";

const isObject = (payload: unknown): payload is Readonly<Record<string, unknown>> =>
  typeof payload === "object" && payload !== null && !Array.isArray(payload);

/** Echoes, and does everything else a channel can do. */
export function echoChannel<const Pattern extends string>(
  socket: ReferenceSocket,
  pattern: Pattern,
  assigns: { readonly preset?: string } = {},
) {
  return socket
    .channel(pattern, { assigns, join: joinEcho })
    .on(echoEvents)
    .intercept({ icept: intercepted })
    .info({
      after_join(message: { readonly i: number }, channel) {
        channel.push("after_join", message);
      },
      broadcast({ topic, event, payload }, channel) {
        channel.push("info_broadcast", { topic, event, payload });
      },
    })
    .leave(sayFarewell);
}

function joinEcho(payload: unknown, channel: ReferenceChannel) {
  if (payload instanceof Uint8Array) return accept({ reply: payload });
  if (!isObject(payload)) return accept({ reply: { payload } });
  if (payload["deny"] === true) return reject("denied");
  if (payload["crash"] === true) throw new Error("boom");
  if (payload["badret"] === true) return "nonsense" as never;
  if (payload["push_in_join"] === true) channel.push("pushed", {});
  if (payload["unencodable"] === true) return accept({ reply: { n: 1n } });
  if (payload["reply_bin"] === true) return accept({ reply: Uint8Array.of(1, 2, 3) });
  if (payload["error_bin"] === true) return reject(Uint8Array.of(9, 9));
  for (let i = 1; i <= Number(payload["after_join"] ?? 0); i++) channel.send("after_join", { i });
  return accept({ reply: payload["reply"] ?? {} });
}

// In Phoenix a process that is killed for a duplicate join runs no farewell unless it traps exits, and one that
// ignores the exit has to be waited for.
function sayFarewell(reason: LeaveReason, channel: ReferenceChannel): void | Promise<void> {
  const traps = channel.topic.startsWith("trap:");
  if (channel.topic.startsWith("trapignore:") && reason.kind === "duplicate") return new Promise(() => {});
  if (reason.kind === "duplicate" && !traps) return;
  if (channel.topic === "trap:bye") channel.push("you_left", { message: "bye" });
  channel.endpoint.broadcast("log:terminate", "terminate", {
    topic: channel.topic,
    join_ref: channel.joinRef,
    reason: exitReason(reason, channel),
  });
}

function exitReason(reason: LeaveReason, channel: ReferenceChannel): string {
  switch (reason.kind) {
    case "stopped":
      return channel.assigns.exit;
    case "duplicate":
      return "{:shutdown, :duplicate_join}";
    case "error": {
      const { name, message } = reason.error instanceof Error ? reason.error : { name: "Thrown", message: "" };
      return `{%${name}{message: ${inspect(message)}}, []}`;
    }
    default:
      return `{:shutdown, :${reason.kind}}`;
  }
}

/** Answers `ping`. */
export function pingChannel<const Pattern extends string>(socket: ReferenceSocket, pattern: Pattern) {
  return socket.channel(pattern).on({
    ping: (payload) => (isObject(payload) && Object.keys(payload).length > 0 ? payload : { ping: "pong" }),
  });
}

/** As little as possible, to measure the rest. */
export function benchChannel(socket: ReferenceSocket) {
  return socket.channel("bench:*").on({
    echo: (payload) => payload,
    ping: (payload) => payload,
    noreply: () => undefined,
    shout(payload, channel) {
      channel.broadcast("shout", fields(payload));
    },
    shout_from(payload, channel) {
      channel.broadcastFrom("shout", fields(payload));
    },
  });
}

/** A user's own. */
export function userChannel(socket: ReferenceSocket) {
  return socket
    .channel("user:{id}", {
      authorize: (channel) => channel.topicParams.id === channel.assigns.userId,
      join: (_params, channel) => accept({ reply: { user_id: channel.assigns.userId } }),
    })
    .on({ whoami: (_payload, channel) => ({ user_id: channel.assigns.userId }) });
}

/** Tells what the socket knows of its request. */
export function infoChannel(socket: ReferenceSocket) {
  return socket.channel("info:*", {
    join(_params, { assigns }) {
      const { info, params, userId } = assigns;
      return accept({ reply: { info, params: inspect(params), user_id: inspect(userId) } });
    },
  });
}
