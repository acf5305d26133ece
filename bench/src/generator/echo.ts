import { setTimeout as sleep } from "node:timers/promises";
import { createPayload, type Payload, roomTopic } from "../scenario.ts";
import type { EchoWorkload } from "../workloads.ts";
import type { Connection } from "./connection.ts";
import type { Control } from "./control.ts";
import { Crowd, type Target } from "./crowd.ts";
import { textFrame } from "./frame.ts";
import { Latencies } from "./latencies.ts";
import { type Outcome, plainOutcome } from "./outcome.ts";
import { Spin } from "./spin.ts";
import { MeasuredWindow } from "./window.ts";

const openConcurrency = 64;
/** Every so many connections one changes its ref and payload each time and compares the reply in full. */
const checkedEvery = 16;

/** Every connection has one push outstanding: the reply's arrival sends the next. */
export async function runEcho(workload: EchoWorkload, target: Target, control: Control): Promise<Outcome> {
  const { dialect } = target;
  const latencies = new Latencies();
  const sentAt = new Float64Array(workload.connections);
  const asked = new Map<Connection, { ref: number; payload: Payload }>();
  const sameFrame = textFrame(dialect.echo(2, createPayload(1_000_000, workload.payloadBytes), roomTopic));
  let done = 0;
  let outstanding = 0;
  let wrong = 0;
  let checked = 0;
  let stopping = false;
  let drained: (() => void) | undefined;

  function send(connection: Connection, frame: Buffer): void {
    outstanding++;
    sentAt[connection.index] = performance.now();
    connection.write(frame);
  }

  function sendChecked(connection: Connection, ref: number): void {
    const payload = createPayload(1_000_000 + ref, workload.payloadBytes);
    asked.set(connection, { ref, payload });
    send(connection, textFrame(dialect.echo(ref, payload, roomTopic)));
  }

  function answered(connection: Connection): boolean {
    done++;
    outstanding--;
    if (!stopping) {
      latencies.add((performance.now() - (sentAt[connection.index] ?? 0)) * 1000);
    } else if (outstanding === 0) {
      drained?.();
    }
    return !stopping;
  }

  const crowd = new Crowd(target, {
    text(connection, text) {
      const question = asked.get(connection);
      if (question === undefined) {
        return; // A housekeeping reply on a connection that only counts.
      }
      checked++;
      const reply = dialect.echoed(text, question.ref);
      if (reply?.at !== question.payload.at || reply.text !== question.payload.text) {
        wrong++;
      }
      if (answered(connection)) {
        sendChecked(connection, question.ref + 1);
      }
    },
    counted(connection, frames) {
      wrong += frames - 1;
      if (answered(connection)) {
        send(connection, sameFrame);
      }
    },
  });

  try {
    await crowd.open(workload.connections, openConcurrency);
    const spin = await Spin.calibrate();
    spin.start();
    for (const connection of crowd.connections.filter(({ joined }) => joined)) {
      if (connection.index % checkedEvery === 0) {
        sendChecked(connection, 2);
      } else {
        connection.countOnly(workload.payloadBytes);
        send(connection, sameFrame);
      }
    }
    await sleep(workload.warmUpMs);
    const window = await MeasuredWindow.open(control, { spin });
    const before = done;
    latencies.clear();
    await sleep(workload.windowMs);
    const use = await window.close();
    const operations = done - before;
    spin.stop();
    // Whatever is still under way has to come back, or it counts as lost.
    stopping = true;
    if (outstanding > 0) {
      await Promise.race([
        new Promise<void>((resolve) => (drained = resolve)),
        sleep(workload.lostAfterMs, undefined, { ref: false }),
      ]);
    }
    return {
      ...plainOutcome,
      ...use,
      operations,
      lost: outstanding + crowd.lost,
      wrong,
      checked,
      latency: latencies.summary(),
      lastWords: crowd.lastWords,
    };
  } finally {
    crowd.close();
  }
}
