/** Up to a fixed number of samples, in microseconds; later ones are dropped, which is fair as long as the load is steady. */
export class Latencies {
  readonly #samples: Float64Array;
  #count = 0;

  constructor(samplesMax = 500_000) {
    this.#samples = new Float64Array(samplesMax);
  }

  add(us: number): void {
    if (this.#count < this.#samples.length) {
      this.#samples[this.#count] = us;
      this.#count++;
    }
  }

  clear(): void {
    this.#count = 0;
  }

  summary(): LatencySummary | null {
    if (this.#count === 0) {
      return null;
    }
    const sorted = this.#samples.slice(0, this.#count).sort();
    const at = (share: number): number => sorted[Math.min(this.#count - 1, Math.floor(this.#count * share))] ?? 0;
    return { samples: this.#count, p50Us: Math.round(at(0.5)), p99Us: Math.round(at(0.99)) };
  }
}

export interface LatencySummary {
  readonly samples: number;
  readonly p50Us: number;
  readonly p99Us: number;
}
