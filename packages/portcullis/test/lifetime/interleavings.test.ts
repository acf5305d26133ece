/**
 * Broadcasts, pushes, replies, joins and leaves at full speed while credentials lapse and are renewed with other rights: not
 * one frame of a denied topic, nothing lost on the others, everything in the order it was said (security row 2.9).
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import type { Frame } from "../support/wire.ts";
import { readV2 } from "../support/wire.ts";
import { type Client, deferred, World } from "../support/world.ts";
import { auth, enter, hourMs, renewal } from "./support/lives.ts";

const topics = ["a", "b", "c"] as const;
type Topic = (typeof topics)[number];
type Pace = "at once" | "soon" | "held up";

type Step =
  | { readonly kind: "broadcast" | "join" | "leave" | "push from outside"; readonly topic: Topic }
  | { readonly kind: "ask"; readonly topic: Topic; readonly how: "at once" | "slowly" | "aloud" }
  | { readonly kind: "refresh"; readonly may: readonly Topic[]; readonly pace: Pace }
  | { readonly kind: "lapse" | "settle" | "release" };

const topic = fc.constantFrom(...topics);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("broadcast" as const), topic }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("join" as const, "push from outside" as const), topic }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave" as const), topic }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("ask" as const),
      topic,
      how: fc.constantFrom("at once", "slowly", "aloud"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("refresh" as const),
      may: fc.subarray([...topics]),
      pace: fc.constantFrom<Pace>("at once", "soon", "held up"),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom("lapse" as const, "settle" as const, "release" as const) }),
  },
);

const socket = defineSocket({ authenticate: () => ({ subject: "ada" }), connect: () => ({ may: [] as Topic[] }) });

/** A channel as far as it is looked at here. */
interface Handle {
  readonly joined: boolean;
  readonly joinRef: unknown;
  push(event: string, payload: object): void;
}

/** One connection, what was said to it, and what is wrong with that. */
class Run {
  readonly wrong: string[] = [];
  readonly world: World;
  readonly client: Client;
  readonly #handles = new Map<Topic, Handle>();
  /** The topic and join ref of everything said while its channel was joined, and whether it went out at once. */
  readonly #said = new Map<number, { readonly topic: Topic; readonly joinRef: unknown; readonly held: boolean }>();
  readonly #written = new Set<number>();
  readonly #denied = new Set<unknown>();
  readonly #asked = new Map<string, { readonly joinRef: unknown; answered: number }>();
  readonly #joinRefs = new Map<Topic, string>();
  #gates: (() => void)[] = [];
  #pace: Pace = "at once";
  #n = 0;
  #last = 0;
  #ref = 0;
  #waiting = 0;

