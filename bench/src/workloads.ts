/** The one workload file: what is measured, on every server alike. Sizes and times are the only difference between a full, a quick and a smoke run. */

export interface ConnectWorkload {
  readonly kind: "connect";
  /** Connections opened, verified and joined before anything is counted. */
  readonly warmUp: number;
  readonly connections: number;
  /** Connects under way at any time. */
  readonly concurrency: number;
}

export interface EchoWorkload {
  readonly kind: "echo";
  /** Each has one push outstanding, always. */
  readonly connections: number;
  readonly payloadBytes: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
  /** What has not come after so long a silence is taken for lost. */
  readonly lostAfterMs: number;
}

export interface BroadcastWorkload {
  readonly kind: "broadcast";
  readonly subscribers: number;
  readonly payloadBytes: number;
  /** Broadcasts made in one synchronous run; the next run starts when all of it has reached every subscriber. */
  readonly messagesPerTick: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
  readonly lostAfterMs: number;
}

/** Open loop: so many broadcasts a second, whether or not the server keeps up. */
export interface OfferedWorkload {
  readonly kind: "offered";
  readonly subscribers: number;
  readonly payloadBytes: number;
  readonly publishesPerSecond: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
  /** What has not come so long after the last was sent is lost. */
  readonly lostAfterMs: number;
}

/** Open loop too, and from the clients: each speaks now and then, and its room hears it. */
export interface ChatWorkload {
  readonly kind: "chat";
  readonly connections: number;
  readonly roomSize: number;
  readonly payloadBytes: number;
  /** Over all connections together. */
  readonly pushesPerSecond: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
  readonly lostAfterMs: number;
}

/** A closed loop of broadcasts twice over: with everybody reading, then with one that does not and is not waited for. */
export interface SlowReaderWorkload {
  readonly kind: "slow-reader";
  readonly subscribers: number;
  readonly payloadBytes: number;
  readonly messagesPerTick: number;
  /** What the one that stops reading has asked for by then. */
  readonly backlogBytes: number;
  readonly warmUpMs: number;
  /** Of each of the two. */
  readonly windowMs: number;
  readonly lostAfterMs: number;
}

export interface MemoryWorkload {
  readonly kind: "memory";
  readonly connections: number;
  /** Between the two forced collections before each reading. */
  readonly settleMs: number;
}

export type Workload =
  | ConnectWorkload
  | EchoWorkload
  | BroadcastWorkload
  | OfferedWorkload
  | ChatWorkload
  | SlowReaderWorkload
  | MemoryWorkload;

export interface NamedWorkload {
  readonly name: string;
  readonly title: string;
  /** What one operation is, as a table writes it: "CPU per <unit>". */
  readonly unit: string;
  readonly repeats: number;
  readonly workload: Workload;
}

/** How much of everything; the shape of the workloads is the same in each. */
export type Scale = "full" | "quick" | "smoke";

interface Sizes {
  /** Of what the project promises something about. */
  readonly repeats: number;
  /** Of all else; 0 leaves it out. */
  readonly otherRepeats: number;
  readonly connects: number;
  readonly connectWarmUp: number;
  /** A small, an ordinary and a large room. */
  readonly rooms: readonly [number, number, number];
  readonly idleConnections: number;
  readonly slowReaderRoom: number;
  readonly publishesPerSecond: readonly number[];
  readonly chatRoomSize: number;
  readonly chatPushesPerSecond: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
  readonly settleMs: number;
  readonly lostAfterMs: number;
  /** How long what was offered may be late. */
  readonly graceMs: number;
}

const sizes: Record<Scale, Sizes> = {
  full: {
    repeats: 5,
    otherRepeats: 1,
    connects: 9_000,
    // V8 needs that many to have compiled the whole of a server's connect path.
    connectWarmUp: 6_000,
    rooms: [100, 1_000, 15_000],
    idleConnections: 15_000,
    slowReaderRoom: 5_000,
    publishesPerSecond: [200, 1_000, 5_000],
    chatRoomSize: 20,
    chatPushesPerSecond: 2_000,
    warmUpMs: 1_000,
    windowMs: 2_000,
    settleMs: 5_000,
    lostAfterMs: 5_000,
    graceMs: 1_000,
  },
  quick: {
    repeats: 1,
    otherRepeats: 0,
    connects: 2_000,
    connectWarmUp: 3_000,
    rooms: [100, 1_000, 5_000],
    idleConnections: 5_000,
    slowReaderRoom: 1_000,
    publishesPerSecond: [200, 1_000, 5_000],
    chatRoomSize: 20,
    chatPushesPerSecond: 2_000,
    warmUpMs: 750,
    windowMs: 1_500,
    settleMs: 1_000,
    lostAfterMs: 5_000,
    graceMs: 500,
  },
  smoke: {
    repeats: 1,
    otherRepeats: 1,
    connects: 12,
    connectWarmUp: 3,
    rooms: [3, 8, 12],
    idleConnections: 12,
    slowReaderRoom: 5,
    publishesPerSecond: [200],
    chatRoomSize: 4,
    chatPushesPerSecond: 200,
    warmUpMs: 5,
    windowMs: 25,
    settleMs: 0,
    lostAfterMs: 5_000,
    graceMs: 5_000,
  },
};

