// One connection of a scenario while it is played: its client, what is expected of it, what went wrong.
import { Client, type Observation } from "./client.ts";
import type { Seen } from "./compare.ts";
import type { Expectation, Mismatch } from "./expectation.ts";
import { encodeClose, opcodes } from "./frames.ts";
import { type ConnectEvent, type DataEvent, type SendCloseEvent, sentText } from "./recording.ts";

// Below this, the time between two recorded events says nothing.
const meaningfulGapMs = 200;

/** What a connection needs of the scenario it is in. */
export interface Surroundings {
  /** Called after everything the server did. */
  readonly changed: () => void;
  /** A text of the server as the recorded one would have sent it: what both chose at random is exchanged. */
  readonly asRecorded: (text: string) => string;
}

export class PlayedConnection {
  readonly expectation: Expectation;
  readonly #conn: string;
  readonly #surroundings: Surroundings;
  #client: Client | undefined;
  #path = "";
  #mismatch: Mismatch | undefined;
  #unreachable: string | undefined;
  #lastAction = { recordedMs: 0, atMs: 0 };
  #echoes = new Set<string>();
  #ownCloseReason: string | undefined;

  constructor(conn: string, expectation: Expectation, surroundings: Surroundings) {
    this.#conn = conn;
    this.expectation = expectation;
    this.#surroundings = surroundings;
  }

  get mismatch(): Mismatch | undefined {
    return this.#mismatch;
  }

  /** Set when there was no server to connect to. */
  get unreachable(): string | undefined {
    return this.#unreachable;
  }

  get isOpen(): boolean {
    return this.#client?.isOpen ?? false;
  }

  connect(base: URL, event: ConnectEvent, path: string, headers: Readonly<Record<string, string>>): void {
    this.acted(event.at_ms);
    this.#path = path;
    this.#client = new Client({
      base,
      path,
      headers,
      protocols: event.protocols ?? [],
      // How the recorder marked a client that offers compression.
      deflate: headers["x-pmd"] !== undefined,
      observe: (observation) => this.see(observation),
    });
  }

  send(event: DataEvent | SendCloseEvent): void {
    this.acted(event.at_ms);
    if (event.kind === "close") {
      this.#ownCloseReason = event.reason;
      this.#client?.send(opcodes.close, encodeClose(event.code, event.reason));
    } else if (event.kind === "text") this.#client?.send(opcodes.text, Buffer.from(sentText(event.data)));
    else this.#client?.send(opcodes[event.kind], Buffer.from(event.data, "base64"));
  }

  /** Writes bytes as they are. */
  write(bytes: Uint8Array): void {
    this.#client?.write(bytes);
  }

  kill(): void {
    this.#client?.kill();
  }

  /** Notes that the client did something now that the recorder did at `recordedMs`. */
  acted(recordedMs: number): void {
    this.#lastAction = { recordedMs, atMs: performance.now() };
  }

  /** Takes what the server did. */
  see(seen: Seen): void {
    if (seen.type === "unreachable") this.#unreachable ??= seen.message;
    else if (!this.#isEcho(seen) && this.#mismatch === undefined) this.#judge(seen);
    this.#surroundings.changed();
  }

  /** Gives up on what should have come. */
  miss(waitedMs: number): void {
    this.#mismatch ??= this.expectation.missed(waitedMs);
  }

  /** Sends a heartbeat whose answer is expected aside from the recording. */
  heartbeat(ref: string): void {
    this.#echoes.add(ref);
    const isV2 = new URL(this.#path, "http://localhost").searchParams.get("vsn")?.startsWith("2.") ?? false;
    const message = isV2
      ? [null, ref, "phoenix", "heartbeat", {}]
      : { topic: "phoenix", event: "heartbeat", payload: {}, ref, join_ref: null };
    this.#client?.send(opcodes.text, Buffer.from(JSON.stringify(message)));
  }

  /** Whether a heartbeat has not been answered yet. */
  get awaitsEcho(): boolean {
    return this.#echoes.size > 0 && this.isOpen && this.#mismatch === undefined;
  }

  #isEcho(seen: Observation | Seen): boolean {
    if (seen.type !== "text") return false;
    for (const ref of this.#echoes) {
      if (seen.text.includes(`"${ref}"`) && seen.text.includes('"phx_reply"')) return this.#echoes.delete(ref);
    }
    return false;
  }

  // A server may send the reason of the client's own close frame back, or none (RFC 6455, 5.5.1): it says nothing.
  #withoutEcho(seen: Seen): Seen {
    const isEcho = seen.type === "closed" && seen.reason === this.#ownCloseReason;
    return isEcho ? { ...seen, reason: "" } : seen;
  }

  #judge(seen: Seen): void {
    const { asRecorded } = this.#surroundings;
    const judged = seen.type === "text" ? { ...seen, text: asRecorded(seen.text) } : this.#withoutEcho(seen);
    const judgement = this.expectation.see(judged);
    if ("mismatch" in judgement) {
      this.#mismatch = judgement.mismatch;
      return;
    }
    const gapMs = (judgement.recordedMs ?? 0) - this.#lastAction.recordedMs;
    const tookMs = performance.now() - this.#lastAction.atMs;
    if (gapMs >= meaningfulGapMs && tookMs < 0.8 * gapMs) {
      this.#mismatch = {
        conn: this.#conn,
        event: undefined,
        expected: `${seen.type} ${Math.round(gapMs)} ms after the client's last action`,
        got: `it after ${Math.round(tookMs)} ms`,
        why: "too early",
      };
    }
  }
}
