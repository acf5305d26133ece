/**
 * Portcullis in two worker processes behind one port. The primary publishes, so every message goes over the mesh to both: the
 * most that several processes can cost. All of them are counted.
 */
import cluster from "node:cluster";
import { processCpu } from "../generator/process-cpu.ts";
import { addCpu } from "./control.ts";
import { openPortcullis } from "./portcullis.ts";
import type { ServerUnderTest } from "./server.ts";

const workers = 2;

export async function startPortcullisWorkers(): Promise<ServerUnderTest> {
  const server = await openPortcullis({ workers });
  // The program runs in every worker too, and has done there what it is to do.
  if (cluster.isWorker) return new Promise(() => {});
  return {
    ...server,
    cpuOfOthers: () =>
      Object.values(cluster.workers ?? {})
        .map((worker) => processCpu(worker?.process.pid ?? 0) ?? { userUs: 0, systemUs: 0 })
        .reduce(addCpu),
  };
}
