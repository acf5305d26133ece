// Plays many scenarios on one server at once. Recordings share topics (nearly all join `echo:1`), so that a
// broadcast of one would be heard in another: scenarios that would hear each other do not run together.
import { sentText } from "./recording.ts";
import type { ScriptStep } from "./script.ts";
import { isLongPoll } from "./sessions.ts";

/**
 * Whether a script needs a quiet machine: `/short` closes connections after 1.5 s of silence, long-poll sessions after less,
 * and a client that shares a process with dozens of others that all begin at once may be silent without wanting to, or come
 * later than one it was meant to come before.
 */
export function needsQuiet(name: string, script: readonly ScriptStep[]): boolean {
  const short = script.some(({ event }) => "url" in event && event.url.startsWith("/short/"));
  return short || opensSessions(script) || name.endsWith("-simultaneous");
}

/** Whether a script opens long-poll sessions. */
export function opensSessions(script: readonly ScriptStep[]): boolean {
  return script.some(({ event }) => "url" in event && isLongPoll(event.url));
}

export interface Footprint {
  /** Topics and socket ids the scenario listens on. */
  readonly hears: ReadonlySet<string>;
  /** Topics it broadcasts to, and socket ids it disconnects. */
  readonly says: ReadonlySet<string>;
}

/** Runs `tasks`, as many at once as their footprints allow, the long ones first if they are given first. */
export async function runApart<Result>(
  tasks: readonly { readonly footprint: Footprint; readonly run: () => Promise<Result> }[],
): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = new Set(tasks.keys());
  const running = new Map<number, Promise<void>>();
  while (waiting.size > 0 || running.size > 0) {
    for (const at of waiting) {
      const task = tasks[at];
      if (task === undefined || [...running.keys()].some((other) => canHear(task.footprint, tasks[other]?.footprint))) {
        continue;
      }
      waiting.delete(at);
      const done = task.run().then((result) => {
        results[at] = result;
        running.delete(at);
      });
      running.set(at, done);
    }
    await Promise.race(running.values());
  }
  return results;
}

function canHear(one: Footprint, other: Footprint | undefined): boolean {
  if (other === undefined) return false;
  return overlaps(one.says, other.hears) || overlaps(other.says, one.hears);
}

function overlaps(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return [...one].some((topic) => other.has(topic));
}

// Every echo channel that ends tells this topic.
const farewellTopic = "log:terminate";
const broadcasting = new Set(["shout", "shout_from", "shout_reply", "shout_bin", "shout_list", "icept"]);

/** What a script hears and says. */
export function footprintOf(script: readonly ScriptStep[]): Footprint {
  const hears = new Set<string>();
  const says = new Set<string>();
  for (const { event } of script) {
    if (event.dir === "connect") {
      const query = new URL(event.url, "http://localhost").searchParams;
      if (query.has("id")) hears.add(`id ${query.get("id")}`);
      if (event.url.startsWith("/auth_socket/")) hears.add("id of a user");
    } else if (event.dir === "send" && event.kind !== "close" && event.kind !== "ping" && event.kind !== "pong") {
      const text = event.kind === "text" ? sentText(event.data) : Buffer.from(event.data, "base64").toString("latin1");
      noteMessage(text, hears, says);
    } else if (event.dir === "http_req" || event.dir === "unseen_request") {
      if (isLongPoll(event.url)) {
        for (const line of event.body?.split("\n") ?? []) noteMessage(sentText(line), hears, says);
        const id = new URL(event.url, "http://localhost").searchParams.get("id");
        if (id !== null) hears.add(`id ${id}`);
        continue;
      }
      if (event.body !== undefined) says.add((JSON.parse(event.body) as { topic: string }).topic);
      const query = new URL(event.url, "http://localhost").searchParams;
      if (query.has("id")) says.add(`id ${query.get("id")}`);
      if (query.has("user")) says.add("id of a user");
    }
  }
  return { hears, says };
}

function noteMessage(text: string, hears: Set<string>, says: Set<string>): void {
  const { topic, event, payload } = readMessage(text);
  if (event === "phx_join") {
    hears.add(topic);
    if (/^(echo|trap|trapignore|exact)(:|$)/.test(topic)) says.add(farewellTopic);
  }
  if (broadcasting.has(event)) says.add(topic);
  const elsewhere = payload?.topic;
  if (typeof elsewhere !== "string") return;
  if (event === "bcast_other") says.add(elsewhere);
  if (event === "subscribe") hears.add(elsewhere);
}

interface ReadMessage {
  readonly topic: string;
  readonly event: string;
  readonly payload?: { readonly topic?: unknown };
}

// What cannot be read (malformed on purpose, or a binary frame) is taken for a join of all topics in its text.
function readMessage(text: string): ReadMessage {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    message = undefined;
  }
  if (Array.isArray(message)) {
    const [, , topic, event, payload] = message;
    return { topic: String(topic), event: String(event), payload };
  }
  if (typeof message === "object" && message !== null) {
    const { topic, event, payload } = message as Partial<ReadMessage>;
    return payload === undefined
      ? { topic: String(topic), event: String(event) }
      : { topic: String(topic), event: String(event), payload };
  }
  return { topic: /\w+:\w+/.exec(text)?.[0] ?? "", event: "phx_join" };
}
