/** A measured window: what the server, the generator and the whole machine used between two moments. */
import { readFileSync } from "node:fs";
import { type CpuReading, readCpu } from "../servers/control.ts";
import type { ControlClient } from "./control-client.ts";

export interface WindowUse {
  readonly wallMs: number;
  readonly serverCpu: CpuReading;
  readonly generatorCpu: CpuReading;
  /** Processor time of everything else on the machine; null where the system does not tell. */
  readonly othersCpuUs: number | null;
}

export class MeasuredWindow {
  readonly #control: ControlClient;
  readonly #server: CpuReading;
  readonly #generator = readCpu();
  readonly #machineUs = machineBusyUs();
  readonly #begin = performance.now();

  private constructor(control: ControlClient, server: CpuReading) {
    this.#control = control;
    this.#server = server;
  }

  /** Opens at the moment the server's reading is back. */
  static async open(control: ControlClient): Promise<MeasuredWindow> {
    if (control.profileFile !== undefined) {
      await control.startProfile();
    }
    return new MeasuredWindow(control, await control.cpu());
  }

  async close(): Promise<WindowUse> {
    const server = await this.#control.cpu();
    const wallMs = performance.now() - this.#begin;
    const serverCpu = difference(server, this.#server);
    const generatorCpu = difference(readCpu(), this.#generator);
    const machineUs = machineBusyUs();
    if (this.#control.profileFile !== undefined) {
      await this.#control.stopProfile(this.#control.profileFile);
    }
    const ours = totalUs(serverCpu) + totalUs(generatorCpu);
    const othersCpuUs =
      machineUs === undefined || this.#machineUs === undefined ? null : Math.max(0, machineUs - this.#machineUs - ours);
    return { wallMs, serverCpu, generatorCpu, othersCpuUs };
  }
}

export function totalUs(cpu: CpuReading): number {
  return cpu.userUs + cpu.systemUs;
}

function difference(later: CpuReading, earlier: CpuReading): CpuReading {
  return { userUs: later.userUs - earlier.userUs, systemUs: later.systemUs - earlier.systemUs };
}

/** Busy time of all cores, stolen time included (Linux: /proc/stat counts in hundredths of a second). */
function machineBusyUs(): number | undefined {
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
