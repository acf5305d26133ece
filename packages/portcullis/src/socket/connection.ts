/**
 * One connection: frames in, frames out, and the channels joined over it. Sans-IO: it neither reads nor writes a network
 * and owns no timer; its sink does. WebSocket and long-poll share every line of it.
 *
 * @module
 */

import type { FullIdentity } from "../auth/identity.ts";
import type { ChannelRuntime } from "../channel/channel.ts";
import type { EndpointHandle, LeaveReason } from "../channel/contract.ts";
import type { SharedFrame } from "../channel/fastlane.ts";
import type { JoinAnswer } from "../channel/joining.ts";
import { type ChannelHost, ChannelProcess } from "../channel/process.ts";
import { type CloseCode, type ErrorCode, errorTable, isPortcullisError, PortcullisError } from "../errors.ts";
import type { Place } from "../limit/places.ts";
import {
  authEvent,
  closingEvent,
  connectionTopic,
  heartbeatEvent,
  joinEvent,
  leaveEvent,
  reasons,
} from "../protocol/events.ts";
import { FrameError, isDeeperThan, isLongerThan } from "../protocol/frame.ts";
import type { FrameData, Message } from "../protocol/message.ts";
import type { Serializer } from "../protocol/serializer.ts";
import { isUsableTopic } from "../protocol/topic.ts";
import type { PubSub } from "../pubsub/pubsub.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { deniedAmong, inTime } from "./asking.ts";
import { Joined } from "./joined.ts";
import { Outbox } from "./outbox.ts";
import { type Credential, retryOnWire, Standing, type StandingContext, type StandingHost } from "./standing.ts";
import { type Flows, Traffic, type Verdict } from "./traffic.ts";

/** Where a connection's effects go: the transport. */
export interface Sink {
  write(data: FrameData): void;
  writeShared(frame: SharedFrame): void;
  /** Ends the transport. The connection is told by {@link Connection.closed} like for any other end. */
  close(code: CloseCode): void;
  /** Stops, and goes on, reading from the peer. */
  pause(): void;
  resume(): void;
  /** Runs `task` after `delayMs`; the returned function cancels it. */
  after(delayMs: number, task: () => void): () => void;
}

/** What the connections of one mount have in common. */
export interface ConnectionContext {
  readonly mount: string;
  readonly channels: readonly ChannelRuntime[];
  readonly pubsub: PubSub;
  readonly endpoint: EndpointHandle;
  readonly telemetry: Telemetry;
  readonly limits: ConnectionLimits;
  /** How much one may send in a second. Left out: anything. */
  readonly flows?: Flows;
  readonly standing: StandingContext;
}

export interface ConnectionLimits {
  readonly channelsMax: number;
  readonly mailboxMax: number;
  readonly pendingFramesMax: number;
  readonly pendingBytesMax: number;
  readonly topicBytesMax: number;
  readonly eventBytesMax: number;
  readonly depthMax: number;
  readonly shutdownMs: number;
  /** How long a channel's `authorize` may take when it is asked again. */
  readonly authorizeMs: number;
  readonly heldBytesMax: number;
  readonly warnAt: number;
}

/** What was decided at the edge, before there was a connection. */
export interface ConnectionIdentity {
  readonly serializer: Serializer;
  readonly assigns: object;
  readonly socketId: string | null;
  readonly transport: string;
  /** Whose connection it is, where that is known. */
  readonly credential: Credential | null;
  /** Where it is counted; the endpoint gives it back. */
  readonly place?: Place | null;
}

