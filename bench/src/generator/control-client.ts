import { connect, type Socket } from "node:net";
import { type ControlRequest, type CpuReading, eachLine, type MemoryReading } from "../servers/control.ts";
import type { Control } from "./control.ts";
import { processCpu } from "./process-cpu.ts";

export interface ControlOptions {
  readonly port: number;
  readonly profileFile?: string | undefined;
  /** The server's process. */
  readonly pid?: number | undefined;
}

/** The generator's end of the control connection. */
export class ControlClient implements Control {
  readonly profileFile: string | undefined;
  readonly #pid: number | undefined;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #lastId = 0;

  private constructor(socket: Socket, { profileFile, pid }: ControlOptions) {
    this.#socket = socket;
    this.profileFile = profileFile;
    this.#pid = pid;
    eachLine(socket, (line) => {
      const { id, value } = JSON.parse(line) as { id: number; value: unknown };
      this.#waiting.get(id)?.resolve(value);
      this.#waiting.delete(id);
    });
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) {
        reject(new Error("The server under test ended in the middle of a run; its own output says why."));
      }
    });
    socket.on("error", () => socket.destroy());
  }

  static open(options: ControlOptions): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port: options.port, host: "127.0.0.1", noDelay: true });
      socket.once("connect", () => resolve(new ControlClient(socket, options)));
      socket.once("error", reject);
    });
  }

  tick(messages: number, payloadBytes: number, at: number): void {
    this.#send({ do: "tick", messages, payloadBytes, at });
  }

  cpu(): Promise<CpuReading> {
    return this.#ask((id) => ({ do: "cpu", id })) as Promise<CpuReading>;
  }

  async cpuFromOutside(): Promise<CpuReading | null> {
    const fromSystem = this.#pid === undefined ? null : processCpu(this.#pid);
    return fromSystem ?? this.cpu();
  }

  memory(settleMs: number): Promise<MemoryReading> {
    return this.#ask((id) => ({ do: "memory", id, settleMs })) as Promise<MemoryReading>;
  }

  async startProfile(): Promise<void> {
    await this.#ask((id) => ({ do: "profile", id }));
  }

  async stopProfile(file: string): Promise<void> {
    await this.#ask((id) => ({ do: "profiled", id, file }));
  }

  close(): void {
    this.#socket.destroy();
  }

  #ask(request: (id: number) => ControlRequest): Promise<unknown> {
    this.#lastId++;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send(request(id));
    });
  }

  #send(request: ControlRequest): void {
    this.#socket.write(`${JSON.stringify(request)}\n`);
  }
}
