/** Many joined connections: opened a few at a time, watched for losses. */
import { createTokens } from "portcullis/token";
import { roomTopic } from "../scenario.ts";
import { Connection, type Listener } from "./connection.ts";
import type { Dialect } from "./dialect.ts";

export interface Target {
  readonly host?: string | undefined;
  readonly port: number;
  readonly mount?: string | undefined;
  readonly dialect: Dialect;
  /** What its tokens are signed with. */
  readonly credential: Credential;
}

export interface Credential {
  readonly secretKeyBase: string;
  readonly salt: string;
}

/** Which room the n-th connection joins. */
export type RoomOf = (index: number) => string;

/** What happens on joined connections; each part may be left out. */
export interface CrowdEvents {
  text?(connection: Connection, text: string): void;
  counted?(connection: Connection, frames: number): void;
}

export class Crowd {
  readonly connections: Connection[] = [];
  readonly #target: Target;
  readonly #events: CrowdEvents;
  readonly #roomOf: RoomOf;
  readonly #tokenSource: ReturnType<typeof createTokens>;
  #tokens: string[] = [];
  #lost = 0;
  #lastWords = "";

  constructor(target: Target, events: CrowdEvents = {}, roomOf: RoomOf = () => roomTopic) {
    this.#target = target;
    this.#events = events;
    this.#roomOf = roomOf;
    this.#tokenSource = createTokens({ secretKeyBase: target.credential.secretKeyBase });
  }

  /** Connections that ended, or never came to be. */
  get lost(): number {
    return this.#lost;
  }

  /** Why the last one was lost, for the report of a run that failed. */
  get lastWords(): string {
    return this.#lastWords;
  }

  /** Signs tokens ahead, each for a user of its own, so that signing is no part of a measured connect. */
  prepare(count: number): void {
    const first = this.connections.length;
    const { salt } = this.#target.credential;
    this.#tokens = Array.from({ length: count }, (_, index) => this.#tokenSource.sign(salt, `user-${first + index}`));
  }

  /** Opens and joins `count` more connections, at most `concurrency` under way at a time. Calls `took` with each one's microseconds. */
  async open(count: number, concurrency: number, took?: (us: number) => void): Promise<void> {
    if (this.#tokens.length < count) {
      this.prepare(count);
    }
    let started = 0;
    const openNext = async (): Promise<void> => {
      while (started < count) {
        started++;
        const begin = performance.now();
        if (await this.#openOne(this.#tokens.pop() ?? "")) {
          took?.((performance.now() - begin) * 1000);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, count) }, openNext));
  }

  close(): void {
    for (const connection of this.connections) {
      connection.destroy();
    }
  }

  #openOne(token: string): Promise<boolean> {
    return new Promise((resolve) => {
      const listener: Listener = {
        joined: () => resolve(true),
        text: (connection, text) => this.#events.text?.(connection, text),
        counted: (connection, frames) => this.#events.counted?.(connection, frames),
        ended: (_connection, why) => {
          this.#lost++;
          this.#lastWords = why;
          resolve(false);
        },
      };
      const { host, port, mount, dialect } = this.#target;
      const index = this.connections.length;
      const room = this.#roomOf(index);
      this.connections.push(new Connection({ index, host, port, mount, room, token, dialect, listener }));
    });
  }
}
