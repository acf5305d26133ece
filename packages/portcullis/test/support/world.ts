/** Connections with channels and no network: everything an endpoint hands to them, in memory. */

import { Deadlines } from "../../src/auth/deadlines.ts";
import type { AnyChannel } from "../../src/channel/channel.ts";
import { bounds } from "../../src/limit/bounds.ts";
import { type SerializerName, serializers } from "../../src/protocol/serializer.ts";
import type { EndpointParts } from "../../src/pubsub/parts.ts";
import { PubSub } from "../../src/pubsub/pubsub.ts";
import { Connection, type ConnectionLimits } from "../../src/socket/connection.ts";
import type { Credential, RefreshVerdict } from "../../src/socket/standing.ts";
import type { TelemetryEvent, TelemetryEvents } from "../../src/telemetry/events.ts";
import type { Logger } from "../../src/telemetry/logger.ts";
import { Telemetry } from "../../src/telemetry/telemetry.ts";
import { FakeClock } from "./clock.ts";
import { RecordingSink } from "./sink.ts";
import { type Frame, readV2 } from "./wire.ts";

export interface Line {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly details: object | undefined;
}

/** Remembers log lines. */
export class RecordingLogger implements Logger {
  readonly lines: Line[] = [];
  debug = (message: string, details?: object): void => void this.lines.push({ level: "debug", message, details });
  info = (message: string, details?: object): void => void this.lines.push({ level: "info", message, details });
  warn = (message: string, details?: object): void => void this.lines.push({ level: "warn", message, details });
  error = (message: string, details?: object): void => void this.lines.push({ level: "error", message, details });

  at(level: Line["level"]): readonly string[] {
    return this.lines.filter((line) => line.level === level).map(({ message }) => message);
  }
}

export interface ClientOptions {
  readonly serializer?: SerializerName;
  readonly assigns?: object;
  readonly socketId?: string | null;
  readonly credential?: Credential;
}

/** What connections share: one endpoint's worth. */
export class World {
  readonly clock: FakeClock = new FakeClock();
  readonly pubsub: PubSub = new PubSub();
  readonly logger: RecordingLogger = new RecordingLogger();
  readonly events: { readonly name: TelemetryEvent; readonly metadata: object }[] = [];
  readonly disconnected: string[] = [];
  readonly deadlines: Deadlines = new Deadlines(this.clock);
  /** How the next refreshes are judged, in order. */
  readonly verdicts: (RefreshVerdict | Promise<RefreshVerdict>)[] = [];
  readonly parts: EndpointParts;
  /** What is to run when the endpoint closes. */
  readonly closing: (() => void)[] = [];
  readonly #channels: readonly AnyChannel[];
  readonly #limits: ConnectionLimits;
  readonly #telemetry: Telemetry;

  constructor(channels: readonly AnyChannel[], limits: Partial<ConnectionLimits> = {}) {
    this.#channels = channels;
    this.#limits = { ...bounds, authorizeMs: bounds.connectTimeoutMs, ...limits };
    this.#telemetry = new Telemetry({
      logger: this.logger,
      clock: this.clock,
      listener: (name, metadata) => void this.events.push({ name, metadata }),
    });
    this.parts = {
      pubsub: this.pubsub,
      clock: this.clock,
      telemetry: this.#telemetry,
      onClose: (task) => void this.closing.push(task),
    };
  }

  connect(options: ClientOptions = {}): Client {
    const sink = new RecordingSink(this.clock);
    const context = {
      mount: "/socket",
      channels: this.#channels.map((channel) => channel["~runtime"]),
      pubsub: this.pubsub,
      endpoint: {
        "~parts": this.parts,
        broadcast: (topic: string, event: string, payload: object) => this.pubsub.broadcast(topic, event, payload),
        localBroadcast: (topic: string, event: string, payload: object) =>
          this.pubsub.localBroadcast(topic, event, payload),
        disconnect: (id: string) => void this.disconnected.push(id),
      },
      telemetry: this.#telemetry,
      limits: this.#limits,
      standing: {
        ...bounds,
        deadlines: this.deadlines,
        now: () => this.clock.now(),
        refresh: async (): Promise<RefreshVerdict> => {
          const verdict = this.verdicts.shift();
          if (verdict === undefined) throw new Error("Nobody said how this refresh is judged.");
          return verdict;
        },
      },
    };
    const identity = {
      serializer: serializers[options.serializer ?? "v2"],
      assigns: options.assigns ?? {},
      socketId: options.socketId ?? null,
      transport: "websocket",
      credential: options.credential ?? null,
    };
    return new Client(new Connection(context, identity, sink), sink);
  }

  /** Events of one name, as they were reported. */
  reported<Name extends TelemetryEvent>(name: Name): readonly TelemetryEvents[Name][] {
    return this.events.filter((event) => event.name === name).map(({ metadata }) => metadata as TelemetryEvents[Name]);
  }
}

/** One connection from its client's end, speaking V2. */
export class Client {
  readonly connection: Connection;
  readonly sink: RecordingSink;
  #taken = 0;

  constructor(connection: Connection, sink: RecordingSink) {
    this.connection = connection;
    this.sink = sink;
  }

  send(...frame: Frame): void {
    this.connection.receive(JSON.stringify(frame));
  }

  /** Joins with `ref` as both refs, as phoenix.js does. */
  join(topic: string, ref = "1", payload: unknown = {}): void {
    this.send(ref, ref, topic, "phx_join", payload);
  }

  /** Joins, and forgets the reply. */
  joined(topic: string, ref = "1", payload: unknown = {}): this {
    this.join(topic, ref, payload);
    this.take();
    return this;
  }

  push(topic: string, event: string, payload: unknown, ref: unknown = "9", joinRef: unknown = "1"): void {
    this.send(joinRef, ref, topic, event, payload);
  }

  leave(topic: string, ref = "8", joinRef: unknown = "1"): void {
    this.send(joinRef, ref, topic, "phx_leave", {});
  }

  /** Frames written since the last call. */
  take(): readonly Frame[] {
    const fresh = this.sink.frames.slice(this.#taken).map(readV2);
    this.#taken = this.sink.frames.length;
    return fresh;
  }
}

/** What the replies among `frames` hold. */
export function responses(frames: readonly Frame[]): readonly unknown[] {
  return frames
    .filter(([, , , event]) => event === "phx_reply")
    .map(([, , , , payload]) => (payload as { readonly response: unknown }).response);
}

/** A promise and the functions that end it. */
export function deferred<Value = void>(): {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
} {
  let resolve: (value: Value) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<Value>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