  constructor() {
    this.world = new World([
      socket
        .channel("{id}", {
          authorize: ({ topicParams, assigns }) =>
            this.#authorize(assigns.may.includes(topicParams.id as Topic)) as boolean,
          join: (_params, channel) => void this.#handles.set(channel.topic as Topic, channel as unknown as Handle),
        })
        .on({
          ask: (payload, channel) => {
            const { how } = payload as { how: string };
            if (how === "aloud") this.broadcast(channel.topic as Topic);
            channel.push("pushed", { n: this.#next() });
            // What a promise holds is said when it is settled, and not when its function returned.
            if (how === "slowly") return this.#slowly(channel);
            return { n: this.#next() };
          },
        })
        .leave((_reason, channel) => this.#slowly(channel).then(() => {})),
    ]);
    this.client = enter(this.world, {}, { assigns: { may: [...topics] } });
    this.client.sink.onWrite = (data) => this.#wrote(readV2(data));
    this.client.connection.onRenewed = () => {
      this.#waiting -= 1;
    };
  }

  #next(): number {
    this.#n += 1;
    return this.#n;
  }

  #authorize(may: boolean): unknown {
    if (this.#pace === "at once") return may;
    if (this.#pace === "soon") return Promise.resolve(may);
    const gate = deferred<boolean>();
    this.#gates.push(() => gate.resolve(may));
    return gate.promise;
  }

  async #slowly(channel: { readonly joined: boolean; push(event: string, payload: object): void }): Promise<object> {
    await settled();
    // What a replaced instance says comes after the reply to the join that replaced it, out of its turn.
    channel.push("pushed", channel.joined ? { n: this.#next() } : { late: true });
    return {};
  }

  get #may(): readonly Topic[] {
    return (this.client.connection.assigns as { may: readonly Topic[] }).may;
  }

  #wrote([joinRef, ref, where, event, payload]: Frame): void {
    if (where === "phoenix") return;
    if (event === "phx_close" && (payload as { reason?: string }).reason !== undefined) this.#denied.add(joinRef);
    const body = event === "phx_reply" ? (payload as { response: object }).response : payload;
    const { n, late = false } = body as { n?: number; late?: boolean };
    if (n === undefined && !late) return;
    if (!this.#may.includes(where as Topic))
      this.wrong.push(`${n} on ${where} was said to somebody who may not hear it`);
    if (n === undefined) return;
    if (n <= this.#last) this.wrong.push(`${n} was said after ${this.#last}`);
    this.#last = n;
    this.#written.add(n);
    const asked = event === "phx_reply" ? this.#asked.get(String(ref)) : undefined;
    if (asked !== undefined) asked.answered += 1;
  }

  /** Notes what is said to a joined channel. */
  #saying(where: Topic, say: (n: number) => void): void {
    const n = this.#next();
    const joined = this.#handles.get(where)?.joined === true;
    say(n);
    // The join ref is on every push of a channel, and on no broadcast: the handle knows it.
    const joinRef = this.#handles.get(where)?.joinRef;
    if (joined) this.#said.set(n, { topic: where, joinRef, held: !this.#written.has(n) });
  }

  broadcast(where: Topic): void {
    this.#saying(where, (n) => this.world.pubsub.broadcast(where, "said", { n }));
  }

  do(step: Step): void | Promise<void> {
    switch (step.kind) {
      case "broadcast":
        return this.broadcast(step.topic);
      case "push from outside": {
        const handle = this.#handles.get(step.topic);
        if (handle?.joined === true) this.#saying(step.topic, (n) => handle.push("pushed", { n }));
        return;
      }
      case "join": {
        this.#ref += 1;
        const ref = `j${this.#ref}`;
        this.#joinRefs.set(step.topic, ref);
        return this.client.join(step.topic, ref);
      }
      case "leave":
        return this.client.leave(step.topic, "leave", this.#joinRefs.get(step.topic));
      case "ask": {
        this.#ref += 1;
        const joinRef = this.#joinRefs.get(step.topic);
        this.#asked.set(`p${this.#ref}`, { joinRef, answered: 0 });
        return this.client.push(step.topic, "ask", { how: step.how }, `p${this.#ref}`, joinRef);
      }
      case "refresh":
        // More than a few at once end the connection, which is not what is asked here.
        if (this.#waiting >= 3) return;
        this.#waiting += 1;
        this.#pace = step.pace;
        this.world.verdicts.push(
          renewal({ may: step.may }, { expiresAt: this.world.clock.now() + hourMs, issuedAt: this.world.clock.now() }),
        );
        return auth(this.client);
      case "lapse": {
        const { expiresAt = 0 } = this.client.connection.identity ?? {};
        return this.world.clock.advance(Math.max(0, expiresAt - this.world.clock.now()));
      }
      case "settle":
        return settled();
      case "release":
        for (const open of this.#gates.splice(0)) open();
        return;
    }
  }

  /** Everything that waits has its turn, and who it is may be everywhere. */
  async finish(): Promise<void> {
    for (let round = 0; round < 6; round += 1) {
      await this.do({ kind: "release" });
      await settled();
    }
    await this.do({ kind: "refresh", may: [...topics], pace: "at once" });
    for (let round = 0; round < 6; round += 1) await settled();
    if (this.client.sink.closes.length > 0) this.wrong.push(`it was closed: ${this.client.sink.closes.join()}`);
    for (const [n, { topic: where, joinRef, held }] of this.#said) {
      if (!this.#written.has(n) && !(held && this.#denied.has(joinRef))) this.wrong.push(`${n} on ${where} was lost`);
    }
    for (const [ref, { answered }] of this.#asked) if (answered > 1) this.wrong.push(`${ref} was answered twice`);
  }

  /** Whether the run was worth its while. */
  get facts(): { readonly written: number; readonly denied: number; readonly held: number } {
    const held = [...this.#said.values()].filter((said) => said.held).length;
    return { written: this.#written.size, denied: this.#denied.size, held };
  }
}

test("whatever happens in whatever order, nothing leaks, nothing is lost and nothing overtakes", async () => {
  const sum = { written: 0, denied: 0, held: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const run = new Run();
      for (const where of topics) await run.do({ kind: "join", topic: where });
      for (const each of steps) await run.do(each);
      await run.finish();
      expect(run.wrong).toEqual([]);
      sum.written += run.facts.written;
      sum.denied += run.facts.denied;
      sum.held += run.facts.held;
    }),
    { numRuns: Number(process.env["RUNS"] ?? 400) },
  );
  // Otherwise it would have been about nothing.
  expect(sum.written).toBeGreaterThan(1_000);
  expect(sum.denied).toBeGreaterThan(100);
  expect(sum.held).toBeGreaterThan(100);
});
