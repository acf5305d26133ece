/**
 * What a process that comes has to know before it lets anybody in: what was taken away.
 *
 * The primary knows everything that was said until it answers, but for what another process has said and it has not heard
 * yet. So that one is asked as well, over the bus, for what it has said lately: a bus keeps the order of each sender, and
 * what is said after the answer is heard like everything else.
 *
 * @module
 */

import type { KnownRevocations, Revocations } from "../auth/revocation.ts";
import { type Revocation, revocationKey } from "../auth/store.ts";
import type { Clock } from "../clock.ts";
import type { ControlMessage, PubSub } from "../pubsub/pubsub.ts";

export interface HandoverOptions {
  readonly pubsub: PubSub;
  readonly revocations: Revocations;
  readonly clock: Clock;
}

/** Revocations in one message: fewer than any bus has room for. */
const partSize = 1_000;
/** A process that doesn't answer for so long is stuck; what it has not told yet it tells when it goes on. */
const answerMs = 2_000;

type Letter =
  | { readonly type: "ask"; readonly node: string }
  | ({ readonly type: "told"; readonly isLast: boolean } & KnownRevocations);

/** One process's part: tells who comes, and is told when it comes itself. */
export class Handover {
  readonly #options: HandoverOptions;
  /** Who has yet to answer; `null`: nobody was asked. */
  #asked: Set<string> | null = null;
  #done: () => void = () => {};
  /** Given back since this process is heard: what says otherwise is older. `null`: not kept any more. */
  #givenBack: Set<string> | null = new Set();

  constructor(options: HandoverOptions) {
    this.#options = options;
    options.pubsub.onControl((message, from) => this.#hear(message, from));
  }

  /** Takes what the primary knows, and asks the others. Resolves when they have answered, or don't. */
  async take(known: KnownRevocations, nodes: readonly string[]): Promise<void> {
    const { pubsub, clock } = this.#options;
    this.#learn(known);
    if (nodes.length > 0 && pubsub.status === "up") {
      await new Promise<void>((resolve) => {
        const cancel = clock.after(answerMs, resolve);
        this.#asked = new Set(nodes);
        this.#done = () => {
          cancel();
          resolve();
        };
        pubsub.control({ kind: "handover", data: { type: "ask", node: pubsub.node } satisfies Letter });
      });
    }
    this.#asked = null;
    this.#givenBack = null;
  }

  #hear(message: ControlMessage, from: string): void {
    if (message.kind === "unrevoke") this.#givenBack?.add(message.id);
    else if (message.kind === "gone") this.#answered(message.id);
    if (message.kind !== "handover") return;
    const letter = message.data as Letter;
    if (letter?.type === "ask") this.#tell(letter.node);
    if (letter?.type !== "told" || this.#asked?.has(from) !== true) return;
    this.#learn(letter);
    if (letter.isLast) this.#answered(from);
  }

  #answered(node: string): void {
    if (this.#asked?.delete(node) === true && this.#asked.size === 0) this.#done();
  }

  #tell(node: string): void {
    const { pubsub, revocations } = this.#options;
    if (node === pubsub.node || typeof node !== "string") return;
    const { revocations: all, compromised } = revocations.known("told");
    for (let start = 0; ; start += partSize) {
      const isLast = start + partSize >= all.length;
      const part = all.slice(start, start + partSize);
      const letter: Letter = { type: "told", isLast, revocations: part, compromised: start === 0 ? compromised : [] };
      pubsub.controlTo(node, { kind: "handover", data: letter });
      if (isLast) return;
    }
  }

  /** As if they were said now: whoever hears commands reads them as coming from anybody. */
  #learn({ revocations, compromised }: KnownRevocations): void {
    const { pubsub } = this.#options;
    if (!Array.isArray(revocations) || !Array.isArray(compromised)) return;
    const hear = (message: ControlMessage): void => pubsub.heard({ kind: "control", message }, pubsub.node);
    for (const data of revocations as readonly Revocation[]) {
      if (this.#givenBack?.has(revocationKey(data)) !== true) hear({ kind: "revoke", data });
    }
    for (const id of compromised as readonly unknown[]) if (typeof id === "string") hear({ kind: "compromised", id });
  }
}
