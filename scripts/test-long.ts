/**
 * `npm run test:long`: what takes too long for `npm test`. Prints figures, and exits with 1 where a promise is broken.
 *
 * - fuzz: random and nearly right bytes into everything that reads what a stranger sends; nothing may throw past its
 *   boundary, and no input may take long. `--seed` repeats a run, `--inputs` sets how many each gets.
 * - topics: one client joins and leaves a million of them over a real connection; nothing of any may be left.
 * - soak: clients that connect, join, push, crash and vanish; afterwards nothing of them may be left.
 */
import { parseArgs } from "node:util";
import { WebSocket } from "ws";
import { defineEndpoint, defineSocket, silentLogger } from "../packages/portcullis/src/index.ts";
import { fuzz } from "../packages/portcullis/test/fuzz/fuzz.ts";
import { random } from "../packages/portcullis/test/fuzz/random.ts";
import { targets } from "../packages/portcullis/test/fuzz/targets.ts";
import { heldBytes } from "../packages/portcullis/test/memory/collector.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    inputs: { type: "string" },
    topics: { type: "string" },
    rounds: { type: "string" },
  },
});
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const inputs = Number(values.inputs ?? 1_100_000);
const topics = Number(values.topics ?? 1_000_000);
const rounds = Number(values.rounds ?? 300);
/** A pause of the collector's, and of a busy machine, is shorter. */
const slowMs = 500;
let failed = false;

console.log(`fuzz: ${inputs} inputs each, --seed ${seed}`);
for (const target of targets) {
  const startedAt = performance.now();
  const { failure, slowestMs } = fuzz(target, seed, inputs);
  if (failure !== null) {
    console.error(`  ${target.name}: input ${failure.index} (base64 ${failure.input}) threw`, failure.error);
    failed = true;
  }
  // Inputs are short: what takes this long takes more time than its length explains.
  if (slowestMs > slowMs) failed = true;
  const seconds = (performance.now() - startedAt) / 1_000;
  console.log(`  ${target.name}: ${seconds.toFixed(1)} s, slowest ${slowestMs.toFixed(2)} ms`);
}

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
console.log(`topics: ${topics} joined and left over one connection`);
await visitTopics();

console.log(`soak: ${rounds} rounds of 50 clients`);
const endpoint = defineEndpoint({
  secretKeyBase: "s".repeat(64),
  logger: silentLogger,
  // All of them come from one address, as fast as they can.
  limits: { connectsPerAddressPerSecond: Number.POSITIVE_INFINITY, connectsPerSecond: Number.POSITIVE_INFINITY },
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

/** Twenty at a time; the first tenth fills caches and pools. */
async function visitTopics(): Promise<void> {
  const unlimited = { joinsPerSecond: Number.POSITIVE_INFINITY, messagesPerSecond: Number.POSITIVE_INFINITY };
  const visited = defineEndpoint({
    secretKeyBase: "s".repeat(64),
    logger: silentLogger,
    sockets: { "/s": { socket, channels: [room], rates: { ...unlimited, bytesPerSecond: Number.POSITIVE_INFINITY } } },
  });
  const listening = await visited.listen({ port: 0, host: "127.0.0.1" });
  const client = new WebSocket(`ws://127.0.0.1:${listening.port}/s/websocket?vsn=2.0.0&name=visitor`);
  await new Promise((resolve, reject) => client.once("open", resolve).once("error", reject));
  let answers = 0;
  let onAnswer = (): void => {};
  client.on("message", () => {
    answers += 1;
    onAnswer();
  });
  let held = 0;
  for (let from = 0; from < topics; from += 20) {
    for (let n = from; n < from + 20; n += 1) {
      client.send(JSON.stringify([`${n}`, `${n}`, `room:${n}`, "phx_join", {}]));
      client.send(JSON.stringify([`${n}`, `l${n}`, `room:${n}`, "phx_leave", {}]));
    }
    // A leave is answered, and closed.
    const wanted = 3 * (from + 20);
    await new Promise<void>((resolve) => {
      onAnswer = () => void (answers >= wanted && resolve());
      onAnswer();
    });
    if (from === Math.floor(topics / 200) * 20) held = await heldBytes();
  }
  const grown = (await heldBytes()) - held;
  console.log(`  ${grown} bytes of objects more than after the first tenth`);
  // A byte for each of a million.
  if (grown > 1_000_000) failed = true;
  client.terminate();
  await visited.close();
}

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
