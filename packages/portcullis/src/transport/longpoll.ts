/**
 * The long-poll transport: a connection over plain requests, for clients whose network lets no WebSocket through
 * (Phoenix.Transports.LongPoll). A GET opens a session or waits for its messages, a POST brings the client's.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type CloseCode, errorTable } from "../errors.ts";
import { bounds } from "../limit/bounds.ts";
import type { Params } from "../socket/params.ts";
import { toBase64url } from "../token/base64url.ts";
import { type Admission, admit, paramsOf, screen } from "./admission.ts";
import { Attempt } from "./attempt.ts";
import { ConnectionSet, type TransportEvents } from "./connection-set.ts";
import { deliver, type Exchange, HangUps, isGone, writeJson } from "./longpoll-answer.ts";
import { type BodyFault, type FramesFault, readBody, readFrames } from "./longpoll-body.ts";
import { LongPollRelay, type SessionAddress } from "./longpoll-relay.ts";
import { LongPollSession, type Poll, type PostStatus } from "./longpoll-session.ts";
import type { LongPollMount, Mount } from "./mount.ts";
import { type Refused, refusalOf, refuseClosing, reportRefused, writeResponse } from "./refusal.ts";
import type { Route, Variables } from "./route.ts";

const tokenSalt = "portcullis longpoll";
/** Where newer clients send a session's token. */
const tokenHeader = "x-phoenix-longpoll-token";
/** Headers a browser asks to be allowed to send. More is not repeated to it. */
const askedHeadersMax = 1_024;
/** For a POST that can't be read, as HTTP has it; and, in the JSON, for one that can and holds too much. */
const unreadableStatus = 400;
const tooLargeStatus = 413;

/** A client that takes nothing of an answer for so many windows is hung up on. */
const windowsStuck = 2;

/** A session as its client names it. */
interface Named extends SessionAddress {
  readonly token: string;
}

export class LongPollTransport implements Route {
  readonly mount: Mount;
  readonly match: LongPollMount["match"];
  readonly connections: ConnectionSet<LongPollSession> = new ConnectionSet();
  #closing = false;
  readonly #options: LongPollMount;
  readonly #events: TransportEvents;
  readonly #relay: LongPollRelay;
  /** With those that have ended and have messages left to fetch. */
  readonly #sessions = new Map<string, LongPollSession>();
  readonly #hangUps = new HangUps();
  /** Sessions with posts that are being read, or wait for their turn: how many, and of how many bytes. */
  readonly #posting = new Map<string, { count: number; bytes: number }>();

