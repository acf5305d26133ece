/** An issuer's server, on a port of its own, that can be told to misbehave. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestKey } from "./jws.ts";

export class JwksServer {
  /** What the next requests are answered with. */
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) => void response.end();
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.asked.push(request.url ?? "");
      this.answer(request, response);
    });
  }

  static async start(...keys: readonly TestKey[]): Promise<JwksServer> {
    const server = new JwksServer();
    server.publish(...keys.map(({ jwk }) => jwk));
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `${this.origin}/jwks.json`;
  }

  /** From now on these are the keys. */
  publish(...keys: readonly object[]): void {
    this.say(200, JSON.stringify({ keys }));
  }

  say(status: number, body: string | Uint8Array, headers: Record<string, string> = {}): void {
    this.answer = (_request, response) => {
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
    };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
