/** One generator's share of a storm: members who are there, joiners who wait at the door, and what all of them hear. */
import { createTokens } from "portcullis/token";
import { Connection, type Listener } from "../generator/connection.ts";
import { type Dialect, dialects } from "../generator/dialect.ts";
import { textFrame } from "../generator/frame.ts";
import { difference } from "../generator/window.ts";
import { benchSecretKeyBase, monotonicUs, roomTopic, tokenSalt } from "../scenario.ts";
import { type CpuReading, readCpu } from "../servers/control.ts";
import type { Storm } from "./plan.ts";
import { type Amount, type DiffSeen, joinsOf, keysOf, Tally } from "./tally.ts";

export interface CrowdJob {
  readonly storm: Storm;
  readonly port: number;
  /** This generator is the `index`th, from 0, of `of`. */
  readonly share: { readonly index: number; readonly of: number };
}

export interface CrowdOutcome {
  readonly state: Amount;
  readonly diff: Amount;
  readonly counts: Amount;
  readonly diffs: readonly DiffSeen[];
  /** From sending each join to having the state, or the counts. */
  readonly greetedUs: readonly number[];
  /** When the last frame about presence came. */
  readonly lastAtUs: number;
  /** Connections that broke, and what did not come to those that held. */
  readonly lost: number;
  /** Diffs that came twice or with another content, and joiners that did not get to know everybody. */
  readonly wrong: number;
  /** Joiners whose state and diffs were read in full. */
  readonly checked: number;
  readonly cpu: CpuReading;
  readonly lastWords: string;
}

const openConcurrency = 64;
/** Every so many joiners one reads all it gets. */
const checkedEvery = 25;
/** As often as the official client; a storm without windows may last for minutes. */
const heartbeatMs = 30_000;
/** After the last frame that is waited for: whatever still comes is counted too. */
const settleMs = 300;

const heartbeatFrame = textFrame(JSON.stringify([null, "heartbeat", "phoenix", "heartbeat", {}]));
const joinFrame = textFrame(JSON.stringify(["1", "1", roomTopic, "phx_join", {}]));
const memberDialect: Dialect = {
  ...dialects.phoenix,
  hello: () => JSON.stringify(["1", "1", roomTopic, "phx_join", { quietly: true }]),
};
const joinerDialect: Dialect = { ...dialects.phoenix, hello: () => undefined };

export class StormCrowd {
  readonly #job: CrowdJob;
  readonly #sign = createTokens({ secretKeyBase: benchSecretKeyBase });
  readonly #tally = new Tally();
  readonly #greetedUs: number[] = [];
  readonly #connections: Connection[] = [];
  readonly #joiners: Connection[] = [];
  /** Joins a member heard of so far. */
  readonly #heard = new Map<Connection, number>();
  readonly #sentAt = new Map<Connection, number>();
  /** Keys a joiner that is read in full knows of. */
  readonly #known = new Map<Connection, Set<string>>();
  #membersToHear = 0;
  #joinersToGreet = 0;
  #lastAtUs = 0;
  #broken = 0;
  #wrong = 0;
  #lastWords = "";

  constructor(job: CrowdJob) {
    this.#job = job;
  }

  /** Fills the room, and opens the joiners' connections. */
  async gather(): Promise<void> {
    const { members, joins } = this.#job.storm;
    await this.#openAll(this.#own(members), memberDialect, (connection) => this.#heard.set(connection, 0));
    await this.#openAll(
      this.#own(joins).map((number) => members + number),
      joinerDialect,
      (connection) => {
        if (this.#joiners.length % checkedEvery === 0) this.#known.set(connection, new Set());
        this.#joiners.push(connection);
      },
    );
    this.#membersToHear = this.#heard.size;
    this.#joinersToGreet = this.#joiners.length;
  }

