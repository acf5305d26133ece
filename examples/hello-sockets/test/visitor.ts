import { request } from "node:http";
import type { RunningApp } from "./start-app.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect, and fail if it is not there
  readonly json: any;
}

export interface Send {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** An object is sent as JSON, a string as it is. */
  readonly body?: object | string;
  /** In place of a body: sent piece by piece, without a content-length. */
  readonly chunks?: readonly string[];
}

/** A browser without a screen: keeps cookies, and sends what a page of `home` would. */
export class Visitor {
  readonly #app: RunningApp;
  readonly #cookies = new Map<string, string>();

  constructor(app: RunningApp) {
    this.#app = app;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send(path, { headers });
  }

  post(path: string, body: object = {}): Promise<Answer> {
    return this.send(path, { method: "POST", body });
  }

  async send(path: string, { method = "GET", headers = {}, body, chunks = [] }: Send): Promise<Answer> {
    const ofThePage =
      method === "POST"
        ? { "content-type": "application/json", origin: this.#app.home, "sec-fetch-site": "same-origin" }
        : {};
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const all = { host: `localhost:${this.#app.port}`, ...(cookie && { cookie }), ...ofThePage, ...headers };
    // An empty value stands for "does not send this header".
    const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ""));
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const answer = await exchange(this.#app.port, path, method, sent, text === undefined ? chunks : text);
    for (const line of (answer.headers["set-cookie"] as string[] | undefined) ?? []) this.#keep(line);
    return answer;
  }

  #keep(line: string): void {
    const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (/Max-Age=0/.test(line)) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}

/** `fetch` sets some headers by itself and refuses to set others, so this goes one floor down. */
function exchange(
  port: number,
  path: string,
  method: string,
  headers: Record<string, string>,
  body: string | readonly string[],
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sending = request({ host: "127.0.0.1", port, path, method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => {
        const isJson = response.headers["content-type"]?.startsWith("application/json");
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: isJson ? JSON.parse(text) : undefined,
        });
      });
    });
    sending.on("error", reject);
    if (typeof body === "string") return void sending.end(body);
    for (const chunk of body) sending.write(chunk);
    sending.end();
  });
}
