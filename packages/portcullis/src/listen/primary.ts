/**
 * Listening as the primary: starts the workers, replaces those that die, and ends them all.
 *
 * @module
 */

import cluster, { type Worker } from "node:cluster";
import { availableParallelism } from "node:os";
import type { Cancel } from "../clock.ts";
import { PortcullisError } from "../errors.ts";
import { bounds } from "../limit/bounds.ts";
import { type MeshPlace, makeMeshPlace, removeMeshPlace } from "../pubsub/mesh.ts";
import type { ListenHost } from "./host.ts";
import { open, type PrimaryLetter, seal, type WorkerLetter, workerVariable } from "./letters.ts";
import { type Listening, type ListenOptions, toListening } from "./listen.ts";
import { meshOf } from "./mesh.ts";
import { findPort, type Port } from "./port.ts";

/** Deaths in a row, each of a worker that hasn't lived for long, after which something is wrong with the program. */
const deathsMax = 3;
const longMs = 5_000;
/** How long to wait before a worker is replaced: nothing at first, then this and each time twice as long. */
const replaceMs = { least: 100, most: 30_000 };
/** How long a worker that has closed may take to end by itself, to end when it is told to, and to close at all. */
const endMs = 1_000;
const killMs = 5_000;
const closeMs = 10_000;

/** One worker, from its start to its end. */
interface Hand {
  readonly index: number;
  readonly worker: Worker;
  readonly startedAt: number;
  /** Its name on the bus. */
  node: string | null;
  isListening: boolean;
  failure: string | null;
  /** Called when it has stopped listening. */
  readonly unlistened: (() => void)[];
  /** Of whatever ends it if it doesn't end by itself. */
  cancel: Cancel;
}

/** How many workers are wanted. Throws TypeError for what is no number of them. */
export function workerCount(workers: number | "auto"): number {
  const count = workers === "auto" ? availableParallelism() : workers;
  if (!Number.isInteger(count) || count < 1 || count > bounds.workersMax)
    throw new TypeError(
      `Expected workers to be "auto" or a number from 1 to ${bounds.workersMax}, got ${String(workers)}.`,
    );
  return count;
}

/** The workers of one endpoint. */
export class Workers {
  readonly #host: ListenHost;
  readonly #options: ListenOptions;
  readonly #count: number;
  readonly #place: MeshPlace | null;
  readonly #hands = new Map<number, Hand>();
  readonly #replacing = new Set<Cancel>();
  readonly #removePlace = (): void => {
    if (this.#place !== null) removeMeshPlace(this.#place);
  };
  #port: Port | null = null;
  /** The port workers really have. */
  #portHeld = 0;
  /** Workers are not replaced any more. */
  #isLast = false;
  #deaths = 0;
  #started: { resolve(): void; reject(error: Error): void } | null = null;
  #ended: (() => void)[] = [];

