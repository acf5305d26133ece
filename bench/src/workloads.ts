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

export interface MemoryWorkload {
  readonly kind: "memory";
  readonly connections: number;
  /** Between the two forced collections before each reading. */
  readonly settleMs: number;
}

export type Workload = ConnectWorkload | EchoWorkload | BroadcastWorkload | MemoryWorkload;

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
  readonly repeats: number;
  readonly memoryRepeats: number;
  readonly connects: number;
  readonly connectWarmUp: number;
  readonly connections: number;
  readonly idleConnections: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
  readonly settleMs: number;
}

const sizes: Record<Scale, Sizes> = {
  full: {
    repeats: 7,
    memoryRepeats: 3,
    connects: 5_000,
    connectWarmUp: 1_500,
    connections: 1_000,
    idleConnections: 10_000,
    warmUpMs: 1_500,
    windowMs: 3_000,
    settleMs: 5_000,
  },
  quick: {
    repeats: 3,
    memoryRepeats: 1,
    connects: 3_000,
    connectWarmUp: 1_000,
    connections: 1_000,
    idleConnections: 10_000,
    warmUpMs: 1_000,
    windowMs: 1_500,
    settleMs: 5_000,
  },
  smoke: {
    repeats: 1,
    memoryRepeats: 1,
    connects: 12,
    connectWarmUp: 3,
    connections: 8,
    idleConnections: 12,
    warmUpMs: 5,
    windowMs: 25,
    settleMs: 0,
  },
};

const payloadBytes = 100;
const lostAfterMs = 5_000;

export function workloadsOf(scale: Scale): readonly NamedWorkload[] {
  const { repeats, memoryRepeats, warmUpMs, windowMs, ...size } = sizes[scale];
  const broadcast = (messagesPerTick: number): BroadcastWorkload => ({
    kind: "broadcast",
    subscribers: size.connections,
    payloadBytes,
    messagesPerTick,
    warmUpMs,
    windowMs,
    lostAfterMs,
  });
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
      workload: { kind: "echo", connections: size.connections, payloadBytes, warmUpMs, windowMs, lostAfterMs },
    },
    {
      name: "broadcast-1",
      title: "Broadcast, 1 message a tick",
      unit: "delivery",
      repeats,
      workload: broadcast(1),
    },
    {
      name: "broadcast-10",
      title: "Broadcast, 10 messages a tick",
      unit: "delivery",
      repeats,
      workload: broadcast(10),
    },
    {
      name: "memory",
      title: "Idle joined connections",
      unit: "connection",
      repeats: memoryRepeats,
      workload: { kind: "memory", connections: size.idleConnections, settleMs: size.settleMs },
    },
  ];
}
