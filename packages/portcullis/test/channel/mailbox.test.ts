/** One handler at a time, in order, whatever mix of quick and slow; and a bound to what waits. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defineSocket } from "../../src/socket/socket.ts";
import { settled } from "../support/clock.ts";
import { type Frame, replyFrame } from "../support/wire.ts";
import { deferred, responses, World } from "../support/world.ts";

const socket = defineSocket();

/** How a handler of the property test behaves. */
type Work = "sync" | "promise" | "slow" | "slower" | "chained";

const works: Readonly<Record<Work, () => Promise<unknown> | undefined>> = {
  sync: () => undefined,
  promise: () => Promise.resolve(),
  slow: () => settled(),
  slower: () => settled().then(settled),
  chained: () => Promise.resolve().then(() => Promise.resolve()),
};

describe("order", () => {
  const step = fc.record({
    topic: fc.constantFrom("room:1", "room:2", "room:3"),
    work: fc.constantFrom<Work>("sync", "promise", "slow", "slower", "chained"),
    from: fc.constantFrom("client", "info", "intercept"),
  });

  test("is that of arrival within a channel, one handler at a time", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const running = new Set<string>();
        const overlaps: string[] = [];
        const handled = new Map<string, number[]>();
        const handle = (payload: unknown, channel: { readonly topic: string }): object | Promise<object> => {
          const { n, work } = payload as { n: number; work: Work };
          if (running.has(channel.topic)) overlaps.push(channel.topic);
          running.add(channel.topic);
          const done = (): object => {
            running.delete(channel.topic);
            handled.set(channel.topic, [...(handled.get(channel.topic) ?? []), n]);
            return { n };
          };
          const pending = works[work]();
          return pending === undefined ? done() : pending.then(done);
        };
        const silent = (payload: unknown, channel: { readonly topic: string }): undefined | Promise<undefined> => {
          const result = handle(payload, channel);
          return result instanceof Promise ? result.then(() => undefined) : undefined;
        };
        const channels = new Map<string, { send(name: string, message: unknown): void }>();
        const channel = socket
          .channel("room:{id}", { join: (_params, channel) => void channels.set(channel.topic, channel) })
          .on({ work: handle })
          .info({ work: silent })
          .intercept({ work: silent });
        const world = new World([channel]);
        const client = world.connect();
        for (const id of ["1", "2", "3"]) client.joined(`room:${id}`, id);
        for (const [n, { topic, work, from }] of steps.entries()) {
          if (from === "client") client.push(topic, "work", { n, work }, String(n), topic.at(-1));
          else if (from === "info") channels.get(topic)?.send("work", { n, work });
          else world.pubsub.broadcast(topic, "work", { n, work });
        }
        for (let turn = 0; turn <= steps.length * 2 + 1; turn += 1) await settled();
        expect(overlaps).toEqual([]);
        for (const topic of ["room:1", "room:2", "room:3"]) {
          const numbers = [...steps.entries()].filter(([, step]) => step.topic === topic);
          expect(handled.get(topic) ?? []).toEqual(numbers.map(([n]) => n));
        }
        const frames = client.take();
        for (const topic of ["room:1", "room:2", "room:3"]) {
          const replied = responses(frames.filter((frame) => frame[2] === topic));
          const expected = [...steps.entries()].filter(([, step]) => step.topic === topic && step.from === "client");
          expect(replied).toEqual(expected.map(([n]) => ({ n })));
        }
      }),
      { numRuns: 60 },
    );
  });

  test("a channel that is busy holds up no other", async () => {
    const gate = deferred();
    const channel = socket.channel("room:{id}").on({
      slow: () => gate.promise.then(() => ({ slow: true })),
      fast: () => ({ fast: true }),
    });
    const client = new World([channel]).connect().joined("room:1", "1").joined("room:2", "2");
    client.push("room:1", "slow", {}, "3", "1");
    client.push("room:1", "fast", {}, "4", "1");
    client.push("room:2", "fast", {}, "5", "2");
    client.leave("room:2", "6", "2");
    expect(client.take()).toEqual([
      replyFrame("2", "5", "room:2", "ok", { fast: true }),
      replyFrame("2", "6", "room:2", "ok", {}),
      ["2", "2", "room:2", "phx_close", {}],
    ]);
    gate.resolve();
    await settled();
    expect(client.take()).toEqual([
      replyFrame("1", "3", "room:1", "ok", { slow: true }),
      replyFrame("1", "4", "room:1", "ok", { fast: true }),
    ]);
  });

  test("a long queue of quick handlers behind a slow one doesn't grow the stack", async () => {
    const gate = deferred();
    const channel = socket.channel("room").on({ slow: () => gate.promise, fast: () => ({}) });
    const client = new World([channel]).connect().joined("room");
    client.push("room", "slow", {});
    for (let n = 0; n < 20_000; n += 1) client.push("room", "fast", {}, n);
    gate.resolve();
    await settled();
    expect(client.take()).toHaveLength(20_000);
  });
});

