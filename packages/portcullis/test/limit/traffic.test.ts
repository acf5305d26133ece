/** How much one connection may send. */

import { describe, expect, test } from "vitest";
import { defineEndpoint, defineSocket, type RateOptions, signedToken } from "../../src/index.ts";
import { openSocket, pingChannel, secretKeyBase, tokenSalt } from "../security/support/arena.ts";
import type { RawClient } from "../security/support/raw.ts";
import { settled } from "../support/clock.ts";
import { ask, longpollPath, ndjson, Poller } from "../support/poller.ts";
import { type Gate, startGate } from "./support.ts";

/** Joins and messages without bounds, unless a test sets some. */
const unbounded = { joinsPerSecond: Number.POSITIVE_INFINITY, messagesPerSecond: Number.POSITIVE_INFINITY };

interface Channelled extends Gate {
  /** What handlers were called with, in order. */
  readonly handled: string[];
  readonly client: RawClient;
}

/** One client, with `work:1` joined where it may. */
async function channelled(rates: RateOptions, join = true): Promise<Channelled> {
  const handled: string[] = [];
  const socket = openSocket();
  const channel = socket.channel("work:{id}").on({
    search: (_payload, { topic }) => void handled.push(`search ${topic}`),
    type: (_payload, { topic }) => void handled.push(`type ${topic}`),
    echo(payload, { topic }) {
      handled.push(`echo ${topic}`);
      return payload;
    },
  });
  const sockets = { "/socket": { socket, channels: [channel], rates: { ...unbounded, ...rates } } };
  const gate = await startGate({ sockets });
  const client = await gate.knock();
  if (join) await client.join("work:1");
  return { ...gate, handled, client };
}

function refused(retryAfterMs: number): object {
  return { status: "error", response: { reason: "rate limited", retryAfterMs } };
}

/** What a client has been answered once `ref` is. */
async function answers(client: RawClient, ref: unknown): Promise<readonly unknown[][]> {
  await client.reply(ref);
  return client.messages as unknown[][];
}

/** Says a heartbeat, whose answer comes after every other. */
async function beat(client: RawClient, ref = "beat"): Promise<void> {
  client.message(null, ref, "phoenix", "heartbeat", {});
  await client.reply(ref);
}

describe("joins", () => {
  test("over the rate are refused with how long to wait; the connection and its channels live", async () => {
    const { client, clock } = await channelled({ joinsPerSecond: 2, joinsBurst: 3 });
    expect(await client.join("work:2")).toMatchObject({ status: "ok" });
    expect(await client.join("work:3")).toMatchObject({ status: "ok" });
    expect(await client.join("work:4")).toMatchObject({ ...refused(500), topic: "work:4" });
    // Refused, and not joined.
    expect(await client.push("work:4", "echo", {}, "p4")).toMatchObject({ response: { reason: "unmatched topic" } });
    expect(await client.push("work:1", "echo", { a: 1 }, "p1")).toMatchObject({ status: "ok", response: { a: 1 } });
    clock.advance(499);
    expect(await client.join("work:4", {}, "again")).toMatchObject(refused(1));
    clock.advance(1);
    expect(await client.join("work:4", {}, "and again")).toMatchObject({ status: "ok" });
  });

  test("that are repeated, refused or unmatched count like any other", async () => {
    const { client } = await channelled({ joinsPerSecond: 1, joinsBurst: 3 });
    expect(await client.join("work:1", {}, "2")).toMatchObject({ status: "ok" });
    expect(await client.join("nowhere", {}, "3")).toMatchObject({ response: { reason: "unmatched topic" } });
    expect(await client.join("nowhere", {}, "4")).toMatchObject(refused(1_000));
  });

  test("by default a client that rejoins all it may hold is let, and a flood is not", async () => {
    const { client, reported } = await channelled({ joinsPerSecond: 100, joinsBurst: 200 }, false);
    for (let round = 0; round < 2; round += 1) {
      for (let index = 0; index < 100; index += 1)
        client.message(`${round}.${index}`, `${round}.${index}`, `work:${index}`, "phx_join", {});
    }
    await client.reply("1.99");
    expect(reported("channel.joined")).toHaveLength(200);
    expect(await client.join("work:1", {}, "one more")).toMatchObject(refused(10));
  });

  test("are bounded on a mount that says nothing", async () => {
    const gate = await startGate();
    const client = await gate.knock();
    for (let index = 0; index < 300; index += 1) client.message("1", `${index}`, "ping:a", "phx_join", {});
    expect(await client.reply("200")).toMatchObject(refused(10));
    expect(gate.reported("channel.joined")).toHaveLength(200);
  });
});