const payloadBytes = 100;
const largePayloadBytes = 1_000;

export function workloadsOf(scale: Scale): readonly NamedWorkload[] {
  const every = [...promised(sizes[scale]), ...others(sizes[scale])];
  return every.filter(({ repeats }) => repeats > 0);
}

/** Those too that are no part of the scale, once. */
export function everyWorkloadOf(scale: Scale): readonly NamedWorkload[] {
  const { otherRepeats, ...size } = sizes[scale];
  return [...promised(sizes[scale]), ...others({ ...size, otherRepeats: Math.max(1, otherRepeats) })];
}

/** What the project promises something about, next to its neighbours. */
function promised(size: Sizes): readonly NamedWorkload[] {
  const { repeats, warmUpMs, windowMs, settleMs, lostAfterMs } = size;
  const [, room, largeRoom] = size.rooms;
  return [
    {
      name: "connect",
      title: "Connect, verify the token, join",
      unit: "connect",
      repeats,
      workload: { kind: "connect", warmUp: size.connectWarmUp, connections: size.connects, concurrency: 64 },
    },
    {
      name: "echo",
      title: "Push and reply",
      unit: "round trip",
      repeats,
      workload: { kind: "echo", connections: room, payloadBytes, warmUpMs, windowMs, lostAfterMs },
    },
    broadcast("broadcast-1", size, { subscribers: room, messagesPerTick: 1 }),
    broadcast("broadcast-10", size, { subscribers: room, messagesPerTick: 10 }),
    broadcast("broadcast-100", size, { subscribers: room, messagesPerTick: 100 }),
    broadcast("broadcast-large-room", size, { subscribers: largeRoom, messagesPerTick: 1 }),
    {
      name: "memory",
      title: "Idle joined connections",
      unit: "connection",
      repeats: Math.min(3, repeats),
      workload: { kind: "memory", connections: size.idleConnections, settleMs },
    },
  ];
}

function others(size: Sizes): readonly NamedWorkload[] {
  const { otherRepeats: repeats, warmUpMs, windowMs, lostAfterMs } = size;
  const [smallRoom, room, largeRoom] = size.rooms;
  const once = { ...size, repeats };
  return [
    ...size.publishesPerSecond.map(
      (publishesPerSecond): NamedWorkload => ({
        name: `offered-${publishesPerSecond}`,
        title: `Open loop, ${count(publishesPerSecond)} broadcasts a second`,
        unit: "delivery",
        repeats,
        workload: {
          kind: "offered",
          subscribers: room,
          payloadBytes,
          publishesPerSecond,
          warmUpMs,
          windowMs,
          lostAfterMs: size.graceMs,
        },
      }),
    ),
    {
      name: "chat",
      title: `Mixed chat, rooms of ${size.chatRoomSize}`,
      unit: "delivery",
      repeats,
      workload: {
        kind: "chat",
        connections: room,
        roomSize: size.chatRoomSize,
        payloadBytes,
        pushesPerSecond: size.chatPushesPerSecond,
        warmUpMs,
        windowMs,
        lostAfterMs: size.graceMs,
      },
    },
    {
      name: "slow-reader",
      title: "One that stops reading",
      unit: "delivery",
      repeats,
      workload: {
        kind: "slow-reader",
        subscribers: size.slowReaderRoom,
        payloadBytes: largePayloadBytes,
        messagesPerTick: 10,
        backlogBytes: 6_000_000,
        warmUpMs,
        windowMs,
        lostAfterMs,
      },
    },
    broadcast("broadcast-small-room", once, { subscribers: smallRoom, messagesPerTick: 1 }),
    broadcast("broadcast-large-room-10", once, { subscribers: largeRoom, messagesPerTick: 10 }),
    broadcast("broadcast-1-kb", once, { subscribers: room, messagesPerTick: 1, payloadBytes: largePayloadBytes }),
    broadcast("broadcast-10-kb", once, { subscribers: room, messagesPerTick: 10, payloadBytes: largePayloadBytes }),
    broadcast("broadcast-100-kb", once, { subscribers: room, messagesPerTick: 100, payloadBytes: largePayloadBytes }),
  ];
}

function broadcast(
  name: string,
  { repeats, warmUpMs, windowMs, lostAfterMs }: Sizes,
  shape: Pick<BroadcastWorkload, "subscribers" | "messagesPerTick"> & { readonly payloadBytes?: number },
): NamedWorkload {
  const workload: BroadcastWorkload = { kind: "broadcast", payloadBytes, warmUpMs, windowMs, lostAfterMs, ...shape };
  const { subscribers, messagesPerTick } = workload;
  const size = workload.payloadBytes === payloadBytes ? "" : `, ${count(workload.payloadBytes)} B each`;
  const title = `Broadcast to ${count(subscribers)}, ${messagesPerTick} a tick${size}`;
  return { name, title, unit: "delivery", repeats, workload };
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
