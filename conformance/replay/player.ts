// Plays one scenario against a server, in real time, and says what differs.
import { whatDiffers } from "./compare.ts";
import { PlayedConnection } from "./connection.ts";
import { differencesOf } from "./differences.ts";
import { Expectation, expectationsOf, httpConn, type Mismatch } from "./expectation.ts";
import { send } from "./http.ts";
import { type ConnectEvent, type RequestEvent, type Scenario, sentText, type TokenCheckEvent } from "./recording.ts";
import { type ScriptStep, toScript, type UnseenRequest } from "./script.ts";
import { openedAfter } from "./sessions.ts";
import { StandIn } from "./stand-in.ts";
import { makeToken, recordedToken, socketSalt } from "./tokens.ts";

export interface PlayOptions {
  /** `http://host:port` of the server. */
  readonly base: URL;
  /** Expect what Phoenix does, also where ours differs on purpose. Default false. */
  readonly strict?: boolean;
  /** How much later than recorded an event may come. Default 5000. */
  readonly patienceMs?: number;
}

export interface Outcome {
  readonly name: string;
  /** `same`: the server did what was recorded. `failed`: the replay could not be done, which says nothing of it. */
  readonly verdict: "same" | "different" | "failed";
  readonly mismatches: readonly Mismatch[];
  readonly failure: string | undefined;
  readonly tookMs: number;
}

/** Plays `scenario`. Never rejects: what goes wrong is in the outcome. */
export async function play(scenario: Scenario, options: PlayOptions): Promise<Outcome> {
  const startedMs = performance.now();
  const player = new Player(scenario, options);
  let failure: string | undefined;
  try {
    await player.run();
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  } finally {
    player.end();
  }
  const { mismatches } = player;
  const verdict = failure !== undefined ? "failed" : mismatches.length > 0 ? "different" : "same";
  return { name: scenario.name, verdict, mismatches, failure, tookMs: performance.now() - startedMs };
}

class Player {
  readonly mismatches: Mismatch[] = [];
  readonly #scenario: Scenario;
  readonly #options: PlayOptions;
  readonly #connections = new Map<string, PlayedConnection>();
  readonly #tokens = new Map<number, string>();
  readonly #patienceMs: number;
  readonly #session: StandIn;
  #wake: (() => void) | undefined;
  #failure: unknown;
  #startMs = 0;
  #lastRecordedMs = 0;

  constructor(scenario: Scenario, options: PlayOptions) {
    this.#scenario = scenario;
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? 5000;
    this.#session = new StandIn(scenario.main);
    const ours = options.strict === true ? [] : differencesOf(scenario.name);
    for (const [conn, expectation] of expectationsOf(scenario, ours)) {
      this.#connections.set(conn, this.#played(conn, expectation));
    }
  }