describe("messages", () => {
  test("over the rate are refused and not handled, their refs kept", async () => {
    const { client, clock, handled } = await channelled({ messagesPerSecond: 4, messagesBurst: 2 });
    for (const ref of ["a", "b", "c", 17]) client.message("join work:1", ref, "work:1", "echo", { ref });
    const all = await answers(client, 17);
    expect(all.slice(-4)).toEqual([
      ["join work:1", "a", "work:1", "phx_reply", { status: "ok", response: { ref: "a" } }],
      ["join work:1", "b", "work:1", "phx_reply", { status: "ok", response: { ref: "b" } }],
      [null, "c", "work:1", "phx_reply", refused(250)],
      [null, 17, "work:1", "phx_reply", refused(250)],
    ]);
    expect(handled).toEqual(["echo work:1", "echo work:1"]);
    clock.advance(250);
    expect(await client.push("work:1", "echo", {}, "d")).toMatchObject({ status: "ok" });
  });

  test("are told to clients of the first version in its own form", async () => {
    const { knock } = await channelled({ messagesPerSecond: 1, messagesBurst: 1 });
    const client = await knock({ path: "/socket/websocket?vsn=1.0.0" });
    for (const ref of ["1", "2"]) client.send(JSON.stringify({ topic: "work:9", event: "echo", payload: {}, ref }));
    const last = (): unknown => client.messages.find((message) => (message as { ref: string }).ref === "2");
    expect(await client.until(last)).toEqual({
      topic: "work:9",
      event: "phx_reply",
      ref: "2",
      payload: refused(1_000),
    });
  });

  test("of one client have nothing to do with another's", async () => {
    const { client, knock } = await channelled({ messagesPerSecond: 1, messagesBurst: 1 });
    const other = await knock();
    await other.join("work:1");
    for (const each of [client, other]) {
      expect(await each.push("work:1", "echo", {}, "1")).toMatchObject({ status: "ok" });
      expect(await each.push("work:1", "echo", {}, "2")).toMatchObject(refused(1_000));
    }
  });

  test("that keep a connection alive, or end something, are never refused", async () => {
    const { client } = await channelled({ messagesPerSecond: 1, messagesBurst: 1, joinsPerSecond: 1, joinsBurst: 1 });
    expect(await client.push("work:1", "echo", {}, "1")).toMatchObject({ status: "ok" });
    expect(await client.push("work:1", "echo", {}, "2")).toMatchObject(refused(1_000));
    for (let index = 0; index < 50; index += 1) await beat(client, `beat ${index}`);
    expect(await client.push("work:1", "phx_leave", {}, "bye")).toMatchObject({ status: "ok", response: {} });
  });

  test("with a new credential are never refused either", async () => {
    const socket = defineSocket({
      authenticate: signedToken({ salt: tokenSalt, maxAgeSeconds: 3_600 }),
      connect: ({ identity }) => ({ userId: identity.subject }),
    });
    const gate = await startGate({
      sockets: { "/socket": { socket, channels: [], rates: { messagesPerSecond: 1, messagesBurst: 1 } } },
    });
    const token = gate.endpoint.tokens.sign(tokenSalt, "ada");
    const client = await gate.knock({ headers: [`X-Phoenix-AuthToken: ${token}`] });
    expect(await client.push("nowhere", "echo", {}, "1")).toMatchObject({ response: { reason: "unmatched topic" } });
    expect(await client.push("nowhere", "echo", {}, "2")).toMatchObject(refused(1_000));
    expect(await client.push("phoenix", "auth", { token }, "3")).toMatchObject({ status: "ok" });
    // Anything else on the connection's own topic is a message.
    expect(await client.push("phoenix", "echo", {}, "4")).toMatchObject(refused(1_000));
  });
});

describe("costs", () => {
  test("make some events dearer than others, and some free", async () => {
    const costs = { search: 5, type: 0 };
    const { client, handled } = await channelled({ messagesPerSecond: 1, messagesBurst: 10, costs });
    for (let index = 0; index < 40; index += 1) client.message(null, null, "work:1", "type", {});
    for (const ref of ["1", "2", "3"]) client.message(null, ref, "work:1", "search", {});
    expect(await client.reply("3")).toMatchObject(refused(5_000));
    expect(await client.push("work:1", "echo", {}, "4")).toMatchObject(refused(1_000));
    expect(handled.filter((what) => what.startsWith("search"))).toHaveLength(2);
    expect(handled.filter((what) => what.startsWith("type"))).toHaveLength(40);
  });

  test("of a join count against joins", async () => {
    const { client } = await channelled({ joinsPerSecond: 1, joinsBurst: 4, costs: { phx_join: 2 } });
    expect(await client.join("work:2")).toMatchObject({ status: "ok" });
    expect(await client.join("work:3")).toMatchObject(refused(2_000));
  });

  test.each(["__proto__", "constructor", "toString"])("an event %s costs what any other does", async (event) => {
    const { client } = await channelled({ messagesPerSecond: 1, messagesBurst: 1, costs: { search: 1 } });
    expect(await client.push("nowhere", event, {}, "1")).toMatchObject({ response: { reason: "unmatched topic" } });
    expect(await client.push("nowhere", event, {}, "2")).toMatchObject(refused(1_000));
  });
});

