import { readFileSync } from "node:fs";
import type { CpuReading } from "../servers/control.ts";

/** Microseconds of one tick of /proc, which counts in hundredths of a second on every Linux. */
const tickUs = 10_000;

/** What a process of this machine has used, all its threads together; null where the system does not tell. */
export function processCpu(pid: number): CpuReading | null {
  try {
    return cpuOf(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return null; // No Linux, or no such process.
  }
}

/** The 14th and 15th field. The 2nd is the program's name in brackets, which may hold spaces and brackets. */
export function cpuOf(stat: string): CpuReading {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { userUs: Number(fields[11]) * tickUs, systemUs: Number(fields[12]) * tickUs };
}
