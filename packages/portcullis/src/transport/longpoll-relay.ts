/**
 * Long-poll between nodes: a request that reaches another node than its session lives on is carried there and back.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { bounds } from "../limit/bounds.ts";
import type { FrameData } from "../protocol/message.ts";
import type { ControlMessage, PubSub } from "../pubsub/pubsub.ts";
import { type LongPollSession, type Poll, type PostStatus, postStatuses } from "./longpoll-session.ts";

/** Nodes whose last question is remembered. */
const nodesMax = 1_000;

/** Whose session a request is about. */
export interface SessionAddress {
  readonly node: string;
  readonly id: string;
}

export interface LongPollRelayOptions {
  /** The mount's path: sessions of different mounts never meet. */
  readonly mount: string;
  readonly pubsub: PubSub;
  readonly clock: Clock;
  readonly windowMs: number;
  readonly find: (id: string) => LongPollSession | undefined;
  /** Called for what does not fit onto the bus. */
  readonly tooLarge: (error: RangeError) => void;
}

/** What a node asks, and is told. `request` is the asker's own number for it, and rises. */
type Question =
  | { readonly type: "poll"; readonly session: string }
  | {
      readonly type: "post";
      readonly session: string;
      readonly frames: readonly (string | { readonly base64: string })[];
    }
  | { readonly type: "cancel" }
  | { readonly type: "settled"; readonly delivered: boolean };
type Answer =
  | { readonly type: "held" }
  | { readonly type: "gone" }
  | { readonly type: "messages"; readonly messages: readonly string[] }
  | { readonly type: "posted"; readonly status: PostStatus };
type Letter = {
  readonly mount: string;
  readonly from: string;
  readonly to: string;
  readonly request: number;
} & (Question | Answer);

/** A question of this node that has not been answered for good. */
interface Asked {
  readonly node: string;
  readonly answered: (answer: Answer) => void;
  /** Gives up waiting, where that loses nothing. */
  readonly takeBack: () => void;
  cancel: () => void;
}

/** A poll of another node that a session here holds. */
interface Carried {
  cancel: () => void;
  settled: ((delivered: boolean) => void) | null;
  /** They can't be said to have arrived, and never will. */
  lost: (() => void) | null;
}

export class LongPollRelay {
  readonly #options: LongPollRelayOptions;
  readonly #asked = new Map<number, Asked>();
  readonly #carried = new Map<string, Carried>();
  /** The last question of each node that asked one, the most recent asker last. */
  readonly #asking = new Map<string, number>();
  #requests = 0;