describe("bytes", () => {
  const message = (ref: string, size: number): string => {
    const bare = JSON.stringify([null, ref, "work:1", "echo", { x: "" }]);
    return JSON.stringify([null, ref, "work:1", "echo", { x: "x".repeat(size - bare.length) }]);
  };

  test("of all messages together are bounded", async () => {
    const { client, clock } = await channelled({ bytesPerSecond: 1_000, bytesBurst: 1_000 });
    clock.advance(1_000);
    client.send(message("1", 600), message("2", 600), message("3", 400));
    expect(await client.reply("1")).toMatchObject({ status: "ok" });
    expect(await client.reply("2")).toMatchObject(refused(200));
    // Refused, and not counted: what is smaller fits.
    expect(await client.reply("3")).toMatchObject({ status: "ok" });
  });

  test("of heartbeats count, which pass all the same", async () => {
    const { client, clock } = await channelled({ bytesPerSecond: 100, bytesBurst: 1_000 });
    clock.advance(10_000);
    const heartbeat = `[null,"h","phoenix","heartbeat",{"x":"${"x".repeat(559)}"}]`;
    expect(heartbeat).toHaveLength(600);
    client.send(heartbeat);
    expect(await client.reply("h")).toMatchObject({ status: "ok" });
    client.send(message("1", 600));
    expect(await client.reply("1")).toMatchObject(refused(2_000));
    client.send(heartbeat.replace('"h"', '"i"'));
    expect(await client.reply("i")).toMatchObject({ status: "ok" });
  });

  test("of one message larger than all that may come at once pass when nothing came before", async () => {
    const { client, clock } = await channelled({ bytesPerSecond: 100, bytesBurst: 1_000 });
    clock.advance(10_000);
    client.send(message("1", 5_000), message("2", 1_000));
    expect(await client.reply("1")).toMatchObject({ status: "ok" });
    expect(await client.reply("2")).toMatchObject(refused(10_000));
  });
});

describe("whoever goes on regardless", () => {
  test("is told so for a while, then refused without a word, and then closed with 1008", async () => {
    const { client, handled } = await channelled({ messagesPerSecond: 1, messagesBurst: 2 });
    // Two pass. Ten times two are borne, and half of those are answered.
    for (let index = 0; index < 2 + 20; index += 1) client.message(null, `${index}`, "work:1", "echo", {});
    await beat(client);
    const replies = (client.messages as unknown[][])
      .filter(([, ref]) => /^\d+$/.test(String(ref)))
      .map(([, ref, , , payload]) => [ref, payload]);
    expect(replies).toEqual([
      ["0", { status: "ok", response: {} }],
      ["1", { status: "ok", response: {} }],
      ...Array.from({ length: 10 }, (_, index) => [`${index + 2}`, refused(1_000)]),
    ]);
    client.message(null, "last", "work:1", "echo", {});
    expect(await client.closed()).toBe(1008);
    expect(client.messages.at(-1)).toEqual([
      null,
      null,
      "phoenix",
      "phx_closing",
      { reason: "flooding", retry: { afterMs: 1_000 } },
    ]);
    expect(handled).toHaveLength(2);
  });

  test("is not saved by the few messages that still pass", async () => {
    const { client, clock, handled } = await channelled({ messagesPerSecond: 10, messagesBurst: 10 });
    let sent = 0;
    const flood = async (): Promise<void> => {
      while (client.closeCode === null && sent < 2_000) {
        clock.advance(25);
        client.message(null, `${sent}`, "work:1", "echo", {});
        sent += 1;
        await Promise.race([settled(), client.ended]);
      }
    };
    await flood();
    expect(await client.closed()).toBe(1008);
    expect(handled.length).toBeGreaterThan(10);
  });

  test("is closed for heartbeats too, where bytes are bounded", async () => {
    const { client } = await channelled({ bytesPerSecond: 10, bytesBurst: 100 });
    for (let index = 0; index < 100; index += 1) client.message(null, "1", "phoenix", "heartbeat", {});
    expect(await client.closed()).toBe(1008);
  });

  test("and whoever is a little too fast for ever lives for ever", async () => {
    const { client, clock } = await channelled({ messagesPerSecond: 2, messagesBurst: 2 });
    for (let second = 0; second < 300; second += 1) {
      for (let index = 0; index < 3; index += 1) client.message(null, `${second}.${index}`, "work:1", "echo", {});
      expect(await client.reply(`${second}.2`)).toMatchObject(refused(500));
      client.frames.length = 0;
      clock.advance(1_000);
    }
  });
});