export class Connection implements ChannelHost, StandingHost {
  readonly serializer: Serializer;
  readonly socketId: string | null;
  readonly transport: string;
  readonly place: Place | null;
  readonly #context: ConnectionContext;
  readonly #sink: Sink;
  readonly #channels = new Joined();
  /** Those that end, and may still say something: a hook that runs, a frame that is held back. */
  #gone: Set<ChannelProcess> | null = null;
  /** Frames that wait, in order, until a join is answered. */
  #held: FrameData[] = nothing;
  /** Why frames are held: a join being answered, or an old instance being waited for. */
  #holding = false;
  #lapsed = false;
  #assigns: object;
  #generation = 0;
  /** Called when this is somebody with a new credential, before anything is said to them. May end the connection. */
  onRenewed: ((connection: Connection) => void) | null = null;
  /** Or: what channels say is held back too, because the credential has lapsed, or is being renewed. */
  #outbox: Outbox | null = null;
  readonly #standing: Standing | null;
  readonly #traffic: Traffic | null;
  #later: { readonly process: ChannelProcess; readonly data: FrameData }[] | null = null;
  #pendingFrames = 0;
  #pendingBytes = 0;
  #handledCount = 0;
  #paused = false;
  #closed = false;
  #waitingFor: { readonly process: ChannelProcess; readonly resume: () => void } | null = null;

  constructor(context: ConnectionContext, identity: ConnectionIdentity, sink: Sink) {
    this.#context = context;
    this.#sink = sink;
    this.serializer = identity.serializer;
    this.#assigns = identity.assigns;
    this.socketId = identity.socketId;
    this.transport = identity.transport;
    this.place = identity.place ?? null;
    const { flows, telemetry, mount } = context;
    this.#traffic = flows === undefined ? null : new Traffic(mount, telemetry, flows);
    this.#standing = identity.credential === null ? null : new Standing(context.standing, identity.credential, this);
  }

