/** One of many stops reading while broadcasts go on: what that costs the others, beside a window just before in which all read. */
import { setTimeout as sleep } from "node:timers/promises";
import { createPayload, roomTopic } from "../scenario.ts";
import type { SlowReaderWorkload } from "../workloads.ts";
import { Audience } from "./audience.ts";
import type { Connection } from "./connection.ts";
import type { Control } from "./control.ts";
import type { Target } from "./crowd.ts";
import type { Dialect } from "./dialect.ts";
import { textFrame } from "./frame.ts";
import type { Outcome, Undisturbed } from "./outcome.ts";
import { Spin } from "./spin.ts";
import { Ticks } from "./ticks.ts";
import { MeasuredWindow } from "./window.ts";

const checkedEvery = 25;
/** Of the pushes whose replies the stalled one does not read: as large as a client's frame here may be. */
const replyBytes = 60_000;

export async function runSlowReader(workload: SlowReaderWorkload, target: Target, control: Control): Promise<Outcome> {
  const audience = new Audience(target, { ...workload, checkedEvery, ordered: true });
  const ticks = new Ticks(audience, control, workload);
  const { crowd } = audience;
  try {
    await audience.open();
    const spin = await Spin.calibrate();
    spin.start();
    await ticks.for(workload.warmUpMs);

    async function measure(): Promise<Undisturbed> {
      audience.latencies.clear();
      const before = audience.delivered;
      const window = await MeasuredWindow.open(control, { spin });
      await ticks.for(workload.windowMs);
      const use = await window.close();
      return { ...use, operations: audience.delivered - before, latency: audience.latencies.summary() };
    }

    const undisturbed = await measure();
    // Not one of those that read in full: there are few of them, and their latencies are the others'.
    const stalled = audience.subscribers.findLast(({ index }) => index % checkedEvery !== 0);
    const lostBefore = crowd.lost;
    if (stalled !== undefined) {
      ticks.stalled = stalled;
      stalled.stall();
      fall(stalled, target.dialect, workload.backlogBytes);
    }
    const disturbed = await measure();
    spin.stop();
    const lost = Math.max(0, ticks.missing) + lostBefore;
    const dropped = stalled !== undefined && (await wasDropped(stalled, () => crowd.lost > lostBefore));
    return {
      ...disturbed,
      lost,
      wrong: audience.wrong,
      checked: audience.checked,
      memory: null,
      offered: null,
      undisturbed,
      stalled: dropped ? "dropped" : "kept",
      lastWords: lost === 0 ? "" : crowd.lastWords,
    };
  } finally {
    crowd.close();
  }
}

/** Falls behind: without that the buffers of the system alone would hold all that a short window has for it. */
function fall(stalled: Connection, dialect: Dialect, backlogBytes: number): void {
  const frame = textFrame(dialect.echo(3, createPayload(1_000_000, replyBytes), roomTopic));
  for (let bytes = 0; bytes < backlogBytes; bytes += replyBytes) {
    stalled.write(frame);
  }
}

/** A stalled socket hears of nothing, not even of its end: it has to read on to learn of it. */
async function wasDropped(stalled: Connection, ended: () => boolean): Promise<boolean> {
  stalled.resume();
  for (let waitedMs = 0; !ended() && waitedMs < 2_000; waitedMs += 50) {
    await sleep(50);
  }
  return ended();
}
