// A recorded scenario: its events, and how they are read from disk.
import { readdirSync, readFileSync } from "node:fs";

/** Header names in lower case; a header sent more than once is a list. */
export type Headers = Readonly<Record<string, string | readonly string[]>>;

interface Timed {
  /** Milliseconds since the scenario began. */
  readonly at_ms: number;
}

export interface ConnectEvent extends Timed {
  readonly dir: "connect";
  readonly conn: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly protocols: readonly string[] | null;
}

export interface UpgradeEvent extends Timed {
  readonly dir: "upgrade";
  readonly conn: string;
  readonly status: number;
  readonly headers: Headers;
}

export interface RefusalEvent extends Timed {
  readonly dir: "http_response";
  readonly conn: string;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export interface DataEvent extends Timed {
  readonly dir: "send" | "recv";
  readonly conn: string;
  readonly kind: "text" | "binary" | "ping" | "pong";
  /** Text as it is, anything else in base64. */
  readonly data: string;
}

export interface SendCloseEvent extends Timed {
  readonly dir: "send";
  readonly conn: string;
  readonly kind: "close";
  readonly code: number | null;
  readonly reason: string;
}

export interface CloseEvent extends Timed {
  readonly dir: "close";
  readonly conn: string;
  /** 1005: a close frame without a code. 1006: TCP ended without a close frame. */
  readonly code: number;
  readonly reason: string;
}

export interface KillEvent extends Timed {
  readonly dir: "tcp_kill";
  readonly conn: string;
}

export interface RequestEvent extends Timed {
  readonly dir: "http_req";
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface ResponseEvent extends Timed {
  readonly dir: "http_res";
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** A token made some time ago (or ahead), and what the server says of it. */
export interface TokenCheckEvent extends Timed {
  readonly dir: "http_res_summary";
  readonly what: "verify" | "decrypt";
  readonly signed_at_offset_s: number;
  readonly status: number;
  readonly body: string;
}

export interface RawFrame {
  readonly opcode: number;
  readonly data?: string;
  readonly close_code?: number;
  readonly reason?: string;
}

/** Bytes written by hand on a connection of its own. */
export interface RawEvent extends Timed {
  readonly dir: "raw";
  /** The URL's path and query, a space, and a remark. */
  readonly note: string;
  readonly sent_hex: string;
  readonly result: {
    readonly head: string;
    readonly frames: readonly RawFrame[];
    readonly tcp_closed_by_server: boolean;
  };
}

export interface NoteEvent {
  readonly dir: "note";
  readonly text: string;
}

export type RecordedEvent =
  | ConnectEvent
  | UpgradeEvent
  | RefusalEvent
  | DataEvent
  | SendCloseEvent
  | CloseEvent
  | KillEvent
  | RequestEvent
  | ResponseEvent
  | TokenCheckEvent
  | RawEvent
  | NoteEvent;

/** What a connection may see. */
export type ConnectionEvent = UpgradeEvent | RefusalEvent | DataEvent | CloseEvent;

/** What a server may do, as far as a recording is concerned. */
export type ServerEvent = ConnectionEvent | ResponseEvent;

export interface Recording {
  readonly name: string;
  readonly description: string;
  readonly events: readonly RecordedEvent[];
}

/** One scenario on both of Phoenix's HTTP servers. */
export interface Scenario {
  readonly name: string;
  /** The one that is played. */
  readonly main: Recording;
  /** The other one: where it differs, it is right as well. */
  readonly other: Recording | undefined;
}

const root = new URL("../recordings/", import.meta.url);

/** The names of all recordings, sorted. */
export function recordingNames(): string[] {
  return readdirSync(root)
    .filter((file) => file.endsWith(".json") && file !== "transcripts_index.json")
    .map((file) => file.slice(0, -".json".length))
    .sort();
}

/** Reads a scenario: what was recorded on Cowboy is played. */
export function readScenario(name: string): Scenario {
  return { name, main: readRecording(`${name}.json`), other: readRecording(`bandit/${name}.json`) };
}

function readRecording(file: string): Recording {
  return JSON.parse(readFileSync(new URL(file, root), "utf8")) as Recording;
}

const shortened = /^(?<head>.*?)(?<filler>.)\k<filler>{20,}…\((?<bytes>\d+) bytes\)$/su;

/**
 * The text of a sent frame. Long messages were recorded as their beginning and their size; every one of
 * them is a JSON text with one long string of the same letter, so that it can be made again.
 */
export function sentText(data: string): string {
  const groups = shortened.exec(data)?.groups;
  if (groups === undefined) return data;
  const { head = "", filler = "", bytes = "" } = groups;
  const tail = '"}]';
  const missing = Number(bytes) - Buffer.byteLength(head) - tail.length;
  return head + filler.repeat(missing) + tail;
}
