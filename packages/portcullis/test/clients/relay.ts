/** What stands between clients and servers: a TCP proxy that can fall silent, look elsewhere, or refuse WebSockets. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Relay {
  /** The URL it was started with, by way of the relay. */
  readonly url: string;
  /** Swallows whatever the servers send on the connections there are now, and ends none of them. */
  hush(): void;
  /** Where new connections go to from now on. */
  leadTo(url: string): void;
  /** Ends whoever asks for an upgrade from now on, as a proxy does that knows nothing but requests; or no longer. */
  refuseUpgrades(refuse: boolean): void;
  close(): Promise<void>;
}

export async function startRelay(url: string): Promise<Relay> {
  let target = new URL(url);
  let refusing = false;
  const pairs = new Map<Socket, Socket>();
  const server = createServer((near) => {
    near.once("data", (start) => {
      if (refusing && /^upgrade: *websocket/im.test(start.toString("latin1"))) {
        near.destroy();
        return;
      }
      const far = connect(Number(target.port), target.hostname);
      pairs.set(near, far);
      far.write(start);
      near.pipe(far);
      far.pipe(near);
      near.on("close", () => {
        far.destroy();
        pairs.delete(near);
      });
      far.on("close", () => near.destroy());
      far.on("error", () => near.destroy());
    });
    near.on("error", () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const own = new URL(url);
  own.port = String((server.address() as AddressInfo).port);
  return {
    url: own.href,
    hush() {
      for (const [near, far] of pairs) far.unpipe(near).resume();
    },
    leadTo(elsewhere) {
      target = new URL(elsewhere);
    },
    refuseUpgrades(refuse) {
      refusing = refuse;
    },
    close() {
      for (const near of pairs.keys()) near.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
