/** Whatever happens in whatever order to a session: every message arrives once and in order, or the session has visibly ended. */
import fc from "fast-check";
import { afterAll, expect, test, vi } from "vitest";
import { defineEndpoint, defineSocket, type Endpoint } from "../../src/index.ts";
import { LongPollSession, type PostStatus } from "../../src/transport/longpoll-session.ts";
import { listener, secretKeyBase } from "../security/support/arena.ts";
import { FakeClock, settled } from "../support/clock.ts";
import { Poller } from "../support/poller.ts";

const windowMs = 8_000;
const silenceMs = 12_000;

type Step =
  | { readonly kind: "say"; readonly count: number }
  | { readonly kind: "poll" }
  | { readonly kind: "hangUp"; readonly which: number }
  | { readonly kind: "settle"; readonly delivered: boolean }
  | { readonly kind: "post"; readonly count: number }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "end" };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("say" as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("poll" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("hangUp" as const), which: fc.nat(9) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("settle" as const), delivered: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("post" as const), count: fc.integer({ min: 1, max: 5 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.constantFrom(1, 3_000, windowMs, silenceMs, silenceMs),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("end" as const) }) },
);

interface Waiting {
  readonly takeBack: () => void;
  answers: number;
}

/** One session of a real endpoint, polled and posted to from here, and what should have become of it. */
class Trial {
  readonly said: number[] = [];
  readonly arrived: number[] = [];
  readonly posted: number[] = [];
  readonly handled: number[];
  readonly #session: LongPollSession;
  readonly #world: World;
  readonly #id: string;
  #waiting: Waiting[] = [];
  #inFlight: { readonly messages: readonly number[]; readonly settled: (delivered: boolean) => void } | null = null;
  #ended = false;
  /** Since when nobody has asked. */
  #silentSince: number;
  #lapsed = false;

  constructor(world: World, session: LongPollSession, id: string, handled: number[]) {
    this.#world = world;
    this.#session = session;
    this.#id = id;
    this.handled = handled;
    this.#silentSince = world.clock.now();
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const each of steps) {
      this.#take(each);
      await settled();
      if (this.#isForgotten()) break;
      // Nobody waits for what is there.
      const isLeft = this.arrived.length < this.said.length && this.#inFlight === null;
      expect(isLeft && this.#waiting.length > 0).toBe(false);
    }
    for (let polls = 0; polls < 5 && !this.#isForgotten(); polls += 1) {
      if (this.#inFlight === null) this.#take({ kind: "poll" });
      await settled();
      this.#take({ kind: "settle", delivered: true });
    }
    expect(this.arrived).toEqual(this.#lapsed ? this.said.slice(0, this.arrived.length) : this.said);
    expect(this.handled).toEqual(this.posted);
    expect(this.#session.ended).toBe(this.#ended || this.#lapsed);
  }

  /** Ended, and with nothing left to fetch, or nobody who would: the transport knows it no more. */
  #isForgotten(): boolean {
    if (this.#lapsed) return true;
    return this.#ended && this.#inFlight === null && this.arrived.length === this.said.length;
  }

  #take(taken: Step): void {
    switch (taken.kind) {
      case "say":
        for (let count = 0; count < taken.count && !this.#ended; count += 1) {
          this.said.push(this.said.length);
          this.#world.endpoint.broadcast(`room:${this.#id}`, "n", { n: this.said.length - 1 });
        }
        return;
      case "poll":
        return this.#poll();
      case "hangUp": {
        const waiting = this.#waiting[taken.which % Math.max(1, this.#waiting.length)];
        waiting?.takeBack();
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        if (waiting !== undefined) this.#silentSince = this.#world.clock.now();
        return;
      }
      case "settle": {
        const inFlight = this.#inFlight;
        this.#inFlight = null;
        if (inFlight === null) return;
        if (taken.delivered) this.arrived.push(...inFlight.messages);
        this.#silentSince = this.#world.clock.now();
        return inFlight.settled(taken.delivered);
      }
      case "post":
        return this.#post(taken.count);
      case "wait":
        this.#world.clock.advance(taken.ms);
        this.#lapsed =
          this.#waiting.length === 0 &&
          this.#inFlight === null &&
          this.#world.clock.now() - this.#silentSince >= silenceMs;
        return;
      case "end":
        this.#ended = true;
        return this.#world.endpoint.disconnect(`users:${this.#id}`);
    }
  }

  #poll(): void {
    const waiting: Waiting = { takeBack: () => takeBack(), answers: 0 };
    let takeBack = (): void => {};
    this.#waiting.push(waiting);
    takeBack = this.#session.poll({
      answer: (messages, settle) => {
        waiting.answers += 1;
        expect(waiting.answers).toBe(1);
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        this.#silentSince = this.#world.clock.now();
        if (messages.length === 0) return;
        expect(this.#inFlight).toBeNull();
        const numbers = messages.map((text) => ((JSON.parse(text) as unknown[])[4] as { readonly n: number }).n);
        // What comes next, and nothing twice.
        const next = this.arrived.length;
        expect(numbers).toEqual(this.said.slice(next, next + numbers.length));
        this.#inFlight = { messages: numbers, settled: settle };
      },
    });
    expect(this.#waiting.length).toBeLessThanOrEqual(4);
  }

  #post(count: number): void {
    const numbers = Array.from({ length: count }, (_, index) => this.posted.length + index);
    const frames = numbers.map((n) => JSON.stringify(["1", null, `room:${this.#id}`, "note", n]));
    const statuses: PostStatus[] = [];
    this.#session.post(frames, (status) => statuses.push(status));
    expect(statuses).toEqual([this.#ended ? 410 : 200]);
    if (!this.#ended) this.posted.push(...numbers);
  }
}

interface World {
  readonly endpoint: Endpoint;
  readonly clock: FakeClock;
  readonly port: number;
  readonly handled: Map<string, number[]>;
}

async function build(): Promise<World> {
  const clock = new FakeClock();
  const handled = new Map<string, number[]>();
  const socket = defineSocket({
    connect: ({ params }) => ({ id: String(params["id"]) }),
    id: ({ id }) => `users:${id}`,
  });
  const channel = socket.channel("room:{name}").on({
    note(payload, channel) {
      handled.get(channel.assigns.id)?.push(payload as number);
    },
  });
  const endpoint = defineEndpoint({
    secretKeyBase,
    clock,
    logger: listener().logger,
    sockets: { "/socket": { socket, channels: [channel], longpoll: { windowMs } } },
  }) as Endpoint;
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  return { endpoint, clock, port, handled };
}

const world = build();
afterAll(async () => (await world).endpoint.close());

test("whatever is said, polled, hung up on, lost, posted, waited and ended in whatever order", async () => {
  const { port, handled } = await world;
  const post = vi.spyOn(LongPollSession.prototype, "post");
  let trials = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
      trials += 1;
      const id = `${trials}`;
      const mine: number[] = [];
      handled.set(id, mine);
      const client = await Poller.open(port, { path: `/socket/longpoll?vsn=2.0.0&id=${id}` });
      post.mockClear();
      await client.join(`room:${id}`);
      const session = post.mock.contexts[0] as LongPollSession;
      await new Trial(await world, session, id, mine).run(steps);
      (await world).endpoint.disconnect(`users:${id}`);
    }),
    { numRuns: 500 },
  );
}, 60_000);
