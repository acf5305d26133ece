/** A client whose time, chance and network belong to the test. */
import { type Client, type ClientOptions, type ClientState, type ClientStatus, createClient } from "portcullis/client";
import { WebSocket } from "ws";
import { Inbox } from "../../clients/inbox.ts";
import { FakeClock } from "../../support/clock.ts";

/** A client, and what it went through. */
export interface Tested<Mount = unknown> {
  readonly client: Client<Mount>;
  readonly clock: FakeClock;
  readonly statuses: Inbox<ClientStatus>;
  /** Everything that left the client: addresses, subprotocols, headers, frames. */
  readonly sent: Inbox<string>;
  /** Every text frame that came, once the client has seen it. */
  readonly received: Inbox<string>;
  /** Resolves with the next status of this state that nobody has waited for. */
  next(state: ClientState): Promise<ClientStatus>;
  /** Sockets it has opened and not yet seen the end of. */
  readonly sockets: ReadonlySet<WebSocket>;
}

const clients: Client[] = [];

/** Makes one. By default every random number is 0, so that no delay takes any time once the clock moves at all. */
export function testedClient<Mount = unknown>(url: string, options: ClientOptions = {}): Tested<Mount> {
  const clock = new FakeClock();
  const sent = new Inbox<string>();
  const received = new Inbox<string>();
  const sockets = new Set<WebSocket>();
  class RecordedWebSocket extends WebSocket {
    constructor(address: string, protocols: string[]) {
      super(address, protocols);
      sent.add(JSON.stringify([address, protocols]));
      sockets.add(this);
      this.on("close", () => sockets.delete(this));
      this.on("message", (data: Buffer, isBinary) => isBinary || received.add(data.toString()));
    }

    override send(data: string | Uint8Array): void {
      sent.add(typeof data === "string" ? data : Buffer.from(data).toString("latin1"));
      super.send(data);
    }
  }
  const recordedFetch: ClientOptions["fetch"] = (address, init) => {
    sent.add(JSON.stringify([address, init.headers]));
    return fetch(address, init);
  };
  const client = createClient<Mount>(url, {
    clock,
    random: () => 0,
    WebSocket: RecordedWebSocket,
    fetch: recordedFetch,
    ...options,
  });
  const statuses = new Inbox<ClientStatus>();
  client.onStatus((status) => statuses.add(status));
  clients.push(client as Client);
  return {
    client,
    clock,
    statuses,
    sent,
    received,
    sockets,
    async next(state) {
      for (;;) {
        const status = await statuses.next();
        if (status.state === state) return status;
      }
    },
  };
}

/** Ends every client of this file. For `afterEach`. */
export function closeClients(): void {
  for (const client of clients.splice(0)) client.close();
}
