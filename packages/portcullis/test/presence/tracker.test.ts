/** Nodes that replicate: over a bus that loses, repeats and is cut, until one dies. All times are the clock's. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { definePresence, type Presence } from "../../src/presence/presence.ts";
import { Cluster, happened, type Node } from "./support/cluster.ts";

const heartbeatMs = 1_000;
const downAfterMs = 10_000;
const permanentDownAfterMs = 60_000;
const define = (): Presence<Record<string, unknown>, undefined> =>
  definePresence({ heartbeatMs, downAfterMs, permanentDownAfterMs });

async function cluster(count: number): Promise<[Cluster, ...Node[]]> {
  const all = new Cluster(define);
  const nodes: Node[] = [];
  for (let index = 0; index < count; index += 1) nodes.push(await all.node());
  return [all, ...nodes];
}

const statuses = ({ reported }: Node): readonly unknown[] =>
  reported
    .filter(({ name }) => name === "presence.replica")
    .map(({ metadata }) => (metadata as { readonly status: unknown }).status);

describe("nodes of one cluster", () => {
  test("see joins, updates and leaves of each other as diffs, without waiting for a heartbeat", async () => {
    const [, a, b] = (await cluster(2)) as [Cluster, Node, Node];
    const ada = await a.track("ada", { n: 1 });
    expect(b.keys).toEqual(["ada"]);
    expect(b.diffs).toEqual([{ joins: ["ada"], leaves: [] }]);
    a.presence.update(ada, "ada", { n: 2 });
    await happened();
    expect(b.diffs.slice(1)).toEqual([{ joins: ["ada"], leaves: ["ada"] }]);
    expect(b.presence.list(b, "room:1")).toEqual(a.presence.list(a, "room:1"));
    ada.leave();
    await happened();
    expect(b.diffs.slice(2)).toEqual([{ joins: [], leaves: ["ada"] }]);
    expect(b.keys).toEqual([]);
  });

  test("list several metas of a key in the same order", async () => {
    const [all, a, b] = (await cluster(2)) as [Cluster, Node, Node];
    await b.track("ada", { from: "b" });
    await all.pass(1);
    await a.track("ada", { from: "a" });
    await b.track("ada", { from: "b again" });
    expect(a.presence.get(a, "room:1", "ada")).toEqual(b.presence.get(b, "room:1", "ada"));
    expect(a.presence.get(a, "room:1", "ada")?.metas.map(({ from }) => from)[0]).toBe("b");
  });

  test("keep the order of tracking though a clock is set back", async () => {
    const [all, a, b] = (await cluster(2)) as [Cluster, Node, Node];
    await a.track("ada", { n: 1 });
    const now = all.clock.now();
    all.clock.now = () => now - 60_000;
    await a.track("ada", { n: 2 });
    for (const node of [a, b]) {
      expect(node.presence.get(node, "room:1", "ada")?.metas.map(({ n }) => n)).toEqual([1, 2]);
    }
  });

  test("tell a newcomer at once", async () => {
    const [all, a, b] = (await cluster(2)) as [Cluster, Node, Node];
    await a.track("ada");
    await b.track("bob");
    const c = await all.node();
    expect(c.keys).toEqual(["ada", "bob"]);
    expect(c.diffs).toEqual([
      { joins: ["ada"], leaves: [] },
      { joins: ["bob"], leaves: [] },
    ]);
    await c.track("eve");
    expect(a.keys).toEqual(["ada", "bob", "eve"]);
  });

  test("tell in pieces what is much", async () => {
    const [all, a] = (await cluster(1)) as [Cluster, Node];
    for (let index = 0; index < 1_201; index += 1) a.presence.track(a.visitor(), index, {});
    await happened();
    const b = await all.node();
    expect(b.presence.counts(b, "room:1")).toEqual({ keys: 1_201, metas: 1_201 });
    const pieces = all.sent.filter(({ from, text }) => from === a && text.includes('"delta"'));
    expect(pieces).toHaveLength(3);
  });

  test("say what one turn did in one message, and ask for nothing that came", async () => {
    const [all, a, b] = (await cluster(2)) as [Cluster, Node, Node];
    all.sent.length = 0;
    for (let index = 0; index < 50; index += 1) a.presence.track(a.visitor(), index, {});
    await happened();
    expect(all.sent).toHaveLength(1);
    expect(b.presence.counts(b, "room:1").keys).toBe(50);
    await all.pass(3 * heartbeatMs);
    expect(all.sent.filter(({ text }) => !text.includes('"heartbeat"'))).toHaveLength(1);
  });

  test("keep keys like __proto__ apart from everything else", async () => {
    const [, a, b] = (await cluster(2)) as [Cluster, Node, Node];
    await a.track("__proto__", JSON.parse('{"__proto__":{"admin":true}}'));
    expect(b.keys).toEqual(["__proto__"]);
    expect(JSON.stringify(b.presence.list(b, "room:1"))).toContain('"__proto__":{"admin":true}');
    expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
  });
});

describe("a bus that loses messages", () => {
  test("is made up for at the next heartbeat, with one request", async () => {
    const [all, a, b] = (await cluster(2)) as [Cluster, Node, Node];
    const ada = await a.track("ada");
    all.copies = () => 0;
    ada.leave();
    await a.track("bob");
    expect(b.keys).toEqual(["ada"]);
    all.copies = () => 1;
    all.sent.length = 0;
    await all.pass(heartbeatMs);
    expect(b.keys).toEqual(["bob"]);
    expect(b.diffs.at(-1)).toEqual({ joins: ["bob"], leaves: ["ada"] });
    expect(all.sent.filter(({ text }) => text.includes('"request"'))).toHaveLength(1);
  });

  test("is asked once for what is missing, however often it is mentioned before the answer", async () => {
    const [all, a] = (await cluster(1)) as [Cluster, Node];
    const requests = (): number => all.sent.filter(({ text }) => text.includes('"request"')).length;
    const heartbeat = [1, "heartbeat", "r", null, 5];
    for (const _ of [1, 2, 3]) a.hear({ kind: "presence", name: "presence", data: heartbeat });
    expect(requests()).toBe(1);
    await all.pass(heartbeatMs);
    a.hear({ kind: "presence", name: "presence", data: heartbeat });
    expect(requests()).toBe(2);
  });

  test("is not asked for what is told with the heartbeat of the same moment", async () => {
    const [all, a, b] = (await cluster(2)) as [Cluster, Node, Node];
    all.sent.length = 0;
    a.presence.track(a.visitor(), "ada", {});
    all.clock.advance(heartbeatMs);
    expect(b.presence.counts(b, "room:1").keys).toBe(1);
    expect(all.sent.filter(({ text }) => text.includes('"request"'))).toEqual([]);
  });

  test("that loses the answer too is asked again, a heartbeat later", async () => {
    const [all, a, b] = (await cluster(2)) as [Cluster, Node, Node];
    all.copies = () => 0;
    await a.track("ada");
    // Heartbeats arrive, and nothing else from a.
    all.copies = (from) => (from === a && !(all.sent.at(-1)?.text.includes('"heartbeat"') ?? false) ? 0 : 1);
    await all.pass(heartbeatMs);
    await all.pass(heartbeatMs);
    expect(b.keys).toEqual([]);
    all.copies = () => 1;
    await all.pass(heartbeatMs);
    expect(b.keys).toEqual(["ada"]);
  });

  test("and repeats others converges, whatever it does (property)", async () => {
    const step = fc.record({
      node: fc.nat(2),
      key: fc.constantFrom("ada", "bob", "eve"),
      leaves: fc.boolean(),
      passMs: fc.constantFrom(0, 0, 400, 1_000),
      fate: fc.array(fc.nat(2), { minLength: 6, maxLength: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const [all, ...nodes] = await cluster(3);
        const there: { readonly node: number; readonly key: string; leave(): void }[] = [];
        for (const { node, key, leaves, passMs, fate } of steps) {
          let turn = 0;
          all.copies = () => {
            turn += 1;
            return fate[turn % fate.length] as number;
          };
          const at = nodes[node] as Node;
          const known = there.findIndex((each) => each.node === node && each.key === key);
          if (!leaves) there.push({ node, key, leave: (await at.track(key)).leave });
          else if (known >= 0) there.splice(known, 1)[0]?.leave();
          await all.pass(passMs);
        }
        all.copies = () => 1;
        await all.pass(heartbeatMs);
        await all.pass(heartbeatMs);
        const keys = [...new Set(there.map(({ key }) => key))].sort();
        for (const node of nodes) {
          expect(node.keys).toEqual(keys);
          expect(node.presence.counts(node, "room:1").metas).toBe(there.length);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("a partition", () => {
  test("hides the other side after the stated time, and heals when it ends", async () => {
    const [all, a, b] = (await cluster(2)) as [Cluster, Node, Node];
    await a.track("ada");
    const bob = await b.track("bob");
    all.copies = () => 0;
    await all.pass(downAfterMs + heartbeatMs);
    expect([a.keys, b.keys]).toEqual([["ada"], ["bob"]]);
    expect(statuses(b)).toEqual(["up", "down"]);
    bob.leave();
    await b.track("eve");
    all.copies = () => 1;
    await all.pass(heartbeatMs);
    expect([a.keys, b.keys]).toEqual([
      ["ada", "eve"],
      ["ada", "eve"],
    ]);
    expect(statuses(b)).toEqual(["up", "down", "up"]);
  });

  test("that lasts until nothing is kept of the other side heals as well", async () => {
    const [all, a, b] = (await cluster(2)) as [Cluster, Node, Node];
    await a.track("ada");
    all.copies = () => 0;
    await all.pass(permanentDownAfterMs + heartbeatMs);
    expect(statuses(b)).toEqual(["up", "down", "gone"]);
    all.copies = () => 1;
    await all.pass(heartbeatMs);
    expect(b.keys).toEqual(["ada"]);
    expect(b.diffs.slice(1)).toEqual([
      { joins: [], leaves: ["ada"] },
      { joins: ["ada"], leaves: [] },
    ]);
  });

  test("that is over before a window is, was nothing to speak of", async () => {
    const all = new Cluster(() => definePresence({ heartbeatMs, downAfterMs, batchWindowMs: 5 * downAfterMs }));
    const [a, b] = [await all.node(), await all.node()];
    await a.track("ada");
    await all.pass(5 * downAfterMs);
    expect(b.diffs).toEqual([{ joins: ["ada"], leaves: [] }]);
    all.copies = () => 0;
    await all.pass(downAfterMs + heartbeatMs);
    expect(b.keys).toEqual([]);
    all.copies = () => 1;
    await all.pass(heartbeatMs);
    expect(b.keys).toEqual(["ada"]);
    await all.pass(10 * downAfterMs);
    expect(b.diffs).toHaveLength(1);
  });

  test("isn't what a node takes its own sleep for", async () => {
    const [all, a, b] = (await cluster(2)) as [Cluster, Node, Node];
    await a.track("ada");
    // Stopped as by SIGSTOP: its timers run late, and then all at once.
    const now = all.clock.now.bind(all.clock);
    const sleptMs = 3 * downAfterMs;
    all.clock.now = () => now() + sleptMs;
    all.copies = (_from, to) => (to === b ? 0 : 1);
    await all.pass(heartbeatMs);
    expect(b.keys).toEqual(["ada"]);
  });
});

describe("a process that dies", () => {
  test("takes its presences with it, within downAfterMs and one heartbeat, in one diff", async () => {
    const [all, a, b, c] = (await cluster(3)) as [Cluster, Node, Node, Node];
    await a.track("ada");
    await a.track("bob");
    await b.track("eve");
    // Not at the moment of a heartbeat.
    await all.pass(heartbeatMs / 2);
    a.alive = false;
    await all.pass(downAfterMs - heartbeatMs);
    expect(b.keys).toEqual(["ada", "bob", "eve"]);
    await all.pass(2 * heartbeatMs);
    for (const node of [b, c]) {
      expect(node.keys).toEqual(["eve"]);
      expect(node.diffs.at(-1)).toEqual({ joins: [], leaves: ["ada", "bob"] });
    }
  });

  test("is none any more when it starts again: what it had is not mixed with what it has", async () => {
    const [all, a, b] = (await cluster(2)) as [Cluster, Node, Node];
    await a.track("ada");
    a.alive = false;
    const again = await all.node();
    await again.track("bob");
    await all.pass(downAfterMs + heartbeatMs);
    expect(b.keys).toEqual(["bob"]);
    expect(again.keys).toEqual(["bob"]);
    await all.pass(permanentDownAfterMs);
    expect(statuses(b)).toEqual(["up", "up", "down", "gone"]);
  });

  test("on purpose says so: the others drop its presences at once, and late news don't bring them back", async () => {
    const [all, a, b] = (await cluster(2)) as [Cluster, Node, Node];
    const late: string[] = [];
    await a.track("ada");
    late.push(...all.sent.filter(({ from }) => from === a).map(({ text }) => text));
    await a.track("bob");
    a.close();
    await happened();
    expect(b.keys).toEqual([]);
    expect(b.diffs.at(-1)).toEqual({ joins: [], leaves: ["ada", "bob"] });
    for (const text of late) b.hear(JSON.parse(text));
    await happened();
    expect(b.keys).toEqual([]);
    all.sent.length = 0;
    await a.track("eve");
    await all.pass(5 * heartbeatMs);
    expect(all.sent.filter(({ from }) => from === a)).toEqual([]);
  });
});

describe("what is no message of a tracker", () => {
  const meta = { phx_ref: "x" };
  const entry = [1, "room:1", "eve", meta, false, 0, 1];
  test.each([
    ["nothing", null],
    ["another version", [2, "heartbeat", "r", null, 5]],
    ["an unknown type", [1, "obey", "r", null]],
    ["a name that is no string", [1, "heartbeat", 5, null, 5]],
    ["a clock that is no number", [1, "heartbeat", "r", null, "5"]],
    ["a stretch that runs backwards", [1, "delta", "r", null, 5, 1, [], [], []]],
    ["an entry without a ref", [1, "delta", "r", null, 0, 1, [[1, "room:1", "eve", {}, false, 0, 1]], [], []]],
    ["an entry with a list for a meta", [1, "delta", "r", null, 0, 1, [[1, "room:1", "eve", [], false, 0, 1]], [], []]],
    ["a key that is no string", [1, "delta", "r", null, 0, 1, [[1, "room:1", 5, meta, false, 0, 1]], [], []]],
    ["too many entries", [1, "delta", "r", null, 0, 501, Array(501).fill(entry), [], []]],
    ["a request to all", [1, "request", "r", null, 0]],
  ])("%s changes nothing", async (_name, data) => {
    const [all, a] = (await cluster(1)) as [Cluster, Node];
    a.hear({ kind: "presence", name: "presence", data });
    await all.pass(heartbeatMs);
    expect(a.keys).toEqual([]);
    expect(statuses(a)).toEqual([]);
  });

  test("as it should be, it does change something", async () => {
    const [, a] = (await cluster(1)) as [Cluster, Node];
    a.hear({ kind: "presence", name: "presence", data: [1, "delta", "r", null, 0, 1, [entry], [], []] });
    a.hear({ kind: "presence", name: "another", data: [1, "delta", "s", null, 0, 1, [entry], [], []] });
    a.hear({ kind: "disconnect", id: "r" });
    await happened();
    expect(a.presence.counts(a, "room:1")).toEqual({ keys: 1, metas: 1 });
  });
});
