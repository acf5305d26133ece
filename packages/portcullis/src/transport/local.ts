/**
 * Connections that come over no network: how `portcullis/testing` knocks. The same gate, the same connection; only what
 * is written goes to whoever knocked, and whether a hook is still running can be seen.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import type { ChannelRuntime } from "../channel/channel.ts";
import type { Channel } from "../channel/contract.ts";
import { type CloseCode, errorTable } from "../errors.ts";
import { isThenable } from "../outcome.ts";
import type { FrameData } from "../protocol/message.ts";
import { Connection, type ConnectionContext, type Sink } from "../socket/connection.ts";
import { type Admission, admit } from "./admission.ts";
import { Attempt } from "./attempt.ts";
import { ConnectionSet, type Held, type TransportEvents } from "./connection-set.ts";
import type { Mount } from "./mount.ts";
import { compilePath, type PathMatcher, splitPath } from "./path.ts";
import { type Refused, refuseClosing } from "./refusal.ts";
import type { Variables } from "./route.ts";

type AnyChannelHandle = Channel<unknown, unknown, unknown>;

/** Who knocks. */
export interface LocalPeer extends Omit<Sink, "after"> {
  /** Aborted when the peer doesn't want to be let in any more. */
  readonly gone?: AbortSignal;
  /** The connection is over, with the code it ended with where the server ended it. */
  closed(code: CloseCode | null): void;
  /** Somebody joins a channel, which is seen as its handlers see it. */
  joining?(channel: AnyChannelHandle): void;
  /** A hook of a channel threw, or its promise was rejected. */
  failed?(channel: AnyChannelHandle, error: unknown): void;
}

interface Room {
  readonly mount: Mount;
  readonly match: PathMatcher;
  readonly connections: ConnectionSet<Held>;
}

/** A connection without a network. */
export interface LocalConnection {
  readonly connection: Connection;
  readonly subprotocol: string | null;
  /** One frame of the peer, who keeps them back while it is paused. */
  receive(data: FrameData): void;
  /** The peer is gone. */
  hangUp(): void;
}

/** What the hooks of local connections are doing. */
export class Activity {
  /** Hooks whose promise is not settled yet. */
  running = 0;
  /** Grows with everything that happens. */
  count = 0;

  /** Calls `hook`; `failed` is told of what it throws, which comes out all the same. */
  watch(hook: () => unknown, failed: (error: unknown) => void): unknown {
    this.count += 1;
    let result: unknown;
    try {
      result = hook();
    } catch (error) {
      failed(error);
      throw error;
    }
    if (!isThenable(result)) return result;
    this.running += 1;
    const done = (): void => {
      this.running -= 1;
      this.count += 1;
    };
    // Once and for all: what isn't one of the engine's own promises may begin its work anew with every `then`.
    const promise = Promise.resolve(result);
    promise.then(done, (error) => {
      failed(error);
      done();
    });
    return promise;
  }
}

export class LocalTransport {
  readonly rooms: readonly Room[];
  readonly activity: Activity = new Activity();
  readonly #events: TransportEvents;
  closing = false;

  constructor(mounts: readonly Mount[], events: TransportEvents) {
    this.#events = events;
    this.rooms = mounts.map((mount) => ({ mount, match: compilePath(mount.path), connections: new ConnectionSet() }));
  }

  /** The mount whose own path `path` is, or with `"address"` the one whose WebSocket clients reach there. */
  find(path: string, by: "path" | "address"): { readonly room: Room; readonly variables: Variables } | null {
    const segments = splitPath(path);
    for (const room of this.rooms) {
      const match = by === "path" ? room.match : room.mount.websocket?.match;
      const variables = match?.(segments) ?? null;
      if (variables !== null) return { room, variables };
    }
    return null;
  }