  /** What `connect` said of who this is, at the last refresh. */
  get assigns(): object {
    return this.#assigns;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Whose connection this is; `null` where nobody said. */
  get identity(): FullIdentity | null {
    return this.#standing?.identity ?? null;
  }

  get pubsub(): PubSub {
    return this.#context.pubsub;
  }

  get endpoint(): EndpointHandle {
    return this.#context.endpoint;
  }

  get mailboxMax(): number {
    return this.#context.limits.mailboxMax;
  }

  /** How many channels are joined. */
  get channelCount(): number {
    return this.#channels.size;
  }

  /** Whether reading is stopped because too much waits to be handled. */
  get paused(): boolean {
    return this.#paused;
  }

  /** How many frames that had to wait have had their turn: while reading is stopped, the sign of life. */
  get handledCount(): number {
    return this.#handledCount;
  }

  // --- frames in ----------------------------------------------------------------------------------------------------

  /** One frame of the client. Never throws. */
  receive(data: FrameData): void {
    if (this.#closed) return;
    if (this.#isHolding && !this.#passes(data)) {
      if (this.#held === nothing) this.#held = [];
      this.#held.push(data);
      this.#wait(data.length);
      return;
    }
    this.#handle(data);
  }

  get #isHolding(): boolean {
    return this.#holding || this.#outbox !== null;
  }

  /** What the transport answers by itself is as good as a heartbeat, and no better. */
  pinged(): void {
    if (this.#closed) return;
    if (this.#traffic?.bear(1, this.#context.standing.now()) === "flooding") this.endBy("flooding");
  }

  /**
   * A new credential waits for nobody: a join that never ends would make it lapse. While it has lapsed, heartbeats say that the
   * client is still there.
   */
  #passes(data: FrameData): boolean {
    if (this.#standing === null || typeof data !== "string" || !data.includes(passWord)) return false;
    try {
      const { topic, event } = this.serializer.decode(data);
      return topic === connectionTopic && (event === authEvent || (event === heartbeatEvent && this.#lapsed));
    } catch {
      // It is told when its turn comes.
      return false;
    }
  }

  #handle(data: FrameData): void {
    let message: Message;
    try {
      message = this.serializer.decode(data);
      // A frame is at least two characters a level: short ones can't be deep.
      if (data.length > this.#context.limits.depthMax) this.#assertModest(message);
    } catch (error) {
      this.#fail("frame_invalid", error);
      return;
    }
    const verdict = this.#traffic?.judge(message, data.length, this.#context.standing.now()) ?? 0;
    if (verdict === 0) this.#route(message, data.length);
    else this.#holdBack(message, verdict);
  }

  /** It came too fast. */
  #holdBack(message: Message, verdict: Verdict): void {
    if (verdict === "flooding") return this.endBy("flooding");
    const response = { reason: reasons.rateLimited, retryAfterMs: verdict };
    this.#refuse(message, "message_rate_limited", verdict === "silent" ? null : response);
  }

  /** Everything but the payload is echoed or kept: refs in every reply, as long as their channel lives. */
  #assertModest({ joinRef, ref, topic, event }: Message): void {
    const { depthMax, eventBytesMax } = this.#context.limits;
    if (isDeeperThan([joinRef, ref, topic, event], depthMax))
      throw new FrameError("A field of a message nests too deeply.");
    if (isLarge(event, eventBytesMax)) throw new FrameError("The event of a message is too long.");
    if (isLarge(ref, eventBytesMax) || isLarge(joinRef, eventBytesMax))
      throw new FrameError("A ref of a message is too long.");
  }

  #route(message: Message, bytes: number): void {
    const { topic, event } = message;
    if (topic === connectionTopic) return this.#routeConnection(message);
    const process = typeof topic === "string" ? this.#channels.get(topic) : undefined;
    const { depthMax } = this.#context.limits;
    if (bytes > depthMax && isDeeperThan(message.payload, depthMax)) {
      return this.#refuse(message, "payload_too_deep", { reason: reasons.payloadTooDeep });
    }
    if (event === joinEvent) return this.#routeJoin(message, process);
    if (process === undefined) {
      if (event === leaveEvent) return this.#reply(message, message.joinRef, "ok", {});
      return this.#refuse(message, "topic_unmatched", { reason: reasons.unmatchedTopic });
    }
    if (!isRefOf(message.joinRef, process.clientJoinRef)) {
      return this.dropped(process, "join_ref_stale");
    }
    if (process.leaving) return;
    const waits =
      event === leaveEvent
        ? process.receiveLeave(message.ref, bytes)
        : process.receive(message.ref, event, message.payload, bytes);
    if (waits) this.#wait(bytes);
  }

  #routeConnection(message: Message): void {
    if (message.event === heartbeatEvent) this.#reply(message, null, "ok", {});
    else if (message.event === authEvent && this.#standing?.refreshable === true)
      this.#standing.refresh(message.ref, message.payload);
    else if (message.event === leaveEvent) this.#reply(message, message.joinRef, "ok", {});
    else this.#refuse(message, "topic_unmatched", { reason: reasons.unmatchedTopic });
  }

  // --- joins --------------------------------------------------------------------------------------------------------

  #routeJoin(message: Message, present: ChannelProcess | undefined): void {
    const { topic } = message;
    if (typeof topic !== "string") return this.#refuse(message, "topic_unmatched", { reason: reasons.unmatchedTopic });
    // Leave and join sent back to back: the leave is answered first, so that the order is always the same.
    if (present?.leaving === true)
      return this.#waitFor(present, () => this.#routeJoin(message, this.#channels.get(topic)));
    if (present !== undefined) {
      present.end({ kind: "duplicate" });
      const goOn = (): void => {
        this.writeLater(present.closeFrame(), present);
        this.#join(message, topic);
        // Refused before anybody was asked. Otherwise the answer has them written, and comes later where it is held for.
        if (!this.#holding) this.#writeLate();
      };
      return present.busy ? this.#waitFor(present, goOn) : goOn();
    }
    this.#join(message, topic);
  }

  #join(message: Message, topic: string): void {
    const { limits, mount } = this.#context;
    const found = isUsableTopic(topic, limits.topicBytesMax) ? this.#find(topic) : null;
    if (found === null) return this.#refuse(message, "topic_unmatched", { reason: reasons.unmatchedTopic });
    if (this.#channels.size >= limits.channelsMax) {
      this.#context.telemetry.emit("limit.reached", { mount, limit: "channelsMax", max: limits.channelsMax });
      this.#context.telemetry.warn(
        `channelsMax ${mount}`,
        () =>
          `portcullis: a connection to ${mount} asked for more than ${limits.channelsMax} channels and was refused the join. Raise channelsMax on the mount, or join fewer.`,
      );
      this.#context.telemetry.emit("channel.refused", {
        mount,
        pattern: found.runtime.pattern,
        code: "channels_max" satisfies ErrorCode,
      });
      return this.#reply(message, message.joinRef, "error", { reason: reasons.tooManyChannels });
    }
    const process = new ChannelProcess(this, found.runtime, topic, found.params, message);
    const answer = process.join(message.payload);
    if (!(answer instanceof Promise)) return this.#answerJoin(process, message, answer);
    this.#holding = true;
    this.#waitingFor = { process, resume: () => {} };
    void answer.then((settled) => {
      this.#waitingFor = null;
      if (this.#closed) return;
      this.#answerJoin(process, message, settled);
      this.#release();
    });
  }

