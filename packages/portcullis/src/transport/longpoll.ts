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
import { admit, paramsOf, screen } from "./admission.ts";
import { Attempt } from "./attempt.ts";
import { ConnectionSet, type TransportEvents } from "./connection-set.ts";
import { type BodyFault, type FramesFault, readBody, readFrames } from "./longpoll-body.ts";
import { LongPollRelay, type SessionAddress } from "./longpoll-relay.ts";
import { LongPollSession, type Poll } from "./longpoll-session.ts";
import type { LongPollMount, Mount } from "./mount.ts";
import { type Refused, refusalOf, refuseClosing, writeResponse } from "./refusal.ts";
import type { Route, Variables } from "./route.ts";

const tokenSalt = "portcullis longpoll";
/** Where newer clients send a session's token. */
const tokenHeader = "x-phoenix-longpoll-token";
/** Headers a browser asks to be allowed to send. More is not repeated to it. */
const askedHeadersMax = 1_024;
/** For a POST that can't be read, as HTTP has it; and, in the JSON, for one that can and holds too much. */
const unreadableStatus = 400;
const tooLargeStatus = 413;

/** A session as its client names it. */
interface Named extends SessionAddress {
  readonly token: string;
}

export class LongPollTransport implements Route {
  readonly mount: Mount;
  readonly match: LongPollMount["match"];
  readonly connections = new ConnectionSet<LongPollSession>();
  /** Set when the endpoint begins to close: sessions that are there may go on until they are ended. */
  closing = false;
  readonly #options: LongPollMount;
  readonly #events: TransportEvents;
  readonly #relay: LongPollRelay;
  /** With those that have ended and have messages left to fetch. */
  readonly #sessions = new Map<string, LongPollSession>();

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
    });
  }

  request(request: IncomingMessage, response: ServerResponse, variables: Variables): void {
    response.setHeader("access-control-allow-origin", "*");
    // A connection kept for a next request would keep the server from closing.
    if (this.closing) response.shouldKeepAlive = false;
    const { method = "" } = request;
    if (method !== "GET" && method !== "POST" && method !== "OPTIONS") {
      return writeResponse(response, { status: errorTable.method_refused.status });
    }
    const refused = screen(this.mount, { request, origins: this.#options.origins });
    if (refused !== null) return this.#refuse(response, refused);
    if (method === "OPTIONS") return answerPreflight(request, response);
    const parsed = paramsOf(this.mount, { request, pathVariables: variables });
    if (!parsed.ok) return this.#refuse(response, parsed);
    const session = this.#addressIn(request, parsed.params);
    if (method === "POST") void this.#post(request, response, session);
    else if (session === null) void this.#open(request, response, variables);
    else this.#poll(request, response, { variables, session });
  }

  // --- sessions -----------------------------------------------------------------------------------------------------

  async #open(request: IncomingMessage, response: ServerResponse, pathVariables: Variables): Promise<void> {
    if (this.closing) return writeResponse(response, refuseClosing(this.mount, "longpoll").response);
    const { environment, path } = this.mount;
    const { telemetry } = environment;
    if (this.#sessions.size >= this.#options.sessionsMax) {
      const max = this.#options.sessionsMax;
      telemetry.emit("limit.reached", { mount: path, limit: "sessionsMax", max });
      return this.#refuse(response, refusalOf("sessions_max"));
    }
    const attempt = new Attempt();
    const since = this.#events.moment();
    response.once("close", () => attempt.end());
    const { origins } = this.#options;
    const admission = await admit(this.mount, { request, transport: "longpoll", origins, pathVariables, attempt });
    // The client may have gone, and the endpoint have been closed, while this one was being looked at.
    if (response.destroyed) return;
    if (this.closing) return writeResponse(response, refuseClosing(this.mount, "longpoll").response);
    if (!admission.ok) return writeAnswer(response, admission);
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
    response.once("close", () => {
      if (settle === null) takeBack();
      else settle(response.writableFinished);
    });
    const poll: Poll = {
      answer(messages, settled) {
        settle = settled;
        if (response.destroyed) return settled(false);
        writeJson(response, { status: messages.length === 0 ? 204 : 200, token, messages });
      },
    };
    // A session that is not there any more: the client begins anew, with what it came with.
    const gone = (): void => void this.#open(request, response, variables);
    if (session.node !== this.mount.environment.pubsub.node) {
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
    if (session === null || (isOurs && this.#sessions.get(session.id)?.ended !== false)) {
      return writeJson(response, { status: 410 });
    }
    const { bodyBytesMax: bytesMax, frameBytesMax } = this.#options;
    const body = await readBody(request, { bytesMax, timeoutMs: bounds.longpollBodyTimeoutMs, clock });
    if (typeof body === "string") return this.#refuseBody(response, body);
    const batchMax = bounds.longpollBatchMax;
    const frames = readFrames(body, request.headers["content-type"], { frameBytesMax, batchMax });
    if (typeof frames === "string") return this.#refuseFrames(response, frames);
    const done = (status: number): void => writeJson(response, { status });
    if (!isOurs) return this.#relay.post(session, frames, done);
    const found = this.#sessions.get(session.id);
    if (found === undefined) done(410);
    else found.post(frames, done);
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
    const { environment, path } = this.mount;
    const { code, response: answer } = refused;
    environment.telemetry.emit("socket.refused", { mount: path, transport: "longpoll", code, status: answer.status });
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

function writeJson(response: ServerResponse, answer: object): void {
  writeResponse(response, {
    status: response.statusCode,
    headers: { "content-type": "application/json; charset=utf-8" },
    body: JSON.stringify(answer),
  });
}
