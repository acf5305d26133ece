/** Control of an application that has no door of ours: a client says what is to be broadcast, the system tells what it cost. */
import { createTokens } from "portcullis/token";
import { createPayload, roomTopic } from "../scenario.ts";
import type { CpuReading } from "../servers/control.ts";
import { Connection } from "./connection.ts";
import type { Control } from "./control.ts";
import type { Target } from "./crowd.ts";
import { textFrame } from "./frame.ts";
import { processCpu } from "./process-cpu.ts";

/** The publisher is a subscriber too, one more than are counted. */
export class AppControl implements Control {
  readonly profileFile = undefined;
  readonly #target: Target;
  readonly #publisher: Connection;
  readonly #pid: number | undefined;
  #sequence = 1_000_000;

  private constructor(target: Target, publisher: Connection, pid: number | undefined) {
    this.#target = target;
    this.#publisher = publisher;
    this.#pid = pid;
  }

  static open(target: Target, pid: number | undefined): Promise<AppControl> {
    const { secretKeyBase, salt } = target.credential;
    const token = createTokens({ secretKeyBase }).sign(salt, "publisher");
    return new Promise((resolve, reject) => {
      const publisher: Connection = new Connection({
        ...target,
        index: 0,
        token,
        listener: {
          joined: () => resolve(new AppControl(target, publisher, pid)),
          text: () => {},
          counted: () => {},
          ended: (_connection, why) => reject(new Error(`The publisher could not join the room: ${why}.`)),
        },
      });
    });
  }

  tick(messages: number, payloadBytes: number, at: number): void {
    const frames = Array.from({ length: messages }, () => {
      this.#sequence++;
      const payload = createPayload(this.#sequence, payloadBytes, at);
      return textFrame(this.#target.dialect.say(payload, roomTopic));
    });
    this.#publisher.write(Buffer.concat(frames));
  }

  async cpu(): Promise<CpuReading | null> {
    return this.#pid === undefined ? null : processCpu(this.#pid);
  }

  cpuFromOutside(): Promise<CpuReading | null> {
    return this.cpu();
  }

  memory(): Promise<never> {
    return Promise.reject(
      new Error("Nobody outside can make it collect; the catalogue keeps it out of this workload."),
    );
  }

  startProfile(): Promise<never> {
    return Promise.reject(new Error("It has no profiler of V8's; leave it out of `--profile`."));
  }

  stopProfile(): Promise<never> {
    return this.startProfile();
  }

  close(): void {
    this.#publisher.destroy();
  }
}
