/** A measured window: what the server, the generator and the whole machine used between two moments. */
import { machineBusyUs, othersUs } from "../runner/machine.ts";
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
    const othersCpuUs = othersUs(this.#machineUs, totalUs(serverCpu) + totalUs(generatorCpu));
    if (this.#control.profileFile !== undefined) {
      await this.#control.stopProfile(this.#control.profileFile);
    }
    return { wallMs, serverCpu, generatorCpu, othersCpuUs };
  }
}

export function totalUs(cpu: CpuReading): number {
  return cpu.userUs + cpu.systemUs;
}

export function difference(later: CpuReading, earlier: CpuReading): CpuReading {
  return { userUs: later.userUs - earlier.userUs, systemUs: later.systemUs - earlier.systemUs };
}