  /**
   * Knocks by the rules of a WebSocket. `null` where there is no such mount, and for a peer that has gone meanwhile; what
   * the gate says otherwise, with the connection where it says yes.
   */
  async knock(
    request: IncomingMessage,
    peer: LocalPeer,
    by: "path" | "address" = "path",
  ): Promise<Refused | { readonly ok: true; readonly local: LocalConnection } | null> {
    const found = this.find((request.url ?? "/").split("?", 1)[0] as string, by);
    const options = found === null ? null : (found.room.mount.websocket ?? found.room.mount.longpoll);
    if (found === null || options === null) return null;
    const { room, variables } = found;
    room.mount.environment.pubsub.start();
    if (this.closing) return refuseClosing(room.mount, "websocket");
    const since = this.#events.moment();
    const attempt = new Attempt();
    peer.gone?.addEventListener("abort", () => attempt.end(), { once: true });
    const knock = { request, transport: "websocket", origins: options.origins, pathVariables: variables, attempt };
    const admission = await admit(room.mount, knock);
    return attempt.settled(() => {
      if (!admission.ok) return admission;
      if (peer.gone?.aborted === true) return null;
      // The endpoint may have been closed while this peer was being looked at.
      if (this.closing) return refuseClosing(room.mount, "websocket");
      return { ok: true, local: this.#open(room, admission, peer, since) };
    });
  }

  #open(
    { mount, connections }: Room,
    { identity, subprotocol }: Extract<Admission, { ok: true }>,
    peer: LocalPeer,
    since: number,
  ): LocalConnection {
    const { clock, telemetry } = mount.environment;
    const { activity } = this;
    const end = (code: CloseCode | null): void => {
      if (!connections.delete(held)) return;
      activity.count += 1;
      this.#events.onClosed(connection);
      const closeCode = code === null ? 1005 : errorTable[code].closeCode;
      telemetry.emit("socket.closed", { mount: mount.path, transport: identity.transport, closeCode, code });
      peer.closed(code);
    };
    const connection = new Connection(contextFor(mount.context, activity, peer), identity, {
      write(data) {
        activity.count += 1;
        peer.write(data);
      },
      writeShared(frame) {
        activity.count += 1;
        peer.writeShared(frame);
      },
      // Like any network, it is told after the connection has said its last.
      close(code) {
        peer.close(code);
        queueMicrotask(() => end(code));
      },
      pause: () => peer.pause(),
      resume: () => peer.resume(),
      after: (delayMs, task) => clock.after(delayMs, task),
    });
    const hangUp = (): void => {
      connection.closed({ kind: "closed" });
      end(null);
    };
    const bytesMax = mount.websocket?.frameBytesMax ?? Number.POSITIVE_INFINITY;
    const receive = (data: FrameData): void => {
      activity.count += 1;
      if (Buffer.byteLength(data) > bytesMax) connection.end("frame_too_large", { kind: "closed" });
      else connection.receive(data);
    };
    const held: Held = { connection, cut: hangUp };
    connections.add(held);
    telemetry.emit("socket.connected", { mount: mount.path, transport: identity.transport });
    this.#events.onOpen(connection, since);
    return { connection, subprotocol, receive, hangUp };
  }
}

type Hook = ChannelRuntime["handlers"] extends ReadonlyMap<string, infer Each> ? Each : never;

/** The mount's context, with every hook of its channels watched. */
function contextFor(context: ConnectionContext, activity: Activity, peer: LocalPeer): ConnectionContext {
  const watch =
    (hook: Hook): Hook =>
    (given, channel) =>
      activity.watch(
        () => hook(given, channel),
        (error) => peer.failed?.(channel, error),
      );
  const watched = (runtime: ChannelRuntime): ChannelRuntime => ({
    ...runtime,
    authorize(channel) {
      peer.joining?.(channel);
      const { authorize } = runtime;
      return authorize === null ? true : watch(() => authorize(channel))(undefined, channel);
    },
    join: runtime.join === null ? null : watch(runtime.join),
    handlers: new WatchedHooks(runtime.handlers, watch),
    interceptors: new WatchedHooks(runtime.interceptors, watch),
    infos: new WatchedHooks(runtime.infos, watch),
    leave: runtime.leave === null ? null : (watch(runtime.leave as Hook) as NonNullable<ChannelRuntime["leave"]>),
  });
  return { ...context, channels: context.channels.map(watched) };
}

/** A view, not a copy: what a definition looks up late is looked up late here too. */
class WatchedHooks extends Map<string, Hook> {
  readonly #hooks: ReadonlyMap<string, Hook>;
  readonly #watch: (hook: Hook) => Hook;

  constructor(hooks: ReadonlyMap<string, Hook>, watch: (hook: Hook) => Hook) {
    super();
    this.#hooks = hooks;
    this.#watch = watch;
  }

  override has(name: string): boolean {
    return this.#hooks.has(name);
  }

  override get(name: string): Hook | undefined {
    const hook = this.#hooks.get(name);
    return hook === undefined ? undefined : this.#watch(hook);
  }
}
