/** The sentences of the page: how to repeat it, under what conditions it was measured, what it does not show. */
import type { Results } from "../runner/results.ts";
import { serverEntry } from "../servers/catalogue.ts";

export const howToRun = `One workload file (\`src/workloads.ts\`), several servers (\`src/servers/\`), one generator (\`src/generator/\`).

\`\`\`sh
npm run bench -- --install-peers    # uWebSockets.js, Bun, newer Nodes: no dependencies of the workspace
npm run bench -- --quick     # under five minutes
npm run bench                # the full run; writes results/ and this page
npm run bench -- --only presence-storm    # or avalanche, or comparison
npm run bench -- --workloads echo --servers portcullis,naive-ws --repeats 1 --dry-run
npm run bench -- --workloads broadcast-1 --servers portcullis --profile
npm run bench -- --workloads broadcast-1 --phoenix-url ws://127.0.0.1:4000/socket --phoenix-pid 1234
\`\`\`

\`--profile\` measures nothing: it runs each server once, samples the measured window with V8's profiler, prints where the time went and leaves the profiles in \`results/local/\`.`;

export function conditions(results: Results): string {
  const { machine, versions, workloads } = results;
  const used = results.servers.map((server) => serverEntry(server).title).join(", ");
  const versionList = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `- ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, kernel ${machine.kernel}, Node ${machine.node}; ${versionList.join(", ")}. Measured ${results.measuredAt.slice(0, 10)}, load average at the start ${results.loadAtStart.toFixed(2)}.`,
    `- Loopback, no TLS, no compression, no native add-ons of \`ws\`. ${results.pinned ? "The server's process is pinned to one core, the generator's to another." : "Nothing was pinned to a core."} Every run starts a new server and a new generator.`,
    `- Interleaved: ${used}, and again, ${workloads.map(({ name, repeats }) => `${repeats} × ${name}`).join(", ")}.`,
    ...workloads.map((named) => `- **${named.title}**: ${describe(named.workload)}`),
  ].join("\n");
}

type Described = Results["workloads"][number]["workload"];

function describe(workload: Described): string {
  switch (workload.kind) {
    case "connect":
      return `${count(workload.connections)} connections after ${count(workload.warmUp)} uncounted ones, ${workload.concurrency} under way at a time: TCP, upgrade, check of a signed token of its own user, join of one room. None is closed inside the window. p50 and p99 are from opening to joined.`;
    case "echo":
      return `${count(workload.connections)} connections, each with one push of ${workload.payloadBytes} bytes of JSON outstanding; the reply's arrival sends the next. ${timesOf(workload)}.`;
    case "broadcast":
      return `${count(workload.subscribers)} subscribers, payloads of ${count(workload.payloadBytes)} bytes of JSON, ${workload.messagesPerTick} broadcast in one synchronous run; the next run begins when all of the last one has reached everybody. ${timesOf(workload)}. p50 and p99 are from asking the server to publish to the arrival.`;
    case "offered":
      return `${count(workload.subscribers)} subscribers, payloads of ${count(workload.payloadBytes)} bytes; the server is told to publish at an even pace, whether or not it is through with the last. ${timesOf(workload)}. p50 and p99 are from the moment a broadcast was due to its arrival, of those that arrived in the window; what has not come ${seconds(workload.lostAfterMs)} after the last was sent is lost.`;
    case "chat":
      return `${count(workload.connections)} connections in rooms of ${workload.roomSize}; in turn they push ${count(workload.pushesPerSecond)} messages a second in all, payloads of ${count(workload.payloadBytes)} bytes, which the server broadcasts to the speaker's room. ${timesOf(workload)}. p50 and p99 are from the moment a push was due to its arrival at the others.`;
    case "slow-reader":
      return `${count(workload.subscribers)} subscribers, ${workload.messagesPerTick} messages of ${count(workload.payloadBytes)} bytes a tick, in two windows: everybody reads; then one has asked for ${(workload.backlogBytes / 1e6).toFixed(0)} MB of replies, reads nothing any more, and is not waited for. ${timesOf(workload)}, each.`;
    case "memory":
      return `(resident with ${count(workload.connections)} connections - resident with none) / connections, each reading after two forced collections ${seconds(workload.settleMs)} apart.`;
  }
}

function timesOf({ windowMs, warmUpMs }: { readonly windowMs: number; readonly warmUpMs: number }): string {
  return `${seconds(windowMs)} after ${seconds(warmUpMs)} of warm-up`;
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

export function notes(results: Results): string {
  return [
    "- **The ratios are the result.** The figures beside them drift by a third or more between hours on a shared virtual machine; servers measured a few seconds apart drift together.",
    "- CPU is user and system time of the whole server process, asked of the process itself (`process.cpuUsage`) before and after the window; in the open loops, and of Phoenix, it is read from the system, in steps of 10 ms. On loopback a sender also pays for most of the receiver's TCP work, so figures over a network differ.",
    "- The generator never sleeps inside a window: waking a sleeping core is paid by whoever writes to it, and would punish the slower server twice. Its share of its core is the time it did anything but spin, from the number of empty turns of its loop and what one takes. Above 95 % it would be the bottleneck, and the page says so.",
    "- `per second` is the rate one generator got out of a closed loop, limited by whichever of the two cores was full (last columns). It is no measure of what a server can do at most; `per CPU second` is the better guess.",
    "- The latencies of the closed loops are mostly queueing: a thousand things are asked for at once. They compare servers under that load and say nothing of a single request. Those of the open loops count from the moment something was due.",
    "- The naive server stringifies for every recipient because that is what most hand-written servers do. `ws`, stringified once, shows how much of the difference is that alone. It has no back-pressure, no heartbeat, no limits and no reconnect story.",
    "- All servers but the bare ones check the same signed token with the same function. Portcullis also checks the origin and subscribes each connection to its user's id, by which it can be disconnected; the others do neither. Socket.IO gets the token in its own connect packet, one message later, as its clients send it. The bare `ws` handshake verifies nothing and joins nothing: its connect ends with the upgrade. The bare echo reads and writes the frames Portcullis does.",
    "- Phoenix is not started afresh for each run, and so is warm; it is told what to broadcast by a client, which is one subscriber more. Its memory is not measured: nobody outside can make it collect.",
    "- The generator reads frames by their length alone; on one connection in 16 (echo), 25 (broadcast) or 100 (open loops) it parses and compares every message, its order included. Loss, repetition and wrong content are counted and would be listed at the top.",
    `- Memory is what the process holds resident; the kernel's share of a connection is in none of the figures.${results.workloads.some(({ repeats }) => repeats < 5) ? " Fewer than five repeats were made of some workloads: a spread of so few says little." : ""}`,
  ].join("\n");
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
