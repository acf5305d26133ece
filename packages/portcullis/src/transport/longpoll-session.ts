/**
 * One long-poll session: a connection whose client comes and asks. What is written waits here until a poll takes it, and
 * for as long as nobody can say whether it arrived.
 *
 * @module
 */

import type { SharedFrame } from "../channel/fastlane.ts";
import type { Clock } from "../clock.ts";
import type { CloseCode } from "../errors.ts";
import { bounds } from "../limit/bounds.ts";
import type { FrameData } from "../protocol/message.ts";
import { Connection, type ConnectionIdentity, type Sink } from "../socket/connection.ts";
import type { Held } from "./connection-set.ts";
import { type LongPollMount, leavesOutVolatile, type Mount } from "./mount.ts";

/** Somebody who waits for messages: a request here, or one at another node. */
export interface Poll {
  /** Called once; `settled` says whether the messages reached the client. With none there is nothing to settle. */
  answer(messages: readonly string[], settled: (delivered: boolean) => void): void;
}

/** What becomes of a POST, as its JSON says: handled, not understood or not in time, no session, too large, too many at once. */
export const postStatuses = [200, 408, 410, 413, 429] as const;
export type PostStatus = (typeof postStatuses)[number];

export interface LongPollSessionOptions {
  readonly id: string;
  readonly mount: Mount;
  readonly options: LongPollMount;
  readonly identity: ConnectionIdentity;
  /** The connection is over: the client has at most some messages left to fetch. */
  readonly onEnded: (session: LongPollSession, code: CloseCode) => void;
  /** Nothing is left to fetch either. */
  readonly onForgotten: (session: LongPollSession) => void;
}

interface WaitingPoll {
  readonly poll: Poll;
  readonly cancel: () => void;
}

interface WaitingPost {
  readonly frames: readonly FrameData[];
  next: number;
  readonly done: (status: PostStatus) => void;
}

/** A session nobody polls for so many windows ends, as in Phoenix. */
const windowsOfSilence = 1.5;
/** So much longer it is given where it may have asked, and not been heard yet. */
const heldUpShare = 0.1;

export class LongPollSession implements Sink, Held {
  readonly id: string;
  readonly connection: Connection;
  readonly #options: LongPollSessionOptions;
  readonly #clock: Clock;
  #buffer: string[] = [];
  #bufferedBytes = 0;
  #backlogWarned = false;
  /** Messages that were handed to a poll, and may yet come back. */
  #inFlight = 0;
  #flushing = false;
  #polls: WaitingPoll[] = [];
  #posts: WaitingPost[] = [];
  #paused = false;
  #feeding = false;
  #cancelStall: (() => void) | null = null;
  #cancelSilence: (() => void) | null = null;
  #ended = false;

  constructor(options: LongPollSessionOptions) {
    const { mount, identity, id } = options;
    this.id = id;
    this.#options = options;
    this.#clock = mount.environment.clock;
    this.connection = new Connection(mount.context, identity, this);
    this.#awaitPoll();
  }

  /** Whether the connection is over. */
  get ended(): boolean {
    return this.#ended;
  }

  // --- polls --------------------------------------------------------------------------------------------------------

  /** Answers `poll` as soon as there are messages, or when the window is over. The returned function takes it back. */
  poll(poll: Poll): () => void {
    this.#cancelSilence?.();
    this.#cancelSilence = null;
    const waiting: WaitingPoll = {
      poll,
      cancel: this.#clock.after(this.#options.options.windowMs, () => this.#answerEmpty(waiting)),
    };
    this.#polls.push(waiting);
    // The newest gets what comes. An older one whose client has given up on it waits for its window, but not many.
    if (this.#polls.length > bounds.longpollRequestsMax) this.#answerEmpty(this.#polls[0] as WaitingPoll);
    this.#flush();
    return () => {
      this.#take(waiting);
      this.#awaitPoll();
    };
  }

  #take(waiting: WaitingPoll): void {
    waiting.cancel();
    this.#polls = this.#polls.filter((other) => other !== waiting);
  }

