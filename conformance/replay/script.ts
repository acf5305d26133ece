// A recording made ready to be played, with what the recorder did unseen put back in.
import type { ConnectionEvent, RawEvent, RecordedEvent, Recording } from "./recording.ts";
import { type UnseenSession, unseenSessions } from "./sessions.ts";

/** A request of the recorder that is in no event. Its answer is not compared. */
export interface UnseenRequest {
  readonly dir: "unseen_request";
  readonly at_ms: number;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Bytes for the connection, as they are. */
export interface WriteEvent {
  readonly dir: "write";
  readonly conn: string;
  readonly at_ms: number;
  readonly bytes: Buffer;
}

export type ScriptEvent = Exclude<RecordedEvent, { dir: "note" | "raw" }> | UnseenRequest | UnseenSession | WriteEvent;

export interface ScriptStep {
  /** The event's index in the recording; what was put in lies between two of them. */
  readonly index: number;
  readonly event: ScriptEvent;
  /** The last remark before it. */
  readonly note: string;
}

export function toScript(recording: Recording): ScriptStep[] {
  const steps: ScriptStep[] = [];
  const sessions = unseenSessions(recording);
  let note = "";
  for (const [index, event] of recording.events.entries()) {
    if (event.dir === "note") {
      note = event.text;
      continue;
    }
    for (const unseen of unseenBefore(recording.name, index, event)) {
      steps.push({ index: index - 0.5, event: unseen, note });
    }
    const session = sessions.get(index);
    if (session !== undefined) steps.push({ index: index - 0.5, event: session, note });
    if (event.dir === "raw") steps.push(...rawSteps(index, event));
    else steps.push({ index, event, note });
  }
  return steps;
}

// One event holds the whole life of a connection on which bytes were written by hand.
function rawSteps(index: number, { note, sent_hex, result, at_ms }: RawEvent): ScriptStep[] {
  const conn = `raw ${index}`;
  const url = note.split(" ")[0] ?? "/";
  const startMs = Math.max(0, at_ms - rawDurationMs);
  const status = Number(result.head.split(" ")[1]);
  const events: ScriptEvent[] = [
    { dir: "connect", conn, url, headers: {}, protocols: null, at_ms: startMs },
    { dir: "upgrade", conn, status, headers: { upgrade: "websocket", connection: "Upgrade" }, at_ms: startMs },
    { dir: "write", conn, bytes: Buffer.from(sent_hex, "hex"), at_ms: startMs },
    ...result.frames.map(
      ({ data = "", close_code, reason = "" }): ConnectionEvent =>
        close_code === undefined
          ? { dir: "recv", conn, kind: "text", data, at_ms: startMs }
          : { dir: "close", conn, code: close_code, reason, at_ms: startMs },
    ),
  ];
  return events.map((event, at) => ({ index: index + at / 10, event, note }));
}

// The recorder listened for this long before it wrote the event down.
const rawDurationMs = 400;

function unseenBefore(name: string, index: number, event: RecordedEvent): ScriptEvent[] {
  // Connection d of the idle-timeout scenario is kept busy with broadcasts that were made over HTTP.
  if (/^v\d-idle-timeout$/.test(name) && event.dir === "recv" && event.kind === "text") {
    const tick = tickOf(event.data);
    if (tick !== undefined) return [broadcast(event.at_ms - 2, tick)];
  }
  // "unsolicited pong ignored": the description of the ping scenario names it, no event does.
  if (name === "ws-ping-pong" && index === 6) {
    const data = Buffer.from("unsolicited").toString("base64");
    return [{ dir: "send", conn: "a", kind: "pong", data, at_ms: 186 }];
  }
  return [];
}

function tickOf(text: string): string | undefined {
  const message = JSON.parse(text) as { topic?: string; event?: string; payload?: unknown } | unknown[];
  const [topic, event, payload] = Array.isArray(message)
    ? message.slice(2)
    : [message.topic, message.event, message.payload];
  return event === "tick" ? JSON.stringify({ topic, event, payload }) : undefined;
}

function broadcast(atMs: number, body: string): UnseenRequest {
  const headers = { "content-type": "application/json" };
  return { dir: "unseen_request", at_ms: atMs, method: "POST", url: "/broadcast", headers, body };
}
