/**
 * What is known of one replica's history: a version vector's entry that may have holes.
 *
 * A replica numbers its operations 1, 2, 3…; such a number is a dot. Messages may be lost or overtake each other, so that
 * what arrived is a stretch from the beginning and, for a while, islands behind it.
 *
 * @module
 */

/** A set of dots, kept as ranges: as small as its holes are few. */
export class DotSet {
  /** `after, last, after, last, …`: each pair stands for the dots `after < dot <= last`. Sorted, and never touching. */
  readonly #ranges: number[] = [];

  /** The last dot before the first hole: everything up to it is known. */
  get contiguous(): number {
    return this.#ranges[0] === 0 ? (this.#ranges[1] as number) : 0;
  }

  /** How many ranges there are: one, where nothing is missing. */
  get rangeCount(): number {
    return this.#ranges.length / 2;
  }

  /** Whether `dot` is known. */
  has(dot: number): boolean {
    if (dot <= this.contiguous) return dot > 0;
    const at = this.#at(dot);
    return at < this.#ranges.length && (this.#ranges[at] as number) < dot;
  }

  /** Adds the dots `after < dot <= last`. Adding twice is adding once. */
  add(after: number, last: number): void {
    if (last <= after || last <= this.contiguous) return;
    const ranges = this.#ranges;
    // Every range that overlaps the new one or touches it melts into it.
    const start = this.#at(after);
    let end = start;
    let first = after;
    let final = last;
    while (end < ranges.length && (ranges[end] as number) <= final) {
      first = Math.min(first, ranges[end] as number);
      final = Math.max(final, ranges[end + 1] as number);
      end += 2;
    }
    ranges.splice(start, end - start, first, final);
  }

  /** Index of the first range that ends at `dot` or behind it. */
  #at(dot: number): number {
    let low = 0;
    let high = this.#ranges.length / 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[2 * middle + 1] as number) < dot) low = middle + 1;
      else high = middle;
    }
    return 2 * low;
  }
}
