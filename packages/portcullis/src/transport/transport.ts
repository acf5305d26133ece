/**
 * From HTTP to the mounts: which request is whose, and how a refusal is written.
 *
 * @module
 */

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { LeaveReason } from "../channel/contract.ts";
import { type CloseCode, errorTable } from "../errors.ts";
import { type Admission, admit } from "./admission.ts";
import { Attempt } from "./attempt.ts";
import { drain } from "./drain.ts";
import type { Mount, RefusalResponse, WebSocketMount } from "./mount.ts";
import { splitPath } from "./path.ts";
import { type TransportEvents, WebSocketTransport } from "./websocket.ts";

interface Route {
  readonly mount: Mount;
  readonly options: WebSocketMount;
  readonly transport: WebSocketTransport;
}

/** The transports of all mounts of one endpoint. */
export class Transports {
  readonly #routes: readonly Route[];
  readonly #events: TransportEvents;
  #closing = false;

  constructor(mounts: readonly Mount[], events: TransportEvents) {
    this.#events = events;
    this.#routes = mounts.flatMap((mount) =>
      mount.websocket === null
        ? []
        : [{ mount, options: mount.websocket, transport: new WebSocketTransport(mount, mount.websocket, events) }],
    );
  }

  /** How many connections are open. */
  get connectionCount(): number {
    return this.#routes.reduce((sum, { transport }) => sum + transport.size, 0);
  }

  /** Handles a request without upgrade headers: whatever it would be refused for, or 400. False when it isn't ours. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    const found = this.#find(request.url);
    if (found === null) return false;
    const attempt = new Attempt();
    response.once("close", () => attempt.end());
    void this.#admit(found, request, attempt).then((admission) => {
      const problem = handshakeProblem(request) ?? "the request was not upgraded";
      if (admission.ok && !this.#closing) reportNoHandshake(found.route.mount);
      const closing: RefusalResponse = { status: errorTable.shutting_down.status };
      const answer = this.#closing ? closing : admission.ok ? upgradeRequired(problem) : admission.response;
      // A listener added after ours may have answered meanwhile.
      if (response.headersSent || response.destroyed) return;
      // A connection kept for a next request would keep the server from closing.
      if (this.#closing) response.shouldKeepAlive = false;
      response.writeHead(answer.status, headersOf(answer));
      response.end(answer.body ?? "");
    });
    return true;
  }

  /** Handles an upgrade. False when it isn't ours. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const found = this.#find(request.url);
    if (found === null) return false;
    const attempt = new Attempt();
    const since = this.#events.moment();
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
    void this.#admit(found, request, attempt).then((admission) => {
      socket.off("error", onGone);
      socket.off("close", onGone);
      socket.off("end", onGone);
      if (gone) return void socket.destroy();
      // The endpoint may have been closed while this client was being looked at.
      if (this.#closing) return writeRefusal(socket, { status: errorTable.shutting_down.status });
      if (!admission.ok) return writeRefusal(socket, admission.response);
      const problem = handshakeProblem(request);
      if (problem !== null) writeRefusal(socket, upgradeRequired(problem));
      else if (found.route.transport.upgrade(request, socket, head, { ...admission, since })) return;
      reportNoHandshake(found.route.mount);
    });
    return true;
  }

  /** Answers an upgrade nobody takes. */
  refuseUpgrade(socket: Duplex): void {
    writeRefusal(socket, { status: 404 });
  }

  /** Takes no more connections and lets those there are go, each mount in its own way. */
  async drain(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#routes.map(({ mount, transport }) => drain(mount, transport.connections())));
  }

  /** Takes no more connections and ends those there are. */
  closeAll(code: CloseCode, reason: LeaveReason): void {
    this.#closing = true;
    for (const { transport } of this.#routes) transport.closeAll(code, reason);
  }

  /** Resolves when no connection is open any more. */
  async drained(): Promise<void> {
    await Promise.all(this.#routes.map(({ transport }) => transport.drained()));
  }

  /** Cuts what has not closed by itself. */
  terminate(): void {
    for (const { transport } of this.#routes) transport.terminate();
  }

  #admit({ route, variables }: Found, request: IncomingMessage, attempt: Attempt): Promise<Admission> {
    if (this.#closing) {
      const { status } = errorTable.shutting_down;
      const { path, environment } = route.mount;
      environment.telemetry.emit("socket.refused", {
        mount: path,
        transport: "websocket",
        code: "shutting_down",
        status,
      });
      return Promise.resolve({ ok: false, code: "shutting_down", response: { status } });
    }
    const knock = {
      request,
      transport: "websocket",
      origins: route.options.origins,
      pathVariables: variables,
      attempt,
    };
    return admit(route.mount, knock);
  }

  #find(url: string | undefined): Found | null {
    if (url === undefined || !url.startsWith("/")) return null;
    const mark = url.indexOf("?");
    const segments = splitPath(mark === -1 ? url : url.slice(0, mark));
    for (const route of this.#routes) {
      const variables = route.options.match(segments);
      if (variables !== null) return { route, variables };
    }
    return null;
  }
}

interface Found {
  readonly route: Route;
  readonly variables: Readonly<Record<string, string>>;
}

/** What keeps a request from being a WebSocket handshake (RFC 6455, 4.2.1), in a sentence, or `null`. */
function handshakeProblem({ headers, httpVersion }: IncomingMessage): string | null {
  const has = (header: string | undefined, token: string): boolean =>
    (header ?? "").split(",").some((part) => part.trim().toLowerCase() === token);
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

function headersOf(response: RefusalResponse): Record<string, string> {
  const headers: Record<string, string> = { "cache-control": "no-store" };
  for (const [name, value] of Object.entries(response.headers ?? {})) headers[name.toLowerCase()] = value;
  // Where the answer ends is not for the application to say.
  delete headers["transfer-encoding"];
  delete headers["connection"];
  headers["content-length"] = String(Buffer.byteLength(response.body ?? ""));
  return headers;
}

function writeRefusal(socket: Duplex, response: RefusalResponse): void {
  const lines = [`HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? "Refused"}`];
  for (const [name, value] of Object.entries({ ...headersOf(response), connection: "close" })) {
    lines.push(`${name}: ${value}`);
  }
  socket.on("error", () => {});
  socket.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  socket.end(response.body ?? "", () => socket.destroy());
}
