/** What stands between clients and servers: a TCP proxy that can fall silent, look elsewhere, or let no WebSocket through. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * What becomes of requests for an upgrade: handed on; ended, as by a proxy that knows nothing but plain requests; left
 * without an answer; handed on, and cut off after the answer.
 */
export type Upgrades = "pass" | "refuse" | "ignore" | "mute";

export interface Relay {
  /** The URL it was started with, by way of the relay. */
  readonly url: string;
  /** Swallows whatever the servers send on the connections there are now, and ends none of them. */
  hush(): void;
  /** Where new connections go to from now on. */
  leadTo(url: string): void;
  upgrades(become: Upgrades): void;
  /** How many requests for an upgrade there were. */
  readonly upgradesSeen: number;
  close(): Promise<void>;
}

export async function startRelay(url: string): Promise<Relay> {
  let target = new URL(url);
  let upgrades: Upgrades = "pass";
  let upgradesSeen = 0;
  const ends = new Set<Socket>();
  const pairs = new Map<Socket, Socket>();
  const server = createServer((near) => {
    ends.add(near);
    near.on("close", () => ends.delete(near));
    near.once("data", (start) => {
      const become = /^upgrade: *websocket/im.test(start.toString("latin1")) ? upgrades : null;
      if (become !== null) upgradesSeen += 1;
      if (become === "refuse") near.destroy();
      if (become === "refuse" || become === "ignore") return;
      const far = connect(Number(target.port), target.hostname);
      pairs.set(near, far);
      far.write(start);
      near.pipe(far);
      // What comes after the first chunk, which is the answer, falls on the floor.
      if (become === "mute") far.once("data", (answer) => void near.write(answer));
      else far.pipe(near);
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
    upgrades(become) {
      upgrades = become;
    },
    get upgradesSeen() {
      return upgradesSeen;
    },
    close() {
      for (const near of ends) near.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
