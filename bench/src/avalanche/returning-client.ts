/** A client that comes back as the official one does: same waits, same rejoin, and a push it repeats until it is acknowledged. */
import { Connection } from "../generator/connection.ts";
import { dialects } from "../generator/dialect.ts";
import { textFrame } from "../generator/frame.ts";
import { monotonicUs, roomTopic } from "../scenario.ts";

const backOffMs = [10, 50, 100, 150, 200, 250, 500, 1_000, 2_000];

/** What phoenix.js waits before its `tries`th attempt to connect, from 1. No jitter: all clients wait alike. */
export function reconnectAfterMs(tries: number): number {
  return backOffMs[tries - 1] ?? 5_000;
}

export interface ClientOptions {
  readonly number: number;
  readonly port: number;
  readonly token: string;
  readonly pushEveryMs: number;
}

/** The join has ref 1. */
const firstPushRef = 2;

export class ReturningClient {
  readonly number: number;
  /** When it lost its first connection; `null` before. */
  lostAtUs: number | null = null;
  /** When it joined last. */
  joinedAtUs = 0;
  joined = false;
  /** Attempts to connect after the first loss, this one's success included. */
  attempts = 0;
  /** The server closed its channel for good, which clients take for an end. */
  dismissed = false;
  /** Its pushes up to this one were acknowledged. */
  acknowledged = 0;
  /** Pushes acknowledged since it joined last. */
  acknowledgedSince = 0;
  readonly #options: ClientOptions;
  readonly #onJoined: () => void;
  #tries = 0;
  #connection: Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ref = firstPushRef;
  #pushing = false;
  #outstanding = false;
  #stopped = false;

  constructor(options: ClientOptions, onJoined: () => void) {
    this.number = options.number;
    this.#options = options;
    this.#onJoined = onJoined;
  }

  connect(): void {
    const { number, port, token } = this.#options;
    if (this.lostAtUs !== null) this.attempts++;
    this.#connection = new Connection({
      index: number,
      port,
      token,
      dialect: dialects.phoenix,
      listener: {
        opened: () => {
          this.#tries = 0;
        },
        joined: () => this.#hasJoined(),
        text: (_connection, text) => this.#text(text),
        counted: () => {},
        ended: () => this.#ended(),
      },
    });
  }

  /** From now on it pushes: the first time after `delayMs`, then whenever the last one was acknowledged long enough ago. */
  startPushing(delayMs: number): void {
    this.#pushing = true;
    setTimeout(() => this.#push(), delayMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#connection?.destroy();
  }

  #hasJoined(): void {
    this.joined = true;
    this.joinedAtUs = monotonicUs();
    this.acknowledgedSince = 0;
    this.#onJoined();
    // What was under way when the connection went was not acknowledged: whether it arrived nobody knows, so it goes again.
    if (this.#outstanding) this.#push();
  }

  #push(): void {
    this.#outstanding = true;
    if (!this.joined || this.#stopped) return;
    this.#ref++;
    const note = { client: this.number, sequence: this.acknowledged + 1 };
    this.#connection?.write(textFrame(JSON.stringify(["1", String(this.#ref), roomTopic, "note", note])));
  }

  #text(text: string): void {
    const [, ref, , event, payload] = JSON.parse(text);
    if (event === "phx_close") {
      this.dismissed = true;
    } else if (event === "phx_reply" && ref === String(this.#ref) && payload.status === "ok" && this.#outstanding) {
      this.#outstanding = false;
      this.acknowledged++;
      this.acknowledgedSince++;
      if (this.#pushing) setTimeout(() => this.#push(), this.#options.pushEveryMs);
    }
  }

  #ended(): void {
    this.joined = false;
    this.lostAtUs ??= monotonicUs();
    if (this.#stopped || this.dismissed) return;
    this.#timer = setTimeout(
      () => {
        this.#tries++;
        this.connect();
      },
      reconnectAfterMs(this.#tries + 1),
    );
  }
}
