/** The suite for adapters lets a good one pass, and none of these bad ones. */
import type { AdapterEvents, AdapterLink, PubSubAdapter } from "portcullis";
import { type AdapterHarness, connect, type MemoryBus, memoryBus, pubsubAdapterSuite } from "portcullis/testing";
import { describe, expect, test } from "vitest";
import { application } from "./support.ts";

type Spoil = (link: AdapterLink, events: AdapterEvents, bus: MemoryBus) => Partial<AdapterLink>;

/** A bus in memory of which something is spoilt. */
function harnessOf(
  spoil: Spoil = () => ({}),
  spoilEvents: (events: AdapterEvents) => AdapterEvents = (events) => events,
) {
  const bus = memoryBus();
  const adapter = (): PubSubAdapter => ({
    connect(events) {
      const seen = spoilEvents(events);
      const link = bus.connect(seen);
      return { ...link, ...spoil(link, seen, bus) };
    },
  });
  return { adapter, cut: () => bus.cut(), heal: () => bus.heal() } satisfies AdapterHarness;
}

describe("a bus in memory passes", () => {
  for (const { name, run } of pubsubAdapterSuite({ create: () => harnessOf(), cuts: true })) test(name, run);
});

test("a bus that can't be cut is asked for nothing about that", () => {
  const names = (cuts: boolean) => pubsubAdapterSuite({ create: () => harnessOf(), cuts }).map(({ name }) => name);
  expect(names(true).filter((name) => !names(false).includes(name))).toEqual([
    "says when the bus is gone and when it is back, and throws nothing meanwhile",
    "is subscribed as before when the bus is back, and as was asked for meanwhile",
  ]);
});

const patternOf = (channel: string) =>
  new RegExp(`^${channel.replace(/[^*\w:]/g, "\\$&").replaceAll("*", ".*")}$`, "s");

