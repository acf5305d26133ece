/**
 * The nodes of one case of the adapter suite, and what they heard.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import { defineEndpoint, type Endpoint } from "../endpoint.ts";
import type { Awaitable } from "../outcome.ts";
import type { AdapterLink } from "../pubsub/adapter.ts";
import { silentLogger } from "../telemetry/logger.ts";
import type { MountOptions } from "../transport/options.ts";
import type { AdapterHarness, AdapterSuiteOptions } from "./adapter-suite.ts";
import { brief, failure } from "./brief.ts";
import { afterReal } from "./settle.ts";

/** What a case does. */
export type ClusterBody = (cluster: Cluster) => Promise<void>;

/** A text as it arrived. */
export interface HeardText {
  readonly channel: string;
  readonly text: string;
}

const probe = "is anybody there? ";

/** One node, without an endpoint. */
export class BusNode {
  readonly heard: HeardText[] = [];
  readonly statuses: ("up" | "down")[] = [];
  readonly probes: Set<string> = new Set();
  readonly link: AdapterLink;

  constructor(harness: AdapterHarness) {
    this.link = harness.adapter().connect({
      message: (channel, text) => {
        if (text.startsWith(probe)) this.probes.add(`${channel} ${text}`);
        else this.heard.push({ channel, text });
      },
      status: (status) => void this.statuses.push(status),
    });
  }

  /** The texts it heard on a channel. */
  on(channel: string): readonly string[] {
    return this.heard.filter((heard) => heard.channel === channel).map(({ text }) => text);
  }
}

export class Cluster {
  readonly harness: AdapterHarness;
  readonly options: Required<AdapterSuiteOptions>;
  readonly #nodes: BusNode[] = [];
  readonly #endpoints: Endpoint[] = [];
  readonly #secretKeyBase = randomBytes(48).toString("base64");
  #probes = 0;

  private constructor(harness: AdapterHarness, options: Required<AdapterSuiteOptions>) {
    this.harness = harness;
    this.options = options;
  }

  static async run(options: Required<AdapterSuiteOptions>, body: ClusterBody): Promise<void> {
    const cluster = new Cluster(await options.create(), options);
    try {
      await body(cluster);
    } finally {
      await cluster.#close();
    }
  }

  /** So many nodes. */
  nodes<Count extends 1 | 2 | 3>(count: Count): NodesOf<Count> {
    const nodes = Array.from({ length: count }, () => new BusNode(this.harness));
    this.#nodes.push(...nodes);
    return nodes as unknown as NodesOf<Count>;
  }

  /** An endpoint on the bus, with the secret of the others. */
  endpoint<const Sockets extends Readonly<Record<string, MountOptions>>>(sockets: Sockets): Endpoint<Sockets> {
    const endpoint = defineEndpoint<Sockets>({
      secretKeyBase: this.#secretKeyBase,
      logger: silentLogger,
      pubsub: this.harness.adapter(),
      sockets: sockets as Sockets & Record<keyof Sockets, never>,
    });
    this.#endpoints.push(endpoint);
    return endpoint;
  }

  /** Subscribes, and waits until texts of `from` arrive. */
  async subscribed(from: BusNode, to: BusNode, channel: string): Promise<void> {
    to.link.subscribe(channel);
    await this.reaches(from, to, channel);
  }

  /** Waits until texts of `from` arrive. */
  async reaches(from: BusNode, to: BusNode, channel: string): Promise<void> {
    this.#probes += 1;
    const text = `${probe}${this.#probes}`;
    const arrived = (): boolean => to.probes.has(`${channel} ${text}`);
    await this.until(
      () => {
        if (arrived()) return true;
        from.link.publish(channel, text);
        return false;
      },
      () => `a subscription of ${brief(channel)} to be heard`,
    );
  }

  /** Waits until `holds`, looking less and less often. */
  async until(holds: () => boolean, what: () => string): Promise<void> {
    let late = false;
    const cancel = afterReal(this.options.withinMs, () => {
      late = true;
    });
    try {
      for (let everyMs = 1; !holds(); everyMs = Math.min(everyMs * 2, 32)) {
        if (late) throw failure(`Expected ${what()} within ${this.options.withinMs} ms.`);
        await pause(everyMs);
      }
    } finally {
      cancel();
    }
  }

  /** Waits until a node heard these texts on a channel, in this order, and then that nothing else comes. */
  async hears(node: BusNode, channel: string, texts: readonly string[]): Promise<void> {
    await this.until(
      () => node.on(channel).length >= texts.length,
      () => `${texts.length} texts to arrive on ${brief(channel)}, got ${node.on(channel).length}`,
    );
    await this.quiet();
    const got = node.on(channel);
    const wrong = got.findIndex((text, index) => text !== texts[index]);
    if (wrong !== -1 || got.length !== texts.length) {
      const index = wrong === -1 ? got.length : wrong;
      throw failure(
        `Expected texts to arrive as they were published, each once: as number ${index} on ${brief(channel)} expected ${brief(texts[index])}, got ${brief(got[index])}.`,
      );
    }
  }

  /** Lets what may still be under way arrive. */
  quiet(): Promise<void> {
    return pause(this.options.quietMs);
  }

  async #close(): Promise<void> {
    const closing = Promise.all([
      ...this.#nodes.map(({ link }) => link.close()),
      ...this.#endpoints.map((endpoint) => endpoint.close()),
    ]);
    await this.inTime(closing, "leaving the bus to be done");
    await this.harness.close?.();
  }

  /** Waits for a promise, but not for ever. */
  async inTime<Value>(promise: Awaitable<Value>, what: string): Promise<Value> {
    let cancel = (): void => {};
    const late = new Promise<never>((_resolve, reject) => {
      const { withinMs } = this.options;
      cancel = afterReal(withinMs, () => reject(failure(`Expected ${what} within ${withinMs} ms.`)));
    });
    return Promise.race([promise, late]).finally(cancel);
  }
}

type NodesOf<Count extends 1 | 2 | 3> = {
  1: readonly [BusNode];
  2: readonly [BusNode, BusNode];
  3: readonly [BusNode, BusNode, BusNode];
}[Count];

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void afterReal(ms, resolve));
}
