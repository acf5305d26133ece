import { serverEntry } from "../servers/catalogue.ts";
import type { Planned } from "./schedule.ts";

/** A line that tells where a run is and about how long it will take; rewritten in place on a terminal. */
export class Progress {
  readonly #planned: readonly Planned[];
  readonly #begin = Date.now();
  readonly #secondsOf = new Map<string, number>();
  #lastName = "";
  #lastBegin = Date.now();

  constructor(planned: readonly Planned[]) {
    this.#planned = planned;
  }

  before(next: Planned, index: number): void {
    this.#learn();
    this.#lastName = next.named.name;
    this.#lastBegin = Date.now();
    const done = "█".repeat(Math.round((index / this.#planned.length) * 20)).padEnd(20, "░");
    const left = Math.ceil(
      this.#planned.slice(index).reduce((sum, { named }) => sum + this.#expectedSeconds(named), 0),
    );
    const title = serverEntry(next.server).title.replaceAll("`", "");
    this.#print(
      `${done} ${index + 1}/${this.#planned.length}  ${next.named.name}, ${title}, ` +
        `repeat ${next.repeat} of ${next.named.repeats}, about ${left} s left`,
    );
  }

  end(): void {
    this.#print(`${"█".repeat(20)} ${this.#planned.length} runs in ${Math.round((Date.now() - this.#begin) / 1000)} s`);
    process.stderr.write("\n");
  }

  #learn(): void {
    if (this.#lastName !== "") {
      this.#secondsOf.set(this.#lastName, (Date.now() - this.#lastBegin) / 1000);
    }
  }

  #expectedSeconds({ name, workload }: Planned["named"]): number {
    const known = this.#secondsOf.get(name);
    if (known !== undefined) {
      return known;
    }
    switch (workload.kind) {
      case "connect":
        return 1 + (workload.warmUp + workload.connections) / 2_000;
      case "memory":
        return 1 + (workload.settleMs * 2) / 1000 + workload.connections / 2_000;
      case "echo":
      case "chat":
        return openingSeconds(workload.connections) + (workload.warmUpMs + workload.windowMs) / 1000;
      case "broadcast":
        return openingSeconds(workload.subscribers) + (workload.warmUpMs + workload.windowMs) / 1000;
      case "offered":
        // Servers that fall behind are waited for, and then take their time to end.
        return openingSeconds(workload.subscribers) + 2 + (workload.warmUpMs + workload.windowMs) / 1000;
      case "slow-reader":
        return openingSeconds(workload.subscribers) + (workload.warmUpMs + 2 * workload.windowMs) / 1000;
    }
  }

  #print(line: string): void {
    process.stderr.write(process.stderr.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
  }
}

function openingSeconds(connections: number): number {
  return 1 + connections / 2_000;
}