  #answerEmpty(waiting: WaitingPoll): void {
    this.#take(waiting);
    waiting.poll.answer([], () => {});
    this.#awaitPoll();
  }

  /** What one run of the program says leaves in one answer. */
  #flushSoon(): void {
    if (this.#flushing || this.#polls.length === 0) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const newest = this.#polls.at(-1);
    if (newest === undefined || this.#inFlight > 0 || this.#buffer.length === 0) return;
    this.#take(newest);
    const messages = [...this.#buffer];
    this.#inFlight = messages.length;
    newest.poll.answer(messages, (delivered) => this.#settled(messages.length, delivered));
  }

  /** What did not arrive stays first in line: the client has not seen it, and asks again. */
  #settled(count: number, delivered: boolean): void {
    if (this.#inFlight === 0) return;
    this.#inFlight = 0;
    if (delivered) {
      this.#buffer = this.#buffer.slice(count);
      this.#bufferedBytes = this.#buffer.reduce((sum, message) => sum + Buffer.byteLength(message), 0);
    }
    if (this.#ended && this.#buffer.length === 0) return this.#forget();
    this.#flush();
    this.#awaitPoll();
  }

  /** Nobody asks at the moment, and had better do so again. */
  #awaitPoll(): void {
    if (this.#polls.length > 0 || this.#inFlight > 0) return;
    this.#cancelSilence?.();
    const silenceMs = this.#options.options.windowMs * windowsOfSilence;
    const dueAt = this.#clock.now() + silenceMs;
    this.#cancelSilence = this.#clock.after(silenceMs, () => {
      // This process was held up: what the client asked meanwhile has yet to be read.
      if (this.#clock.now() <= dueAt) this.#fallSilent();
      else this.#cancelSilence = this.#clock.after(silenceMs * heldUpShare, () => this.#fallSilent());
    });
  }

  #fallSilent(): void {
    if (this.#ended) this.#forget();
    else this.connection.end("idle", { kind: "closed" });
  }

  // --- posts --------------------------------------------------------------------------------------------------------

  /** Handles the frames of one POST, after those of the ones before it. `done` is called once. */
  post(frames: readonly FrameData[], done: (status: PostStatus) => void): void {
    if (this.#ended) return done(410);
    if (this.#posts.length >= bounds.longpollPostsMax) return done(429);
    this.#posts.push({ frames, next: 0, done });
    this.#feed();
  }

  #feed(): void {
    if (this.#feeding) return;
    this.#feeding = true;
    for (let post = this.#posts[0]; post !== undefined && !this.#paused; post = this.#posts[0]) {
      const frame = post.frames[post.next];
      if (frame === undefined) {
        this.#posts.shift();
        post.done(200);
        continue;
      }
      post.next += 1;
      this.#receive(frame);
    }
    this.#feeding = false;
  }

  #receive(frame: FrameData): void {
    try {
      this.connection.receive(frame);
    } catch (error) {
      // Nothing is expected here. Were it to go on, it would end the process, and with it everybody's connection.
      const { environment, path } = this.#options.mount;
      environment.telemetry.error(`receive ${path}`, `a frame on ${path} could not be handled`, error);
      this.connection.end("frame_invalid", { kind: "error", error });
    }
  }

  // --- Sink ---------------------------------------------------------------------------------------------------------

  write(data: FrameData): void {
    if (this.#ended || !this.#takes()) return;
    const message = typeof data === "string" ? data : toText(data);
    this.#buffer.push(message);
    this.#bufferedBytes += Buffer.byteLength(message);
    this.#flushSoon();
  }

  writeShared(frame: SharedFrame): void {
    if (frame.volatile && leavesOutVolatile(this.#options.mount, this.#bufferedBytes)) return;
    this.write(frame.data);
  }

  close(code: CloseCode): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelStall?.();
    // The first of them is the one whose message could not be understood, or handled in time.
    for (const [index, { done }] of this.#posts.splice(0).entries()) done(index === 0 ? 408 : 410);
    this.#flush();
    for (const waiting of [...this.#polls]) this.#answerEmpty(waiting);
    this.#options.onEnded(this, code);
    if (this.#buffer.length === 0) this.#forget();
    else this.#awaitPoll();
  }

  pause(): void {
    this.#paused = true;
    const { mount, options } = this.#options;
    this.#cancelStall = this.#clock.after(options.windowMs, () => {
      if (this.#posts.length === 0) return;
      mount.environment.telemetry.warn(
        `stalled ${mount.path}`,
        () =>
          `portcullis: a long-poll session of ${mount.path} was ended (stalled): its handlers finished too little in ${options.windowMs} ms for what was waiting.`,
      );
      this.connection.end("stalled", { kind: "closed" });
    });
  }

  resume(): void {
    this.#paused = false;
    this.#cancelStall?.();
    // Not inside of the handler that made room.
    queueMicrotask(() => this.#feed());
  }

  after(delayMs: number, task: () => void): () => void {
    return this.#clock.after(delayMs, task);
  }

  cut(): void {
    this.connection.end("endpoint_closed", { kind: "shutdown" });
    this.#forget();
  }

  #forget(): void {
    this.#buffer = [];
    for (const waiting of [...this.#polls]) this.#answerEmpty(waiting);
    this.#cancelSilence?.();
    this.#cancelSilence = null;
    this.#options.onForgotten(this);
  }

  /** As for a WebSocket: what already waits counts, so that one message of any size reaches a client that polls. */
  #takes(): boolean {
    const { mount, options } = this.#options;
    const { telemetry } = mount.environment;
    const limit = { mount: mount.path, limit: "outgoingBytesMax", max: options.outgoingBytesMax };
    if (this.#bufferedBytes <= options.outgoingBytesMax) {
      if (this.#backlogWarned || this.#bufferedBytes < options.outgoingBytesMax * bounds.warnAt) return true;
      this.#backlogWarned = true;
      telemetry.emit("limit.warned", { ...limit, value: this.#bufferedBytes });
      return true;
    }
    telemetry.emit("limit.reached", limit);
    telemetry.warn(
      `slow_reader ${mount.path}`,
      () =>
        `portcullis: a long-poll session of ${mount.path} was ended (slow_reader): its client left more than ${options.outgoingBytesMax} bytes unfetched.`,
    );
    this.#buffer = [];
    this.#bufferedBytes = 0;
    this.connection.end("slow_reader", { kind: "closed" });
    return false;
  }
}

/**
 * A binary frame in JSON. Phoenix puts its bytes into a string as they are, which no bytes beyond UTF-8 survive: those
 * travel as base64, as they do in the other direction. A frame's first byte, 0 to 2, tells the two apart.
 */
function toText(data: Uint8Array): string {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : bytes.toString("base64");
}