  constructor(mount: Mount, options: LongPollMount, events: TransportEvents) {
    this.mount = mount;
    this.match = options.match;
    this.#options = options;
    this.#events = events;
    this.#relay = new LongPollRelay({
      mount: mount.path,
      pubsub: mount.environment.pubsub,
      clock: mount.environment.clock,
      windowMs: options.windowMs,
      find: (id) => this.#sessions.get(id),
      tooLarge: (error) =>
        mount.environment.telemetry.error(
          `relay ${mount.path}`,
          `what a long-poll client of ${mount.path} posts or is sent was too large for the bus between nodes`,
          error,
        ),
    });
  }

  get closing(): boolean {
    return this.#closing;
  }

  /** Set when the endpoint begins to close: sessions that are there may go on until they are ended. */
  set closing(closing: boolean) {
    this.#closing = closing;
    // The node that has their session would let them wait, and the server with them.
    if (closing) this.#relay.takeBack();
  }

  request(request: IncomingMessage, response: ServerResponse, variables: Variables): void {
    response.setHeader("access-control-allow-origin", "*");
    this.#letGo(response);
    const { method = "" } = request;
    if (method !== "GET" && method !== "POST" && method !== "OPTIONS") {
      return this.#refuse(response, refusalOf("method_refused"));
    }
    const refused = screen(this.mount, { request, origins: this.#options.origins });
    if (refused !== null) return this.#refuse(response, refused);
    if (method === "OPTIONS") return answerPreflight(request, response);
    const parsed = paramsOf(this.mount, { request, pathVariables: variables });
    if (!parsed.ok) return this.#refuse(response, parsed);
    const session = this.#addressIn(request, parsed.params);
    if (method === "POST") this.#guard(response, this.#post(request, response, session));
    else if (session === null) this.#guard(response, this.#open(request, response, variables));
    else this.#poll(request, response, { variables, session });
  }

  /** A connection kept for a next request would keep the server from closing. */
  #letGo(response: ServerResponse): void {
    if (this.closing && !response.headersSent) response.shouldKeepAlive = false;
  }

  /** Nothing is expected here. A promise nobody waits for would end the process, and with it everybody's connection. */
  #guard(response: ServerResponse, task: Promise<void>): void {
    task.catch((error: unknown) => {
      const { environment, path } = this.mount;
      environment.telemetry.error(`longpoll ${path}`, `a long-poll request to ${path} could not be handled`, error);
      writeResponse(response, { status: errorTable.connect_failed.status });
    });
  }

  // --- sessions -----------------------------------------------------------------------------------------------------

  async #open(request: IncomingMessage, response: ServerResponse, pathVariables: Variables): Promise<void> {
    if (this.closing) return writeResponse(response, refuseClosing(this.mount, "longpoll").response);
    if (this.#isFull()) return this.#refuseFull(response);
    const attempt = new Attempt();
    const since = this.#events.moment();
    this.#hangUps.watch({ request, response }, () => attempt.end());
    const { origins } = this.#options;
    const admission = await admit(this.mount, { request, transport: "longpoll", origins, pathVariables, attempt });
    attempt.settled(() => {
      // The client may have gone, the endpoint have been closed, and others have come, while this one was being looked at.
      if (!isGone({ request, response })) this.#admitted(response, admission, since);
    });
  }

  #admitted(response: ServerResponse, admission: Admission, since: number): void {
    const { environment, path } = this.mount;
    const { telemetry } = environment;
    this.#letGo(response);
    if (this.closing) return writeResponse(response, refuseClosing(this.mount, "longpoll").response);
    if (!admission.ok) return writeAnswer(response, admission);
    if (this.#isFull()) return this.#refuseFull(response);
    const session = new LongPollSession({
      id: toBase64url(randomBytes(18)),
      mount: this.mount,
      options: this.#options,
      identity: admission.identity,
      onEnded: (ended, code) => this.#ended(ended, code),
      onForgotten: ({ id }) => this.#sessions.delete(id),
    });
    this.#sessions.set(session.id, session);
    this.connections.add(session);
    if (this.#sessions.size === Math.ceil(this.#options.sessionsMax * bounds.warnAt)) {
      const { size: value } = this.#sessions;
      telemetry.emit("limit.warned", { mount: path, limit: "sessionsMax", value, max: this.#options.sessionsMax });
    }
    telemetry.emit("socket.connected", { mount: path, transport: "longpoll" });
    this.#events.onOpen(session.connection, since);
    writeJson(response, { status: 410, token: this.#tokenOf(session.id), messages: [] });
  }

  #isFull(): boolean {
    return this.#sessions.size >= this.#options.sessionsMax;
  }

  #refuseFull(response: ServerResponse): void {
    const { environment, path } = this.mount;
    const { sessionsMax: max } = this.#options;
    environment.telemetry.emit("limit.reached", { mount: path, limit: "sessionsMax", max });
    this.#refuse(response, refusalOf("sessions_max"));
  }

  #ended(session: LongPollSession, code: CloseCode): void {
    if (!this.connections.delete(session)) return;
    this.#events.onClosed(session.connection);
    const { environment, path } = this.mount;
    const { closeCode } = errorTable[code];
    environment.telemetry.emit("socket.closed", { mount: path, transport: "longpoll", closeCode, code });
  }

  #tokenOf(id: string): string {
    const { tokens, pubsub } = this.mount.environment;
    return tokens.sign(tokenSalt, [this.mount.path, pubsub.node, id]);
  }

  /** The session a request names: in the header, even an empty one, or else in the query. `null` for none that counts. */
  #addressIn(request: IncomingMessage, params: Params): Named | null {
    const { queryToken, tokenMaxAgeSeconds: maxAgeSeconds } = this.#options;
    const token = request.headers[tokenHeader] ?? (queryToken ? params["token"] : undefined);
    if (typeof token !== "string" || token.length > this.mount.limits.credentialBytesMax) return null;
    const claim = this.mount.environment.tokens.verify(tokenSalt, token, { maxAgeSeconds });
    if (!claim.ok || !Array.isArray(claim.data)) return null;
    const [path, node, id] = claim.data as readonly unknown[];
    return path === this.mount.path && typeof node === "string" && typeof id === "string" ? { token, node, id } : null;
  }

  // --- polls --------------------------------------------------------------------------------------------------------

  #poll(
    request: IncomingMessage,
    response: ServerResponse,
    { variables, session }: { readonly variables: Variables; readonly session: Named },
  ): void {
    // The same one again: a new one would be younger than the session.
    const { token } = session;
    let takeBack = (): void => {};
    let settle: ((delivered: boolean) => void) | null = null;
    const exchange: Exchange = { request, response };
    const stuckMs = this.#options.windowMs * windowsStuck;
    this.#hangUps.watch(exchange, () => {
      if (settle === null) takeBack();
      else settle(response.writableFinished);
    });
    const poll: Poll = {
      answer: (messages, settled) => {
        // A listener added after ours may have answered meanwhile.
        if (isGone(exchange) || response.headersSent) return settled(false);
        settle = settled;
        this.#letGo(response);
        const answer = { status: messages.length === 0 ? 204 : 200, token, messages };
        deliver(exchange, answer, { clock: this.mount.environment.clock, stuckMs });
      },
    };
    // A session that is not there any more: the client begins anew, with what it came with.
    const gone = (): void => this.#guard(response, this.#open(request, response, variables));
    const { pubsub } = this.mount.environment;
    if (session.node !== pubsub.node) {
      // Of a process that is not there any more: there is nobody to ask.
      if (pubsub.isAlone) return gone();
      takeBack = this.#relay.poll(session, poll, gone);
      return;
    }
    const found = this.#sessions.get(session.id);
    if (found === undefined) gone();
    else takeBack = found.poll(poll);
  }

  // --- posts --------------------------------------------------------------------------------------------------------

  async #post(request: IncomingMessage, response: ServerResponse, session: Named | null): Promise<void> {
    const { clock, pubsub } = this.mount.environment;
    const isOurs = session?.node === pubsub.node;
    // Before its body is read: a stranger's is not worth the memory.
    const isGone = isOurs ? this.#sessions.get(session.id)?.ended !== false : pubsub.isAlone;
    if (session === null || isGone) {
      return writeJson(response, { status: 410 });
    }
    const { bodyBytesMax: bytesMax, frameBytesMax } = this.#options;
    const release = this.#takeIn(session.id, Number(request.headers["content-length"] ?? bytesMax));
    if (release === null) return writeJson(response, { status: 429 });
    this.#hangUps.watch({ request, response }, release);
    const body = await readBody(request, { bytesMax, timeoutMs: bounds.longpollBodyTimeoutMs, clock });
    this.#letGo(response);
    if (typeof body === "string") return this.#refuseBody(response, body);
    const batchMax = bounds.longpollBatchMax;
    const frames = readFrames(body, request.headers["content-type"], { frameBytesMax, batchMax });
    if (typeof frames === "string") return this.#refuseFrames(response, frames);
    const done = (status: PostStatus): void => {
      this.#letGo(response);
      writeJson(response, { status });
    };
    if (!isOurs) return this.#relay.post(session, frames, done);
    const found = this.#sessions.get(session.id);
    if (found === undefined) done(410);
    else found.post(frames, done);
  }

  /**
   * What is not read yet, and what waits for its turn, takes memory: of one session no more than a post may have in all,
   * however many it is split into. Older clients send a post a message. Returns how to let go of it, `null` when it is too much.
   */
  #takeIn(id: string, bytes: number): (() => void) | null {
    const posting = this.#posting.get(id) ?? { count: 0, bytes: 0 };
    const tooMuch = posting.count > 0 && posting.bytes + bytes > this.#options.bodyBytesMax;
    if (tooMuch || posting.count >= bounds.longpollPostsMax) return null;
    posting.count += 1;
    posting.bytes += bytes;
    this.#posting.set(id, posting);
    return () => {
      posting.count -= 1;
      posting.bytes -= bytes;
      if (posting.count === 0) this.#posting.delete(id);
    };
  }

  #refuseBody(response: ServerResponse, fault: BodyFault): void {
    response.shouldKeepAlive = false;
    switch (fault) {
      case "gone":
        return void response.destroy();
      case "late":
        return writeJson(response, { status: 408 });
      case "too_large":
        this.#dropped("post_too_large");
        return writeResponse(response, { status: unreadableStatus });
      case "read_before": {
        const { environment, path } = this.mount;
        environment.telemetry.error(
          `body ${path}`,
          `the body of a long-poll request to ${path} was read before it got here. Put endpoint.handler before any body parser, or use endpoint.attach(server)`,
          new Error("body read before"),
        );
        return writeResponse(response, { status: errorTable.connect_failed.status });
      }
    }
  }

  #refuseFrames(response: ServerResponse, fault: FramesFault): void {
    this.#dropped(fault === "unreadable" ? "post_unreadable" : "post_too_large");
    if (fault === "unreadable") response.statusCode = unreadableStatus;
    writeJson(response, { status: fault === "unreadable" ? unreadableStatus : tooLargeStatus });
  }

  #dropped(code: "post_unreadable" | "post_too_large"): void {
    this.mount.environment.telemetry.emit("message.dropped", { mount: this.mount.path, pattern: null, code });
  }

  // --- refusals -----------------------------------------------------------------------------------------------------

  /** One that admission has not reported itself. */
  #refuse(response: ServerResponse, refused: Refused): void {
    reportRefused(this.mount, "longpoll", refused);
    writeAnswer(response, refused);
  }
}

/** What is decided about the client is said in JSON, as 403 whatever the mount makes of it; what went wrong is a status. */
function writeAnswer(response: ServerResponse, { code, response: answer }: Refused): void {
  const decided = errorTable[code].status === errorTable.connect_refused.status;
  if (decided) writeJson(response, { status: errorTable[code].status });
  else writeResponse(response, answer);
}

function answerPreflight({ headers }: IncomingMessage, response: ServerResponse): void {
  const asked = headers["access-control-request-headers"] ?? "";
  writeResponse(response, {
    status: 200,
    headers: {
      "access-control-allow-headers": asked.length > askedHeadersMax ? "" : asked,
      "access-control-allow-methods": "get, post, options",
      "access-control-max-age": "3600",
    },
  });
}
