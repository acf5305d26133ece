/** Mistakes in a channel's definition are told when it is made. */

import { describe, expect, test } from "vitest";
import { z } from "zod";
import { isPortcullisError } from "../../src/errors.ts";
import { defineSocket } from "../../src/socket/socket.ts";
import { replyFrame } from "../support/wire.ts";
import { responses, World } from "../support/world.ts";

const open = defineSocket();
const closed = defineSocket({ authenticate: () => ({ subject: "1" }) as never });
const nothing = z.unknown();

test.each<[what: string, define: () => unknown, message: RegExp]>([
  ["an odd pattern", () => open.channel("room:x{id}"), /whole segment/],
  ["the connection's topic", () => open.channel("phoenix"), /heartbeats/],
  ["no authorize on a socket that authenticates", () => closed.channel("room", {} as never), /authorize: "everyone"/],
  ["no options there at all", () => (closed.channel as (pattern: string) => unknown)("room"), /say who may join/],
  ["an authorize that is neither", () => open.channel("room", { authorize: "all" as never }), /"everyone" or a func/],
  ["a reserved event in `in`", () => open.channel("room", { in: { phx_join: nothing } }), /phx_\* and disconnect/],
  ["a reserved event in `out`", () => open.channel("room", { out: { disconnect: nothing } }), /phx_\* and disconnect/],
  ["a handler of a reserved event", () => open.channel("room").on({ phx_reply: () => 1 }), /phx_\* and disconnect/],
  [
    "a declared event without a handler",
    () => open.channel("room", { in: { a: nothing, b: nothing } }).on({ a: () => 1 } as never),
    /declares "b" in "in" but has no handler/,
  ],
  [
    "a handler of an event that isn't declared",
    () => open.channel("room", { in: { a: nothing } }).on({ a: () => 1, b: () => 2 } as never),
    /handler for "b", which is not declared/,
  ],
  ["a handler that is none", () => open.channel("room").on({ a: 5 } as never), /handler "a".*function, got number/],
  ["an interceptor that is none", () => open.channel("room").intercept({ a: "b" } as never), /interceptor "a"/],
  ["an info handler that is none", () => open.channel("room").info({ a: {} } as never), /info handler "a"/],
])("%s", (_what, define, message) => {
  expect(define).toThrow(message);
  try {
    define();
  } catch (error) {
    expect(isPortcullisError(error) && error.code).toBe("definition_invalid");
  }
});

describe("what is no mistake", () => {
  test("everyone, said aloud, on a socket that authenticates", () => {
    const client = new World([closed.channel("room", { authorize: "everyone" })]).connect();
    client.join("room");
    expect(client.take()).toEqual([replyFrame("1", "1", "room", "ok", {})]);
  });

  test("events named like what objects have", () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
    const handlers = Object.fromEntries(names.map((name) => [name, () => ({ name })]));
    const client = new World([open.channel("room").on(handlers)]).connect().joined("room");
    for (const name of names) client.push("room", name, {});
    expect(responses(client.take())).toEqual(names.map((name) => ({ name })));
  });

  test("definitions are values: what is added to one is not in the other", () => {
    const base = open.channel("room").on({ a: () => ({ a: 1 }) });
    const more = base.on({ b: () => ({ b: 1 }) }).info({ tick: () => undefined });
    expect([...base["~runtime"].handlers.keys()]).toEqual(["a"]);
    expect([...more["~runtime"].handlers.keys()]).toEqual(["a", "b"]);
    expect([...base["~runtime"].infos.keys()]).toEqual([]);
    expect(more.pattern).toBe("room");
  });

  test("a later handler of the same event replaces the earlier", () => {
    const channel = open
      .channel("room")
      .on({ a: () => ({ n: 1 }) })
      .on({ a: () => ({ n: 2 }) });
    const client = new World([channel]).connect().joined("room");
    client.push("room", "a", {});
    expect(responses(client.take())).toEqual([{ n: 2 }]);
  });
});

test("the first pattern that matches has the topic", () => {
  const which = (name: string) => ({ which: () => ({ name }) });
  const channels = [
    open.channel("room:lobby").on(which("exact")),
    open.channel("room:{id}").on(which("segment")),
    open.channel("room:*").on(which("star")),
    open.channel("*").on(which("any")),
  ];
  for (const [topic, name] of [
    ["room:lobby", "exact"],
    ["room:1", "segment"],
    ["room:1:2", "star"],
    ["room:", "star"],
    ["lobby", "any"],
    ["__proto__", "any"],
  ] as const) {
    const client = new World(channels).connect().joined(topic);
    client.push(topic, "which", {});
    expect(responses(client.take())).toEqual([{ name }]);
  }
  const client = new World([...channels].reverse()).connect().joined("room:lobby");
  client.push("room:lobby", "which", {});
  expect(responses(client.take())).toEqual([{ name: "any" }]);
});
