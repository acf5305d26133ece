/** What is taken away while somebody is on their way in, by every door and on another node: nobody slips through (rows 2.12, 4.9). */

import { expect, test } from "vitest";
import { defineEndpoint, defineSocket, type Endpoint, memoryCredentialStore, signedToken } from "../../src/index.ts";
import { memoryBus } from "../../src/testing/testing.ts";
import { deferred } from "../support/world.ts";
import { afterwards, listener, tokenSalt } from "./support/arena.ts";
import { knock, type RawClient } from "./support/raw.ts";

const old = { id: "2026", secret: "the secret of the year before, long enough" };
const fresh = { id: "2027", secret: "the secret of the present year, long enough" };

/** Two nodes of one cluster. `connect` waits for `gate` once it is set. */
async function cluster() {
  const bus = memoryBus();
  const store = memoryCredentialStore();
  const gates: { promise: Promise<void> | null; waiting: number } = { promise: null, waiting: 0 };
  const socket = defineSocket({
    authenticate: signedToken({ salt: tokenSalt, maxAgeSeconds: 3_600 }),
    async connect({ identity }) {
      gates.waiting += 1;
      await gates.promise;
      return { userId: identity.subject };
    },
    id: ({ userId }) => `users:${userId}`,
  });
  const room = socket.channel("room:{id}", { authorize: "everyone" });
  const nodes = await Promise.all(
    [0, 1].map(async () => {
      let heard = false;
      const endpoint = defineEndpoint({
        secretKeyBase: [fresh, old],
        sockets: { "/socket": { socket, channels: [room], longpoll: true } },
        pubsub: bus,
        store,
        logger: listener().logger,
        telemetry(name) {
          if (name === "credential.revoked") heard = true;
        },
      }) as unknown as Endpoint;
      const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
      afterwards(() => endpoint.close());
      return { endpoint, port, heardOf: () => heard };
    }),
  );
  const [here, there] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
  const bySecret = defineEndpoint({ secretKeyBase: [old], sockets: {}, logger: listener().logger });
  return { here, there, gates, token: bySecret.tokens.sign(tokenSalt, "ada") };
}

type Cluster = Awaited<ReturnType<typeof cluster>>;

const ways: readonly [name: string, take: (endpoint: Endpoint) => unknown][] = [
  ["a subject", (endpoint) => endpoint.revoke({ subject: "ada" })],
  ["a key", (endpoint) => endpoint.rotate({ compromised: old.id })],
];

const waits = async ({ gates }: Cluster): Promise<void> => {
  await expect.poll(() => gates.waiting, { timeout: 10_000 }).toBeGreaterThan(0);
};

const bearer = (token: string): string => `X-Phoenix-AuthToken: ${token}`;

async function poll(
  port: number,
  token: string,
  session?: string,
): Promise<{ status: number; token?: string; messages?: string[] }> {
  const headers = {
    "x-phoenix-authtoken": token,
    ...(session === undefined ? {} : { "x-phoenix-longpoll-token": session }),
  };
  const response = await fetch(`http://127.0.0.1:${port}/socket/longpoll?vsn=2.0.0`, { headers });
  return (await response.json()) as { status: number; token?: string; messages?: string[] };
}

/** Resolves with the code the connection is closed with, or the status it is refused with. */
async function outcome(knocking: Promise<RawClient>): Promise<unknown> {
  const client = await knocking;
  return client.status === 101 ? client.closed() : client.status;
}

test.each(ways)(
  "%s, while connect of another node is pending: a handshake is over before anything is said",
  async (what, take) => {
    const cluster_ = await cluster();
    const { here, there, gates, token } = cluster_;
    const gate = deferred();
    gates.promise = gate.promise;
    const knocking = knock(there.port, { headers: [bearer(token)] });
    await waits(cluster_);
    await take(here.endpoint);
    await expect.poll(there.heardOf).toBe(true);
    gate.resolve();
    expect([what, await outcome(knocking)]).toEqual([what, what === "a key" ? 4103 : 4101]);
    await expect.poll(() => there.endpoint.connectionCount).toBe(0);
  },
);

test.each(ways)(
  "%s, while connect of another node is pending: a long-poll session ends before anything is said",
  async (what, take) => {
    const cluster_ = await cluster();
    const { here, there, gates, token } = cluster_;
    const gate = deferred();
    gates.promise = gate.promise;
    const opening = poll(there.port, token);
    await waits(cluster_);
    await take(here.endpoint);
    await expect.poll(there.heardOf).toBe(true);
    gate.resolve();
    const { token: session } = await opening;
    expect(there.endpoint.connectionCount).toBe(0);
    gates.promise = null;
    // All that is left to fetch is why.
    const { messages = [] } = await poll(there.port, token, session);
    expect(messages.map((message) => JSON.parse(message)[3])).toEqual(["phx_closing"]);
    expect(await poll(there.port, token, session)).toMatchObject({ status: 403 });
    expect(what).not.toBe("");
  },
);

test.each(ways)(
  "%s, while a refresh on another node is judged: the connection ends, and stays refused",
  async (what, take) => {
    const cluster_ = await cluster();
    const { here, there, gates, token } = cluster_;
    const client = await knock(there.port, { headers: [bearer(token)] });
    expect((await client.join("room:1")).status).toBe("ok");
    const gate = deferred();
    gates.promise = gate.promise;
    gates.waiting = 0;
    client.message(null, "r", "phoenix", "auth", { token });
    await waits(cluster_);
    await take(here.endpoint);
    await expect.poll(there.heardOf).toBe(true);
    gate.resolve();
    expect(await client.closed()).toBe(what === "a key" ? 4103 : 4101);
    expect(client.messages.some((message) => JSON.stringify(message).includes('"expiresAt"'))).toBe(false);
    gates.promise = null;
    for (const node of [here, there]) expect((await knock(node.port, { headers: [bearer(token)] })).status).toBe(403);
  },
);

test("a subject, at the moment of fifty handshakes and joins: none is there afterwards, on either node", async () => {
  const { here, there, token } = await cluster();
  const ports = [here.port, there.port];
  const ada = Array.from({ length: 50 }, async (_, index) => {
    const client = await knock(ports[index % 2] as number, { headers: [bearer(token)] });
    if (client.status !== 101) return client.status;
    for (const ref of ["1", "2"]) client.message(ref, ref, "room:1", "phx_join", {});
    return client.closed();
  });
  // Somewhere in the middle of it.
  await new Promise((resolve) => setTimeout(resolve, 15));
  await here.endpoint.revoke({ subject: "ada" });
  for (const code of await Promise.all(ada)) expect([403, 4101]).toContain(code);
  for (const { endpoint } of [here, there]) await expect.poll(() => endpoint.connectionCount).toBe(0);
});
