/** Secrets are exchanged and given up under connections that are open, on every node. */

import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import {
  defineEndpoint,
  defineSocket,
  type Endpoint,
  type Listening,
  type SecretKeyBase,
  signedToken,
  silentLogger,
} from "../../src/index.ts";
import { memoryBus } from "../../src/testing/testing.ts";

const old = { id: "2026", secret: "the secret of the year before, long enough" };
const fresh = { id: "2027", secret: "the secret of the present year, long enough" };

const socket = defineSocket({
  authenticate: signedToken({ salt: "user socket", maxAgeSeconds: 3_600 }),
  connect: ({ identity }) => ({ userId: identity.subject }),
});

interface Node {
  readonly endpoint: Endpoint;
  readonly url: string;
}

const nodes: Node[] = [];
const clients: WebSocket[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate();
  await Promise.all(nodes.splice(0).map(({ endpoint }) => endpoint.close()));
});

async function start(secretKeyBase: SecretKeyBase, bus = memoryBus()): Promise<Node> {
  const endpoint = defineEndpoint({
    secretKeyBase,
    sockets: { "/socket": { socket, channels: [] } },
    pubsub: bus,
    logger: silentLogger,
  });
  const { url }: Listening = await endpoint.listen({ port: 0, host: "127.0.0.1" });
  const node = { endpoint, url: url.replace("http", "ws") };
  nodes.push(node);
  return node;
}

async function connect({ url }: Node, token: string): Promise<WebSocket> {
  const client = new WebSocket(`${url}/socket/websocket?vsn=2.0.0`, { headers: { authorization: `Bearer ${token}` } });
  clients.push(client);
  await once(client, "open");
  return client;
}

const refused = (node: Node, token: string): Promise<unknown> =>
  connect(node, token).then(
    () => "let in",
    (error: Error) => error.message,
  );
const tokenBy = (node: Node): string => node.endpoint.tokens.sign("user socket", "ada");
const farewell = async (client: WebSocket): Promise<unknown> => {
  const frames: unknown[] = [];
  client.on("message", (data) => frames.push(JSON.parse(String(data))));
  const [code] = await once(client, "close");
  return { frames, code };
};

test("a new secret comes first, connections stay, and old tokens are good until their end", async () => {
  const node = await start([old]);
  const token = tokenBy(node);
  const client = await connect(node, token);
  node.endpoint.rotate({ secretKeyBase: [fresh, { ...old, notAfter: Date.now() + 60_000 }] });
  expect(node.endpoint.tokens.verify("user socket", tokenBy(node))).toMatchObject({ keyId: "2027" });
  await connect(node, token);
  await connect(node, tokenBy(node));
  expect(client.readyState).toBe(WebSocket.OPEN);
  node.endpoint.rotate({ secretKeyBase: [fresh] });
  expect(await refused(node, token)).toContain("403");
});

test("one that is given up ends its connections everywhere, and nobody comes back with it", async () => {
  const bus = memoryBus();
  const [here, there] = [await start([fresh, old], bus), await start([fresh, old], bus)];
  const byOld = tokenBy(await start([old], memoryBus()));
  const [one, two] = [await connect(here, byOld), await connect(there, byOld)];
  const safe = await connect(there, tokenBy(here));
  const farewells = Promise.all([farewell(one), farewell(two)]);
  here.endpoint.rotate({ compromised: "2026" });
  const told = [null, null, "phoenix", "phx_closing", { reason: "key_compromised", retry: "reauth" }];
  expect(await farewells).toEqual([
    { frames: [told], code: 4_103 },
    { frames: [told], code: 4_103 },
  ]);
  for (const node of [here, there]) expect(await refused(node, byOld)).toContain("403");
  expect(safe.readyState).toBe(WebSocket.OPEN);
  // What one node says is still believed by the other: they speak with the other secret.
  const heard = new Promise((resolve) => there.endpoint.subscribe("news", resolve));
  here.endpoint.broadcast("news", "said", { text: "still here" });
  expect(await heard).toMatchObject({ payload: { text: "still here" } });
});

test("secrets that can't be used leave everything as it was", async () => {
  const node = await start([old]);
  expect(() => node.endpoint.rotate({ secretKeyBase: ["short"] })).toThrow(TypeError);
  await connect(node, tokenBy(node));
});
