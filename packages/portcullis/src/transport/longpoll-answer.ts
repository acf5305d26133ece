/**
 * Answers as they are written, and what becomes of them: the client took it, hung up, or stopped reading.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "../clock.ts";
import { writeResponse } from "./refusal.ts";

const contentType = "application/json; charset=utf-8";
/** Longer bodies are written piece by piece, so that one can see whether they move. */
const pieceBytes = 262_144;

/** A request and its response. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Whether nobody is there to answer. */
export function isGone({ request, response }: Exchange): boolean {
  // A response behind another one on its connection is not told that the connection has closed.
  return response.destroyed || request.socket.destroyed;
}

/** Who hung up, on connections that may hold many requests at a time. */
export class HangUps {
  readonly #waiting = new WeakMap<Duplex, Set<() => void>>();

  /** Calls `over` once: when the response is written whole, or can't be any more. */
  watch({ request, response }: Exchange, over: () => void): void {
    const { socket } = request;
    const waiting = this.#waitingAt(socket);
    const end = (): void => {
      if (waiting.delete(end)) over();
    };
    waiting.add(end);
    response.once("close", end);
  }

  /** One listener a connection, however many requests are sent ahead on it. */
  #waitingAt(socket: Duplex): Set<() => void> {
    const known = this.#waiting.get(socket);
    if (known !== undefined) return known;
    const waiting = new Set<() => void>();
    this.#waiting.set(socket, waiting);
    socket.once("close", () => {
      for (const end of waiting) end();
    });
    return waiting;
  }
}

/** Answers with JSON: the status it names may be another than that of HTTP. */
export function writeJson(response: ServerResponse, answer: object): void {
  writeResponse(response, {
    status: response.statusCode,
    headers: { "content-type": contentType },
    body: JSON.stringify(answer),
  });
}

/**
 * Answers with JSON that may be long, and hangs up on a client that takes nothing of it for `stuckMs`: it would keep its
 * messages, and its session, for as long as TCP has patience.
 */
export function deliver(
  { request, response }: Exchange,
  answer: object,
  { clock, stuckMs }: { readonly clock: Clock; readonly stuckMs: number },
): void {
  let cancel = (): void => {};
  const moved = (): void => {
    cancel();
    cancel = clock.after(stuckMs, () => request.socket.destroy());
  };
  const body = Buffer.from(JSON.stringify(answer), "utf8");
  response.once("close", () => cancel());
  response.writeHead(200, {
    "cache-control": "no-store",
    "content-type": contentType,
    "content-length": body.length,
  });
  let offset = 0;
  const writeMore = (): void => {
    moved();
    while (body.length - offset > pieceBytes) {
      const piece = body.subarray(offset, offset + pieceBytes);
      offset += piece.length;
      if (!response.write(piece)) return void response.once("drain", writeMore);
    }
    response.end(body.subarray(offset));
  };
  writeMore();
}
