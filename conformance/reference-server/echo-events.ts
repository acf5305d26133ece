// What the echo channel does with each event: one handler for everything a channel can do.
import { accept, type Channel, reject, reply, stop } from "portcullis";
import { inspect } from "./inspect.ts";
import type { ReferenceAssigns } from "./sockets.ts";

/** A channel of this server, on whatever topic. */
export type ReferenceChannel = Channel<ReferenceAssigns, unknown, undefined>;
type Handler = (payload: unknown, channel: ReferenceChannel) => unknown;
export type Fields = Readonly<Record<string, unknown>>;

/** Payloads here are what they have to be: a client that sends another gets a crash, as in Phoenix. */
export function fields(payload: unknown): Fields {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) throw new TypeError("no such clause");
  return payload as Fields;
}

/** The bytes of a binary payload, or those in `b64`. */
function bytes(payload: unknown): Uint8Array {
  return payload instanceof Uint8Array ? payload : Buffer.from(String(fields(payload)["b64"]), "base64");
}

const isReserved = (event: string): boolean => event.startsWith("phx_") || event === "disconnect";

const replies: Record<string, Handler> = {
  echo: (payload) => payload,
  status_only: () => reply("ok"),
  error_only: () => reply("error"),
  error: (payload) => reply("error", payload),
  error_bin: () => reject(Uint8Array.of(9, 9)),
  custom_status: (payload) => reply("wat", payload),
  noreply: () => undefined,
  reply_bin: (payload) => bytes(payload),
  reply_string: () => "a string",
  reply_list: () => [1, 2],
  reply_unencodable: () => ({ n: 1n }),
  count(_payload, channel) {
    const n = channel.assigns.count + 1;
    channel.assign({ count: n });
    return { n, preset: channel.assigns.preset };
  },
  socket: (_payload, channel) => ({
    ref: channel.ref,
    join_ref: channel.joinRef,
    topic: channel.topic,
    id: channel.socketId,
    transport: channel.transport,
    joined: channel.joined,
  }),
  later(payload, channel) {
    const answer = channel.deferReply();
    setTimeout(() => answer({ ...fields(payload), late: true }), 50);
  },
  later_twice(payload, channel) {
    const answer = channel.deferReply();
    answer(payload);
    answer(reply("error", payload));
  },
  async sleep(payload) {
    const ms = Number(fields(payload)["ms"]);
    await new Promise((resolve) => setTimeout(resolve, ms));
    return { slept: ms };
  },
};

const messages: Record<string, Handler> = {
  push(payload, channel) {
    channel.push("pushed", fields(payload));
  },
  push_then_reply(payload, channel) {
    channel.push("pushed", fields(payload));
    return {};
  },
  push_list(_payload, channel) {
    channel.push("pushed", [1, 2]);
  },
  push_bin(payload, channel) {
    channel.push("pushed", bytes(payload));
  },
  long_event(payload, channel) {
    const { n, bin } = fields(payload);
    channel.push("e".repeat(Number(n)), bin === true ? Buffer.from("x") : {});
  },
  shout(payload, channel) {
    channel.broadcast("shout", fields(payload));
  },
  shout_reply(payload, channel) {
    channel.broadcast("shout", fields(payload));
    return { sent: true };
  },
  shout_from(payload, channel) {
    channel.broadcastFrom("shout", fields(payload));
    return {};
  },
  shout_bin(payload, channel) {
    channel.broadcast("shout", bytes(payload));
  },
  shout_list(_payload, channel) {
    channel.broadcast("shout", [1]);
  },
  shout_unencodable(_payload, channel) {
    channel.broadcast("shout", { n: 1n });
  },
  icept(payload, channel) {
    channel.broadcast("icept", fields(payload));
  },
  bcast_other(payload, channel) {
    const { topic, event, payload: other } = fields(payload);
    // Names of the protocol are refused; the recorded scenario goes on as if they had been broadcast.
    if (!isReserved(String(event))) channel.endpoint.broadcast(String(topic), String(event), fields(other));
    return {};
  },
  subscribe(payload, channel) {
    channel.subscribe(String(fields(payload)["topic"]));
    return {};
  },
};

const endings: Record<string, Handler> = {
  stop: () => stop(),
  stop_shutdown: stopWith(":shutdown"),
  stop_shutdown_tuple: stopWith("{:shutdown, :custom}"),
  stop_error: () => stop({ error: new Error("asked to") }),
  stop_reply: () => stop({ reply: { bye: true } }),
  stop_reply_status: () => stop({ reply: reply("ok") }),
  stop_error_reply: () => stop({ reply: reply("error", { bye: true }), error: new Error("asked to") }),
  crash: fail("boom"),
  exit_normal: fail("exit"),
  kill_self: fail("killed"),
  throw() {
    throw "thrown";
  },
  // An answer that belongs into `join`: as good as any other that makes no sense here.
  bad_return: () => accept(),
  bad_reply: () => stop({ reply: accept() }),
};

function stopWith(exit: string): Handler {
  return (_payload, channel) => {
    channel.assign({ exit });
    return stop();
  };
}

function fail(message: string): Handler {
  return () => {
    throw new Error(message);
  };
}

/** All of them by event. */
export const echoEvents: Readonly<Record<string, Handler>> = { ...replies, ...messages, ...endings };

/** Looks at `icept` before a client gets it. */
export function intercepted(payload: unknown, channel: ReferenceChannel): ReturnType<typeof stop> | undefined {
  const given = fields(payload);
  if (given["drop"] === true) return undefined;
  if (given["stop"] === true) return stop();
  channel.push("icept", { ...given, intercepted_by: inspect(channel.assigns.params["id"]) });
  return undefined;
}