test("a flood costs an honest client no more than what passes of it", async () => {
  const { client, knock, handled, reported } = await channelled({ messagesPerSecond: 10, messagesBurst: 20 });
  const honest = await knock();
  await honest.join("work:honest");
  const flood = JSON.stringify([null, null, "work:1", "echo", {}]);
  client.send(...Array.from({ length: 5_000 }, () => flood));
  expect(await client.closed()).toBe(1008);
  expect(await honest.push("work:honest", "echo", {}, "1")).toMatchObject({ status: "ok" });
  expect(handled.slice(0, -1)).toEqual(Array.from({ length: 20 }, () => "echo work:1"));
  expect(handled.at(-1)).toBe("echo work:honest");
  expect(reported("message.dropped").length).toBeLessThanOrEqual(200);
});

test("long-poll is no way around it: what a POST brings too much of is refused at the next poll", async () => {
  const socket = openSocket();
  const mount = {
    socket,
    channels: [pingChannel(socket)],
    longpoll: true,
    rates: { messagesPerSecond: 1, messagesBurst: 3 },
  };
  const gate = await startGate({ sockets: { "/socket": mount } });
  const poller = await (await Poller.open(gate.port, { path: longpollPath })).join("ping:a");
  const frames = Array.from({ length: 5 }, (_, index) => ["1", `${index}`, "ping:a", "ping", {}] as const);
  expect(await poller.batch(...frames)).toMatchObject({ httpStatus: 200, status: 200 });
  const replies = (await poller.take(5)).map(([, ref, , , payload]) => [ref, (payload as { status: string }).status]);
  expect(replies).toEqual([
    ["0", "ok"],
    ["1", "ok"],
    ["2", "ok"],
    ["3", "error"],
    ["4", "error"],
  ]);
  // The one that goes too far ends the session, as any other message does that can't be taken.
  const many = Array.from({ length: 60 }, () => JSON.stringify(["1", null, "ping:a", "ping", {}])).join("\n");
  const headers = { "content-type": ndjson, "x-phoenix-longpoll-token": poller.token };
  expect(await ask(gate.port, { method: "POST", body: many, headers }).answer).toMatchObject({ status: 408 });
  await gate.hears("socket.closed");
  expect(gate.reported("socket.closed")).toEqual([
    { mount: "/socket", transport: "longpoll", closeCode: 1008, code: "flooding" },
  ]);
});

test("at four fifths it is reported; what is refused each time, in one line of the log, which names no topic", async () => {
  const { client, reported, said } = await channelled({ messagesPerSecond: 1, messagesBurst: 10 });
  for (let index = 0; index < 15; index += 1) client.message(null, `${index}`, "work:1", "echo", {});
  await client.reply("14");
  const limit = { mount: "/socket", limit: "messagesPerSecond", max: 10 };
  expect(reported("limit.warned")).toEqual([{ ...limit, value: 8 }]);
  expect(reported("limit.reached")).toEqual(Array.from({ length: 5 }, () => limit));
  const dropped = { mount: "/socket", pattern: null, code: "message_rate_limited" };
  expect(reported("message.dropped")).toEqual(Array.from({ length: 5 }, () => dropped));
  expect(said).toHaveLength(1);
  expect(said[0]?.message).toContain("messagesPerSecond");
  expect(said[0]?.message).not.toContain("work");
});

test("rates that can't be meant are mistakes in the definition", () => {
  const define = (rates: object) => () =>
    defineEndpoint({
      secretKeyBase,
      sockets: { "/socket": { socket: defineSocket(), channels: [], rates: rates as never } },
    });
  expect(define({ messagePerSecond: 1 })).toThrow('Unknown option "messagePerSecond"');
  expect(define({ messagesPerSecond: -1 })).toThrow("messagesPerSecond");
  expect(define({ joinsBurst: 0.1 })).toThrow("joinsBurst");
  expect(define({ messagesBurst: 4, costs: { search: 5 } })).toThrow('The cost of "search"');
  expect(define({ costs: { search: -1 } })).toThrow('the cost of "search"');
  expect(define({ costs: { search: Number.NaN } })).toThrow('the cost of "search"');
  expect(define({ costs: { search: 5, type: 0 }, messagesPerSecond: Number.POSITIVE_INFINITY })).not.toThrow();
});
