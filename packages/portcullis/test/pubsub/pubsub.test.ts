/** Who hears what inside one process. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Groups } from "../../src/pubsub/groups.ts";
import { type Broadcast, type ControlMessage, PubSub, type Subscriber } from "../../src/pubsub/pubsub.ts";

class Hearer implements Subscriber {
  readonly heard: Broadcast[] = [];
  onDeliver: () => void = () => {};

  deliver(broadcast: Broadcast): void {
    this.heard.push(broadcast);
    this.onDeliver();
  }

  get events(): readonly string[] {
    return this.heard.map(({ topic, event }) => `${topic} ${event}`);
  }
}

describe("topics", () => {
  test("a broadcast reaches every subscriber of its topic and nobody else", () => {
    const pubsub = new PubSub();
    const [first, second, elsewhere] = [new Hearer(), new Hearer(), new Hearer()];
    pubsub.subscribe("a", first);
    pubsub.subscribe("a", second);
    pubsub.subscribe("b", elsewhere);
    const payload = { n: 1 };
    pubsub.broadcast("a", "news", payload);
    expect(first.heard).toMatchObject([{ topic: "a", event: "news", from: null }]);
    expect(first.heard[0]?.payload).toBe(payload);
    // One object for all: what the first works out, the others use.
    expect(second.heard[0]).toBe(first.heard[0]);
    expect(elsewhere.heard).toEqual([]);
  });

  test("localBroadcast is the same inside one process", () => {
    const pubsub = new PubSub();
    const hearer = new Hearer();
    pubsub.subscribe("a", hearer);
    pubsub.localBroadcast("a", "news", {});
    expect(hearer.events).toEqual(["a news"]);
  });

  test("from spares one subscriber", () => {
    const pubsub = new PubSub();
    const [sender, other] = [new Hearer(), new Hearer()];
    pubsub.subscribe("a", sender);
    pubsub.broadcast("a", "alone", {}, { from: sender });
    pubsub.subscribe("a", other);
    pubsub.broadcast("a", "both", {}, { from: sender });
    pubsub.localBroadcast("a", "local", {}, { from: sender });
    expect(sender.events).toEqual([]);
    expect(other.events).toEqual(["a both", "a local"]);
  });

  test("subscribing twice is subscribing once, alone and among others", () => {
    const pubsub = new PubSub();
    const [first, second] = [new Hearer(), new Hearer()];
    for (const hearer of [first, first, second, second, first]) pubsub.subscribe("a", hearer);
    expect(pubsub.count("a")).toBe(2);
    pubsub.broadcast("a", "news", {});
    expect([first.heard.length, second.heard.length]).toEqual([1, 1]);
    pubsub.unsubscribe("a", first);
    pubsub.broadcast("a", "more", {});
    expect([first.heard.length, second.heard.length]).toEqual([1, 2]);
  });

  test("unsubscribing who isn't there is harmless", () => {
    const pubsub = new PubSub();
    const [first, stranger] = [new Hearer(), new Hearer()];
    pubsub.unsubscribe("a", stranger);
    pubsub.subscribe("a", first);
    pubsub.unsubscribe("a", stranger);
    pubsub.unsubscribe("b", first);
    expect(pubsub.count("a")).toBe(1);
  });

  test("topics named like what objects have are topics", () => {
    const pubsub = new PubSub();
    const hearer = new Hearer();
    for (const topic of ["__proto__", "constructor", ""]) pubsub.subscribe(topic, hearer);
    for (const topic of ["__proto__", "constructor", "", "toString"]) pubsub.broadcast(topic, "news", {});
    expect(hearer.events).toEqual(["__proto__ news", "constructor news", " news"]);
    expect(pubsub.count()).toBe(3);
  });

  test("who leaves while being told is told no more; the others are", () => {
    const pubsub = new PubSub();
    const hearers = Array.from({ length: 4 }, () => new Hearer());
    for (const hearer of hearers) pubsub.subscribe("a", hearer);
    for (const hearer of hearers) hearer.onDeliver = () => pubsub.unsubscribe("a", hearer);
    pubsub.broadcast("a", "last", {});
    pubsub.broadcast("a", "after", {});
    expect(hearers.map(({ events }) => events)).toEqual(Array(4).fill(["a last"]));
    expect(pubsub.count()).toBe(0);
  });

  test("what a subscriber throws comes out at the broadcaster", () => {
    const pubsub = new PubSub();
    const hearer = new Hearer();
    hearer.onDeliver = () => {
      throw new Error("can't be encoded");
    };
    pubsub.subscribe("a", hearer);
    expect(() => pubsub.broadcast("a", "news", {})).toThrow("can't be encoded");
  });
});

describe("control messages", () => {
  test("reach every listener until it stops", () => {
    const pubsub = new PubSub();
    const heard: [string, ControlMessage][] = [];
    const stop = pubsub.onControl((message) => heard.push(["first", message]));
    pubsub.onControl((message) => heard.push(["second", message]));
    const message: ControlMessage = { kind: "disconnect", id: "users:1" };
    pubsub.control(message);
    stop();
    stop();
    pubsub.control(message);
    expect(heard.map(([who]) => who)).toEqual(["first", "second", "second"]);
    expect(heard[0]?.[1]).toBe(message);
  });

  test("and topics never meet, whatever a topic or event is called", () => {
    const pubsub = new PubSub();
    const commands: ControlMessage[] = [];
    const hearer = new Hearer();
    pubsub.onControl((message) => commands.push(message));
    for (const topic of ["users:1", "disconnect", "control", "phoenix"]) {
      pubsub.subscribe(topic, hearer);
      pubsub.broadcast(topic, "disconnect", { kind: "disconnect", id: "users:1" });
    }
    expect(commands).toEqual([]);
    expect(hearer.heard).toHaveLength(4);
    pubsub.control({ kind: "disconnect", id: "users:1" });
    expect(commands).toHaveLength(1);
    expect(hearer.heard).toHaveLength(4);
  });
});

test("two of them never meet", () => {
  const [first, second] = [new PubSub(), new PubSub()];
  const hearer = new Hearer();
  first.subscribe("a", hearer);
  second.broadcast("a", "news", {});
  second.control({ kind: "disconnect", id: "a" });
  expect(hearer.heard).toEqual([]);
});

describe("groups", () => {
  test("behave like a map of sets, and forget empty keys", () => {
    const members = Array.from({ length: 4 }, (_, name) => ({ name }));
    const action = fc.record({
      what: fc.constantFrom("add", "remove"),
      key: fc.constantFrom("a", "b", "__proto__"),
      member: fc.constantFrom(...members),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const groups = new Groups<{ name: number }>();
        const model = new Map<string, Set<object>>();
        for (const { what, key, member } of actions) {
          if (what === "add") {
            groups.add(key, member);
            model.set(key, (model.get(key) ?? new Set()).add(member));
          } else {
            groups.remove(key, member);
            model.get(key)?.delete(member);
            if (model.get(key)?.size === 0) model.delete(key);
          }
          expect(groups.size).toBe(model.size);
          for (const each of ["a", "b", "__proto__"]) {
            const visited: object[] = [];
            groups.each(each, (found) => visited.push(found));
            expect(visited).toHaveLength(groups.count(each));
            expect(new Set(visited)).toEqual(model.get(each) ?? new Set());
          }
        }
      }),
    );
  });

  test("many keys that come and go leave nothing", () => {
    const groups = new Groups<object>();
    const members = [{}, {}, {}];
    for (let n = 0; n < 10_000; n += 1) for (const member of members) groups.add(`key ${n}`, member);
    expect(groups.size).toBe(10_000);
    for (let n = 0; n < 10_000; n += 1) for (const member of members) groups.remove(`key ${n}`, member);
    expect(groups.size).toBe(0);
  });
});
