import { createServer, type IncomingMessage, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";

export interface OldProxy {
  /** The demo, by way of the proxy. */
  readonly home: string;
  /** Lets WebSockets through from now on, or cuts those that are there and lets none through. */
  upgrades(become: "pass" | "stop"): void;
  close(): void;
}

/**
 * What stands between many browsers and a server: a proxy that knows requests and answers, and no upgrades. It hands on
 * a request for one like any other, without the headers that are only for the next hop.
 */
export async function startOldProxy(port: number): Promise<OldProxy> {
  const upgraded = new Set<Duplex>();
  const server = createServer((incoming, outgoing) => {
    const { connection: _connection, upgrade: _upgrade, ...headers } = incoming.headers;
    const { method, url: path } = incoming;
    const onward = request({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    outgoing.on("close", () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));

  function pass({ method, url, rawHeaders }: IncomingMessage, near: Duplex, head: Buffer): void {
    const far = connect({ host: "127.0.0.1", port });
    const lines = rawHeaders.map((part, index) => (index % 2 === 0 ? `\r\n${part}: ` : part));
    far.write(`${method} ${url} HTTP/1.1${lines.join("")}\r\n\r\n`);
    far.write(head);
    near.pipe(far).pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => {
        upgraded.delete(one);
        other.destroy();
      });
      upgraded.add(one);
    }
  }

  return {
    home: `http://localhost:${(server.address() as AddressInfo).port}`,
    upgrades(become) {
      // Without somebody to take them, a server treats requests for an upgrade as requests.
      server.off("upgrade", pass);
      if (become === "pass") server.on("upgrade", pass);
      else for (const socket of upgraded) socket.destroy();
    },
    close() {
      for (const socket of upgraded) socket.destroy();
      server.close();
      server.closeAllConnections();
    },
  };
}
