/**
 * Keeps the generator's core awake while a window is open. A core that sleeps has to be woken by every write of the server,
 * which costs the server the more, the longer it takes over the rest: it would be punished twice.
 */
import { setTimeout as sleep } from "node:timers/promises";

const calibrationMs = 50;
/** Turns timed together: many enough for the clock, few enough that some stretch is disturbed by nothing. */
const stretchTurns = 1_024;

export class Spin {
  readonly #onTurn: (() => void) | undefined;
  #emptyTurnUs = Number.POSITIVE_INFINITY;
  #turns = 0;
  #stretchBegin = 0;
  #stretchEnd = 0;
  #spinning = false;

  private constructor(onTurn: (() => void) | undefined) {
    this.#onTurn = onTurn;
  }

  /** To be awaited while nothing goes on. `onTurn` is called each turn, and what it takes now counts as nothing to do. */
  static async calibrate(onTurn?: () => void): Promise<Spin> {
    const spin = new Spin(onTurn);
    spin.start();
    await sleep(calibrationMs);
    spin.stop();
    return spin;
  }

  get turns(): number {
    return this.#turns;
  }

  /** What one turn of the loop takes that finds nothing to do: the least ever seen, since whatever disturbs a turn makes it longer. */
  get emptyTurnUs(): number {
    return this.#emptyTurnUs;
  }

  start(): void {
    this.#spinning = true;
    this.#beginStretch(performance.now());
    setImmediate(this.#turn);
  }

  stop(): void {
    this.#spinning = false;
  }

  #beginStretch(now: number): void {
    this.#stretchBegin = now;
    this.#stretchEnd = this.#turns + stretchTurns;
  }

  readonly #turn = (): void => {
    if (!this.#spinning) {
      return;
    }
    this.#turns++;
    if (this.#turns === this.#stretchEnd) {
      const now = performance.now();
      this.#emptyTurnUs = Math.min(this.#emptyTurnUs, ((now - this.#stretchBegin) * 1000) / stretchTurns);
      this.#beginStretch(now);
    }
    this.#onTurn?.();
    setImmediate(this.#turn);
  };
}

/** What of a stretch of time was work: the rest went into turns that found nothing. */
export function busyUs(wallUs: number, turns: number, emptyTurnUs: number): number {
  return turns === 0 ? wallUs : Math.max(0, wallUs - turns * emptyTurnUs);
}