  /** Joins at an even pace from `startAtUs` on, and waits until everybody heard of everybody. */
  async storm(startAtUs: number): Promise<CrowdOutcome> {
    const { joins, withinMs, members, lostAfterMs, mode } = this.#job.storm;
    const { index, of } = this.#job.share;
    const cpuBefore = readCpu();
    this.#lastAtUs = startAtUs;
    const gapUs = (withinMs * 1000) / joins;
    let next = 0;
    const heart = setInterval(() => {
      for (const connection of this.#connections) connection.write(heartbeatFrame);
    }, heartbeatMs);
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const now = monotonicUs();
        for (; next < this.#joiners.length && startAtUs + (next * of + index) * gapUs <= now; next++) {
          this.#join(this.#joiners[next] as Connection);
        }
        const silentMs = (now - this.#lastAtUs) / 1000;
        const complete = this.#membersToHear <= 0 && this.#joinersToGreet <= 0;
        if (next === this.#joiners.length && silentMs > (complete ? settleMs : lostAfterMs)) {
          clearInterval(timer);
          resolve();
        }
      }, 1);
    });
    clearInterval(heart);
    const everybody = members + joins;
    // Not so in counts: nobody is told who is there.
    const ignorant = mode === "counts" ? 0 : [...this.#known.values()].filter(({ size }) => size !== everybody).length;
    return {
      state: this.#tally.state,
      diff: this.#tally.diff,
      counts: this.#tally.counts,
      diffs: this.#tally.diffs,
      greetedUs: this.#greetedUs,
      lastAtUs: this.#lastAtUs,
      lost: this.#broken + Math.max(0, this.#membersToHear) + Math.max(0, this.#joinersToGreet),
      wrong: this.#wrong + this.#tally.wrong + ignorant,
      checked: this.#known.size,
      cpu: difference(readCpu(), cpuBefore),
      lastWords: this.#lastWords,
    };
  }

  close(): void {
    for (const connection of this.#connections) {
      connection.destroy();
    }
  }

  /** Numbers of this generator's share of `count`. */
  #own(count: number): readonly number[] {
    const { index, of } = this.#job.share;
    return Array.from({ length: count }, (_, number) => number).filter((number) => number % of === index);
  }

  async #openAll(
    numbers: readonly number[],
    dialect: Dialect,
    opened: (connection: Connection) => void,
  ): Promise<void> {
    const waiting = [...numbers];
    const openNext = async (): Promise<void> => {
      for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
        opened(await this.#open(number, dialect));
      }
    };
    await Promise.all(Array.from({ length: Math.min(openConcurrency, numbers.length) }, openNext));
  }

  #open(number: number, dialect: Dialect): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const atTheDoor = dialect === joinerDialect;
      const listener: Listener = {
        opened: (connection) => atTheDoor && resolve(connection),
        joined: resolve,
        text: (connection, text) => this.#text(connection, text),
        counted: () => {},
        ended: (_connection, why) => {
          this.#broken++;
          this.#lastWords = why;
          reject(new Error(`A client could not get in: ${why}.`));
        },
      };
      const token = this.#sign.sign(tokenSalt, `user-${String(number).padStart(5, "0")}`);
      this.#connections.push(new Connection({ index: number, port: this.#job.port, token, dialect, listener }));
    });
  }

  #join(connection: Connection): void {
    this.#sentAt.set(connection, monotonicUs());
    connection.write(joinFrame);
  }

  #text(connection: Connection, text: string): void {
    const heard = this.#tally.hear(text);
    if (heard.kind === "other") {
      return;
    }
    this.#lastAtUs = monotonicUs();
    const sentAt = this.#sentAt.get(connection);
    if (sentAt !== undefined && heard.kind !== "diff") {
      this.#sentAt.delete(connection);
      this.#greetedUs.push(this.#lastAtUs - sentAt);
      this.#joinersToGreet--;
    }
    const { joins, members } = this.#job.storm;
    const joinsBefore = this.#heard.get(connection);
    if (joinsBefore === undefined) {
      this.#learn(connection, heard.kind, text);
    } else if (heard.kind !== "state") {
      const joinsHeard = heard.kind === "diff" ? joinsBefore + heard.joins : heard.keys - members;
      this.#heard.set(connection, joinsHeard);
      if (joinsHeard === joins) this.#membersToHear--;
      else if (joinsHeard > joins) this.#wrong++;
    }
  }

  #learn(connection: Connection, kind: "state" | "diff" | "counts", text: string): void {
    const known = this.#known.get(connection);
    if (known !== undefined && kind !== "counts") {
      for (const key of kind === "state" ? keysOf(text) : joinsOf(text)) known.add(key);
    }
  }
}