  constructor(options: LongPollRelayOptions) {
    this.#options = options;
    options.pubsub.onControl((message) => this.#hear(message));
  }

  // --- asking -------------------------------------------------------------------------------------------------------

  /** Polls a session of another node; `gone` is called when there is none. Returns how to take it back. */
  poll({ node, id }: SessionAddress, poll: Poll, gone: () => void): () => void {
    const request = this.#next();
    const cancel = (): boolean => {
      const waits = this.#forget(request);
      if (waits) this.#send(node, request, { type: "cancel" });
      return waits;
    };
    const answered = (answer: Answer): void => {
      if (answer.type === "held") {
        // It has the session, and says the rest within the window.
        this.#expect(request, this.#options.windowMs + bounds.longpollAnswerTimeoutMs);
      } else if (answer.type === "messages") {
        this.#forget(request);
        poll.answer(answer.messages, (delivered) => this.#send(node, request, { type: "settled", delivered }));
      } else {
        cancel();
        gone();
      }
    };
    const takeBack = (): void => {
      if (cancel()) poll.answer([], () => {});
    };
    this.#ask(request, { node, answered, takeBack, cancel: () => {} }, { type: "poll", session: id });
    return () => void cancel();
  }

  /** Hands the frames of a POST to a session of another node. */
  post({ node, id }: SessionAddress, frames: readonly FrameData[], done: (status: PostStatus) => void): void {
    const carried = frames.map((frame) =>
      typeof frame === "string" ? frame : { base64: Buffer.from(frame).toString("base64") },
    );
    const request = this.#next();
    const answered = (answer: Answer): void => {
      if (answer.type === "held") {
        this.#expect(request, this.#options.windowMs + bounds.longpollAnswerTimeoutMs);
      } else {
        this.#forget(request);
        done(answer.type === "posted" ? answer.status : 410);
      }
    };
    const question: Question = { type: "post", session: id, frames: carried };
    if (this.#ask(request, { node, answered, takeBack: () => {}, cancel: () => {} }, question)) return;
    this.#forget(request);
    done(413);
  }

  /** Answers the polls that wait for another node with nothing: whoever waits for them waits no longer. */
  takeBack(): void {
    for (const { takeBack } of [...this.#asked.values()]) takeBack();
  }

  #next(): number {
    this.#requests += 1;
    return this.#requests;
  }

  /** The answer may come before this returns: a bus is free to be that quick. */
  #ask(request: number, asked: Asked, question: Question): boolean {
    this.#asked.set(request, asked);
    this.#expect(request, bounds.longpollAnswerTimeoutMs);
    return this.#send(asked.node, request, question);
  }

  /** A node that says nothing in time is not there any more, nor are its sessions. */
  #expect(request: number, timeoutMs: number): void {
    const asked = this.#asked.get(request);
    if (asked === undefined) return;
    asked.cancel();
    asked.cancel = this.#options.clock.after(timeoutMs, () => asked.answered({ type: "gone" }));
  }

  #forget(request: number): boolean {
    this.#asked.get(request)?.cancel();
    return this.#asked.delete(request);
  }

  // --- being asked --------------------------------------------------------------------------------------------------

  #hear(control: ControlMessage): void {
    if (control.kind === "gone") {
      for (const { node, answered } of [...this.#asked.values()]) if (node === control.id) answered({ type: "gone" });
    }
    if (control.kind !== "longpoll") return;
    const letter = readLetter(control.data);
    const { mount, pubsub } = this.#options;
    // Genuine and for somebody else: who can write to the bus can say again what was said there.
    if (letter === null || letter.mount !== mount || letter.to !== pubsub.node) return;
    if ((letter.type === "poll" || letter.type === "post") && !this.#isNew(letter)) return;
    switch (letter.type) {
      case "poll":
        return this.#carryPoll(letter, letter.session);
      case "post":
        return this.#carryPost(letter, letter.session, letter.frames);
      case "cancel":
        return this.#carried.get(nameOf(letter))?.cancel();
      case "settled":
        return this.#carried.get(nameOf(letter))?.settled?.(letter.delivered);
      default: {
        const asked = this.#asked.get(letter.request);
        if (asked?.node === letter.from) asked.answered(letter);
      }
    }
  }

  /** Whether this question was not asked before: a message that is handled twice is worse than one that is lost. */
  #isNew({ from, request }: Letter): boolean {
    if (request <= (this.#asking.get(from) ?? 0)) return false;
    this.#asking.delete(from);
    this.#asking.set(from, request);
    for (const [node] of this.#asking) {
      if (this.#asking.size <= nodesMax) break;
      this.#asking.delete(node);
    }
    return true;
  }

  #carryPoll(letter: Letter, id: string): void {
    const { from, request } = letter;
    const session = this.#options.find(id);
    if (session === undefined) return void this.#send(from, request, { type: "gone" });
    this.#send(from, request, { type: "held" });
    const name = nameOf(letter);
    const carried: Carried = { cancel: () => {}, settled: null, lost: null };
    this.#carried.set(name, carried);
    const over = (): boolean => this.#carried.delete(name);
    const takeBack = session.poll({
      answer: (messages, settled) => {
        if (messages.length === 0) over();
        else this.#awaitSettled(session, carried, { settled, over });
        if (!this.#send(from, request, { type: "messages", messages })) carried.lost?.();
      },
    });
    carried.cancel = () => {
      if (!over()) return;
      if (carried.settled !== null) carried.settled(false);
      else takeBack();
    };
  }

  /** Whether they arrived only the other node can say. When it doesn't, the client has to begin anew: nothing is lost silently. */
  #awaitSettled(
    session: LongPollSession,
    carried: Carried,
    { settled, over }: { readonly settled: (delivered: boolean) => void; readonly over: () => boolean },
  ): void {
    const end = (delivered: boolean): void => {
      cancel();
      over();
      settled(delivered);
    };
    carried.settled = end;
    carried.lost = () => {
      end(true);
      session.connection.end("relay_lost", { kind: "closed" });
    };
    const cancel = this.#options.clock.after(bounds.longpollAnswerTimeoutMs * 2, carried.lost);
  }

  #carryPost({ from, request }: Letter, id: string, frames: readonly (string | { readonly base64: string })[]): void {
    const session = this.#options.find(id);
    if (session === undefined) return void this.#send(from, request, { type: "gone" });
    this.#send(from, request, { type: "held" });
    const own = frames.map((frame) =>
      typeof frame === "string" ? frame : new Uint8Array(Buffer.from(frame.base64, "base64")),
    );
    session.post(own, (status) => this.#send(from, request, { type: "posted", status }));
  }

  /** False for one that is too large for the bus: whoever waits for it has to be told otherwise. */
  #send(to: string, request: number, content: Question | Answer): boolean {
    const { mount, pubsub } = this.#options;
    const letter: Letter = { mount, from: pubsub.node, to, request, ...content };
    try {
      pubsub.controlTo(to, { kind: "longpoll", data: letter });
      return true;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#options.tooLarge(error);
      return false;
    }
  }
}

function nameOf({ from, request }: Letter): string {
  return `${from} ${request}`;
}

/** It came signed, but perhaps from another version of this. */
function readLetter(data: unknown): Letter | null {
  if (typeof data !== "object" || data === null) return null;
  const { mount, from, to, request, type, ...content } = data as Record<string, unknown>;
  if (typeof mount !== "string" || typeof from !== "string" || typeof to !== "string") return null;
  if (typeof request !== "number") return null;
  const { session, frames, messages, status, delivered } = content;
  const base = { mount, from, to, request };
  switch (type) {
    case "poll":
      return typeof session === "string" ? { ...base, type, session } : null;
    case "post":
      return typeof session === "string" && isFrames(frames) ? { ...base, type, session, frames } : null;
    case "settled":
      return typeof delivered === "boolean" ? { ...base, type, delivered } : null;
    case "messages":
      return isTexts(messages) ? { ...base, type, messages } : null;
    case "posted":
      return isPostStatus(status) ? { ...base, type, status } : null;
    case "cancel":
    case "held":
    case "gone":
      return { ...base, type };
    default:
      return null;
  }
}

function isPostStatus(status: unknown): status is PostStatus {
  return (postStatuses as readonly unknown[]).includes(status);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isFrames(value: unknown): value is readonly (string | { readonly base64: string })[] {
  return (
    Array.isArray(value) &&
    value.every((item) => typeof item === "string" || typeof (item as { base64?: unknown } | null)?.base64 === "string")
  );
}
