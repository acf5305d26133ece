// Where Portcullis differs from Phoenix on purpose, event by event. `--strict` ignores this list.
import type { ServerEvent } from "./recording.ts";

/** What ours does in place of an event of the recording. */
export type Ours =
  /** Something else; what is not named is as recorded, but it may come `sooner`. */
  | { readonly instead: Partial<ServerEvent>; readonly sooner?: true }
  /** It does not come, and what follows does. */
  | { readonly nothing: true }
  /** The connection is closed with this code, and its rest does not take place. */
  | { readonly endsWith: number };

export interface Difference {
  readonly recording: string;
  /** Index of the event in the Cowboy recording. */
  readonly event: number;
  /** What Phoenix did. */
  readonly phoenix: string;
  readonly ours: Ours;
  readonly why: string;
}

const upgraded: Partial<ServerEvent> = {
  dir: "upgrade",
  status: 101,
  headers: { upgrade: "websocket", connection: "Upgrade" },
};

const text = (data: object): Ours => ({ instead: { data: JSON.stringify(data) } });
const reply = (ref: string, topic: string, status: string, response: object): Ours =>
  text({ ref, event: "phx_reply", topic, payload: { status, response } });

const hostCase = "host names have no case; browsers send them in lower case, ours lower-cases both sides";
const idle = "1000 says that all is well and keeps older phoenix clients from coming back; 1001 lets them reconnect";
const frameLimit = "the default frame limit is 1 MiB, not 10 MB";
const frameLimitEvents = [25, 34, 43, 52, 61];
const reservedNames =
  "phx_* and disconnect are the protocol's: a client could not tell a broadcast of that name from the server's own message";
const reservedNameEvents = [32, 33, 36, 37, 40, 41, 44, 45, 48, 49];
const pipelinedAtLimit =
  "a leave and a join sent at once race in Phoenix; ours answers in order, so that the slot is free";

const noErrorPage = "nobody outside should be able to cause an error page; nothing of the program is shown";
const emptyBody: Ours = { instead: { headers: {}, body: "" } };
const atOnce: Ours = { instead: {}, sooner: true };
const goneAtOnce = "a session that is not there is known to be gone: nobody has to wait a window for it";
const saidAtOnce = "what can't be understood ends the session, and is told at once instead of after a window";
const longpollAtOnce: readonly (readonly [recording: string, events: readonly number[], why: string])[] = [
  ["longpoll-v1-errors", [32, 40, 48, 56, 64], saidAtOnce],
  ["longpoll-v1-errors", [35, 37, 43, 45, 51, 53, 59, 61, 67, 69, 82, 85], goneAtOnce],
  ["longpoll-v1-disconnect", [10], "a poll whose session ends is answered then"],
  ["longpoll-v1-disconnect", [12, 14], goneAtOnce],
  ["longpoll-v2-disconnect", [10], "a poll whose session ends is answered then"],
  ["longpoll-v2-disconnect", [12, 14], goneAtOnce],
];
// What the recorded session was called.
const binarySession =
  "SFMyNTY.g2gDaAR3AnYxbQAAABZzdGZuTTEzZElHc0ZSSVphZE9iY3dRWHcNbm9ub2RlQG5vaG9zdAAAC9oAAAAAAAAAAG0AAAAs" +
  "cGh4OmxwOlFMSEpYNStSMnlmdEwvNVd1UFFBeVE9PTE3OTU0NTAwMTAzMTFuBgDH-igJogFhAg.S3ZcoXrxvC14OnMZvoq0jGG4w" +
  "iOacNaoHGGEVW4AW4A";
const refusedPost: Ours = { instead: { status: 400, body: '{"status":400}' } };

const twoRefs = "an object holds a key once: the ref of the server's own stands, whatever a meta brings along";
// Any ref of the right shape stands for any other.
const anyRef = "AAAAAAAAAAAAAAAA";
const ownRef = { phx_ref: anyRef, x: 1 };
const aliceAway = { phx_ref: anyRef, phx_ref_prev: anyRef, device: "phone", status: "away", typing: true };

