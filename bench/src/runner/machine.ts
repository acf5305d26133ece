/** What a reader has to know of the machine, and nothing that names it. */
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly kernel: string;
  readonly node: string;
}

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: distribution() ?? process.platform,
    kernel: release().split("-", 1).join(""),
    node: process.version,
  };
}

/** Processes waiting for a core over the last minute; near 0 on a machine fit for measuring. */
export function loadNow(): number {
  return loadavg()[0] ?? 0;
}

function distribution(): string | undefined {
  try {
    return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
  } catch {
    return undefined; // Not a Linux with that file; the platform's name has to do.
  }
}
