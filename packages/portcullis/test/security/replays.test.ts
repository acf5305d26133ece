/** One ticket, shown at once at every door of two nodes: it opens one of them, once (row 2.14). */

import { expect, test } from "vitest";
import { createTickets, defineEndpoint, defineSocket, type Endpoint, memoryCredentialStore } from "../../src/index.ts";
import { memoryBus } from "../../src/testing/testing.ts";
import { afterwards, listener, secretKeyBase } from "./support/arena.ts";
import { knock } from "./support/raw.ts";

async function start() {
  const store = memoryCredentialStore();
  const tickets = createTickets({ store, lifetimeSeconds: 60, param: "ticket" });
  const connects: string[] = [];
  const socket = defineSocket({
    authenticate: tickets.authenticate,
    connect({ identity }) {
      connects.push(identity.subject);
      return {};
    },
  });
  const bus = memoryBus();
  const nodes = await Promise.all(
    [0, 1].map(async () => {
      const endpoint = defineEndpoint({
        secretKeyBase,
        sockets: { "/socket": { socket, channels: [], longpoll: true }, "/other": { socket, channels: [] } },
        pubsub: bus,
        store,
        logger: listener().logger,
      }) as unknown as Endpoint;
      const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
      afterwards(() => endpoint.close());
      return { endpoint, port };
    }),
  );
  const issue = (): Promise<string> => tickets.issue(nodes[0]?.endpoint as Endpoint, { subject: "ada" });
  return { nodes, issue, connects };
}

test("by handshake, by a plain request, over long-poll, at another mount and as a renewal: one of them all", async () => {
  const { nodes, issue, connects } = await start();
  for (let round = 0; round < 10; round += 1) {
    const open = await knock(nodes[0]?.port as number, { headers: [`X-Phoenix-AuthToken: ${await issue()}`] });
    expect(open.status).toBe(101);
    connects.length = 0;
    const ticket = await issue();
    const padded = ticket + "=".repeat((4 - ((ticket.length - 4) % 4)) % 4);
    open.message(null, "r", "phoenix", "auth", { token: ticket });
    await Promise.all(
      nodes.flatMap(({ port }) => [
        ...["/socket", "/other"].flatMap((path) => [
          knock(port, { path: `${path}/websocket?vsn=2.0.0`, headers: [`X-Phoenix-AuthToken: ${padded}`] }),
          knock(port, { path: `${path}/websocket?vsn=2.0.0&ticket=${ticket}` }),
          fetch(`http://127.0.0.1:${port}${path}/websocket?vsn=2.0.0&ticket=${ticket}`),
        ]),
        fetch(`http://127.0.0.1:${port}/socket/longpoll?vsn=2.0.0&ticket=${ticket}`),
      ]),
    );
    await open.reply("r");
    expect(connects).toEqual(["ada"]);
    open.destroy();
  }
});
