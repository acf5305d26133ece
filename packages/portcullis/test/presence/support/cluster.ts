/** Several nodes with a bus between them that can be cut, slow, forgetful or repetitive. One clock, which stands still. */
import type { Presence, PresenceEndpoint, PresenceOwner } from "../../../src/presence/presence.ts";
import { type ControlMessage, PubSub } from "../../../src/pubsub/pubsub.ts";
import { silentLogger } from "../../../src/telemetry/logger.ts";
import { Telemetry } from "../../../src/telemetry/telemetry.ts";
import { FakeClock, settled } from "../../support/clock.ts";

type Meta = Record<string, unknown>;

export const topic = "room:1";

/** Resolves when one node has told the others, and those have told their subscribers. */
export async function happened(): Promise<void> {
  await settled();
  await settled();
}

export class Cluster {
  readonly clock = new FakeClock();
  readonly nodes: Node[] = [];
  /** Every message that went from one node to another, as JSON. */
  readonly sent: { readonly from: Node; readonly text: string }[] = [];
  /** Which messages arrive, and how often. */
  copies: (from: Node, to: Node) => number = () => 1;
  readonly #presence: () => Presence<Meta, undefined>;

  constructor(presence: () => Presence<Meta, undefined>) {
    this.#presence = presence;
  }

  /** Starts a node. It is heard from the first moment. */
  async node(): Promise<Node> {
    const node = new Node(this, this.#presence());
    this.nodes.push(node);
    node.presence.start(node);
    await happened();
    return node;
  }

  /** Lets time pass, and what follows from it happen. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await happened();
  }

  relay(from: Node, message: ControlMessage): void {
    const text = JSON.stringify(message);
    this.sent.push({ from, text });
    for (const to of this.nodes) {
      if (to === from || !from.alive || !to.alive) continue;
      for (let copies = this.copies(from, to); copies > 0; copies -= 1) to.hear(JSON.parse(text) as ControlMessage);
    }
  }
}

export class Node implements PresenceEndpoint {
  readonly presence: Presence<Meta, undefined>;
  readonly pubsub = new PubSub();
  readonly reported: { readonly name: string; readonly metadata: object }[] = [];
  readonly diffs: { readonly joins: readonly string[]; readonly leaves: readonly string[] }[] = [];
  readonly #closing: (() => void)[] = [];
  readonly "~parts": PresenceEndpoint["~parts"];
  /** A process that died says nothing any more, and hears nothing. */
  alive = true;
  #hearing = false;

  constructor(cluster: Cluster, presence: Presence<Meta, undefined>) {
    this.presence = presence;
    const { clock } = cluster;
    const telemetry = new Telemetry({
      logger: silentLogger,
      clock,
      listener: (name, metadata) => void this.reported.push({ name, metadata }),
    });
    this["~parts"] = { pubsub: this.pubsub, clock, telemetry, onClose: (task) => void this.#closing.push(task) };
    this.pubsub.onControl((message) => {
      // First of all listeners: what was heard isn't passed on, what is said in answer is.
      if (!this.#hearing) cluster.relay(this, message);
      this.#hearing = false;
    });
    this.pubsub.subscribe(topic, {
      deliver: ({ payload }) => {
        const { joins, leaves } = payload as { joins: object; leaves: object };
        this.diffs.push({ joins: Object.keys(joins), leaves: Object.keys(leaves) });
      },
    });
  }

  broadcast(name: string, event: string, payload: object): void {
    this.pubsub.broadcast(name, event, payload);
  }

  localBroadcast(name: string, event: string, payload: object): void {
    this.pubsub.localBroadcast(name, event, payload);
  }

  hear(message: ControlMessage): void {
    this.#hearing = true;
    this.pubsub.control(message);
  }

  /** Somebody with a channel on this node. */
  visitor(): PresenceOwner & { leave(): void } {
    const end = new AbortController();
    return { topic, endpoint: this, signal: end.signal, leave: () => end.abort() };
  }

  /** Tracks `key` for as long as the node lives. */
  async track(key: string, meta: Meta = {}): Promise<PresenceOwner & { leave(): void }> {
    const visitor = this.visitor();
    this.presence.track(visitor, key, meta);
    await happened();
    return visitor;
  }

  /** Who the node thinks is there. */
  get keys(): readonly string[] {
    return Object.keys(this.presence.list(this, topic)).sort();
  }

  close(): void {
    for (const task of this.#closing) task();
  }
}
