/** The garbage collector, asked to work now. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose_gc");
const collect = runInNewContext("gc") as () => void;

/** Collects what can be collected; several times, because what was waited for holds on for a turn. */
export async function collected(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
}

/** Bytes of JavaScript objects that cannot be collected. */
export async function heldBytes(): Promise<number> {
  await collected();
  return process.memoryUsage().heapUsed;
}