describe("the bound", () => {
  const crashed: Frame = ["1", "1", "room", "phx_error", { reason: "channel_crash" }];

  function blocked(mailboxMax: number) {
    const gate = deferred();
    const handled: unknown[] = [];
    let send = (_n: number): void => {};
    const channel = socket
      .channel("room", {
        join(_params, channel) {
          send = (n) => channel.send("tick", n);
        },
      })
      .on({ slow: () => gate.promise })
      .info({ tick: (n) => void handled.push(n) })
      .intercept({ said: () => void handled.push("said") });
    const world = new World([channel], { mailboxMax });
    const client = world.connect().joined("room");
    client.push("room", "slow", {});
    return { gate, handled, world, client, send: (n: number) => send(n) };
  }

  test("lets exactly so many wait", async () => {
    const { gate, handled, client, send } = blocked(3);
    for (const n of [1, 2, 3]) send(n);
    gate.resolve();
    await settled();
    expect(handled).toEqual([1, 2, 3]);
    expect(client.take()).toEqual([]);
  });

  test.each(["send", "broadcast"])("one more by %s crashes the channel, not its sender", async (by) => {
    const { gate, handled, world, client, send } = blocked(3);
    for (const n of [1, 2, 3]) send(n);
    const overflow = (): void => (by === "send" ? send(4) : world.pubsub.broadcast("room", "said", {}));
    expect(overflow).not.toThrow();
    expect(client.take()).toEqual([crashed]);
    expect(overflow).not.toThrow();
    gate.resolve();
    await settled();
    expect(handled).toEqual([]);
    expect(client.take()).toEqual([]);
    expect(world.reported("channel.crashed")).toMatchObject([{ error: { code: "mailbox_full" } }]);
    expect(world.logger.at("warn")).toEqual([expect.stringMatching(/mailbox of a channel "room" holds 3 messages/)]);
    expect(world.pubsub.count()).toBe(0);
  });

  test("while a join takes its time crashes the join", async () => {
    const gate = deferred();
    const channel = socket
      .channel("room", {
        join(_params, channel) {
          channel.subscribe("news");
          return gate.promise;
        },
      })
      .info({ broadcast: () => undefined });
    const world = new World([channel], { mailboxMax: 3 });
    const client = world.connect();
    client.join("room");
    for (let n = 0; n < 10; n += 1) world.pubsub.broadcast("news", "flash", { n });
    expect(world.pubsub.count()).toBe(0);
    gate.resolve();
    await settled();
    expect(client.take()).toEqual([replyFrame("1", "1", "room", "error", { reason: "join crashed" })]);
    expect(client.connection.channelCount).toBe(0);
    expect(world.pubsub.count()).toBe(0);
    client.join("room", "2");
    await settled();
    expect(client.take()).toEqual([replyFrame("2", "2", "room", "ok", {})]);
  });
});
