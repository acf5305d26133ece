/**
 * Requests and upgrades to a WebSocket's address: admitted and upgraded, or refused with an HTTP status.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { errorTable } from "../errors.ts";
import { type Admission, admit, screen } from "./admission.ts";
import { Attempt } from "./attempt.ts";
import type { TransportEvents } from "./connection-set.ts";
import {
  asksForJson,
  asksOverSocket,
  explained,
  explanation,
  isHeldBack,
  mayExplain,
  preflight,
  wouldBeUpgraded,
} from "./explain.ts";
import type { Mount, WebSocketMount } from "./mount.ts";
import type { RefusalResponse } from "./options.ts";
import { type Refused, refusalOf, refuseClosing, writeRefusal, writeResponse } from "./refusal.ts";
import type { Route, Variables } from "./route.ts";
import { WebSocketTransport } from "./websocket.ts";

/** The WebSocket address of one mount. */
export class WebSocketRoute implements Route {
  readonly mount: Mount;
  readonly match: WebSocketMount["match"];
  readonly #options: WebSocketMount;
  readonly #events: TransportEvents;
  readonly #transport: WebSocketTransport;
  /** Set when the endpoint begins to close. */
  closing = false;

  constructor(mount: Mount, options: WebSocketMount, events: TransportEvents) {
    this.mount = mount;
    this.match = options.match;
    this.#options = options;
    this.#events = events;
    this.#transport = new WebSocketTransport(mount, options, events);
  }

  get connections(): WebSocketTransport["connections"] {
    return this.#transport.connections;
  }

  /** A request without upgrade headers: whatever it would be refused for, or 400. */
  request(request: IncomingMessage, response: ServerResponse, variables: Variables): void {
    const asked = this.mount.explain ? preflight(request) : null;
    if (asked !== null && screen(this.mount, { request, origins: this.#options.origins }) === null) {
      return writeResponse(response, asked);
    }
    const attempt = new Attempt();
    response.once("close", () => attempt.end());
    // Later even where nobody has to think: a listener added after ours may be about to answer.
    void Promise.resolve(this.#admit(request, variables, attempt)).then((admission) =>
      attempt.settled(() => {
        // A connection kept for a next request would keep the server from closing.
        if (this.closing) response.shouldKeepAlive = false;
        writeResponse(response, this.#answer(request, this.closing ? refusalOf("shutting_down") : admission));
      }),
    );
  }

  #answer(request: IncomingMessage, admission: Admission): RefusalResponse {
    const explains = asksForJson(request);
    if (!admission.ok) {
      return explains && this.#tells(request, admission) ? explained(request, admission) : admission.response;
    }
    reportNoHandshake(this.mount);
    const required = upgradeRequired(handshakeProblem(request) ?? "the request was not upgraded");
    return explains && this.mount.explain ? wouldBeUpgraded(request, required) : required;
  }

  /** Some refusals come before the page's origin is looked at: a stranger's page is told those no more than others. */
  #tells(request: IncomingMessage, refused: Refused): boolean {
    if (!mayExplain(this.mount, refused)) return false;
    return screen(this.mount, { request, origins: this.#options.origins }) === null;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, variables: Variables): void {
    const attempt = new Attempt();
    const since = this.#events.moment();
    const admission = this.#admit(request, variables, attempt);
    const upgrade = { request, socket, head, since };
    if (!(admission instanceof Promise)) return attempt.settled(() => this.#upgrade(upgrade, admission));
    let gone = false;
    const onGone = (): void => {
      gone = true;
      attempt.end();
    };
    // Until there is a connection nobody else listens, and an unheard error would end the process.
    socket.on("error", onGone);
    socket.once("close", onGone);
    // A peer that hangs up ends its half; the server's half would stay open (`allowHalfOpen` of node:http).
    socket.once("end", onGone);
    void admission.then((settled) =>
      attempt.settled(() => {
        socket.off("error", onGone);
        socket.off("close", onGone);
        socket.off("end", onGone);
        if (gone) return void socket.destroy();
        this.#upgrade(upgrade, settled);
      }),
    );
  }

  #upgrade({ request, socket, head, since }: Upgrade, admission: Admission): void {
    // The endpoint may have been closed while this client was being looked at.
    if (this.closing) return writeRefusal(socket, { status: errorTable.shutting_down.status });
    const problem = handshakeProblem(request);
    if (!admission.ok) {
      // An upgrade only to say that there are too many of them would be one more.
      const asks = problem === null && asksOverSocket(request) && !isHeldBack(admission);
      if (!asks || !this.#tells(request, admission)) return writeRefusal(socket, admission.response);
      return this.#transport.explain(request, socket, head, explanation(admission));
    }
    if (problem !== null) writeRefusal(socket, upgradeRequired(problem));
    else if (this.#transport.upgrade(request, socket, head, admission, since)) return;
    reportNoHandshake(this.mount);
  }

  #admit(request: IncomingMessage, pathVariables: Variables, attempt: Attempt): Admission | Promise<Admission> {
    if (this.closing) return refuseClosing(this.mount, "websocket");
    const { origins } = this.#options;
    return admit(this.mount, { request, transport: "websocket", origins, pathVariables, attempt });
  }
}

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly since: number;
}

/** What keeps a request from being a WebSocket handshake (RFC 6455, 4.2.1), in a sentence, or `null`. */
function handshakeProblem({ headers, httpVersion }: IncomingMessage): string | null {
  const has = (header: string | undefined, token: string): boolean =>
    header?.toLowerCase() === token || (header ?? "").split(",").some((part) => part.trim().toLowerCase() === token);
  const got = (header: string | undefined): string => JSON.stringify((header ?? "").slice(0, 200));
  if (!has(headers.connection, "upgrade")) {
    return `the 'connection' header must contain 'upgrade', got ${got(headers.connection)}`;
  }
  if (!has(headers.upgrade, "websocket")) {
    return `the 'upgrade' header must contain 'websocket', got ${got(headers.upgrade)}`;
  }
  if (httpVersion === "1.0" || httpVersion.startsWith("0.")) return "the request must be HTTP/1.1 or newer";
  const version = headers["sec-websocket-version"];
  if (version !== "13") return `the 'sec-websocket-version' header must be 13, got ${got(version)}`;
  return null;
}

function upgradeRequired(problem: string): RefusalResponse {
  return {
    status: errorTable.upgrade_required.status,
    body: `This is a WebSocket's address: ${problem}`,
    headers: { "content-type": "text/plain; charset=utf-8", "sec-websocket-version": "13" },
  };
}

function reportNoHandshake({ path, environment }: Mount): void {
  const { status } = errorTable.upgrade_required;
  environment.telemetry.emit("socket.refused", {
    mount: path,
    transport: "websocket",
    code: "upgrade_required",
    status,
  });
}
