/**
 * Whatever happens in whatever order: no two connections are opened at a time, each with a token of its own that was asked
 * for just then, and nothing goes on once the client is told to stop.
 */
import fc from "fast-check";
import { createClient, type WebSocketLike } from "portcullis/client";
import { expect, test } from "vitest";
import { FakeClock, settled } from "../support/clock.ts";
import { openPage, type Page } from "./support/page.ts";

/** A WebSocket that opens, fails and ends when the test says so. */
class HandMadeSocket implements WebSocketLike {
  binaryType = "blob";
  onopen: ((event: never) => unknown) | null = null;
  onmessage: ((event: never) => unknown) | null = null;
  onclose: ((event: never) => unknown) | null = null;
  onerror: ((event: never) => unknown) | null = null;
  state: "connecting" | "open" | "closed" = "connecting";
  readonly sent: string[] = [];

  send(data: string | Uint8Array): void {
    if (this.state === "connecting") throw new Error("InvalidStateError");
    this.sent.push(String(data));
  }

  close(): void {
    this.state = "closed";
  }

  opens(): void {
    if (this.state !== "connecting") return;
    this.state = "open";
    this.onopen?.({} as never);
  }

  ends(code: number): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.onclose?.({ code } as never);
  }

  says(...frame: unknown[]): void {
    if (this.state === "open") this.onmessage?.({ data: JSON.stringify(frame) } as never);
  }
}

class Play {
  readonly sockets: HandMadeSocket[] = [];
  readonly tokens: string[] = [];
  readonly questions: ((token: string | null) => void)[] = [];
  readonly explanations: (() => void)[] = [];
  readonly clock = new FakeClock();
  readonly page: Page = openPage();
  asked = 0;
  stopped = true;
  readonly #ended = (): HandMadeSocket[] => this.sockets.filter(({ state }) => state !== "closed");
  readonly client = createClient("wss://example.com/socket", {
    clock: this.clock,
    random: () => 0.5,
    fetch: async () => {
      await new Promise<void>((resolve) => this.explanations.push(resolve));
      return { text: async () => JSON.stringify({ reason: "expired", retry: "reauth" }) };
    },
    token: () =>
      new Promise((resolve) => {
        this.asked += 1;
        const token = `token-${this.asked}`;
        this.questions.push((answer) => resolve(answer === null ? null : token));
      }),
    WebSocket: this.#socketClass(),
  });

  #socketClass(): new (url: string, protocols: string[]) => WebSocketLike {
    const play = this;
    return class extends HandMadeSocket {
      constructor(_url: string, [, bearer = ""]: string[]) {
        super();
        const token = Buffer.from(bearer.split(".").at(-1) ?? "", "base64url").toString();
        expect(play.stopped, "opened though it was told to stop").toBe(false);
        expect(play.live, "opened while another was").toEqual([]);
        expect(play.tokens, "opened with an old token").not.toContain(token);
        expect(token, "opened with a token that was not the last one asked for").toBe(`token-${play.asked}`);
        play.tokens.push(token);
        play.sockets.push(this);
      }
    };
  }

  get live(): HandMadeSocket[] {
    return this.#ended();
  }
}

const steps: Record<string, (play: Play) => void> = {
  connect(play) {
    play.stopped = false;
    play.client.connect();
  },
  join: (play) =>
    void play.client
      .channel("room")
      .join()
      .catch(() => {}),
  refresh: (play) => void play.client.refresh().catch(() => {}),
  close(play) {
    play.stopped = true;
    play.client.close();
  },
  signOut(play) {
    play.stopped = true;
    play.client.signOut();
  },
  answer: (play) => play.questions.shift()?.("token"),
  answerLast: (play) => play.questions.pop()?.("token"),
  answerNobody: (play) => play.questions.shift()?.(null),
  open: (play) => play.live[0]?.opens(),
  fail: (play) => play.live[0]?.ends(1006),
  explain: (play) => play.explanations.shift()?.(),
  kick: (play) => play.live[0]?.ends(4101),
  warn: (play) => play.live[0]?.says(null, null, "phoenix", "phx_expiring", { inMs: 1_000 }),
  wake: (play) => play.page.dispatch("online"),
  wait: (play) => play.clock.advance(700),
  waitLong: (play) => play.clock.advance(31_000),
};

test("in any order", { timeout: 60_000 }, async () => {
  const step = fc.constantFrom(...Object.keys(steps));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (names) => {
      const play = new Play();
      try {
        for (const name of names) {
          const { state } = play.client.status;
          // A join connects what was never connected.
          if (name === "join" && state === "idle") play.stopped = false;
          steps[name]?.(play);
          await settled();
          expect(play.live.length).toBeLessThanOrEqual(1);
          if (play.client.status.state === "closed") play.stopped = true;
          if (play.stopped) expect(play.live).toEqual([]);
        }
        play.stopped = true;
        play.client.close();
        for (const answer of play.questions.splice(0)) answer("late");
        for (const explain of play.explanations.splice(0)) explain();
        await settled();
        play.clock.advance(3_600_000);
        expect([play.live, play.clock.pending, play.page.listening]).toEqual([[], 0, 0]);
      } finally {
        play.page.remove();
      }
    }),
    { numRuns: 400 },
  );
});
