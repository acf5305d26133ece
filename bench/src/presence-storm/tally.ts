/** Counts what a room says of presence, frame by frame, and puts the diffs in order by what they are diffs of. */

/** Frames with their headers, as they came over the wire. */
export interface Amount {
  frames: number;
  bytes: number;
}

/** One diff, as far as one generator's connections saw it. */
export interface DiffSeen {
  /** The key it begins with: no two diffs of a storm of joins share one. */
  readonly firstKey: string;
  readonly joins: number;
  /** Of one frame. */
  readonly bytes: number;
  /** Connections it came to. */
  deliveries: number;
}

/** What a text has to say of presence. */
export type Heard =
  | { readonly kind: "state" }
  | { readonly kind: "diff"; readonly joins: number }
  | { readonly kind: "counts"; readonly keys: number }
  | { readonly kind: "other" };

/** Enough of a text to hold its event, whatever its refs are. */
const headLength = 80;

export class Tally {
  readonly state: Amount = { frames: 0, bytes: 0 };
  readonly diff: Amount = { frames: 0, bytes: 0 };
  readonly counts: Amount = { frames: 0, bytes: 0 };
  /** Diffs that came with another content to different connections. */
  wrong = 0;
  readonly #diffs = new Map<string, DiffSeen>();

  get diffs(): readonly DiffSeen[] {
    return [...this.#diffs.values()];
  }

  hear(text: string): Heard {
    const head = text.slice(0, headLength);
    if (head.includes('"presence_diff"')) {
      return this.#hearDiff(text);
    }
    if (head.includes('"presence_state"')) {
      add(this.state, text);
      return { kind: "state" };
    }
    if (head.includes('"presence_counts"')) {
      add(this.counts, text);
      return { kind: "counts", keys: payloadOf<{ keys: number }>(text).keys };
    }
    return { kind: "other" };
  }

  #hearDiff(text: string): Heard {
    add(this.diff, text);
    const firstKey = firstKeyOf(text);
    const bytes = frameBytes(text);
    let seen = this.#diffs.get(firstKey);
    if (seen === undefined) {
      seen = { firstKey, joins: joinsOf(text).length, bytes, deliveries: 0 };
      this.#diffs.set(firstKey, seen);
    }
    if (seen.bytes !== bytes) {
      this.wrong++;
    }
    seen.deliveries++;
    return { kind: "diff", joins: seen.joins };
  }
}

/** The keys of a diff's joins. */
export function joinsOf(text: string): readonly string[] {
  return Object.keys(payloadOf<{ joins: object }>(text).joins);
}

/** The keys of a state. */
export function keysOf(text: string): readonly string[] {
  return Object.keys(payloadOf<object>(text));
}

/** What generators saw of the same diffs, put together; the largest first. */
export function mergeDiffs(parts: readonly (readonly DiffSeen[])[]): readonly DiffSeen[] {
  const all = new Map<string, DiffSeen>();
  for (const seen of parts.flat()) {
    const known = all.get(seen.firstKey);
    all.set(seen.firstKey, known === undefined ? seen : { ...seen, deliveries: known.deliveries + seen.deliveries });
  }
  return [...all.values()].sort((left, right) => right.joins - left.joins);
}

function add(amount: Amount, text: string): void {
  amount.frames++;
  amount.bytes += frameBytes(text);
}

/** A server's frame is not masked. The texts of this workload are ASCII, so a character is a byte. */
function frameBytes({ length }: string): number {
  return length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);
}

function firstKeyOf(text: string): string {
  const mark = '"joins":{"';
  const start = text.indexOf(mark) + mark.length;
  return text.slice(start, text.indexOf('"', start));
}

function payloadOf<Payload>(text: string): Payload {
  return JSON.parse(text)[4] as Payload;
}
