/** What every server and the generator agree on: the room, the events, the secret and the messages sent. */

export const roomTopic = "room:lobby";

/** One of the rooms of a chat. */
export function chatRoom(index: number): string {
  return `room:${index}`;
}

export const messageEvent = "message";
export const echoEvent = "echo";
/** What a client sends for everybody in its room to get as {@link messageEvent}. */
export const sayEvent = "say";

/** The salt tokens are signed under; every server checks them with the same primitive, `portcullis/token`. */
export const tokenSalt = "user socket";
/** The one the reference application of conformance/ has. */
export const appTokenSalt = "salt identifier";
export const tokenMaxAgeSeconds = 86_400;

/** Not a secret: it protects nothing but the processes of one benchmark run. */
export const benchSecretKeyBase = "benchmark-only-".repeat(5);

/** One message. Its JSON text has exactly the length asked for. */
export interface Payload {
  readonly sequence: number;
  /** When it was made, microseconds of the machine's monotonic clock (the same in every process). */
  readonly at: number;
  readonly text: string;
}

const frameLength = JSON.stringify({ sequence: 0, at: 0, text: "" }).length - "00".length;

const fillers = new Map<number, string>();

/** Builds a payload whose `JSON.stringify` is `bytes` long (60 or more), stamped with the present time or the one it was due at. */
export function createPayload(sequence: number, bytes: number, at = monotonicUs()): Payload {
  const length = bytes - frameLength - String(sequence).length - String(at).length;
  let text = fillers.get(length);
  if (text === undefined) {
    text = "x".repeat(length);
    fillers.set(length, text);
  }
  return { sequence, at, text };
}

/** Microseconds since an arbitrary point shared by all processes of the machine. */
export function monotonicUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000_000 + Math.trunc(nanoseconds / 1000);
}

export function isPayload(value: unknown): value is Payload {
  const candidate = value as Payload | null;
  return typeof candidate?.sequence === "number" && typeof candidate.at === "number";
}
