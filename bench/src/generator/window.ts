/** A measured window: what the server, the generator and the whole machine used between two moments. */
import { machineBusyUs, othersUs } from "../runner/machine.ts";
import { type CpuReading, readCpu } from "../servers/control.ts";
import type { Control } from "./control.ts";
import { busyUs, type Spin } from "./spin.ts";

export interface WindowUse {
  readonly wallMs: number;
  /** Null where nobody can tell: a server on another machine. */
  readonly serverCpu: CpuReading | null;
  /** Time the generator worked; spinning for want of work is not work. */
  readonly generatorBusyUs: number;
  /** Processor time of everything else on the machine; null where the system does not tell. */
  readonly othersCpuUs: number | null;
}

export interface WindowOptions {
  /** What keeps the generator awake; left out, it sleeps when it has nothing to do. */
  readonly spin?: Spin;
  /** Reads what the server has used; asks the server when left out. */
  readonly readServer?: () => Promise<CpuReading | null>;
}

export class MeasuredWindow {
  readonly #control: Control;
  readonly #options: WindowOptions;
  readonly #server: CpuReading | null;
  readonly #generator = readCpu();
  readonly #machineUs = machineBusyUs();
  readonly #begin = performance.now();
  readonly #turns: number;

  private constructor(control: Control, options: WindowOptions, server: CpuReading | null) {
    this.#control = control;
    this.#options = options;
    this.#server = server;
    this.#turns = options.spin?.turns ?? 0;
  }

  /** Opens at the moment the server's reading is back. */
  static async open(control: Control, options: WindowOptions = {}): Promise<MeasuredWindow> {
    if (control.profileFile !== undefined) {
      await control.startProfile();
    }
    return new MeasuredWindow(control, options, await (options.readServer ?? (() => control.cpu()))());
  }

  async close(): Promise<WindowUse> {
    const { spin, readServer = () => this.#control.cpu() } = this.#options;
    const server = await readServer();
    const wallMs = performance.now() - this.#begin;
    const serverCpu = server === null || this.#server === null ? null : difference(server, this.#server);
    const generatorUs = totalUs(difference(readCpu(), this.#generator));
    const generatorBusyUs =
      spin === undefined ? generatorUs : busyUs(wallMs * 1000, spin.turns - this.#turns, spin.emptyTurnUs);
    // A server elsewhere, or one nobody told the process of, is among the others.
    const oursUs = generatorUs + (serverCpu === null ? 0 : totalUs(serverCpu));
    const othersCpuUs = othersUs(this.#machineUs, oursUs);
    if (this.#control.profileFile !== undefined) {
      await this.#control.stopProfile(this.#control.profileFile);
    }
    return { wallMs, serverCpu, generatorBusyUs, othersCpuUs };
  }
}

export function totalUs(cpu: CpuReading): number {
  return cpu.userUs + cpu.systemUs;
}

export function difference(later: CpuReading, earlier: CpuReading): CpuReading {
  return { userUs: later.userUs - earlier.userUs, systemUs: later.systemUs - earlier.systemUs };
}
