/** What a reader has to know of the machine, and nothing that names it; and what all of it was busy with. */
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

/** Busy time of all cores, stolen time included (Linux: /proc/stat counts in hundredths of a second). */
export function machineBusyUs(): number | undefined {
  if (process.platform !== "linux") {
    return undefined;
  }
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = readFileSync("/proc/stat", "latin1")
    .slice(0, 256)
    .split("\n", 1)
    .join("")
    .split(/\s+/)
    .map(Number);
  return (user + nice + system + irq + softIrq + steal) * 10_000;
}

/** Processor time of everything but `oursUs` since {@link machineBusyUs} was `beforeUs`; null where the system does not tell. */
export function othersUs(beforeUs: number | undefined, oursUs: number): number | null {
  const nowUs = machineBusyUs();
  return nowUs === undefined || beforeUs === undefined ? null : Math.max(0, nowUs - beforeUs - oursUs);
}