  #played(conn: string, expectation: Expectation): PlayedConnection {
    const asRecorded = (text: string): string => this.#session.asRecorded(text);
    return new PlayedConnection(conn, expectation, { changed: () => this.#wake?.(), asRecorded });
  }

  async run(): Promise<void> {
    const script = toScript(this.#scenario.main);
    await this.#signTokens(script);
    this.#startMs = performance.now();
    let killed = -1;
    for (const step of script) {
      if (!isAction(step)) continue;
      const kills = step.event.dir === "tcp_kill";
      // Killed one after the other, with nothing heard in between: a busy machine must not let the second hear of the first.
      if (!kills || killed !== step.index - 1) {
        await this.#settle(step.index);
        await this.#pace(step.event.at_ms);
      }
      if (kills) killed = step.index;
      this.#lastRecordedMs = step.event.at_ms;
      await this.#act(step);
    }
    await this.#settle(Number.POSITIVE_INFINITY);
    // A frame too many may still be on its way: it is there before the second of two answers is.
    for (const round of [1, 2]) await this.#roundTrip(`replay-end-${round}`);
    for (const connection of this.#connections.values()) {
      if (connection.mismatch !== undefined) this.mismatches.push(connection.mismatch);
    }
  }

  end(): void {
    for (const connection of this.#connections.values()) connection.kill();
  }

  async #signTokens(script: readonly ScriptStep[]): Promise<void> {
    for (const { index, event } of script) {
      const kind = event.dir === "connect" ? recordedToken(this.#scenario.name, index) : undefined;
      if (kind !== undefined) this.#tokens.set(index, await makeToken(this.#options.base, "token", kind));
    }
  }

  async #act({ index, event, note }: ScriptStep): Promise<void> {
    switch (event.dir) {
      case "connect": {
        const { path, headers } = this.#addressOf(index, event);
        this.#connection(event.conn).connect(this.#options.base, event, path, headers);
        break;
      }
      case "send":
        this.#connection(event.conn).send(event);
        break;
      case "tcp_kill":
        this.#connection(event.conn).kill();
        break;
      case "http_req":
      case "unseen_request":
        this.#request(index, event);
        break;
      case "unseen_session": {
        const { url: path, token } = event;
        this.#session.learnToken(token, await send(this.#options.base, { method: "GET", path }));
        break;
      }
      case "http_res_summary":
        await this.#checkToken(index, event, note);
        break;
      case "write":
        this.#connection(event.conn).write(event.bytes);
        break;
    }
  }

  #addressOf(index: number, event: ConnectEvent): { path: string; headers: Record<string, string> } {
    const token = this.#tokens.get(index);
    const path =
      token === undefined
        ? this.#session.asServed(event.url)
        : event.url.replace(/token=[^&]*/, `token=${encodeURIComponent(token)}`);
    const headers = { ...event.headers };
    if (headers["cookie"] !== undefined) headers["cookie"] = this.#session.asServed(headers["cookie"]);
    // These origins are right or wrong by the address the recorder connected to.
    if (event.url.startsWith("/origin_conn/") && headers["origin"] !== undefined) {
      const { hostname, port } = this.#options.base;
      headers["origin"] = headers["origin"].replace("127.0.0.1", hostname).replace(/:420\d/, `:${port}`);
    }
    return { path, headers };
  }

  #request(index: number, event: RequestEvent | UnseenRequest): void {
    const connection = this.#connection(httpConn);
    connection.acted(event.at_ms);
    const headers = Object.fromEntries(
      Object.entries(event.headers).map(([name, value]) => [name, this.#session.asServed(value)]),
    );
    const body = event.body === undefined ? {} : { body: sentText(event.body) };
    const opened = openedAfter(this.#scenario.main, index);
    send(this.#options.base, { method: event.method, path: this.#session.asServed(event.url), headers, ...body })
      .then((response) => {
        if (event.dir === "http_req") {
          this.#session.learn(response);
          if (opened !== undefined) this.#session.learnToken(opened, response);
          connection.see({ type: "response", ...response, body: this.#session.asRecorded(response.body) });
        } else if (response.status !== 200) throw new Error(`${event.method} ${event.url} answered ${response.status}`);
      })
      .catch((error: unknown) => {
        this.#failure ??= error;
        this.#wake?.();
      });
  }

  async #checkToken(index: number, event: TokenCheckEvent, note: string): Promise<void> {
    const { base } = this.#options;
    const encrypted = event.what === "decrypt";
    const kind = { user: "1", salt: socketSalt, ageSeconds: -event.signed_at_offset_s };
    const token = await makeToken(base, encrypted ? "encrypt" : "token", kind);
    const query = new URLSearchParams({ token, salt: socketSalt });
    const maxAge = /&max_age=(\S+)/.exec(note)?.[1];
    if (maxAge !== undefined) query.set("max_age", maxAge);
    const response = await send(base, { method: "GET", path: `/${event.what}?${query}` });
    const expected = { dir: "http_res", status: event.status, headers: {}, body: event.body, at_ms: 0 } as const;
    const why = whatDiffers(expected, { type: "response", ...response, headers: {} });
    if (why !== undefined) {
      const got = `${response.status} ${response.body}`;
      this.mismatches.push({ conn: httpConn, event: index, expected: `${event.status} ${event.body}`, got, why });
    }
  }

  // Everything recorded before `before` has to have come before the script goes on.
  async #settle(before: number): Promise<void> {
    const waitsSinceMs = performance.now();
    for (;;) {
      this.#throwFailure();
      const waiting = [...this.#connections.values()].flatMap((connection) => {
        const dueMs = connection.mismatch === undefined ? connection.expectation.nextBefore(before) : undefined;
        return dueMs === undefined ? [] : [{ connection, dueMs }];
      });
      if (waiting.length === 0) return;
      const latestMs = Math.max(...waiting.map(({ dueMs }) => dueMs - this.#lastRecordedMs), 0) + this.#patienceMs;
      const leftMs = waitsSinceMs + latestMs - performance.now();
      if (leftMs <= 0) {
        for (const { connection } of waiting) connection.miss(latestMs);
        return;
      }
      await this.#change(leftMs);
    }
  }

  async #roundTrip(ref: string): Promise<void> {
    const open = [...this.#connections.values()].filter(({ isOpen, mismatch }) => isOpen && mismatch === undefined);
    for (const connection of open) connection.heartbeat(ref);
    const untilMs = performance.now() + this.#patienceMs;
    while (open.some((connection) => connection.awaitsEcho)) {
      const leftMs = untilMs - performance.now();
      if (leftMs > 0) {
        await this.#change(leftMs);
        continue;
      }
      for (const connection of open) if (connection.awaitsEcho) connection.miss(this.#patienceMs);
    }
  }

  // Resolves when a server event came or the time is over.
  async #change(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  // Never ahead of the recording; when behind, the rest is as far behind, so that gaps keep their length.
  async #pace(recordedMs: number): Promise<void> {
    const aheadMs = recordedMs - (performance.now() - this.#startMs);
    if (aheadMs < 0) this.#startMs -= aheadMs;
    else if (aheadMs >= 1) await new Promise((resolve) => setTimeout(resolve, aheadMs));
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
    for (const { unreachable } of this.#connections.values()) {
      if (unreachable !== undefined) throw new Error(`cannot connect to ${unreachable}`);
    }
  }

  #connection(conn: string): PlayedConnection {
    let connection = this.#connections.get(conn);
    if (connection === undefined) {
      connection = this.#played(conn, new Expectation(conn, []));
      this.#connections.set(conn, connection);
    }
    return connection;
  }
}

const actions = new Set([
  "connect",
  "send",
  "tcp_kill",
  "http_req",
  "unseen_request",
  "unseen_session",
  "http_res_summary",
  "write",
]);

function isAction({ event }: ScriptStep): boolean {
  return actions.has(event.dir);
}
