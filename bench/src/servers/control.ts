/** The door through which the generator tells a server to publish and asks what it has used. A line of JSON each way, the same for every server. */

import { writeFileSync } from "node:fs";
import type { Session } from "node:inspector/promises";
import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createPayload } from "../scenario.ts";
import type { ServerUnderTest } from "./server.ts";

/**
 * `tick` has no answer: its messages are the answer. They are stamped with the time it was asked at, by the generator's
 * clock: not every runtime tells the machine's, and a server that is late to hear of it is late.
 */
export type ControlRequest =
  | { readonly do: "tick"; readonly messages: number; readonly payloadBytes: number; readonly at: number }
  | { readonly do: "cpu"; readonly id: number }
  | { readonly do: "memory"; readonly id: number; readonly settleMs: number }
  | { readonly do: "profile"; readonly id: number }
  | { readonly do: "profiled"; readonly id: number; readonly file: string };

export interface CpuReading {
  readonly userUs: number;
  readonly systemUs: number;
}

export interface MemoryReading {
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  readonly externalBytes: number;
}

export interface ControlListener {
  readonly port: number;
  close(): Promise<void>;
}

export async function listenControl(server: ServerUnderTest): Promise<ControlListener> {
  let sequence = 1_000_000;
  const open = new Set<Socket>();
  let profiler: Session | undefined;

  async function obey(request: ControlRequest, socket: Socket): Promise<void> {
    switch (request.do) {
      case "tick":
        for (let count = 0; count < request.messages; count++) {
          sequence++;
          server.publish(createPayload(sequence, request.payloadBytes, request.at));
        }
        return;
      case "cpu":
        answer(socket, request.id, cpuOf(server));
        return;
      case "memory":
        answer(socket, request.id, await readMemory(request.settleMs));
        return;
      case "profile":
        profiler = await startProfiler();
        answer(socket, request.id, null);
        return;
      case "profiled":
        writeFileSync(request.file, JSON.stringify((await profiler?.post("Profiler.stop"))?.profile ?? null));
        profiler?.disconnect();
        answer(socket, request.id, null);
        return;
    }
  }

  const listener = createServer((socket) => {
    open.add(socket);
    socket.setNoDelay(true);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    eachLine(socket, (line) => void obey(JSON.parse(line) as ControlRequest, socket));
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return {
    port: (listener.address() as AddressInfo).port,
    async close() {
      for (const socket of open) {
        socket.destroy();
      }
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

/** Calls `take` with every whole line that arrives on a socket. */
export function eachLine(socket: Socket, take: (line: string) => void): void {
  let rest = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      take(line);
    }
  });
}

/** User and system time of this whole process, its helper threads included. */
function cpuOf({ cpuOfOthers }: ServerUnderTest): CpuReading {
  const own = readCpu();
  return cpuOfOthers === undefined ? own : addCpu(own, cpuOfOthers());
}

export function addCpu(one: CpuReading, other: CpuReading): CpuReading {
  return { userUs: one.userUs + other.userUs, systemUs: one.systemUs + other.systemUs };
}

export function readCpu(): CpuReading {
  const { user, system } = process.cpuUsage();
  return { userUs: user, systemUs: system };
}

function answer(socket: Socket, id: number, value: CpuReading | MemoryReading | null): void {
  socket.write(`${JSON.stringify({ id, value })}\n`);
}

/** Collects, waits, collects again, then reads: what is left is what the server keeps. */
async function readMemory(settleMs: number): Promise<MemoryReading> {
  const collect = collector();
  collect();
  await sleep(settleMs);
  collect();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rssBytes: rss, heapUsedBytes: heapUsed, externalBytes: external };
}

/** V8's sampling profiler. Loaded when asked for, because not every runtime that serves has it. */
async function startProfiler(): Promise<Session> {
  const inspector = await import("node:inspector/promises");
  const profiler = new inspector.Session();
  profiler.connect();
  await profiler.post("Profiler.enable");
  await profiler.post("Profiler.setSamplingInterval", { interval: 200 });
  await profiler.post("Profiler.start");
  return profiler;
}

function collector(): () => void {
  const { Bun: bun } = globalThis as { Bun?: { gc(synchronous: boolean): void } };
  if (bun !== undefined) {
    return () => bun.gc(true);
  }
  // Switched on when first asked for, so that servers otherwise run under plain `node`.
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