  #find(topic: string): { readonly runtime: ChannelRuntime; readonly params: Readonly<Record<string, string>> } | null {
    for (const runtime of this.#context.channels) {
      const params = runtime.match(topic);
      if (params !== null) return { runtime, params };
    }
    return null;
  }

  #answerJoin(process: ChannelProcess, message: Message, answer: JoinAnswer): void {
    const { mount, telemetry, limits } = this.#context;
    const { pattern } = process.runtime;
    // It was asked with the rights of an earlier credential: what is answered holds for the present one.
    if (answer.status === "ok" && process.generation !== this.#generation) {
      return this.#authorizeJoin(process, message, answer);
    }
    if (answer.status === "error" && answer.code === "join_crashed") {
      telemetry.emit("channel.crashed", { mount, pattern, code: answer.code, error: answer.error });
      telemetry.error(
        `join crashed ${mount} ${pattern}`,
        `joining the channel "${pattern}" on ${mount} crashed`,
        answer.error,
      );
    }
    let frame: FrameData;
    try {
      frame = this.serializer.encodeReply(message.joinRef, message.ref, message.topic, answer.status, answer.response);
    } catch (error) {
      process.end({ kind: "closed" });
      return this.#fail("join_unencodable", error);
    }
    if (answer.status === "ok") this.#channels.add(process);
    else process.end({ kind: "closed" });
    if (this.#lapsed) process.suspend();
    this.write(frame, process);
    // The farewell of the instance it replaces comes after the reply, and before anything the new one says.
    this.#writeLate();
    if (answer.status === "error") {
      telemetry.emit("channel.refused", { mount, pattern, code: answer.code });
      return;
    }
    telemetry.emit("channel.joined", { mount, pattern });
    if (this.#channels.size === Math.ceil(limits.channelsMax * limits.warnAt)) {
      telemetry.emit("limit.warned", {
        mount,
        limit: "channelsMax",
        value: this.#channels.size,
        max: limits.channelsMax,
      });
    }
    process.enter();
  }

  #authorizeJoin(process: ChannelProcess, message: Message, answer: JoinAnswer): void {
    const goOn = (allowed: true | object): void => {
      if (this.#closed) return;
      const denied: JoinAnswer = { status: "error", response: allowed, code: "unauthorized" };
      this.#answerJoin(process, message, allowed === true ? answer : denied);
    };
    const allowed = process.reauthorize();
    if (!(allowed instanceof Promise)) return goOn(allowed);
    this.#holding = true;
    this.#waitingFor = { process, resume: () => {} };
    void inTime(allowed, tooLate, (task) => this.#afterItsTime(task)).then((settled) => {
      this.#waitingFor = null;
      goOn(settled);
      this.#release();
    });
  }

  #afterItsTime(task: () => void): () => void {
    return this.#sink.after(this.#context.limits.authorizeMs, task);
  }

  // --- the credential's life (StandingHost) ----------------------------------------------------------------------------------------

  answer(ref: unknown, status: "ok" | "error", response: object): void {
    this.write(this.serializer.encodeReply(null, ref, connectionTopic, status, response), null);
  }

  /** The credential has lapsed: only heartbeats and refreshes pass. */
  lapse(): void {
    this.#lapsed = true;
    this.#outbox ??= new Outbox(this.#context.limits.heldBytesMax);
    for (const process of this.#channels.list()) process.suspend();
    this.#context.telemetry.emit("credential.lapsed", { mount: this.#context.mount });
  }

  refreshed(code: ErrorCode | null): void {
    this.#context.telemetry.emit("credential.refreshed", { mount: this.#context.mount, code });
  }

  /** Swaps who this is in one step, and then asks every channel again whether they may be there. */
  async renew(assigns: object): Promise<readonly string[]> {
    this.#assigns = assigns;
    this.#generation += 1;
    this.onRenewed?.(this);
    if (this.#closed) return [];
    this.#lapsed = false;
    this.#outbox ??= new Outbox(this.#context.limits.heldBytesMax);
    const outbox = this.#outbox;
    const processes = [...(this.#gone ?? []), ...this.#channels.list()];
    for (const process of processes) process.suspend();
    // Not waited for where it needn't be: whoever sends meanwhile would be held up.
    const answer = deniedAmong(processes, tooLate, (task) => this.#afterItsTime(task));
    const denied = answer instanceof Promise ? await answer : answer;
    if (this.#closed) return [];
    // All of them before any hook runs: what one's says on another's topic is for others.
    for (const process of denied.keys()) process.mute();
    const unheard = outbox.drop(denied);
    this.#later = this.#later?.filter(({ process }) => !denied.has(process)) ?? null;
    // The new credential may have lapsed while channels were being asked: then they go on after the next one.
    const goesOn = !this.#lapsed;
    if (goesOn) {
      this.#outbox = null;
      outbox.empty(this.#sink);
    }
    const closed: string[] = [];
    for (const [process, farewell] of denied)
      if (process.expel(farewell, unheard.has(process))) closed.push(process.topic);
    if (goesOn) for (const process of processes) if (!denied.has(process)) process.resume();
    this.#forgetGone();
    queueMicrotask(() => this.#release());
    return closed.filter((topic) => this.#channels.get(topic) === undefined);
  }

  announce(event: string, payload: object): void {
    this.write(this.serializer.encodePush(null, null, connectionTopic, event, payload), null);
  }

  /** Ends the connection from this side, and says why: a client that understands it knows how to come back. */
  endBy(code: CloseCode): void {
    if (this.#closed) return;
    this.announce(closingEvent, { reason: code, retry: retryOnWire(errorTable[code].retry) });
    this.end(code, { kind: "disconnected" });
  }

  // --- holding back -------------------------------------------------------------------------------------------------

  /** Holds the connection's frames until `process` has ended, or is given up. */
  #waitFor(process: ChannelProcess, goOn: () => void): void {
    this.#holding = true;
    const cancel = this.#sink.after(this.#context.limits.shutdownMs, () => {
      this.warn(
        process,
        "abandoned",
        `A channel "${process.runtime.pattern}" did not end within ${this.#context.limits.shutdownMs} ms and was given up.`,
      );
      process.abandon();
      this.ended(process);
    });
    this.#waitingFor = {
      process,
      resume: () => {
        cancel();
        this.#waitingFor = null;
        if (this.#closed) return;
        this.#holding = false;
        goOn();
        this.#release();
      },
    };
  }

  /** Handles the held frames, until one of them holds the rest again. */
  #release(): void {
    if (this.#waitingFor !== null) return;
    this.#holding = false;
    while (this.#held.length > 0 && !this.#isHolding && !this.#closed) {
      const data = this.#held.shift() as FrameData;
      this.handled(data.length);
      this.#handle(data);
    }
  }

  #wait(bytes: number): void {
    this.#pendingFrames += 1;
    this.#pendingBytes += bytes;
    const { pendingFramesMax, pendingBytesMax } = this.#context.limits;
    if (!this.#paused && (this.#pendingFrames >= pendingFramesMax || this.#pendingBytes >= pendingBytesMax)) {
      this.#paused = true;
      this.#context.telemetry.emit("limit.reached", {
        mount: this.#context.mount,
        limit: "pendingFramesMax",
        max: pendingFramesMax,
      });
      this.#sink.pause();
    }
  }

  afterShutdown(task: () => void): () => void {
    return this.#sink.after(this.#context.limits.shutdownMs, task);
  }

  handled(bytes: number): void {
    this.#handledCount += 1;
    this.#pendingFrames -= 1;
    this.#pendingBytes -= bytes;
    const { pendingFramesMax, pendingBytesMax } = this.#context.limits;
    if (this.#paused && this.#pendingFrames <= pendingFramesMax / 2 && this.#pendingBytes <= pendingBytesMax / 2) {
      this.#paused = false;
      if (!this.#closed) this.#sink.resume();
    }
  }

  // --- frames out (ChannelHost) -------------------------------------------------------------------------------------

  write(data: FrameData, process: ChannelProcess | null): void {
    if (this.#closed) return;
    if (this.#outbox === null || process === null) this.#sink.write(data);
    else if (!this.#outbox.hold(process, data)) this.#heldTooMuch();
  }

  writeShared(frame: SharedFrame, process: ChannelProcess): void {
    if (this.#closed) return;
    if (this.#outbox === null) this.#sink.writeShared(frame);
    else if (!this.#outbox.hold(process, frame)) this.#heldTooMuch();
  }

  #heldTooMuch(): void {
    const { telemetry, mount, limits } = this.#context;
    telemetry.emit("limit.reached", { mount, limit: "heldBytesMax", max: limits.heldBytesMax });
    this.end("stalled", { kind: "closed" });
  }

  writeLater(data: FrameData, process: ChannelProcess): void {
    this.#later ??= [];
    this.#later.push({ process, data });
  }

  #writeLate(): void {
    const late = this.#later ?? [];
    this.#later = null;
    for (const { data, process } of late) this.write(data, process);
    this.#forgetGone();
  }

  #reply(message: Message, joinRef: unknown, status: string, response: unknown): void {
    this.write(this.serializer.encodeReply(joinRef, message.ref, message.topic, status, response), null);
  }

  #refuse(message: Message, code: ErrorCode, response: object | null): void {
    const { telemetry, mount } = this.#context;
    if (message.event === joinEvent) telemetry.emit("channel.refused", { mount, pattern: null, code });
    else telemetry.emit("message.dropped", { mount, pattern: null, code });
    if (response !== null) this.#reply(message, null, "error", response);
  }

  mailboxGrew(count: number): void {
    const { limits, mount, telemetry } = this.#context;
    const max = limits.mailboxMax;
    if (count === Math.ceil(max * limits.warnAt)) {
      telemetry.emit("limit.warned", { mount, limit: "mailboxMax", value: count, max });
    } else if (count === max + 1) {
      telemetry.emit("limit.reached", { mount, limit: "mailboxMax", max });
    }
  }

  // --- what channels report (ChannelHost) ---------------------------------------------------------------------------

  released(process: ChannelProcess, reason: LeaveReason): void {
    const { mount, telemetry } = this.#context;
    this.#channels.remove(process);
    this.#gone ??= new Set();
    this.#gone.add(process);
    telemetry.emit("channel.left", { mount, pattern: process.runtime.pattern, reason: reason.kind });
  }

  ended(process: ChannelProcess): void {
    this.#forgetGone();
    if (this.#waitingFor?.process === process) this.#waitingFor.resume();
  }

  crashed(process: ChannelProcess, error: unknown): void {
    const { telemetry, mount } = this.#context;
    const { pattern } = process.runtime;
    const code: ErrorCode | "definition_invalid" = isPortcullisError(error) ? error.code : "handler_failed";
    telemetry.emit("channel.crashed", { mount, pattern, code, error });
    if (isPortcullisError(error))
      telemetry.warn(`${error.code} ${mount} ${pattern}`, () => `portcullis: ${error.message}`);
    else telemetry.error(`crashed ${mount} ${pattern}`, `the channel "${pattern}" on ${mount} crashed`, error);
  }

  dropped(process: ChannelProcess, code: ErrorCode): void {
    this.#context.telemetry.emit("message.dropped", {
      mount: this.#context.mount,
      pattern: process.runtime.pattern,
      code,
    });
    if (code === "binary_for_v1") {
      this.warn(
        process,
        code,
        `A binary broadcast on "${process.runtime.pattern}" has no form for clients with vsn=1.0.0 and was not sent to them.`,
      );
    }
  }

  warn(process: ChannelProcess, kind: string, message: string): void {
    this.#context.telemetry.warn(
      `${kind} ${this.#context.mount} ${process.runtime.pattern}`,
      () => `portcullis: ${message}`,
    );
  }

  /** Those of which nothing will be said any more. */
  #forgetGone(): void {
    if (this.#gone === null || this.#outbox !== null || this.#later !== null) return;
    for (const process of this.#gone) if (process.over) this.#gone.delete(process);
  }

  // --- the end ------------------------------------------------------------------------------------------------------

  /** The sender sent what can't be understood, or the program what can't be said: the connection ends. */
  #fail(code: "frame_invalid" | "join_unencodable", cause: unknown): void {
    const { telemetry, mount } = this.#context;
    const what = cause instanceof Error ? cause.message : "unknown";
    telemetry.warn(`${code} ${mount}`, () => `portcullis: a connection to ${mount} was closed (${code}): ${what}`);
    const error = new PortcullisError(code, what);
    this.#sink.close(code);
    this.closed({ kind: "error", error });
  }

  /** Ends the connection from this side. */
  end(code: CloseCode, reason: LeaveReason): void {
    if (this.#closed) return;
    this.#sink.close(code);
    this.closed(reason);
  }

  /** The transport is gone, or going: every channel ends, and nothing is written any more. Idempotent. */
  closed(reason: LeaveReason): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#standing?.stop();
    this.#held = nothing;
    this.#later = null;
    const waiting = this.#waitingFor;
    this.#waitingFor = null;
    waiting?.resume();
    waiting?.process.end(reason);
    for (const process of this.#channels.list()) process.end(reason);
    this.#channels.clear();
  }
}

/** Any JSON value may be a ref, and is compared as a value; none at all fits every join. */
function isRefOf(given: unknown, own: unknown): boolean {
  if (given === null || given === undefined || given === own) return true;
  return typeof given === "object" && JSON.stringify(given) === JSON.stringify(own);
}

/** Of which every connection has as much: an array of its own takes memory, and most never need one. */
const nothing: never[] = [];

/** What a hook that takes too long has said. */
const tooLate = { reason: reasons.unauthorized };

/** Stands in every frame that may pass while others are held: a glance at it is cheaper than decoding each. */
const passWord = '"phoenix"';

/** Whether a JSON value takes more than `bytesMax` bytes. */
function isLarge(value: unknown, bytesMax: number): boolean {
  if (typeof value === "string") return isLongerThan(value, bytesMax);
  return typeof value === "object" && value !== null && isLongerThan(JSON.stringify(value), bytesMax);
}
