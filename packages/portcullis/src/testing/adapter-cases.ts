/**
 * The contract of `pubsub/adapter.ts`, case by case.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ClusterBody } from "./adapter-cluster.ts";
import { brief, failure } from "./brief.ts";

const topic = "topic:room:lobby";

function texts(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_none, index) => `${prefix} ${index}`);
}

/** Everything that some bus gives a meaning of its own, or takes for the same as its neighbour. */
const oddChannels: readonly string[] = [
  ...["topic:a", "topic:A", "topic:ab", "topic:a b", "topic:a ", "topic:", "topic", "control", "node:a", "a", "*", ">"],
  ...["topic:a*", "topic:*", "topic:a?", "topic:[ab]", "topic:a.b", "topic:a.*", "topic:a.>", "topic:>", "topic:#"],
  ...[
    "topic:a+b",
    "topic:a/b",
    "topic:a\\b",
    "topic:a'b",
    'topic:"a"',
    "topic:%s",
    "topic:{a}",
    "topic:$1",
    "topic:;--",
  ],
  ...["topic:ü", "topic:u\u0308", "topic:日本:語", "topic:🦜", "topic:\u2028", "topic:__proto__", "topic:constructor"],
  `topic:${"x".repeat(1_024)}`,
  `topic:${"x".repeat(1_023)}y`,
];

const oddTexts: readonly string[] = [
  'signature.["\\"quoted\\"","back\\\\slash","\\u0000"]',
  "ünïcödé, 日本語, \u{1f99c}, \u2028, u\u0308",
  " leading and trailing ",
  "{}",
  "%s $1 `x` '; --",
];

/** What every adapter does. */
export const adapterCases: Readonly<Record<string, ClusterBody>> = {
  "a text reaches every other node that is subscribed to its channel": async (cluster) => {
    const [from, one, two] = cluster.nodes(3);
    await cluster.subscribed(from, one, topic);
    await cluster.subscribed(from, two, topic);
    from.link.publish(topic, "hello");
    await cluster.hears(one, topic, ["hello"]);
    await cluster.hears(two, topic, ["hello"]);
  },
  "texts of one node on one channel arrive in their order, each once": async (cluster) => {
    const [from, to] = cluster.nodes(2);
    await cluster.subscribed(from, to, topic);
    await cluster.subscribed(from, to, "topic:other");
    const [many, others] = [texts("text", 300), texts("other", 300)];
    for (const [index, text] of many.entries()) {
      from.link.publish(topic, text);
      from.link.publish("topic:other", others[index] as string);
    }
    await cluster.hears(to, topic, many);
    await cluster.hears(to, "topic:other", others);
  },
  "two nodes that publish at once keep each its order": async (cluster) => {
    const [one, two, to] = cluster.nodes(3);
    await cluster.subscribed(one, to, topic);
    await cluster.reaches(two, to, topic);
    for (let index = 0; index < 100; index += 1) {
      one.link.publish(topic, `one ${index}`);
      two.link.publish(topic, `two ${index}`);
    }
    await cluster.until(
      () => to.on(topic).length >= 200,
      () => `200 texts, got ${to.on(topic).length}`,
    );
    for (const name of ["one", "two"])
      assert.deepEqual(
        to.on(topic).filter((text) => text.startsWith(name)),
        texts(name, 100),
      );
  },
  "channels are kept apart, whatever their names": async (cluster) => {
    const [from, to, chooser] = cluster.nodes(3);
    await Promise.all(oddChannels.map((channel) => cluster.subscribed(from, to, channel)));
    const chosen = ["topic:a*", "topic:>", "topic:u\u0308"];
    for (const channel of chosen) await cluster.subscribed(from, chooser, channel);
    for (const channel of oddChannels) from.link.publish(channel, `on ${channel}`);
    for (const channel of oddChannels)
      await cluster.until(
        () => to.on(channel).length > 0,
        () => `a text on ${brief(channel)}`,
      );
    for (const channel of chosen)
      await cluster.until(
        () => chooser.on(channel).length > 0,
        () => `a text on ${brief(channel)}`,
      );
    await cluster.quiet();
    for (const [node, channels] of [
      [to, oddChannels],
      [chooser, chosen],
    ] as const) {
      for (const { channel, text } of node.heard) {
        if (text !== `on ${channel}` || !channels.includes(channel))
          throw failure(`Expected each text on its own channel, got ${brief(text)} on ${brief(channel)}.`);
      }
      assert.equal(node.heard.length, channels.length, "Expected one text on each channel.");
    }
  },
  "texts arrive unchanged, whatever is in them and however long they are": async (cluster) => {
    const [from, to] = cluster.nodes(2);
    await cluster.subscribed(from, to, topic);
    const { textCharactersMax } = cluster.options;
    const long = "0123456789abcdef".repeat(Math.ceil(textCharactersMax / 16)).slice(0, textCharactersMax);
    const wide = "ü".repeat(Math.floor(textCharactersMax / 3));
    const all = [...oddTexts, long, wide, "the end"];
    for (const text of all) from.link.publish(topic, text);
    await cluster.hears(to, topic, all);
  },
  "a node's own texts come back unchanged, or not at all": async (cluster) => {
    const [own, other] = cluster.nodes(2);
    await cluster.subscribed(own, other, topic);
    await cluster.subscribed(other, own, topic);
    for (const text of texts("own", 20)) own.link.publish(topic, text);
    await cluster.hears(other, topic, texts("own", 20));
    if (own.on(topic).length > 0) assert.deepEqual(own.on(topic), texts("own", 20));
  },
  "a node hears no more of a channel it unsubscribed, and all of the others": async (cluster) => {
    const [from, to, other] = cluster.nodes(3);
    for (const node of [to, other]) await cluster.subscribed(from, node, topic);
    await cluster.subscribed(from, to, "topic:kept");
    to.link.unsubscribe(topic);
    let sent = 0;
    // It may take effect a little later.
    for (let before = -1; before !== to.on(topic).length; ) {
      before = to.on(topic).length;
      sent += 1;
      if (sent > 100) throw failure(`Expected unsubscribing ${brief(topic)} to take effect.`);
      from.link.publish(topic, `after ${sent}`);
      from.link.publish("topic:kept", `kept ${sent}`);
      await cluster.until(
        () => other.on(topic).length >= sent && to.on("topic:kept").length >= sent,
        () => `what is still subscribed to arrive: text ${sent}`,
      );
      await cluster.quiet();
    }
    const heard = to.on(topic).length;
    await cluster.subscribed(from, to, topic);
    from.link.publish(topic, "again");
    await cluster.until(
      () => to.on(topic).length > heard,
      () => "a text after subscribing again",
    );
    assert.deepEqual(to.on(topic).slice(heard), ["again"]);
  },
  "a node may be subscribed to hundreds of channels": async (cluster) => {
    const [from, to] = cluster.nodes(2);
    const channels = texts("topic:many", 300);
    await Promise.all(channels.map((channel) => cluster.subscribed(from, to, channel)));
    for (const channel of channels) from.link.publish(channel, channel);
    await cluster.until(
      () => to.heard.length >= channels.length,
      () => `${channels.length} texts, got ${to.heard.length}`,
    );
    for (const channel of channels) assert.deepEqual(to.on(channel), [channel]);
  },
  "whatever is called before the bus is reached counts, and throws nothing": async (cluster) => {
    const [from] = cluster.nodes(1);
    const [to] = cluster.nodes(1);
    from.link.publish(topic, "perhaps too early");
    to.link.subscribe(topic);
    to.link.subscribe("topic:dropped");
    to.link.unsubscribe("topic:dropped");
    await cluster.reaches(from, to, topic);
    from.link.publish("topic:dropped", "nobody hears this");
    from.link.publish(topic, "hello");
    await cluster.until(
      () => to.on(topic).includes("hello"),
      () => "a text on the channel that was subscribed first",
    );
    await cluster.quiet();
    assert.deepEqual(to.on("topic:dropped"), []);
  },
  "a node that left hears nothing, the others go on, and it can be asked for nothing any more": async (cluster) => {
    const [from, gone, stays] = cluster.nodes(3);
    for (const node of [gone, stays]) await cluster.subscribed(from, node, topic);
    await cluster.inTime(gone.link.close(), "leaving the bus to be done");
    from.link.publish(topic, "after");
    await cluster.hears(stays, topic, ["after"]);
    assert.deepEqual(gone.on(topic), []);
    gone.link.publish(topic, "from beyond");
    gone.link.subscribe("topic:late");
    gone.link.unsubscribe(topic);
    await cluster.inTime(gone.link.close(), "leaving again to be done");
    await cluster.quiet();
    assert.deepEqual(stays.on(topic), ["after"]);
  },
};

