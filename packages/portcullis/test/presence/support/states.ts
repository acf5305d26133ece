/** Replicas of a state and a network between them that may do anything, with a plain model of what must come out. */
import fc from "fast-check";
import type { Entry } from "../../../src/presence/roster.ts";
import { type Change, type Delta, PresenceState } from "../../../src/presence/state.ts";

export const topics: readonly string[] = ["t", "u"];
const keys = ["ada", "bob", "__proto__"];

/** What one replica does: adds under a key, or changes or ends the entry it has had for `which` longest. */
export type Operation =
  | { readonly kind: "add"; readonly by: number; readonly topic: string; readonly key: string; readonly at: number }
  | { readonly kind: "replace" | "remove"; readonly by: number; readonly which: number };

export const operation = (replicas: number): fc.Arbitrary<Operation> =>
  fc.oneof(
    fc.record({
      kind: fc.constant("add" as const),
      by: fc.nat(replicas - 1),
      topic: fc.constantFrom(...topics),
      key: fc.constantFrom(...keys),
      // Few, so that the same millisecond comes often.
      at: fc.nat(3),
    }),
    fc.record({
      kind: fc.constantFrom("replace" as const, "remove" as const),
      by: fc.nat(replicas - 1),
      which: fc.nat(5),
    }),
  );

/** One replica with its model: what it has tracked and not ended, in a plain list. */
export class Replica {
  readonly state: PresenceState<number>;
  own: Entry<number>[] = [];
  #values = 0;

  constructor(name: string) {
    this.state = new PresenceState(name);
  }

  do(operation: Operation): void {
    this.#values += 1;
    if (operation.kind === "add") {
      this.own.push(this.state.add(operation.topic, operation.key, this.#values, operation.at));
      return;
    }
    if (this.own.length === 0) return;
    const index = operation.which % this.own.length;
    const [entry] = this.own.splice(index, 1) as [Entry<number>];
    if (operation.kind === "remove") this.state.remove(entry);
    else this.own.splice(index, 0, this.state.replace(entry, this.#values));
  }

  /** Asks `other` for what is missing, and gets it in pieces of `itemsMax`. */
  catchUp(other: Replica, itemsMax = 2): void {
    const { replica } = other.state;
    for (const delta of other.state.extract(replica, this.state.seen(replica), itemsMax)) this.state.merge(copy(delta));
  }
}

export function replicas(count: number): Replica[] {
  return Array.from({ length: count }, (_, index) => new Replica(`replica ${index}`));
}

/** A delta as a network would bring it: nothing of the sender's own objects. */
export function copy<Value>(delta: Delta<Value>): Delta<Value> {
  return structuredClone(delta);
}

const line = ({ topic, key, replica, clock, value }: Entry<number>): string =>
  `${topic}/${key} ${replica}@${clock}=${value}`;

/** Who a state shows, with the order inside each key. */
export function shown(state: PresenceState<number>): readonly string[] {
  return topics.flatMap((topic) =>
    [...state.visible.keys(topic)]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([, entries]) => entries.map((entry) => line(entry))),
  );
}

/** Who has to be shown by everybody: whatever its replica has tracked and not ended, sorted in the plainest way. */
export function expected(all: readonly Replica[]): readonly string[] {
  const compare = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0);
  return all
    .flatMap(({ own }) => own)
    .sort(
      (a, b) =>
        compare(a.topic, b.topic) ||
        compare(a.key, b.key) ||
        compare(a.at, b.at) ||
        compare(a.replica, b.replica) ||
        compare(a.first, b.first),
    )
    .map(line);
}

/** A change in words. */
export function told({ joined, left }: Change<number>): { readonly joined: number[]; readonly left: number[] } {
  return { joined: joined.map(({ value }) => value), left: left.map(({ value }) => value) };
}
