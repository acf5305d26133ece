/** Nearly right and wholly random bytes into one reader. */

import { mutate, random } from "./random.ts";
import type { Target } from "./targets.ts";

/** What became of it. */
export interface Fuzzed {
  /** The first input that threw, in base64, and what; `null` when none did. */
  readonly failure: { readonly index: number; readonly input: string; readonly error: unknown } | null;
  /** Of all inputs. */
  readonly slowestMs: number;
}

/** Gives `target` so many inputs. The same seed gives the same. */
export function fuzz({ sources, read }: Target, seed: number, inputs: number): Fuzzed {
  const next = random(seed);
  let slowestMs = 0;
  for (let index = 0; index < inputs; index += 1) {
    const input = mutate(sources[index % sources.length] as Buffer, next);
    const before = performance.now();
    try {
      read(input);
    } catch (error) {
      return { failure: { index, input: input.toString("base64"), error }, slowestMs };
    }
    slowestMs = Math.max(slowestMs, performance.now() - before);
  }
  return { failure: null, slowestMs };
}