/** What an adapter does whose bus can be taken away. */
export const cutCases: Readonly<Record<string, ClusterBody>> = {
  "says when the bus is gone and when it is back, and throws nothing meanwhile": async (cluster) => {
    const [from, to] = cluster.nodes(2);
    await cluster.subscribed(from, to, topic);
    await cluster.harness.cut?.();
    for (const node of [from, to])
      await cluster.until(
        () => node.statuses.at(-1) === "down",
        () => `status "down", got ${brief(node.statuses)}`,
      );
    for (const text of texts("lost", 20)) from.link.publish(topic, text);
    await cluster.harness.heal?.();
    for (const node of [from, to])
      await cluster.until(
        () => node.statuses.at(-1) === "up",
        () => `status "up", got ${brief(node.statuses)}`,
      );
  },
  "is subscribed as before when the bus is back, and as was asked for meanwhile": async (cluster) => {
    const [from, to] = cluster.nodes(2);
    for (const channel of [topic, "topic:dropped"]) await cluster.subscribed(from, to, channel);
    await cluster.harness.cut?.();
    await cluster.until(
      () => to.statuses.at(-1) === "down",
      () => `status "down", got ${brief(to.statuses)}`,
    );
    to.link.subscribe("topic:new");
    to.link.unsubscribe("topic:dropped");
    await cluster.harness.heal?.();
    for (const channel of [topic, "topic:new"]) await cluster.reaches(from, to, channel);
    const many = texts("text", 50);
    for (const text of many)
      for (const channel of [topic, "topic:new", "topic:dropped"]) from.link.publish(channel, text);
    for (const channel of [topic, "topic:new"]) await cluster.hears(to, channel, many);
    assert.deepEqual(to.on("topic:dropped"), []);
  },
};
