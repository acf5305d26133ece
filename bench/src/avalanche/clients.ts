/** One generator's share of the clients: joined, pushing, sent away, and watched until they are back. */
import { setTimeout as sleep } from "node:timers/promises";
import { createTokens } from "portcullis/token";
import { difference } from "../generator/window.ts";
import { benchSecretKeyBase, tokenSalt } from "../scenario.ts";
import { type CpuReading, readCpu } from "../servers/control.ts";
import type { Deploy } from "./plan.ts";
import { ReturningClient } from "./returning-client.ts";

export interface ClientsJob {
  readonly deploy: Deploy;
  readonly port: number;
  /** This generator is the `index`th, from 0, of `of`. */
  readonly share: { readonly index: number; readonly of: number };
}

export interface ClientsOutcome {
  /** Of every client that came back: when it lost its connection, and when it had joined again. */
  readonly returns: readonly (readonly [lostAtUs: number, joinedAtUs: number])[];
  /** Clients that were not back in time, or were told not to come. */
  readonly gaveUp: number;
  /** Attempts to connect of all, the successful ones included. */
  readonly attempts: number;
  /** Pushes acknowledged, by client. */
  readonly acknowledged: readonly (readonly [client: number, pushes: number])[];
  readonly cpu: CpuReading;
}

const openConcurrency = 64;
const lookEveryMs = 20;

export class Clients {
  readonly #deploy: Deploy;
  readonly #clients: readonly ReturningClient[];
  #onJoined: (() => void)[] = [];
  #cpuBefore = readCpu();

  constructor({ deploy, port, share }: ClientsJob) {
    this.#deploy = deploy;
    const tokens = createTokens({ secretKeyBase: benchSecretKeyBase });
    this.#clients = Array.from({ length: deploy.clients }, (_, number) => number)
      .filter((number) => number % share.of === share.index)
      .map((number) => {
        const token = tokens.sign(tokenSalt, `user-${number}`);
        const options = { number, port, token, pushEveryMs: deploy.pushEveryMs };
        return new ReturningClient(options, () => this.#onJoined.pop()?.());
      });
  }

  /** Joins all, a few at a time, and lets them push until each was acknowledged once. */
  async gather(): Promise<void> {
    const waiting = [...this.#clients];
    const openNext = async (): Promise<void> => {
      for (let client = waiting.shift(); client !== undefined; client = waiting.shift()) {
        const joined = new Promise<void>((resolve) => this.#onJoined.push(resolve));
        client.connect();
        await joined;
      }
    };
    await Promise.all(Array.from({ length: Math.min(openConcurrency, waiting.length) }, openNext));
    for (const [index, client] of this.#clients.entries()) {
      client.startPushing((index / this.#clients.length) * this.#deploy.pushEveryMs);
    }
    await this.#until(() => this.#clients.every(({ acknowledged }) => acknowledged > 0));
    this.#cpuBefore = readCpu();
  }

  /** Waits until everybody was sent away, came back, and had a push acknowledged there. */
  async allBack(): Promise<ClientsOutcome> {
    await this.#until(() => this.#clients.every(isBack));
    const back = this.#clients.filter(isBack);
    const cpu = difference(readCpu(), this.#cpuBefore);
    for (const client of this.#clients) client.stop();
    return {
      returns: back.map(({ lostAtUs, joinedAtUs }) => [lostAtUs ?? joinedAtUs, joinedAtUs]),
      gaveUp: this.#clients.length - back.length,
      attempts: this.#clients.reduce((sum, { attempts }) => sum + attempts, 0),
      acknowledged: this.#clients.map(({ number, acknowledged }) => [number, acknowledged]),
      cpu,
    };
  }

  async #until(holds: () => boolean): Promise<void> {
    const end = performance.now() + this.#deploy.patienceMs;
    while (!holds() && performance.now() < end) await sleep(lookEveryMs);
  }
}

function isBack({ lostAtUs, joined, acknowledgedSince }: ReturningClient): boolean {
  return lostAtUs !== null && joined && acknowledgedSince > 0;
}
