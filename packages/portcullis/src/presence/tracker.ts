/**
 * One presence at one endpoint: keeps its state the same as everybody else's in the cluster.
 *
 * What happens here goes to the others at once. Every heartbeat says how far its sender is; who has seen less asks for the
 * rest, so lost messages and healed partitions mend within a heartbeat or two. Who is silent for long is taken for dead:
 * its entries go, and come back if it does (Phoenix.Tracker does the same with the same three times).
 *
 * @module
 */

import type { Cancel } from "../clock.ts";
import type { EndpointParts } from "../pubsub/parts.ts";
import type { ControlMessage } from "../pubsub/pubsub.ts";
import { deltaItemsMax, readMessage, type Tracked, type TrackerMessage, writeMessage } from "./message.ts";
import type { Entry } from "./roster.ts";
import { type Change, PresenceState } from "./state.ts";

/** How long a tracker waits. */
export interface TrackerTiming {
  /** Time between two heartbeats. */
  readonly heartbeatMs: number;
  /** Silence after which a replica counts as down: its entries leave, within this and one heartbeat. */
  readonly downAfterMs: number;
  /** Silence after which nothing is kept of it. */
  readonly permanentDownAfterMs: number;
}

export interface TrackerOptions {
  readonly name: string;
  readonly parts: EndpointParts;
  /** Unique in the cluster, and new with every start of the process. */
  readonly replica: string;
  readonly timing: TrackerTiming;
  /** Other replicas known at a time. Over it, new ones are not heard. */
  readonly replicasMax: number;
  /** Runs `task` soon: what one turn of the event loop did goes out as one message. */
  readonly defer: (task: () => void) => void;
  /** Called for every change of who is there, whoever made it. */
  readonly onChange: (change: Change<Tracked>) => void;
}

interface Peer {
  /** The node it is on. */
  readonly node: string;
  heardAt: number;
  down: boolean;
  /** Until when an answer to the last request may still come. */
  askedUntil: number;
}

export class Tracker {
  readonly state: PresenceState<Tracked>;
  readonly #options: TrackerOptions;
  readonly #peers = new Map<string, Peer>();
  /** Replicas that said they go: late messages don't bring them back. Name -> when it can be forgotten. */
  readonly #departed = new Map<string, number>();
  #stopListening: (() => void) | null = null;
  #cancelTick: Cancel = () => {};
  #tickAt = 0;
  #latest = 0;
  #deferred = false;
  #stopped = false;

  constructor(options: TrackerOptions) {
    this.#options = options;
    this.state = new PresenceState(options.replica);
  }

  /** Makes itself known, and hears the others from here on. Called once. */
  start(): void {
    const { parts, name, timing } = this.#options;
    this.#stopListening = parts.pubsub.onControl((message, node) => this.#hear(name, message, node));
    this.#tickAt = parts.clock.now();
    this.#cancelTick = parts.clock.after(timing.heartbeatMs, () => this.#tick());
    this.#beat(null);
  }

  // --- what this endpoint does --------------------------------------------------------------------------------------

