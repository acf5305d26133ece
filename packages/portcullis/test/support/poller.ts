/** A long-poll client that does what it is told, over real requests. */

import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { expect } from "vitest";
import { type Frame, readV2 } from "./wire.ts";

/** An answer, and the JSON in it. */
export interface Answer {
  readonly httpStatus: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The status the JSON names; `undefined` for what is no JSON. */
  readonly status: number | undefined;
  readonly token: string | undefined;
  /** Messages as they came: serialized frames. */
  readonly raw: readonly string[];
  /** The same, read as V2. */
  readonly messages: readonly Frame[];
}

/** A request that was sent. */
export interface Asked {
  readonly answer: Promise<Answer>;
  /** Hangs up. The answer is rejected. */
  hangUp(): void;
}

export interface Asking {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  /** Default: a connection of its own. */
  readonly agent?: Agent;
}

export const longpollPath = "/socket/longpoll?vsn=2.0.0";
export const ndjson = "application/x-ndjson";

/** Sends one request. */
export function ask(port: number, asking: Asking = {}): Asked {
  const { method = "GET", path = longpollPath, headers = {}, body, agent } = asking;
  const sent = request({
    host: "127.0.0.1",
    port,
    method,
    path,
    // For some methods node leaves it out, and what follows would be taken for the next request.
    headers: {
      ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
      ...(headers as Record<string, string>),
    },
    agent: agent ?? false,
  });
  const answer = new Promise<Answer>((resolve, reject) => {
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve(readAnswer(response.statusCode ?? 0, response.headers, Buffer.concat(chunks).toString("utf8"))),
      );
    });
  });
  // Whoever hangs up does not wait for it.
  answer.catch(() => {});
  sent.end(body);
  return { answer, hangUp: () => void sent.destroy() };
}

export function readAnswer(httpStatus: number, headers: IncomingHttpHeaders, text: string): Answer {
  const json = (text.startsWith("{") ? JSON.parse(text) : {}) as {
    readonly status?: number;
    readonly token?: string;
    readonly messages?: readonly string[];
  };
  const { status, token, messages: raw = [] } = json;
  return {
    httpStatus,
    headers,
    text,
    status,
    token,
    raw,
    get messages() {
      return raw.map(readV2);
    },
  };
}

export interface PollerOptions {
  readonly path?: string;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
  /** Where the token travels. Default the header. */
  readonly tokenIn?: "header" | "query";
}

/** One session from its client's end. */
export class Poller {
  readonly #port: number;
  readonly #options: PollerOptions;
  token: string;

  constructor(port: number, token: string, options: PollerOptions = {}) {
    this.#port = port;
    this.token = token;
    this.#options = options;
  }

  /** Opens a session, and insists on being let in. */
  static async open(port: number, options: PollerOptions = {}): Promise<Poller> {
    const { answer } = ask(port, options);
    const opened = await answer;
    expect(opened).toMatchObject({ httpStatus: 200, status: 410, token: expect.any(String), raw: [] });
    return new Poller(port, opened.token as string, options);
  }

  /** The same session, as asked for elsewhere. */
  at(port: number, options: PollerOptions = this.#options): Poller {
    return new Poller(port, this.token, options);
  }

  poll(): Asked {
    return ask(this.#port, this.#asking({}));
  }

  /** What is there, or comes. */
  async fetch(): Promise<readonly Frame[]> {
    const answer = await this.poll().answer;
    expect(answer.status).toBe(200);
    return answer.messages;
  }

  /** Polls until so many messages are there. */
  async take(count: number): Promise<readonly Frame[]> {
    const taken: Frame[] = [];
    while (taken.length < count) taken.push(...(await this.fetch()));
    return taken;
  }

  /** Posts a body as it is. */
  send(body: string | Uint8Array, headers: Asking["headers"] = {}): Asked {
    return ask(this.#port, this.#asking({ method: "POST", body, headers }));
  }

  /** Posts one message. */
  async post(...frame: Frame): Promise<Answer> {
    return this.send(JSON.stringify(frame)).answer;
  }

  /** Posts several at once. */
  async batch(...frames: readonly Frame[]): Promise<Answer> {
    return this.send(frames.map((frame) => JSON.stringify(frame)).join("\n"), { "content-type": ndjson }).answer;
  }

  /** Joins with `ref` as both refs and takes the reply, which is the only message to come. */
  async join(topic: string, ref = "1"): Promise<this> {
    expect(await this.post(ref, ref, topic, "phx_join", {})).toMatchObject({ httpStatus: 200, status: 200 });
    expect(await this.fetch()).toEqual([[ref, ref, topic, "phx_reply", { status: "ok", response: {} }]]);
    return this;
  }

  #asking(asking: Asking): Asking {
    const { path = longpollPath, headers = {}, agent, tokenIn = "header" } = this.#options;
    const inHeader = tokenIn === "header";
    return {
      ...asking,
      path: inHeader ? path : `${path}${path.includes("?") ? "&" : "?"}token=${encodeURIComponent(this.token)}`,
      headers: { ...headers, ...asking.headers, ...(inHeader ? { "x-phoenix-longpoll-token": this.token } : {}) },
      ...(agent === undefined ? {} : { agent }),
    };
  }
}

/** One connection, kept for the next request. */
export function keptConnection(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 });
}
