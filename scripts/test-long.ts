/**
 * `npm run test:long`: what takes too long for `npm test`. Prints figures, and exits with 1 where a promise is broken.
 *
 * - fuzz: random and nearly right bytes into everything that reads what a stranger sends; nothing may throw past its
 *   boundary, and no input may take long. `--seed` repeats a run, `--inputs` sets how many each gets.
 * - soak: clients that connect, join, push, crash and vanish; afterwards nothing of them may be left.
 */
import { parseArgs } from "node:util";
import { WebSocket } from "ws";
import { defineEndpoint, defineSocket, silentLogger } from "../packages/portcullis/src/index.ts";
import { FrameError } from "../packages/portcullis/src/protocol/frame.ts";
import { serializers } from "../packages/portcullis/src/protocol/serializer.ts";
import { parseQuery } from "../packages/portcullis/src/socket/params.ts";
import { createTokens } from "../packages/portcullis/src/token/token.ts";
import { readSubprotocols } from "../packages/portcullis/src/transport/credential.ts";
import { parseOrigin } from "../packages/portcullis/src/transport/origin.ts";

const { values } = parseArgs({
  options: { seed: { type: "string" }, inputs: { type: "string" }, rounds: { type: "string" } },
});
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const inputs = Number(values.inputs ?? 1_700_000);
const rounds = Number(values.rounds ?? 300);
let failed = false;

/** mulberry32: small, fast, and the same everywhere. */
function random(state: number): () => number {
  let value = state;
  return () => {
    value = (value + 0x6d2b79f5) | 0;
    let mixed = Math.imul(value ^ (value >>> 15), 1 | value);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const tokens = createTokens({ secretKeyBase: "s".repeat(64), now: () => 1_700_000_000_000 });
const seeds = {
  text: ['["1","1","room:1","phx_join",{}]', '{"topic":"t","event":"e","payload":{},"ref":"1"}', "[[[[{}]]]]", "null"],
  binary: [Buffer.from([0, 1, 1, 4, 4, 49, 49, 101, 99, 104, 111, 101, 99, 104, 111, 1, 2, 3]), Buffer.alloc(5)],
  token: [tokens.sign("s", { user: "1", list: [1, 2.5, null, "ä"] }), tokens.encrypt("s", "x"), "a.b.c"],
  origin: ["https://example.com", "//*.example.com:8443", "null", "https://a@b.c", "http://[::1]:80"],
  query: ["vsn=2.0.0&token=a.b.c", "a[b][]=1&a[b][c]=2&a=%ZZ", "a[[]]=1&__proto__[x]=1"],
  header: ["phoenix, base64url.bearer.phx.YWJj", ",,,, base64url.bearer.phx.", "chat"],
};

function mutate(source: Buffer, next: () => number): Buffer {
  const bytes = Buffer.from(source);
  const changes = 1 + Math.floor(next() * 4);
  for (let change = 0; change < changes && bytes.length > 0; change += 1) {
    bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
  }
  const kind = next();
  if (kind < 0.1) return bytes.subarray(0, Math.floor(next() * bytes.length));
  if (kind < 0.2) return Buffer.concat([bytes, bytes.subarray(0, Math.floor(next() * bytes.length))]);
  if (kind < 0.3) return Buffer.from(Array.from({ length: Math.floor(next() * 40) }, () => Math.floor(next() * 256)));
  return bytes;
}

function mayThrowFrameError(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
  }
}

const targets: Readonly<
  Record<string, { readonly from: readonly (string | Buffer)[]; readonly read: (input: Buffer) => void }>
> = {
  "V1 frames": { from: seeds.text, read: (input) => mayThrowFrameError(() => serializers.v1.decode(input.toString())) },
  "V2 text frames": {
    from: seeds.text,
    read: (input) => mayThrowFrameError(() => serializers.v2.decode(input.toString())),
  },
  "V2 binary frames": { from: seeds.binary, read: (input) => mayThrowFrameError(() => serializers.v2.decode(input)) },
  tokens: {
    from: seeds.token,
    read(input) {
      tokens.verify("s", input.toString("latin1"));
    },
  },
  origins: { from: seeds.origin, read: (input) => void parseOrigin(input.toString()) },
  "query strings": {
    from: seeds.query,
    read: (input) => void parseQuery(input.toString(), { paramsMax: 250, depthMax: 10 }),
  },
  subprotocols: { from: seeds.header, read: (input) => void readSubprotocols(input.toString(), 8_192) },
};

console.log(`fuzz: ${inputs} inputs each, --seed ${seed}`);
for (const [name, { from, read }] of Object.entries(targets)) {
  const next = random(seed);
  const sources = from.map((source) => Buffer.from(source as string));
  let slowestMs = 0;
  const startedAt = performance.now();
  for (let index = 0; index < inputs; index += 1) {
    const input = mutate(sources[index % sources.length] as Buffer, next);
    const before = performance.now();
    try {
      read(input);
    } catch (error) {
      failed = true;
      console.error(`  ${name}: input ${index} (base64 ${input.toString("base64")}) threw`, error);
      break;
    }
    slowestMs = Math.max(slowestMs, performance.now() - before);
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  console.log(`  ${name}: ${seconds.toFixed(1)} s, slowest ${slowestMs.toFixed(2)} ms`);
}

console.log(`soak: ${rounds} rounds of 50 clients`);
const socket = defineSocket({
  connect: ({ params }) => ({ name: String(params["name"]) }),
  id: ({ name }) => `names:${name}`,
});
const room = socket.channel("room:{id}").on({
  say: (payload, channel) => channel.broadcast("said", payload as object),
  fail() {
    throw new Error("soak");
  },
});
const endpoint = defineEndpoint({
  secretKeyBase: "s".repeat(64),
  logger: silentLogger,
  sockets: { "/s": { socket, channels: [room] } },
});
const { port } = await endpoint.listen({ port: 0, host: "127.0.0.1" });
const next = random(seed);
let resident = 0;
for (let round = 0; round < rounds; round += 1) {
  await Promise.all(Array.from({ length: 50 }, (_, index) => visit(`${round}-${index}`)));
  // The first rounds fill caches and pools; after them memory has to stay where it is.
  if (round === Math.floor(rounds / 3)) resident = process.memoryUsage.rss();
}
while (endpoint.connectionCount > 0) await new Promise((resolve) => setImmediate(resolve));
const grownMb = (process.memoryUsage.rss() - resident) / 2 ** 20;
console.log(
  `  ${rounds * 50} connections; resident memory ${grownMb >= 0 ? "+" : ""}${grownMb.toFixed(1)} MB over the last two thirds`,
);
if (grownMb > 64) failed = true;
await endpoint.close();
console.log(failed ? "FAILED" : "Everything held.");
process.exitCode = failed ? 1 : 0;

async function visit(name: string): Promise<void> {
  const client = new WebSocket(`ws://127.0.0.1:${port}/s/websocket?vsn=2.0.0&name=${name}`);
  await new Promise((resolve, reject) => client.once("open", resolve).once("error", reject));
  const topic = `room:${Math.floor(next() * 20)}`;
  client.send(JSON.stringify(["1", "1", topic, "phx_join", {}]));
  await new Promise((resolve) => client.once("message", resolve));
  client.send(JSON.stringify(["1", "2", topic, next() < 0.2 ? "fail" : "say", { text: "x".repeat(100) }]));
  await new Promise((resolve) => client.once("message", resolve));
  const closed = new Promise((resolve) => client.once("close", resolve));
  if (next() < 0.5) client.terminate();
  else client.close();
  await closed;
}