  add(topic: string, key: string, value: Tracked): Entry<Tracked> {
    // Clocks may be set back; the order of tracking may not.
    this.#latest = Math.max(this.#latest, this.#options.parts.clock.now());
    const entry = this.state.add(topic, key, value, this.#latest);
    this.#did({ joined: [entry], left: [] });
    return entry;
  }

  replace(entry: Entry<Tracked>, value: Tracked): Entry<Tracked> {
    const replaced = this.state.replace(entry, value);
    this.#did({ joined: [replaced], left: [entry] });
    return replaced;
  }

  /** Removes entries together: one change, however many. */
  remove(entries: readonly Entry<Tracked>[]): void {
    for (const entry of entries) this.state.remove(entry);
    this.#did({ joined: [], left: entries });
  }

  /** Says good-bye: the others drop its entries at once, all in one change. From here on it keeps to itself. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelTick();
    this.#stopListening?.();
    this.#send({ type: "leave", from: this.state.replica, to: null });
  }

  #did(change: Change<Tracked>): void {
    this.#options.onChange(change);
    if (this.#deferred || this.#stopped) return;
    this.#deferred = true;
    this.#options.defer(() => {
      this.#deferred = false;
      this.#publish();
    });
  }

  #publish(): void {
    const deltas = this.state.takeDeltas(deltaItemsMax);
    // Alone: whoever comes asks for everything.
    if (this.#stopped || this.#peers.size === 0) return;
    for (const delta of deltas) this.#send({ type: "delta", from: this.state.replica, to: null, delta });
  }

  // --- heartbeats ---------------------------------------------------------------------------------------------------

  #tick(): void {
    const { clock } = this.#options.parts;
    const { heartbeatMs } = this.#options.timing;
    this.#cancelTick = clock.after(heartbeatMs, () => this.#tick());
    this.#beat(null);
    const now = clock.now();
    const lateMs = now - this.#tickAt - heartbeatMs;
    this.#tickAt = now;
    // It was this process that slept: what the others said meanwhile has not been read yet.
    if (lateMs > heartbeatMs) for (const peer of this.#peers.values()) peer.heardAt += lateMs;
    for (const [replica, peer] of this.#peers) this.#check(replica, peer, now);
    for (const [replica, until] of this.#departed) if (until <= now) this.#departed.delete(replica);
  }

  #check(replica: string, peer: Peer, now: number): void {
    const { downAfterMs, permanentDownAfterMs } = this.#options.timing;
    const silentMs = now - peer.heardAt;
    if (silentMs >= permanentDownAfterMs) {
      this.#peers.delete(replica);
      this.#changed(this.state.forget(replica));
      this.#report("gone");
    } else if (silentMs >= downAfterMs && !peer.down) {
      peer.down = true;
      this.#changed(this.state.down(replica));
      this.#report("down");
    }
  }

  #beat(to: string | null): void {
    // First what was done: else the others would ask for it.
    this.#publish();
    this.#send({ type: "heartbeat", from: this.state.replica, to, clock: this.state.clock });
  }

  // --- what others say ----------------------------------------------------------------------------------------------

  #hear(name: string, control: ControlMessage, node: string): void {
    if (control.kind === "gone") return this.#lose(control.id);
    if (control.kind !== "presence" || control.name !== name) return;
    const message = readMessage(control.data);
    if (message === null) {
      this.#warn(
        "unreadable",
        "was sent what is no message of it. Another version runs in the cluster, or a stranger.",
      );
      return;
    }
    const { from, to } = message;
    const own = this.state.replica;
    if (from === own || (to !== null && to !== own) || this.#departed.has(from)) return;
    if (message.type === "leave") return this.#depart(from);
    const peer = this.#peers.get(from) ?? this.#meet(from, node);
    if (peer === null) return;
    peer.heardAt = this.#options.parts.clock.now();
    if (peer.down) {
      peer.down = false;
      this.#changed(this.state.up(from));
      this.#report("up");
    }
    this.#answer(message, peer);
  }

  #answer(message: Exclude<TrackerMessage, { readonly type: "leave" }>, peer: Peer): void {
    const { from } = message;
    const own = this.state.replica;
    switch (message.type) {
      case "heartbeat": {
        if (this.state.seen(from) >= message.clock || peer.askedUntil > peer.heardAt) return;
        peer.askedUntil = peer.heardAt + this.#options.timing.heartbeatMs;
        return this.#send({ type: "request", from: own, to: from, since: this.state.seen(from) });
      }
      case "delta":
        return this.#changed(this.state.merge(message.delta));
      case "request": {
        for (const delta of this.state.extract(own, message.since, deltaItemsMax)) {
          this.#send({ type: "delta", from: own, to: from, delta });
        }
      }
    }
  }

  /** A node has died: whoever was there is there no more. */
  #lose(node: string): void {
    for (const [replica, peer] of [...this.#peers]) if (peer.node === node) this.#depart(replica);
  }

  #meet(replica: string, node: string): Peer | null {
    const { replicasMax, parts } = this.#options;
    if (this.#peers.size >= replicasMax) {
      this.#warn(
        "replicas",
        `knows ${replicasMax} replicas and hears no more. Do processes start and die all the time?`,
      );
      return null;
    }
    const peer: Peer = { node, heardAt: parts.clock.now(), down: false, askedUntil: 0 };
    this.#peers.set(replica, peer);
    this.#report("up");
    // It may know as little of this one.
    this.#beat(replica);
    return peer;
  }

  #depart(replica: string): void {
    const { parts, timing, replicasMax } = this.#options;
    if (this.#departed.size < replicasMax) {
      this.#departed.set(replica, parts.clock.now() + timing.permanentDownAfterMs);
    }
    if (!this.#peers.delete(replica)) return;
    this.#changed(this.state.forget(replica));
    this.#report("gone");
  }

  #changed(change: Change<Tracked>): void {
    if (change.joined.length > 0 || change.left.length > 0) this.#options.onChange(change);
  }

  #send(message: TrackerMessage): void {
    const { parts, name } = this.#options;
    parts.pubsub.control({ kind: "presence", name, data: writeMessage(message) });
  }

  #report(status: "up" | "down" | "gone"): void {
    this.#options.parts.telemetry.emit("presence.replica", { presence: this.#options.name, status });
  }

  #warn(kind: string, what: string): void {
    const { parts, name } = this.#options;
    parts.telemetry.warn(`presence ${kind} ${name}`, () => `portcullis: the presence "${name}" ${what}`);
  }
}
