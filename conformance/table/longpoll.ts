// The long-poll transport: one poll always under way, posts one after the other.
import type { Frame } from "./message.ts";
import type { Open, Sight, Target } from "./wire.ts";

interface Answer {
  readonly status: number;
  readonly token?: string;
  readonly messages?: readonly string[];
}

export const openLongPoll: Open = (target, see) => {
  const session = new Session(target, see);
  void session.begin();
  return session;
};

class Session {
  readonly #target: Target;
  readonly #see: (sight: Sight) => void;
  readonly #polls = new AbortController();
  readonly #posts = new AbortController();
  #token: string | null = null;
  #posted: Promise<void> = Promise.resolve();
  #over = false;

  constructor(target: Target, see: (sight: Sight) => void) {
    this.#target = target;
    this.#see = see;
  }

  async begin(): Promise<void> {
    const answer = await this.#ask({ method: "GET", signal: this.#polls.signal });
    if (answer === null) return;
    if (answer.status !== 410 || typeof answer.token !== "string") {
      this.#end({ type: "refused", status: answer.status, body: "" });
      return;
    }
    this.#token = answer.token;
    this.#see({ type: "open", protocol: null });
    await this.#poll();
  }

  send(frame: Frame): void {
    this.#posted = this.#posted.then(() => this.#post(frame));
  }

  leave(): void {
    this.#polls.abort();
    this.#over = true;
  }

  kill(): void {
    this.leave();
    this.#posts.abort();
  }

  async #poll(): Promise<void> {
    while (!this.#over) {
      const answer = await this.#ask({ method: "GET", signal: this.#polls.signal });
      if (answer === null) return;
      if (answer.status === 410) return this.#end({ type: "closed", code: "gone" });
      if (answer.status !== 200 && answer.status !== 204) {
        return this.#end({ type: "broken", message: `a poll was answered ${answer.status}` });
      }
      this.#token = answer.token ?? this.#token;
      for (const text of answer.messages ?? []) this.#see({ type: "frame", frame: frameOf(text) });
    }
  }

  async #post(frame: Frame): Promise<void> {
    if (this.#over) return;
    const isText = typeof frame === "string";
    const answer = await this.#ask({
      method: "POST",
      body: isText ? frame : frame.toString("base64"),
      headers: { "content-type": isText ? "application/json" : "application/x-ndjson" },
      signal: this.#posts.signal,
    });
    // What a refused message does to the session is seen by the next poll.
    if (answer !== null && ![200, 408, 410].includes(answer.status)) {
      this.#end({ type: "broken", message: `a post was answered ${answer.status}` });
    }
  }

  async #ask(init: RequestInit & { headers?: Readonly<Record<string, string>> }): Promise<Answer | null> {
    const { base, path, headers } = this.#target;
    const session = this.#token === null ? {} : { "x-phoenix-longpoll-token": this.#token };
    try {
      const response = await fetch(new URL(path, base), {
        ...init,
        headers: { ...headers, ...init.headers, ...session },
      });
      const body = await response.text();
      if (response.status === 200) return JSON.parse(body) as Answer;
      this.#end(
        this.#token === null
          ? { type: "refused", status: response.status, body }
          : { type: "broken", message: `HTTP ${response.status} to a ${init.method}` },
      );
    } catch (error) {
      const { message, cause } = error as Error;
      this.#end({ type: "unreachable", message: `${base.host}: ${(cause as Error | undefined)?.message ?? message}` });
    }
    return null;
  }

  #end(sight: Sight): void {
    if (this.#over) return;
    this.#over = true;
    this.#polls.abort();
    this.#see(sight);
  }
}

// A binary message comes as a string of its bytes, or, since not all bytes are UTF-8, as base64: kinds are 0 to 2.
function frameOf(text: string): Frame {
  if (text.startsWith("[") || text.startsWith("{")) return text;
  return Buffer.from(text, text.charCodeAt(0) <= 2 ? "utf8" : "base64");
}