export const differences: readonly Difference[] = [
  {
    recording: "bad-origin",
    event: 22,
    phoenix: "403 for http://LOCALHOST",
    ours: { instead: upgraded },
    why: hostCase,
  },
  {
    recording: "bad-origin",
    event: 39,
    phoenix: "403 for https://EXAMPLE.com",
    ours: { instead: upgraded },
    why: hostCase,
  },
  {
    recording: "connect-rejected",
    event: 5,
    phoenix: "500 with a body that the application's error view wrote",
    ours: { instead: { headers: {}, body: "" } },
    why: "a connect that throws is a 500 with an empty body: nothing of the program is shown",
  },
  {
    recording: "drain-sigterm",
    event: 16,
    phoenix: "a connection that has joined nothing is cut off when the process stops, five seconds later",
    ours: { instead: { code: 1012 }, sooner: true },
    why: "a client should know that it is to come back, whatever it has joined",
  },
  {
    recording: "drain-sigterm",
    event: 17,
    phoenix: "a connection that is left out of draining is cut off when the process stops",
    ours: { instead: { code: 1001 }, sooner: true },
    why: "the endpoint says good-bye when it closes",
  },
  ...longpollAtOnce.flatMap(([recording, events, why]) =>
    events.map((event) => ({ recording, event, phoenix: "the same, a window later", ours: atOnce, why })),
  ),
  {
    recording: "longpoll-v1-errors",
    event: 17,
    phoenix: "500 with a body that the application's error view wrote",
    ours: emptyBody,
    why: "a connect that throws is a 500 with an empty body: nothing of the program is shown",
  },
  ...[72, 77].map((event) => ({
    recording: "longpoll-v1-errors",
    event,
    phoenix: "500: a line of a batch that doesn't start with [ is no base64",
    ours: refusedPost,
    why: noErrorPage,
  })),
  {
    recording: "longpoll-v2-binary",
    event: 25,
    phoenix: "500: the line is no base64",
    ours: refusedPost,
    why: noErrorPage,
  },
  {
    recording: "longpoll-v2-binary",
    event: 19,
    phoenix: "500: a binary message that is no UTF-8 has no place in JSON, and is lost",
    ours: {
      instead: {
        status: 200,
        body: JSON.stringify({ status: 200, messages: ["AQEBBgIxNGVjaG86MW9r//4="], token: binarySession }),
      },
    },
    why: "bytes that are no UTF-8 travel as base64, as they do in the other direction",
  },
  {
    recording: "longpoll-big-body",
    event: 7,
    phoenix: "400 with a body that the application's error view wrote",
    ours: emptyBody,
    why: noErrorPage,
  },
  ...frameLimitEvents.map((event) => ({
    recording: "head-v2-frame-too-large-default",
    event,
    phoenix: "takes a message of up to 10 MB and answers the next heartbeat",
    ours: { endsWith: 1009 },
    why: frameLimit,
  })),
  {
    recording: "head-v1-channel-limit-3",
    event: 32,
    phoenix: "too many channels joined, before the leave is answered",
    ours: reply("10", "echo:1", "ok", {}),
    why: pipelinedAtLimit,
  },
  {
    recording: "head-v1-channel-limit-3",
    event: 33,
    phoenix: "the leave is answered",
    ours: text({ ref: "3", event: "phx_close", payload: {}, topic: "echo:1" }),
    why: pipelinedAtLimit,
  },
  {
    recording: "head-v1-channel-limit-3",
    event: 34,
    phoenix: "the left channel is closed",
    ours: reply("11", "echo:6", "ok", {}),
    why: pipelinedAtLimit,
  },
  {
    recording: "head-v1-channel-limit-3",
    event: 36,
    phoenix: "the slot is free now, and another join takes it",
    ours: reply("12", "echo:7", "error", { reason: "too many channels joined" }),
    why: pipelinedAtLimit,
  },
  {
    recording: "v1-binary",
    event: 13,
    phoenix: "phx_error: the V1 serializer cannot encode the binary broadcast, which crashes the broadcaster",
    ours: { nothing: true },
    why: "one old client must not be able to crash a channel that others use: ours drops the broadcast for V1",
  },
  ...reservedNameEvents.map((event) => ({
    recording: "v1-broadcast",
    event,
    phoenix: "a broadcast named like a message of the protocol reaches the subscribers",
    ours: { nothing: true } as const,
    why: reservedNames,
  })),
  ...[47, 48, 49].map((event) => ({
    recording: "v2-presence",
    event,
    phoenix: "a meta with a phx_ref of its own goes out with that key twice",
    ours: text([null, null, "presence:1", "presence_diff", { leaves: {}, joins: { alice2: { metas: [ownRef] } } }]),
    why: twoRefs,
  })),
  {
    recording: "v2-presence",
    event: 63,
    phoenix: "the same, when it leaves",
    ours: text([
      null,
      null,
      "presence:1",
      "presence_diff",
      { leaves: { alice: { metas: [aliceAway] }, alice2: { metas: [ownRef] } }, joins: {} },
    ]),
    why: twoRefs,
  },
  {
    recording: "v1-idle-timeout",
    event: 26,
    phoenix: "close 1000 (Cowboy), 1002 (Bandit)",
    ours: { instead: { code: 1001 } },
    why: idle,
  },
  {
    recording: "v1-idle-timeout",
    event: 27,
    phoenix: "close 1000 (Cowboy), 1002 (Bandit)",
    ours: { instead: { code: 1001 } },
    why: idle,
  },
];

/** The differences of one recording. */
export function differencesOf(recording: string): readonly Difference[] {
  return differences.filter((difference) => difference.recording === recording);
}