const broken: Record<string, { readonly fails: RegExp; readonly create: () => AdapterHarness }> = {
  "that loses the order": {
    fails: /in their order/,
    create: () =>
      harnessOf((link) => ({
        publish(channel, text) {
          if (text.endsWith("7")) setImmediate(() => link.publish(channel, text));
          else link.publish(channel, text);
        },
      })),
  },
  "that says things twice": {
    fails: /each once/,
    create: () =>
      harnessOf((link) => ({
        publish(channel, text) {
          link.publish(channel, text);
          link.publish(channel, text);
        },
      })),
  },
  "that loses every hundredth text": {
    fails: /in their order/,
    create: () => {
      let count = 0;
      return harnessOf((link) => ({
        publish(channel, text) {
          count += 1;
          if (count % 100 !== 0) link.publish(channel, text);
        },
      }));
    },
  },
  "that takes channels for patterns": {
    fails: /kept apart/,
    create: () => {
      const subscriptions = new Set<{ channel: string; events: AdapterEvents }>();
      return harnessOf((_link, events) => ({
        subscribe: (channel) => void subscriptions.add({ channel, events }),
        unsubscribe: (channel) => {
          for (const each of subscriptions)
            if (each.channel === channel && each.events === events) subscriptions.delete(each);
        },
        publish(channel, text) {
          for (const each of subscriptions)
            if (each.events !== events && patternOf(each.channel).test(channel)) each.events.message(channel, text);
        },
      }));
    },
  },
  "that doesn't tell large letters from small": {
    fails: /kept apart/,
    create: () =>
      harnessOf((link) => ({
        subscribe: (channel) => link.subscribe(channel.toLowerCase()),
        unsubscribe: (channel) => link.unsubscribe(channel.toLowerCase()),
        publish: (channel, text) => link.publish(channel.toLowerCase(), text),
      })),
  },
  "that takes text for Latin 1": {
    fails: /arrive unchanged/,
    create: () =>
      harnessOf((link) => ({
        publish: (channel, text) => link.publish(channel, Buffer.from(text, "latin1").toString("latin1")),
      })),
  },
  "that cuts long texts off": {
    fails: /arrive unchanged/,
    create: () =>
      harnessOf((link) => ({ publish: (channel, text) => link.publish(channel, text.slice(0, 1_000_000)) })),
  },
  "that brings a node's own texts back changed": {
    fails: /own texts/,
    create: () =>
      harnessOf((link, events) => ({
        publish(channel, text) {
          link.publish(channel, text);
          events.message(channel, `${text}!`);
        },
      })),
  },
  "that never unsubscribes": {
    fails: /unsubscribed/,
    create: () => harnessOf(() => ({ unsubscribe() {} })),
  },
  "that hears on after it has left": {
    fails: /node that left/,
    create: () => harnessOf(() => ({ async close() {} })),
  },
  "that throws when it is asked for something after it has left": {
    fails: /node that left/,
    create: () =>
      harnessOf((link) => {
        let left = false;
        return {
          publish(channel, text) {
            if (left) throw new Error("left");
            link.publish(channel, text);
          },
          close() {
            left = true;
            return link.close();
          },
        };
      }),
  },
  "that never has left": {
    fails: /node that left/,
    create: () => harnessOf(() => ({ close: () => new Promise<void>(() => {}) })),
  },
  "that doesn't say that the bus is gone": {
    fails: /when the bus is gone/,
    create: () => harnessOf(undefined, (events) => ({ ...events, status() {} })),
  },
  "that throws while the bus is gone": {
    fails: /throws nothing meanwhile/,
    create: () => {
      let down = false;
      const harness = harnessOf((link) => ({
        publish(channel, text) {
          if (down) throw new Error("not connected");
          link.publish(channel, text);
        },
      }));
      return {
        ...harness,
        cut() {
          down = true;
          harness.cut();
        },
        heal() {
          down = false;
          harness.heal();
        },
      };
    },
  },
  "that is subscribed to nothing when the bus is back": {
    fails: /subscribed as before/,
    create: () => {
      const channels: [AdapterLink, string][] = [];
      const harness = harnessOf((link) => ({
        subscribe(channel) {
          link.subscribe(channel);
          channels.push([link, channel]);
        },
      }));
      return {
        ...harness,
        heal() {
          for (const [link, channel] of channels) link.unsubscribe(channel);
          harness.heal();
        },
      };
    },
  },
};

describe("a bus fails", () => {
  test.each(Object.entries(broken))("%s", async (_name, { fails, create }) => {
    const suite = pubsubAdapterSuite({ create, cuts: true, withinMs: 300, quietMs: 10 });
    const cases = suite.filter(({ name }) => fails.test(name));
    expect(cases).toHaveLength(1);
    for (const { run } of cases) await expect(run()).rejects.toThrow();
  });

  test("for its endpoints too when it carries nothing", async () => {
    const create = () => harnessOf(() => ({ publish() {} }));
    const suite = pubsubAdapterSuite({ create, withinMs: 50, quietMs: 1 });
    for (const { run } of suite.filter(({ name }) => name.startsWith("endpoints")))
      await expect(run()).rejects.toThrow();
  });
});

test("a bus in memory joins the endpoints it is given to, until it is cut", async () => {
  const bus = memoryBus();
  const [here, there] = [application({ pubsub: bus }), application({ pubsub: bus })];
  const echo = await (await connect(there, "/open/a")).join("echo:1");
  here.broadcast("echo:1", "news", { n: 1 });
  await echo.assertPush("news", { n: 1 });
  bus.cut();
  here.broadcast("echo:1", "news", { n: 2 });
  await echo.refutePush("news");
  bus.heal();
  here.broadcast("echo:1", "news", { n: 3 });
  await echo.assertPush("news", { n: 3 });
  expect(bus.nodeCount).toBe(2);
  await there.close();
  expect(bus.nodeCount).toBe(1);
});
