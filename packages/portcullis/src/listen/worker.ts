/**
 * Listening as a worker: what a primary of ours started serves, together with the others.
 *
 * @module
 */

import cluster from "node:cluster";
import { removeMeshPlace } from "../pubsub/mesh.ts";
import { Handover } from "./handover.ts";
import type { ListenHost } from "./host.ts";
import { open, type PrimaryLetter, seal, type WorkerLetter, workerVariable } from "./letters.ts";
import type { Listening, ListenOptions } from "./listen.ts";
import { meshOf } from "./mesh.ts";

/** How long a bus may take to say how it is. */
const busMs = 5_000;

/** Whether this process was started by a primary of ours. */
export function isWorker(): boolean {
  return cluster.isWorker && process.env[workerVariable] !== undefined;
}

/** Serves when the others can be heard and what they know is known here. */
export async function listenAsWorker(host: ListenHost, options: ListenOptions): Promise<Listening> {
  const primary = new PrimaryLine();
  try {
    return await serve(host, options, primary);
  } catch (error) {
    primary.say({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

async function serve(host: ListenHost, options: ListenOptions, primary: PrimaryLine): Promise<Listening> {
  const { pubsub, clock } = host;
  const handover = new Handover(host);
  primary.say({ kind: "come", node: pubsub.node });
  const { place } = await primary.hears("meet");
  if (place !== null) {
    host.joinBus(meshOf(host, place));
    // A primary that was killed could not: node:cluster ends this process as soon as it is gone.
    process.once("exit", () => {
      if (!process.connected && cluster.worker?.exitedAfterDisconnect !== true) removeMeshPlace(place);
    });
  }
  pubsub.start();
  if (pubsub.status === "none") {
    await new Promise<void>((resolve) => {
      const cancel = clock.after(busMs, resolve);
      pubsub.onStatus(() => {
        cancel();
        resolve();
      });
    });
  }
  primary.say({ kind: "joined" });
  const { known, nodes, port, sharing } = await primary.hears("go");
  await handover.take(known, nodes);
  const listening = await host.serve({ ...options, port }, sharing);
  primary.obey(async (kind) => {
    if (kind === "unlisten") {
      await listening.close();
      return primary.say({ kind: "unlistened" });
    }
    try {
      await (kind === "drain" ? host.drain() : host.close());
    } finally {
      primary.say({ kind: "closed" });
    }
  });
  primary.say({ kind: "listening", port: listening.port });
  return listening;
}

type Order = Extract<PrimaryLetter, { readonly kind: "unlisten" | "drain" | "close" }>["kind"];
type Answer = Exclude<PrimaryLetter, { readonly kind: Order }>;

/** The channel to the primary. */
class PrimaryLine {
  #waiting: ((letter: PrimaryLetter) => void) | null = null;
  #obey: ((order: Order) => Promise<void>) | null = null;

  constructor() {
    process.on("message", (message: unknown) => {
      const letter = open<PrimaryLetter>(message);
      if (letter === null) return;
      if (letter.kind === "meet" || letter.kind === "go") this.#waiting?.(letter);
      else void this.#obey?.(letter.kind);
    });
  }

  say(letter: WorkerLetter): void {
    // The primary may have gone, and this process with it, in a moment.
    if (process.connected) process.send?.(seal(letter), undefined, undefined, () => {});
  }

  hears<Kind extends Answer["kind"]>(kind: Kind): Promise<Extract<Answer, { readonly kind: Kind }>> {
    return new Promise((resolve) => {
      this.#waiting = (letter) => {
        if (letter.kind === kind) resolve(letter as Extract<Answer, { readonly kind: Kind }>);
      };
    });
  }

  obey(obey: (order: Order) => Promise<void>): void {
    this.#obey = obey;
  }
}
