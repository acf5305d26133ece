/** Open loop: messages come at a fixed rate, whether or not the server keeps up. What it could not deliver is counted, what it delivered late is late. */
import { setTimeout as sleep } from "node:timers/promises";
import { chatRoom, createPayload } from "../scenario.ts";
import type { ChatWorkload, OfferedWorkload } from "../workloads.ts";
import { Audience } from "./audience.ts";
import type { Control } from "./control.ts";
import type { Target } from "./crowd.ts";
import { textFrame } from "./frame.ts";
import { type Outcome, plainOutcome } from "./outcome.ts";
import { Pace } from "./pace.ts";
import { Spin } from "./spin.ts";
import { MeasuredWindow } from "./window.ts";

/** Fewer read in full than in a closed loop: at these rates reading would fill the generator's core. */
const checkedEvery = 100;
const graceStepMs = 50;

/** The server is told to publish, at a rate. */
export function runOffered(workload: OfferedWorkload, target: Target, control: Control): Promise<Outcome> {
  const audience = new Audience(target, { ...workload, checkedEvery, ordered: true });
  return runOpenLoop(workload, audience, control, {
    perSecond: workload.publishesPerSecond,
    recipients: () => audience.subscribers.length,
    send: (atUs) => control.tick(1, workload.payloadBytes, atUs),
  });
}

/** Everybody speaks in turn, each in a room of a few: traffic goes both ways, and no two messages have the same recipients for long. */
export function runChat(workload: ChatWorkload, target: Target, control: Control): Promise<Outcome> {
  const { connections, roomSize, payloadBytes } = workload;
  const rooms = Math.ceil(connections / roomSize);
  const roomOf = (index: number): string => chatRoom(index % rooms);
  const audience = new Audience(target, {
    subscribers: connections,
    payloadBytes,
    checkedEvery: checkedEvery - 1,
    ordered: false,
    roomOf,
  });
  return runOpenLoop(workload, audience, control, {
    perSecond: workload.pushesPerSecond,
    recipients: () => roomSize,
    send(atUs, index) {
      const speaker = audience.subscribers[index % audience.subscribers.length];
      if (speaker !== undefined) {
        const payload = createPayload(1_000_000 + index, payloadBytes, atUs);
        speaker.write(textFrame(target.dialect.say(payload, roomOf(speaker.index))));
      }
    },
  });
}

interface Source {
  readonly perSecond: number;
  /** Who gets one message. */
  recipients(): number;
  send(atUs: number, index: number): void;
}

interface Times {
  readonly warmUpMs: number;
  readonly windowMs: number;
  readonly lostAfterMs: number;
}

async function runOpenLoop(
  { warmUpMs, windowMs, lostAfterMs }: Times,
  audience: Audience,
  control: Control,
  source: Source,
): Promise<Outcome> {
  const { crowd } = audience;
  const pace = new Pace(source.perSecond, (atUs, index) => source.send(atUs, index));
  try {
    await audience.open();
    const spin = await Spin.calibrate(pace.turn);
    spin.start();
    pace.begin();
    await sleep(warmUpMs);
    audience.latencies.clear();
    // A server that is behind would answer when it is through with what it has, and by then the window would be long over.
    const window = await MeasuredWindow.open(control, { spin, readServer: () => control.cpuFromOutside() });
    const sentBefore = pace.sent;
    const deliveredBefore = audience.delivered;
    await sleep(windowMs);
    const offered = (pace.sent - sentBefore) * source.recipients();
    const operations = audience.delivered - deliveredBefore;
    const use = await window.close();
    const latency = audience.latencies.summary();
    pace.end();
    const missing = (): number => pace.sent * source.recipients() - audience.delivered;
    for (let waitedMs = 0; missing() > 0 && waitedMs < lostAfterMs; waitedMs += graceStepMs) {
      await sleep(graceStepMs);
    }
    spin.stop();
    return {
      ...plainOutcome,
      ...use,
      operations,
      offered,
      lost: Math.max(0, missing()) + crowd.lost,
      wrong: audience.wrong + Math.max(0, -missing()),
      checked: audience.checked,
      latency,
      lastWords: crowd.lastWords,
    };
  } finally {
    crowd.close();
  }
}
