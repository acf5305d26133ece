import type { CpuReading, MemoryReading } from "../servers/control.ts";

/** How a workload makes a server publish, and learns what it has used. */
export interface Control {
  /** Where the server is to write a profile of the measured window; normally it makes none. */
  readonly profileFile: string | undefined;
  /** Makes the server publish `messages` broadcasts in one synchronous run, stamped with `at`. */
  tick(messages: number, payloadBytes: number, at: number): void;
  /** Null where nobody can tell. */
  cpu(): Promise<CpuReading | null>;
  /** Without asking the server, who may be too busy to answer. */
  cpuFromOutside(): Promise<CpuReading | null>;
  memory(settleMs: number): Promise<MemoryReading>;
  startProfile(): Promise<void>;
  stopProfile(file: string): Promise<void>;
  close(): void;
}
