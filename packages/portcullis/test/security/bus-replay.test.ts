/** Somebody who reads the bus and can write to it, and has no secret: what was said there once can be said again, and held back. */

import { expect, test } from "vitest";
import {
  type CredentialStore,
  defineEndpoint,
  defineSocket,
  type Endpoint,
  memoryCredentialStore,
  type PubSubAdapter,
} from "../../src/index.ts";
import { memoryBus } from "../../src/testing/testing.ts";
import { afterwards, listener, tokenSalt, userSocket } from "./support/arena.ts";
import { knock, type RawClient } from "./support/raw.ts";

/** A bus that remembers everything, and lets anybody say it again. */
function tappedBus() {
  const bus = memoryBus();
  const heard: { readonly channel: string; readonly text: string }[] = [];
  const nodes = new Set<(channel: string, text: string) => void>();
  const adapter: PubSubAdapter = {
    connect(events) {
      nodes.add(events.message);
      const link = bus.connect(events);
      return {
        ...link,
        publish(channel, text) {
          heard.push({ channel, text });
          link.publish(channel, text);
        },
      };
    },
  };
  const sayAgain = (about: string): void => {
    for (const { channel, text } of heard.filter((message) => message.text.includes(about))) {
      for (const tell of nodes) tell(channel, text);
    }
  };
  return { adapter, bus, sayAgain };
}

const old = { id: "2026", secret: "the secret of the year before, long enough" };
const fresh = { id: "2027", secret: "the secret of the present year, long enough" };

async function node(pubsub: PubSubAdapter, store?: CredentialStore): Promise<{ endpoint: Endpoint; port: number }> {
  const socket = userSocket();
  const endpoint = defineEndpoint({
    secretKeyBase: [fresh, old],
    sockets: { "/socket": { socket, channels: [] } },
    pubsub,
    logger: listener().logger,
    ...(store === undefined ? {} : { store }),
  }) as unknown as Endpoint;
  const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  afterwards(() => endpoint.close());
  return { endpoint, port };
}

const enter = (port: number, token: string): Promise<RawClient> =>
  knock(port, { headers: [`X-Phoenix-AuthToken: ${token}`] });

/** Waits for something that comes over the bus or out of a store. */
async function eventually(look: () => Promise<boolean>): Promise<void> {
  await expect.poll(look, { timeout: 10_000, interval: 20 }).toBe(true);
}

test("an old message that gave something back gives back nothing that was taken away since", async () => {
  const { adapter, sayAgain } = tappedBus();
  const store = memoryCredentialStore();
  const [here, there] = [await node(adapter, store), await node(adapter, store)];
  const token = here.endpoint.tokens.sign(tokenSalt, "ada");
  const status = async (): Promise<number> => {
    const client = await enter(there.port, token);
    client.destroy();
    return client.status;
  };
  await here.endpoint.revoke({ subject: "ada" });
  await here.endpoint.unrevoke({ subject: "ada" });
  await eventually(async () => (await status()) === 101);
  await here.endpoint.revoke({ subject: "ada" });
  await eventually(async () => (await status()) === 403);
  sayAgain('"unrevoke"');
  await eventually(async () => there.endpoint.health.revocations === "ok" && (await status()) === 403);
  expect(await status()).toBe(403);
});

test("a key that is given up while nodes can't hear each other is given up everywhere once they can", async () => {
  const { adapter, bus } = tappedBus();
  const [here, there] = [await node(adapter), await node(adapter)];
  const bySecret = defineEndpoint({ secretKeyBase: [old], sockets: {}, logger: listener().logger });
  const token = bySecret.tokens.sign(tokenSalt, "ada");
  const client = await enter(there.port, token);
  expect(client.status).toBe(101);
  bus.cut();
  here.endpoint.rotate({ compromised: old.id });
  expect((await enter(here.port, token)).status).toBe(403);
  expect(client.socket.destroyed).toBe(false);
  bus.heal();
  expect(await client.closed()).toBe(4103);
  expect((await enter(there.port, token)).status).toBe(403);
});

test("topics named like the bus's own channels are topics, whatever is said on them", async () => {
  const { adapter } = tappedBus();
  const nodes = await Promise.all(
    [0, 1].map(async () => {
      const socket = defineSocket({ connect: () => ({}), id: () => "users:ada" });
      const anything = socket.channel("*").on({
        say(payload, channel) {
          channel.broadcast("said", payload as object);
        },
      });
      const endpoint = defineEndpoint({
        secretKeyBase: [fresh],
        sockets: { "/socket": { socket, channels: [anything] } },
        pubsub: adapter,
        logger: listener().logger,
      });
      afterwards(() => endpoint.close());
      return endpoint.listen({ port: 0, host: "127.0.0.1" });
    }),
  );
  const [speaker, hearer] = await Promise.all(nodes.map(({ port }) => knock(port)));
  if (speaker === undefined || hearer === undefined) throw new Error("There are two nodes.");
  const topics = ["control", "topic:control", "node:", "phoenix:", "disconnect", "users:ada"];
  const orders = [
    { kind: "disconnect", id: "users:ada" },
    { kind: "compromised", id: fresh.id },
  ];
  for (const topic of topics) for (const client of [speaker, hearer]) await client.join(topic);
  for (const topic of topics)
    for (const order of orders) speaker.message(null, null, topic, "say", { ...order, topic });
  const heard = () => hearer.messages.filter((message) => (message as unknown[])[3] === "said").length;
  await hearer.until(() => heard() === topics.length * orders.length);
  for (const client of [speaker, hearer])
    expect((await client.push("phoenix", "heartbeat", {}, "alive")).status).toBe("ok");
});
