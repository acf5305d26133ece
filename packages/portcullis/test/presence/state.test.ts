/** The set everybody agrees on: by example, and then by everything a network can do to deltas. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Delta, PresenceState } from "../../src/presence/state.ts";
import { copy, expected, operation, replicas, shown, told } from "./support/states.ts";

const itemsMax = 500;

/** Two replicas that hear everything. */
function pair(): { readonly a: PresenceState<number>; readonly b: PresenceState<number>; sync: () => void } {
  const a = new PresenceState<number>("a");
  const b = new PresenceState<number>("b");
  const sync = (): void => {
    for (const delta of a.takeDeltas(itemsMax)) b.merge(copy(delta));
    for (const delta of b.takeDeltas(itemsMax)) a.merge(copy(delta));
  };
  return { a, b, sync };
}

describe("a state", () => {
  test("shows what others added, and drops what they removed", () => {
    const { a, b, sync } = pair();
    const entry = a.add("t", "ada", 1, 0);
    b.add("t", "ada", 2, 1);
    sync();
    expect(shown(a)).toEqual(["t/ada a@1=1", "t/ada b@1=2"]);
    expect(shown(b)).toEqual(shown(a));
    a.remove(entry);
    sync();
    expect(shown(b)).toEqual(["t/ada b@1=2"]);
  });

  test("tells of an update as one change, and keeps its place", () => {
    const { a, b, sync } = pair();
    const first = a.add("t", "ada", 1, 0);
    a.add("t", "ada", 2, 0);
    sync();
    a.replace(first, 3);
    const [delta] = a.takeDeltas(itemsMax) as [Delta<number>];
    expect(told(b.merge(copy(delta)))).toEqual({ joined: [3], left: [1] });
    expect(shown(b)).toEqual(["t/ada a@4=3", "t/ada a@2=2"]);
  });

  test("doesn't bring back what it saw go, when the news of its coming arrives late", () => {
    const { a, b } = pair();
    const entry = a.add("t", "ada", 1, 0);
    const [coming] = a.takeDeltas(itemsMax) as [Delta<number>];
    a.remove(entry);
    const [going] = a.takeDeltas(itemsMax) as [Delta<number>];
    expect(told(b.merge(copy(going)))).toEqual({ joined: [], left: [] });
    expect(told(b.merge(copy(coming)))).toEqual({ joined: [], left: [] });
    expect(b.seen("a")).toBe(2);
  });

  test("knows that it missed an update's removal, though it heard of the update's own end", () => {
    const { a, b } = pair();
    const first = a.add("t", "ada", 1, 0);
    const [coming] = a.takeDeltas(itemsMax) as [Delta<number>];
    const second = a.replace(first, 2);
    a.takeDeltas(itemsMax);
    a.replace(second, 3);
    const [again] = a.takeDeltas(itemsMax) as [Delta<number>];
    b.merge(copy(coming));
    b.merge(copy(again));
    expect(b.seen("a")).toBe(1);
    for (const delta of a.extract("a", 1, itemsMax)) b.merge(copy(delta));
    expect(shown(b)).toEqual(shown(a));
  });

  test("adds win: what one replica adds again stays, whatever another has heard of the first", () => {
    const { a, b } = pair();
    const first = a.add("t", "ada", 1, 0);
    a.remove(first);
    a.add("t", "ada", 2, 0);
    for (const delta of a.takeDeltas(itemsMax)) b.merge(copy(delta));
    expect(shown(b)).toEqual(["t/ada a@3=2"]);
  });

  test("hides a replica that is down, goes on hearing it, and shows it when it is up", () => {
    const { a, b, sync } = pair();
    const gone = a.add("t", "ada", 1, 0);
    sync();
    expect(told(b.down("a"))).toEqual({ joined: [], left: [1] });
    expect(told(b.down("a"))).toEqual({ joined: [], left: [] });
    a.remove(gone);
    a.add("t", "bob", 2, 0);
    for (const delta of a.takeDeltas(itemsMax)) {
      expect(told(b.merge(copy(delta)))).toEqual({ joined: [], left: [] });
    }
    expect(shown(b)).toEqual([]);
    expect(told(b.up("a"))).toEqual({ joined: [2], left: [] });
    expect(told(b.up("a"))).toEqual({ joined: [], left: [] });
    expect(shown(b)).toEqual(shown(a));
  });

  test("forgets a replica for good, and takes it up from the beginning if it comes after all", () => {
    const { a, b, sync } = pair();
    a.add("t", "ada", 1, 0);
    a.add("t", "bob", 2, 0);
    sync();
    expect(told(b.forget("a"))).toEqual({ joined: [], left: [1, 2] });
    expect(b.replicas).toEqual(["b"]);
    expect(b.seen("a")).toBe(0);
    for (const delta of a.extract("a", 0, 1)) b.merge(copy(delta));
    expect(shown(b)).toEqual(shown(a));
  });

  test("never hides, forgets or hears itself", () => {
    const { a } = pair();
    a.add("t", "ada", 1, 0);
    const lie: Delta<number> = { replica: "a", after: 0, last: 9, entries: [], kept: [], removed: [1] };
    expect(told(a.merge(lie))).toEqual({ joined: [], left: [] });
    a.down("a");
    a.forget("a");
    expect(shown(a)).toEqual(["t/ada a@1=1"]);
  });

  test("leaves a hole where a sender counts on what was forgotten meanwhile", () => {
    const { a, b, sync } = pair();
    a.add("t", "ada", 1, 0);
    a.add("t", "bob", 2, 0);
    sync();
    const answer = a.extract("a", 2, itemsMax);
    b.forget("a");
    for (const delta of answer) b.merge(copy(delta));
    expect(b.seen("a")).toBe(0);
    for (const delta of a.extract("a", b.seen("a"), itemsMax)) b.merge(copy(delta));
    expect(shown(b)).toEqual(shown(a));
  });

  test("sends no value twice to who has it", () => {
    const { a } = pair();
    for (let index = 0; index < 10; index += 1) a.add("t", `k${index}`, index, 0);
    const deltas = a.extract("a", 8, 3);
    expect(deltas.flatMap(({ entries }) => entries.map(({ value }) => value))).toEqual([8, 9]);
    expect(deltas.flatMap(({ kept }) => kept)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(Math.max(...deltas.map(({ entries, kept }) => entries.length + kept.length))).toBe(3);
  });
});

describe("deltas", () => {
  test("converge in any order and however often they come", () => {
    fc.assert(
      fc.property(
        fc.array(operation(3), { maxLength: 30 }),
        fc.nat(4),
        fc.infiniteStream(fc.nat()),
        (ops, every, random) => {
          const all = replicas(3);
          const pool: Delta<number>[] = [];
          const take = (): void => {
            for (const { state } of all) pool.push(...state.takeDeltas(2));
          };
          for (const [index, op] of ops.entries()) {
            all[op.by]?.do(op);
            if (index % (every + 1) === 0) take();
          }
          take();
          const next = (max: number): number => (random.next().value as number) % max;
          for (const { state } of all) {
            const twice = [...pool, ...pool];
            while (twice.length > 0) state.merge(copy(twice.splice(next(twice.length), 1)[0] as Delta<number>));
          }
          for (const { state } of all) expect(shown(state)).toEqual(expected(all));
        },
      ),
    );
  });

  test("that are lost are made up for by asking once", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(operation(3), fc.array(fc.nat(2), { maxLength: 3 })), { maxLength: 30 }),
        (steps) => {
          const all = replicas(3);
          for (const [op, heardBy] of steps) {
            all[op.by]?.do(op);
            const deltas = all[op.by]?.state.takeDeltas(itemsMax) ?? [];
            for (const index of heardBy) for (const delta of deltas) all[index]?.state.merge(copy(delta));
          }
          for (const one of all) for (const other of all) one.catchUp(other);
          for (const { state } of all) expect(shown(state)).toEqual(expected(all));
          for (const one of all) for (const { state } of all) expect(one.state.seen(state.replica)).toBe(state.clock);
        },
      ),
    );
  });

  test("make the same state whichever is merged first, and nothing when merged again", () => {
    fc.assert(
      fc.property(fc.array(operation(2), { maxLength: 20 }), (ops) => {
        const all = replicas(2);
        const deltas: Delta<number>[] = [];
        for (const op of ops) {
          all[op.by]?.do(op);
          deltas.push(...(all[op.by]?.state.takeDeltas(itemsMax) ?? []));
        }
        const forth = new PresenceState<number>("forth");
        const back = new PresenceState<number>("back");
        for (const delta of deltas) forth.merge(copy(delta));
        for (const delta of deltas.toReversed()) back.merge(copy(delta));
        expect(shown(back)).toEqual(shown(forth));
        for (const delta of deltas) expect(told(forth.merge(copy(delta)))).toEqual({ joined: [], left: [] });
      }),
    );
  });

  test("relay what a third replica did, as far as it is known without holes", () => {
    fc.assert(
      fc.property(fc.array(operation(1), { maxLength: 20 }), fc.nat(20), (ops, heard) => {
        const [a, b, c] = replicas(3) as [
          ReturnType<typeof replicas>[0],
          ReturnType<typeof replicas>[0],
          ReturnType<typeof replicas>[0],
        ];
        for (const [index, op] of ops.entries()) {
          a.do(op);
          for (const delta of a.state.takeDeltas(itemsMax)) if (index < heard) b.state.merge(copy(delta));
        }
        for (const delta of b.state.extract("replica 0", 0, 2)) c.state.merge(copy(delta));
        expect(shown(c.state)).toEqual(shown(b.state));
        c.catchUp(a);
        expect(shown(c.state)).toEqual(expected([a]));
      }),
    );
  });
});