  /** @throws PortcullisError `definition_invalid` where workers can't be had. */
  constructor(host: ListenHost, options: ListenOptions, count: number) {
    // Workers are the process's, and one program runs in all of them: it can't be told which of two it is run for.
    if (cluster.isWorker || Object.keys(cluster.workers ?? {}).length > 0) {
      throw new PortcullisError(
        "definition_invalid",
        cluster.isWorker
          ? "Expected no `workers` in a worker of node:cluster: whoever started it looks after it. Leave them out, or start the program without a cluster."
          : "Expected one `listen` with `workers` in a process: it has workers already. Let it serve both, or leave them out here.",
      );
    }
    this.#host = host;
    this.#options = options;
    this.#count = count;
    this.#place = host.hasBus ? null : makeMeshPlace();
    process.once("exit", this.#removePlace);
  }

  /** Resolves when all listen. When that fails, those that do are ended. */
  async start(): Promise<Listening> {
    const { pubsub } = this.#host;
    try {
      this.#port = await findPort(this.#options);
      if (this.#place !== null) this.#host.joinBus(meshOf(this.#host, this.#place));
      pubsub.start();
      const started = new Promise<void>((resolve, reject) => {
        this.#started = { resolve, reject };
      });
      for (let index = 1; index <= this.#count; index += 1) this.#fork(index);
      await started;
      this.#started = null;
      this.#port.release();
    } catch (error) {
      this.#port?.release();
      this.#started = null;
      await this.end("close");
      if (this.#place !== null) await pubsub.close();
      this.dispose();
      throw error;
    }
    return toListening(this.#options, this.#portHeld, async () => {
      this.#stopReplacing();
      await Promise.all([...this.#hands.values()].map((hand) => this.#unlisten(hand)));
    });
  }

  /** Has every worker drain or close, and end. Resolves when the last has. */
  async end(how: "drain" | "close"): Promise<void> {
    this.#stopReplacing();
    this.#started?.reject(new Error("This endpoint was closed before its workers listened."));
    const { clock, drainLimitMs } = this.#host;
    for (const hand of this.#hands.values()) {
      if (!hand.isListening) {
        this.#endNow(hand);
        continue;
      }
      this.#say(hand, { kind: how });
      hand.cancel();
      hand.cancel = clock.after(closeMs + (how === "drain" ? drainLimitMs : 0), () => this.#kill(hand, "SIGKILL"));
    }
    if (this.#hands.size > 0) await new Promise<void>((resolve) => void this.#ended.push(resolve));
  }

  /** Called last: takes away where they met. */
  dispose(): void {
    process.off("exit", this.#removePlace);
    this.#removePlace();
  }

  /** Resolves when nobody is let in by it any more. */
  async #unlisten(hand: Hand): Promise<void> {
    if (!hand.isListening) return this.#endNow(hand);
    const unlistened = new Promise<void>((resolve) => void hand.unlistened.push(resolve));
    this.#say(hand, { kind: "unlisten" });
    await unlistened;
  }

  #stopReplacing(): void {
    this.#isLast = true;
    for (const cancel of this.#replacing) cancel();
    this.#replacing.clear();
  }

  #fork(index: number): void {
    const { clock, telemetry } = this.#host;
    const worker = cluster.fork({ [workerVariable]: String(index) });
    const startedAt = clock.now();
    const hand: Hand = {
      ...{ index, worker, startedAt, node: null, isListening: false },
      ...{ failure: null, unlistened: [], cancel() {} },
    };
    this.#hands.set(index, hand);
    worker.on("message", (message: unknown) => {
      const letter = open<WorkerLetter>(message);
      if (letter !== null) this.#hear(hand, letter);
    });
    worker.on("error", (error) => {
      telemetry.error("worker", `worker ${index} could not be started, or spoken to`, error);
      // It never began, and so won't end.
      if (worker.process.pid === undefined) this.#exited(hand, null, null);
    });
    worker.once("exit", (code: number | null, signal: string | null) => this.#exited(hand, code, signal));
    telemetry.emit("worker.started", { worker: index });
  }

  #hear(hand: Hand, letter: WorkerLetter): void {
    switch (letter.kind) {
      case "come":
        hand.node = letter.node;
        return this.#say(hand, { kind: "meet", place: this.#place });
      case "joined":
        return this.#say(hand, this.#go());
      case "listening":
        return this.#listens(hand, letter.port);
      case "failed":
        hand.failure = letter.reason;
        hand.cancel();
        // Most programs end by themselves then.
        hand.cancel = this.#host.clock.after(endMs, () => this.#endNow(hand));
        return;
      case "unlistened":
        for (const resolve of hand.unlistened.splice(0)) resolve();
        return;
      case "closed":
        return this.#closed(hand);
    }
  }

  #go(): Extract<PrimaryLetter, { readonly kind: "go" }> {
    const { port, sharing } = this.#port as Port;
    const others = [...this.#hands.values()].filter(({ isListening }) => isListening);
    return {
      kind: "go",
      known: this.#host.revocations.known("all"),
      nodes: others.flatMap(({ node }) => node ?? []),
      // node:cluster knows a port it found as the one that was asked for, 0, until nobody has it any more.
      port: others.length === 0 && this.#portHeld !== 0 ? this.#portHeld : port,
      sharing,
    };
  }

  #listens(hand: Hand, port: number): void {
    if (this.#portHeld !== 0 && this.#portHeld !== port) {
      // The last of the others died while it was on its way.
      hand.failure = `it listens on port ${port}, and the others on ${this.#portHeld}`;
      return this.#endNow(hand);
    }
    this.#portHeld = port;
    hand.isListening = true;
    const listening = [...this.#hands.values()].filter(({ isListening }) => isListening).length;
    if (listening === this.#count) this.#started?.resolve();
  }

  #closed(hand: Hand): void {
    const { clock } = this.#host;
    hand.cancel();
    // Nothing of ours keeps it alive then. What of the program's own does is told to stop, as anybody is.
    if (hand.worker.isConnected()) hand.worker.disconnect();
    hand.cancel = clock.after(endMs, () => this.#endNow(hand));
  }

  #endNow(hand: Hand): void {
    this.#kill(hand, "SIGTERM");
    hand.cancel();
    hand.cancel = this.#host.clock.after(killMs, () => this.#kill(hand, "SIGKILL"));
  }

  #kill(hand: Hand, signal: NodeJS.Signals): void {
    hand.worker.process.kill(signal);
  }

  #exited(hand: Hand, code: number | null, signal: string | null): void {
    const { telemetry, pubsub } = this.#host;
    hand.cancel();
    for (const resolve of hand.unlistened.splice(0)) resolve();
    this.#hands.delete(hand.index);
    telemetry.emit("worker.exited", { worker: hand.index, code, signal, wasAsked: this.#isLast });
    // Whatever waits for it, or shows who was there, need not wait until it has been silent for long.
    if (hand.node !== null) pubsub.control({ kind: "gone", id: hand.node });
    if (!this.#isLast) this.#replace(hand, signal ?? `code ${code}`);
    else if (this.#hands.size === 0) for (const resolve of this.#ended.splice(0)) resolve();
  }

  #replace({ index, startedAt, isListening, failure }: Hand, how: string): void {
    const { clock, telemetry } = this.#host;
    const livedLong = isListening && clock.now() - startedAt >= longMs;
    this.#deaths = livedLong ? 0 : this.#deaths + 1;
    if (this.#deaths >= deathsMax) {
      const error = new PortcullisError(
        "workers_failed",
        `${this.#deaths} workers in a row died soon after they were started, the last one with ${how}${failure === null ? "" : `: ${failure}`}. ` +
          "What they wrote before that says why; the program is the same in every process.",
      );
      if (this.#started !== null) return this.#started.reject(error);
      telemetry.error("workers", "workers die as soon as they are started", error);
    } else {
      telemetry.warn(`worker ${how}`, () => `portcullis: worker ${index} ended with ${how}, and is replaced.`);
    }
    const waitMs = this.#deaths === 0 ? 0 : Math.min(replaceMs.least * 2 ** (this.#deaths - 1), replaceMs.most);
    const cancel = clock.after(waitMs, () => {
      this.#replacing.delete(cancel);
      this.#fork(index);
    });
    this.#replacing.add(cancel);
  }

  #say({ worker }: Hand, letter: PrimaryLetter): void {
    // One that has died meanwhile is seen to when its end is known.
    if (worker.isConnected()) worker.process.send(seal(letter), () => {});
  }
}