/** Anything that can happen between replicas, one after the other. */
const action = fc.oneof(
  { weight: 5, arbitrary: operation(3) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("deliver" as const), to: fc.nat(2), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("lose" as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("down" as const, "up" as const), of: fc.nat(2), at: fc.nat(2) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget" as const), of: fc.nat(2), at: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("ask" as const), of: fc.nat(2), at: fc.nat(2) }) },
);

describe("replicas behind any network", () => {
  test("show their own at all times, never what its owner ended and they know of, and the same once they can talk", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const all = replicas(3);
        const pool: Delta<number>[] = [];
        for (const each of actions) {
          switch (each.kind) {
            case "deliver":
              if (pool.length > 0) all[each.to]?.state.merge(copy(pool[each.which % pool.length] as Delta<number>));
              break;
            case "lose":
              if (pool.length > 0) pool.splice(each.which % pool.length, 1);
              break;
            case "down":
            case "up":
            case "forget":
              all[each.at]?.state[each.kind](`replica ${each.of}`);
              break;
            case "ask":
              all[each.at]?.catchUp(all[each.of] as (typeof all)[0]);
              break;
            default:
              all[each.by]?.do(each);
              pool.push(...(all[each.by]?.state.takeDeltas(2) ?? []));
          }
          for (const one of all) {
            const lines = shown(one.state);
            expect(lines).toEqual(expect.arrayContaining([...expected([one])]));
            expect(new Set(lines).size).toBe(lines.length);
            // Whoever has heard everything a replica did shows nothing of it that is gone.
            for (const other of all) {
              if (one.state.seen(other.state.replica) < other.state.clock) continue;
              const alive = expected([other]);
              for (const line of lines) if (line.includes(` ${other.state.replica}@`)) expect(alive).toContain(line);
            }
          }
        }
        for (const one of all) {
          for (const other of all) {
            one.state.up(other.state.replica);
            one.catchUp(other);
          }
        }
        for (const { state } of all) expect(shown(state)).toEqual(expected(all));
      }),
      { numRuns: 1_000 },
    );
  });
});
